"""Which format a file is written in: the end of its name says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from sim.errors import InvalidInput, Issue

Writer = TypeVar("Writer")


def named(path: Path, writers: Mapping[str, Writer]) -> Writer:
    """Return the writer whose key, such as ``.md`` or ``.bench.json``, the name of `path` ends with; the longest wins.

    A file may also be named by a key of two parts alone (``bench.json``). InvalidInput naming the keys there are.
    """
    name = path.name.lower()
    for key in sorted(writers, key=len, reverse=True):
        alone = key.count(".") > 1 and name == key.removeprefix(".")
        if alone or (name.endswith(key) and name != key):
            return writers[key]
    found = f"extension {path.suffix!r}" if path.suffix else "no extension"
    hint = f"the extension names the format: {', '.join(writers)}"
    raise InvalidInput([Issue(f"output file has {found}", file=str(path), hint=hint)])
