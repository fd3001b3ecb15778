"""Whatever the bytes, the door for YAML gives a document or issues, soon."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.errors import InvalidInput
from sim.experiment.document import Document, Place
from sim.experiment.overrides import set_value
from sim.experiment.yaml_source import parse_yaml

LONGEST_S = 2.0
"""What a refusal may take, as stated in the requirements; a hundred times what these inputs need."""

INDICATORS = "a|b|: |\n|\n  |- |? |[|]|{|}|, |&x |*x|!!int |!!set |!t |'|#|>|---\n|...\n|<<|\t|é|1|.inf|~|%YAML 1.1\n"
YAML_PIECES = st.sampled_from([*INDICATORS.split("|"), "|", '"', "\ufeff", "\x85", "\u2028", "\0"])
BYTES = st.binary(max_size=200) | st.lists(YAML_PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode())
NAMES = st.text(max_size=8).filter(lambda name: name.isprintable() and name)
WORDS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=8).filter(str.isprintable)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
DATA = st.recursive(
    WORDS | NUMBERS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
)


def read(content: bytes) -> Document | None:
    """Document of some bytes; None where they were refused with at least one issue. Any other error passes through."""
    start = time.process_time()
    try:
        document = parse_yaml(content, "any.yaml")
    except InvalidInput as error:
        assert error.issues  # noqa: PT017 - a refusal is as good as a document
        for issue in error.issues:
            lines = content.count(b"\n") + content.count(b"\r") + content.count(b"\x85") + content.count(b"\xe2") + 1
            assert 0 <= issue.line <= lines + 1
            assert "\n" not in str(issue)
        document = None
    assert time.process_time() - start < LONGEST_S
    return document


def places(data: Any, here: Place = ()) -> set[Place]:
    """All places in plain data, found without the builder."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return {here}.union(*(places(item, (*here, part)) for part, item in inner))


def written(data: Any) -> str:
    """Plain data as flow YAML in which all text is quoted: a writer that shares nothing with the reader."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{written(name)}: {written(item)}" for name, item in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(written, data)) + "]"
    if isinstance(data, str):
        return "'" + data.replace("'", "''") + "'"
    return {None: "null", True: "true", False: "false"}[data] if data is None or isinstance(data, bool) else repr(data)


@given(BYTES)
@example(b"[" * 200_000)
@example(b"a: &x [*x]")
@example(b"\xff\xfe\x00")
@example(b"? ? ? a")
@example(b"%TAG ! tag:yaml.org,2002:python/\n--- !name:os.system ''")
@settings(max_examples=500, deadline=None, derandomize=True)
def test_any_bytes_give_a_document_or_issues(content: bytes) -> None:
    """Any bytes are read into data whose every value is marked, or refused with issues, and nothing else happens."""
    document = read(content)
    if document is not None:
        assert isinstance(document.data, dict)
        found = places(document.data)
        assert found == set(document.marks)
        assert {place for place in found if place and isinstance(place[-1], str)} == set(document.key_marks)


@given(st.dictionaries(NAMES, DATA, max_size=4))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_is_written_is_read(data: dict[str, Any]) -> None:
    """Plain data written by a simple writer is read as itself, with the same types."""
    document = read(written(data).encode())
    assert document is not None
    assert repr(document.data) == repr(data)


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_assignment_gives_a_document_or_issues(assignment: str) -> None:
    """Any assignment gives a document in which every value is marked, or is refused with issues."""
    document = parse_yaml("a: {b: [{name: c}, 1]}\n", "any.yaml")
    for text in (assignment, f"a.b.c={assignment}", f"a.b.{assignment}"):
        try:
            changed = set_value(document, text)
        except InvalidInput as error:
            assert error.issues  # noqa: PT017 - a refusal is as good as a document
        else:
            found = places(changed.data)
            assert found == set(changed.marks)
            assert {place for place in found if place and isinstance(place[-1], str)} == set(changed.key_marks)
