"""Values set from the command line: where they go, what they mean, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from sim.errors import InvalidInput
from sim.experiment.document import Document
from sim.experiment.overrides import set_value
from sim.experiment.yaml_source import parse_yaml

TEXT = """\
seed: 7
run: {duration: 1d, precision: {latency.p95: 3%}}
extra:
patterns:
  - {name: cascade, kind: cascade, escalate_when: {confidence_below: 0.5}}
  - {name: "1", kind: single}
rules: [{to: a}, {to: b}]
"""


@pytest.fixture
def document() -> Document:
    """Give a small experiment."""
    return parse_yaml(TEXT, "e.yaml")


@pytest.mark.parametrize(
    ("assignment", "place", "value"),
    [
        ("seed=8", ("seed",), 8),
        ("run.duration=2h", ("run", "duration"), "2h"),
        (
            "patterns.cascade.escalate_when.confidence_below=0.7",
            ("patterns", 0, "escalate_when", "confidence_below"),
            0.7,
        ),
        ("patterns.0.kind=single", ("patterns", 0, "kind"), "single"),
        ("patterns.1.kind=cascade", ("patterns", 1, "kind"), "cascade"),
        ("patterns.cascade={name: c}", ("patterns", 0), {"name": "c"}),
        ("rules.1.to=c", ("rules", 1, "to"), "c"),
        ("run.precision.latency.p95=5%", ("run", "precision", "latency.p95"), "5%"),
        ("run.precision.'cost.mean'=1%", ("run", "precision", "cost.mean"), "1%"),
        ('thresholds."a=b"=[1, 2]', ("thresholds", "a=b"), [1, 2]),
        ("extra.deep.deeper=true", ("extra", "deep", "deeper"), True),
        ("title=x=y", ("title",), "x=y"),
        ("title=p(95)<4s", ("title",), "p(95)<4s"),
        ("title='#1'", ("title",), "#1"),
        ("title=no", ("title",), "no"),
        ("seed=", ("seed",), None),
        ("seed= 1e3 ", ("seed",), 1000.0),
    ],
)
def test_value_is_set_at_its_place(document: Document, assignment: str, place: tuple[Any, ...], value: object) -> None:
    """The value is read as YAML, put where the path leads, marked as coming from --set, and nothing else changes."""
    before = copy.deepcopy(document.data)
    changed = set_value(document, assignment)
    assert (document.data, document) == (before, parse_yaml(TEXT, "e.yaml"))
    found = changed.data
    for part in place:
        found = found[part]
    assert found == value
    mark = changed.mark(place)
    assert (mark.origin, mark.file, mark.line) == ("--set", "--set", 0)
    untouched = {other: mark for other, mark in document.marks.items() if other[: len(place)] != place}
    assert untouched.items() <= changed.marks.items()
    assert {other for other, mark in changed.marks.items() if mark.line == 0} >= {place}


def test_marks_are_those_of_the_new_document(document: Document) -> None:
    """Every value of the changed document has a mark, and no mark is left of what was replaced."""
    changed = set_value(document, "patterns.cascade={name: c, list: [1]}")
    reread = parse_yaml(TEXT.replace("kind: cascade, escalate_when: {confidence_below: 0.5}", "list: [1]"), "e.yaml")
    assert changed.marks.keys() == reread.marks.keys()
    assert changed.key_marks.keys() == reread.key_marks.keys()
    assert changed.marks["patterns", 0, "list", 0].origin == "--set"
    assert changed.marks["patterns", 1].origin == "e.yaml:6"


def test_later_assignments_win(document: Document) -> None:
    """Assignments are applied one after another, each on what the one before made."""
    changed = set_value(set_value(document, "a.b=1"), "a.c=2")
    assert set_value(changed, "a.b=3").data["a"] == {"b": 3, "c": 2}


@pytest.mark.parametrize(
    ("assignment", "path", "message", "hint"),
    [
        ("patterns.cascad.kind=x", "patterns", "no item 'cascad'", "did you mean 'cascade'?"),
        ("patterns.zzz.kind=x", "patterns", "no item 'zzz'", "items are cascade, 1"),
        ("patterns.2.kind=x", "patterns", "no item '2'", "items are cascade, 1"),
        ("rules.2.to=x", "rules", "no item '2'", "it has 2 items, counted from 0"),
        ("rules.-1.to=x", "rules", "no item '-1'", "it has 2 items, counted from 0"),
        ("seed.x=1", "seed", "is a single value, and has no x to set", ""),
        ("patterns.cascade.kind.x=1", "patterns.cascade.kind", "is a single value, and has no x to set", ""),
        ("seed", "", "'seed' is not an assignment", "write --set path=value"),
        ("=1", "", "'=1' is not an assignment", "write --set path=value"),
        ("", "", "'' is not an assignment", "write --set path=value"),
        ("a..b=1", "", "'a..b=1' is not an assignment", "write --set path=value"),
        ("a.=1", "", "'a.=1' is not an assignment", "write --set path=value"),
        ("a.''=1", "", "'a.''=1' is not an assignment", "write --set path=value"),
        ("a=1, 2", "", "a: found 2 values", "write --set a=[1, 2]"),
        ("a=>4000", "", "a: YAML syntax: found character", "put it in quotes: --set \"a='>4000'\""),
        ("a=#1", "", "a: #1 is a comment to YAML", "put it in quotes"),
        ("a=[1", "", "a: YAML syntax: ", "put it in quotes"),
        ("a=1], [2", "", "a: YAML syntax: ", "put it in quotes"),
        ("a=.inf", "", "a: .inf is not a number", "put it in quotes"),
        ("a=!!python/name:os.system ''", "", "a: the tag !!python/name:os.system is not allowed", "put it in quotes"),
        ("a=\x00", "", "a: the character U+0000 is not allowed", "put it in quotes"),
        ("a=" + "[" * 1000, "", "a: mappings and lists are nested more than 40 deep", "put it in quotes"),
    ],
)
def test_assignment_is_refused(document: Document, assignment: str, path: str, message: str, hint: str) -> None:
    """An assignment that leads nowhere or holds no value is refused with what would be accepted."""
    with pytest.raises(InvalidInput) as caught:
        set_value(document, assignment)
    (issue,) = caught.value.issues
    assert (issue.file, issue.line, issue.path) == ("--set", 0, path)
    assert issue.message.startswith(message)
    assert issue.hint.startswith(hint)
