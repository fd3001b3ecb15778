"""What has computed a number: the lines of this program, and the versions of what it computes with."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import platform
from importlib import metadata
from pathlib import Path
from typing import Final

_COMPUTED_WITH: Final = ("numpy", "numba", "pyarrow", "pydantic", "PyYAML", "scipy", "simpy", "tzdata")
_SOURCES: Final = Path(__file__).resolve().parents[1]


@functools.cache
def made_by() -> str:
    """Give a name for all of it: another one after any change that may move a digit, the same on the same machine.

    Files are read and not their dates looked at, which every installation sets anew.
    """
    found = hashlib.sha256()
    for file in sorted(_SOURCES.rglob("*.py")):
        found.update(file.relative_to(_SOURCES).as_posix().encode() + b"\0" + file.read_bytes())
    for name in _COMPUTED_WITH:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.update(f"{name} {metadata.version(name)}\0".encode())
    found.update(f"{platform.python_version()} {platform.machine()}".encode())
    return found.hexdigest()
