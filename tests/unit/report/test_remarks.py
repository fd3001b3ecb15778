"""Remarks: the common form of mistakes, warnings and broken promises."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import Issue
from sim.report.remarks import Remark, fingerprints, of_issues, slashes, uri

REMARK = Remark("error", "threshold", "t", "is 2.4 s", "a.yaml", 4, 2, "key")


def test_a_mistake_has_its_place_and_hint() -> None:
    """The dotted path comes before the message, the hint after it."""
    (remark,) = of_issues([Issue("unknown key 'sead'", "a.yaml", 3, 1, "sead", "did you mean 'seed'?")])
    assert remark.message == "sead: unknown key 'sead' (did you mean 'seed'?)"
    assert (remark.level, remark.file, remark.line, remark.col) == ("error", "a.yaml", 3, 1)


def test_a_mistake_on_the_command_line_is_in_no_file() -> None:
    """``--set`` is where the mistake is, and no file of the repository."""
    (remark,) = of_issues([Issue("expected a number", "--set", path="seed")])
    assert (remark.file, remark.line) == ("", 0)


def test_fingerprints_stay_when_numbers_and_lines_change() -> None:
    """The same promise has the same fingerprint in the next run, another promise has another."""
    later = dataclasses.replace(REMARK, message="is 2.5 s", line=9, file="./a.yaml")
    other = dataclasses.replace(REMARK, key="other")
    assert fingerprints([REMARK]) == fingerprints([later])
    assert fingerprints([REMARK]) != fingerprints([other])


@given(
    st.lists(st.builds(Remark, st.just("error"), st.just("x"), st.text(), st.text(max_size=1), key=st.text(max_size=1)))
)
def test_fingerprints_are_distinct(remarks: list[Remark]) -> None:
    """No two remarks of a report share a fingerprint, even if they are equal."""
    found = fingerprints(remarks)
    assert len(set(found)) == len(remarks)


@pytest.mark.parametrize(
    ("file", "path", "reference"),
    [
        ("./a/../b c.yaml", "b c.yaml", "b%20c.yaml"),
        ("a:b#?.yaml", "a:b#?.yaml", "a%3Ab%23%3F.yaml"),
        ("/w/ü.yaml", "/w/ü.yaml", "file:///w/%C3%BC.yaml"),
        ("", "", ""),
    ],
)
def test_paths_are_told_in_one_way(file: str, path: str, reference: str) -> None:
    """A path has no detours; in a URI only letters, digits and a few signs stay as they are."""
    assert (slashes(file), uri(file)) == (path, reference)
