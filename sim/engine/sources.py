"""What numba's cache of compiled loops goes by: the sources that go into them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32


def sources_of(names: Sequence[str]) -> int:
    """Give a number that changes with any of these modules of the engine.

    numba keeps what it has compiled, and compiles anew if the file with the function has changed, or the value of a
    name from around it. It does not see that a constant or a function of another file has: so a loop that uses such is
    made with this number around it.
    """
    files = [Path(__file__).with_name(f"{name}.py") for name in names]
    return crc32(b"".join(file.read_bytes() for file in files))
