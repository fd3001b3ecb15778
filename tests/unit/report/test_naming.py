"""The end of a file's name is its format."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import InvalidInput
from sim.report.naming import named

WRITERS = {".json": 1, ".bench.json": 2, ".md": 3}


@pytest.mark.parametrize(
    ("name", "writer"),
    [("a.json", 1), ("a.bench.JSON", 2), ("bench.json", 2), ("a/x.md", 3), ("workbench.json", 1), (".bench.json", 1)],
)
def test_the_longest_ending_wins(name: str, writer: int) -> None:
    """A name that ends in two formats is of the longer; the longer may also be the whole name."""
    assert named(Path(name), WRITERS) == writer


@pytest.mark.parametrize("name", ["a.xlsx", "a", ".md", "json", "md"])
def test_an_unknown_ending_is_refused_by_naming_the_known(name: str) -> None:
    """What nobody writes is the user's to mend, and the hint says how."""
    with pytest.raises(InvalidInput) as caught:
        named(Path(name), WRITERS)
    assert caught.value.issues[0].hint == "the extension names the format: .json, .bench.json, .md"
