"""Findings of pydantic become issues with a place in the file, plain words and a suggestion."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import BaseModel, BeforeValidator, Discriminator, Field, RootModel, Tag, ValidationError, model_validator

from sim.errors import Issue
from sim.experiment.issues import issues_from_validation
from sim.experiment.yaml_source import parse_yaml
from sim.schema import Spec
from sim.units import DurationNs, Fraction, UsdPerMtok


class Cascade(Spec):
    """A kind with fields of its own."""

    kind: Literal["cascade"]
    name: str
    ladder: list[str] = Field(min_length=2)
    threshold: Fraction = 0.5
    verify: DurationNs = 0


class Single(Spec):
    """Another kind."""

    kind: Literal["single"]
    name: str
    model: str


class Pool(Spec):
    """The mapping branch of a union without discriminator."""

    concurrency: int = Field(gt=0)
    queue: int = 0


class Constant(Spec):
    """What a bare duration is short for."""

    law: Literal["constant"]
    value: DurationNs


class Spread(Spec):
    """A law that needs to be spelled out."""

    law: Literal["spread"]
    p50: DurationNs
    p95: DurationNs


def spell_out(value: Any) -> Any:
    """Write the shorthand of a law in full, as the laws of the simulator do."""
    return value if isinstance(value, dict) else {"law": "constant", "value": value}


class Model(Spec):
    """A model of the fleet."""

    price: UsdPerMtok
    ttft: Annotated[Constant | Spread, Field(discriminator="law"), BeforeValidator(spell_out)] | None = None
    capacity: Literal["unlimited"] | Pool = "unlimited"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.price == 13:
            raise ValueError("thirteen is unlucky; write another price, such as 12")
        return self


class Experiment(Spec):
    """The root."""

    version: Literal[1] = 1
    seed: int = 7
    stop: bool = False
    title: str = ""
    fleet: dict[str, Model] = Field(default_factory=dict)
    patterns: list[Annotated[Cascade | Single, Field(discriminator="kind")]] = Field(default_factory=list)


def found(text: str, model: type[BaseModel] = Experiment) -> list[Issue]:
    """Issues of a document that must not validate."""
    document = parse_yaml(text, "e.yaml")
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document.data)
    return issues_from_validation(caught.value, document, model=model)


def only(text: str, model: type[BaseModel] = Experiment) -> Issue:
    """Give the one issue of a document."""
    (issue,) = found(text, model)
    return issue


@pytest.mark.parametrize(
    ("text", "where", "path", "message", "hint"),
    [
        ("version: 2\n", (1, 10), "version", "2 is not allowed; one of: 1", ""),
        ("sead: 7\n", (1, 1), "sead", "unknown key 'sead'", "did you mean 'seed'?"),
        ("title: 5\n", (1, 8), "title", "expected text, found 5", "put it in quotes to make it text"),
        ("title: [a]\n", (1, 8), "title", "expected text, found a list", ""),
        ("title:\n", (1, 7), "title", "expected text, found nothing", ""),
        ("seed: 1.5\n", (1, 7), "seed", "expected a whole number, found 1.5", ""),
        ("seed: 0x1F\n", (1, 7), "seed", "expected a whole number, found '0x1F'", ""),
        ("fleet: [a]\n", (1, 8), "fleet", "expected a mapping of keys and values, found a list", ""),
        ("patterns: {a: 1}\n", (1, 11), "patterns", "expected a list, found a mapping", ""),
        ("fleet:\n  b: {price: -1}\n", (2, 14), "fleet.b.price", "must be at least 0, found -1", ""),
        ("fleet:\n  b: {price: 1e6}\n", (2, 14), "fleet.b.price", "must be at most 100000, found 1000000.0", ""),
        ("fleet:\n  b: {}\n", (2, 3), "fleet.b.price", "price is required", ""),
        (
            "fleet:\n  b: {price: 13}\n",
            (2, 6),
            "fleet.b",
            "thirteen is unlucky; write another price, such as 12",
            "",
        ),
        (
            "fleet:\n  b: {price: 1, ttft: 250}\n",
            (2, 23),
            "fleet.b.ttft",
            "250 has no unit; write a duration such as 250ms or 250s",
            "",
        ),
        (
            "fleet:\n  b: {price: 1, ttft: {law: spread, p50: 1s, p59: 2s, p95: 3s}}\n",
            (2, 46),
            "fleet.b.ttft.p59",
            "unknown key 'p59'",
            "keys here are law, p50, p95",
        ),
        (
            "fleet:\n  b:\n    price: 1\n    ttft:\n      law: spread\n      p50: 1s\n",
            (4, 5),
            "fleet.b.ttft.p95",
            "p95 is required",
            "",
        ),
        (
            "patterns:\n  - kind: singel\n    name: x\n",
            (2, 11),
            "patterns.x.kind",
            "unknown kind 'singel'; one of: cascade, single",
            "did you mean 'single'?",
        ),
        ("patterns:\n  - name: y\n", (2, 5), "patterns.y", "kind is required; one of: cascade, single", ""),
        (
            "patterns:\n  - {name: c, kind: cascade, ladder: [a]}\n",
            (2, 38),
            "patterns.c.ladder",
            "needs at least 2 items, found 1",
            "",
        ),
        (
            "patterns:\n  - {name: c, kind: cascade, ladder: [a, 1]}\n",
            (2, 42),
            "patterns.c.ladder.1",
            "expected text, found 1",
            "put it in quotes to make it text",
        ),
        (
            "patterns:\n  - {kind: cascade, ladder: [a, b]}\n",
            (2, 5),
            "patterns.0.name",
            "name is required",
            "",
        ),
        (
            "patterns:\n  - {name: c, kind: cascade, ladder: [a, b], treshold: 30}\n",
            (2, 46),
            "patterns.c.treshold",
            "unknown key 'treshold'",
            "did you mean 'threshold'?",
        ),
        (
            "patterns:\n  - {name: s, kind: single, model: a, treshold: 30}\n",
            (2, 39),
            "patterns.s.treshold",
            "unknown key 'treshold'",
            "keys here are kind, name, model",
        ),
        (
            "stop: yes\n",
            (1, 7),
            "stop",
            "expected true or false, found 'yes'",
            "yes, no, on and off are text in YAML 1.2",
        ),
    ],
)
def test_finding_is_an_issue(text: str, where: tuple[int, int], path: str, message: str, hint: str) -> None:
    """A finding stands where its author must change something, in words that need no knowledge of pydantic."""
    issue = only(text)
    assert (issue.file, (issue.line, issue.col), issue.path) == ("e.yaml", where, path)
    assert issue.message == message
    assert issue.hint.startswith(hint)
    assert bool(issue.hint) == bool(hint)


def test_branches_of_a_union_that_were_not_meant_are_silent() -> None:
    """If the value is a mapping, only the branch that wants a mapping complains."""
    issues = found("fleet:\n  b: {price: 1, capacity: {concurency: 64}}\n")
    assert [(issue.path, issue.message) for issue in issues] == [
        ("fleet.b.capacity.concurrency", "concurrency is required"),
        ("fleet.b.capacity.concurency", "unknown key 'concurency'"),
    ]
    assert issues[1].hint == "did you mean 'concurrency'?"


def test_branches_of_a_union_share_one_issue() -> None:
    """If no branch fits the shape of the value, all say so in one issue."""
    issue = only("fleet:\n  b: {price: 1, capacity: unlimitd}\n")
    assert issue.message == (
        "'unlimitd' is not allowed; one of: unlimited; or expected a mapping of keys and values, found 'unlimitd'"
    )
    assert issue.hint == "did you mean 'unlimited'?"


def test_all_findings_come_in_the_order_of_the_file() -> None:
    """All findings are reported at once, sorted by position."""
    text = "stop: 1\nfleet:\n  b: {price: -1}\n  c: 3\nseed: x\nzzz: 1\ntitle: 1\n"
    assert [issue.line for issue in found(text)] == [1, 3, 4, 5, 6, 7]


def test_prefix_says_where_the_model_sits() -> None:
    """A part of a document validated by itself is reported at its place in the whole."""
    document = parse_yaml("patterns:\n  - {name: a}\n  - {name: s, kind: single, modl: x}\n", "e.yaml")
    with pytest.raises(ValidationError) as caught:
        Single.model_validate(document.data["patterns"][1])
    required, unknown = issues_from_validation(caught.value, document, ("patterns", 1), Single)
    assert (required.line, required.col, required.path) == (3, 5, "patterns.s.model")
    assert (unknown.line, unknown.col, unknown.path) == (3, 29, "patterns.s.modl")
    assert unknown.hint == "did you mean 'model'?"


def test_without_a_model_nothing_is_suggested() -> None:
    """The model is needed for suggestions only."""
    document = parse_yaml("sead: 7\n", "e.yaml")
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate(document.data)
    (issue,) = issues_from_validation(caught.value, document)
    assert (issue.message, issue.hint) == ("unknown key 'sead'", "")


def test_bad_key_is_marked_at_the_key() -> None:
    """A key that its mapping does not allow is reported where the key is written."""

    class Table(Spec):
        rows: dict[Annotated[str, Field(pattern="^[a-z]+$")], int]

    issue = only("rows: {a: 1, B: 2}\n", Table)
    assert (issue.line, issue.col, issue.path) == (1, 14, "rows.B")
    assert issue.message == "must match the pattern ^[a-z]+$, found 'B'"


def test_suggestions_reach_through_tags_and_roots() -> None:
    """Keys are suggested as YAML spells them inside tagged unions, root models, lists and mappings."""

    class Inner(Spec):
        shade: str = Field("", alias="colour")

    class Boxed(RootModel[Inner]):
        pass

    def choose(value: Any) -> str:
        return "wide" if isinstance(value, dict) else "narrow"

    class Outer(Spec):
        boxed: Boxed | None = None
        tagged: Annotated[Annotated[int, Tag("narrow")] | Annotated[Inner, Tag("wide")], Discriminator(choose)] = 0
        deep: dict[str, list[Inner]] = Field(default_factory=dict)

    for text, path in [
        ("boxed: {color: x}\n", "boxed.color"),
        ("tagged: {color: x}\n", "tagged.color"),
        ("deep: {a: [{color: x}]}\n", "deep.a.0.color"),
    ]:
        issue = only(text, Outer)
        assert (issue.path, issue.hint) == (path, "did you mean 'colour'?")


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{i}: {i}\n" for i in range(24_000)),
        "patterns: [" + "1," * 40_000 + "]\n",
        "fleet:\n" + "".join(f"  m{i}: {{price: 1, capacity: {{c: 1}}}}\n" for i in range(5_000)),
    ],
    ids=["keys", "items", "unions"],
)
def test_many_findings_take_linear_time(text: str) -> None:
    """Of the largest file with a fault in every line the first hundred are told, the rest is counted, in seconds."""
    document = parse_yaml(text, "e.yaml")
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate(document.data)
    start = time.process_time()
    *told, rest = issues_from_validation(caught.value, document, model=Experiment)
    assert len(told) == 100
    assert rest.message.endswith(" more mistakes")
    assert time.process_time() - start < 5
