"""Opens an input file: refuses what is no readable file, undoes gzip, and bounds what comes out of it."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import zlib
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final, cast

from sim.workload.traces.findings import refuse

MAX_BYTES: Final = 32 * 2**30
"""Most bytes of text that one file may hold once decompressed."""
FREE_BYTES: Final = 8 * 2**20
"""Decompressed bytes up to which the ratio of compression is not judged."""
MAX_RATIO: Final = 200
"""Most bytes that one compressed byte may become; real traces stay below 20."""
MAX_ROWS: Final = 100_000_000
"""Most rows of one file."""

A_URL: Final = "this is a URL, and files are not fetched from the network; download it first"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_GZIP: Final = b"\x1f\x8b"


def is_url(file: str) -> bool:
    """Say whether somebody wrote an address where a path belongs."""
    return bool(_URL.match(file))


def check_file(path: Path, file: str, source: str = "") -> None:
    """Raise InvalidInput unless `path` is a regular file that can be read and is not empty.

    `file` is the path as the user wrote it; `source` says where the public file comes from.
    """
    hint = f"the public file is {source}" if source else ""
    if is_url(file):
        refuse(file, A_URL, hint)
    try:
        status = path.stat()
    except FileNotFoundError:
        refuse(file, "the file does not exist", hint)
    except (OSError, RuntimeError, ValueError) as error:
        refuse(file, f"the file cannot be opened: {_reason(error)}")
    if stat.S_ISDIR(status.st_mode):
        refuse(file, "this is a folder, not a file", "name one file in it")
    if not stat.S_ISREG(status.st_mode):
        refuse(file, "this is not a regular file", "save the data in a file first")
    if not os.access(path, os.R_OK):
        refuse(file, "the file cannot be opened: permission denied")
    if status.st_size == 0:
        refuse(file, "the file is empty (0 bytes)", hint)


def first_bytes(path: Path, count: int) -> bytes:
    """Give the first bytes of the file as they are stored."""
    with path.open("rb") as stream:
        return stream.read(count)


def open_bytes(path: Path, file: str) -> BinaryIO:
    """Open the bytes of a file, decompressed when it starts as gzip does, whatever its name.

    Reading raises InvalidInput where the compressed data are broken, or become more than the limits above.
    """
    compressed = first_bytes(path, len(_GZIP)) == _GZIP
    return cast("BinaryIO", io.BufferedReader(_Bounded(path, file, compressed=compressed), buffer_size=1 << 18))


def compression_of(path: Path, file: str) -> str | None:
    """Tell how a file is compressed, for a reader that opens it itself; first, all of it is held to the limits."""
    if first_bytes(path, len(_GZIP)) != _GZIP:
        _check_size(path.stat().st_size, file)
        return None
    with closing(open_bytes(path, file)) as stream:
        while stream.read(1 << 18):
            pass
    return "gzip"


def _check_size(count: int, file: str) -> None:
    if count > MAX_BYTES:
        refuse(file, f"the file is larger than {MAX_BYTES // 2**30} GiB of text", "split it")


class _Bounded(io.RawIOBase):
    """The decompressed bytes of a file, counted."""

    def __init__(self, path: Path, file: str, *, compressed: bool) -> None:
        super().__init__()
        self._stored = path.open("rb")
        self._plain = gzip.GzipFile(fileobj=self._stored) if compressed else self._stored
        self._file = file
        self._compressed = compressed
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # typeshed's Buffer is newer than Python 3.11
        try:
            got = self._plain.readinto(view)
        except (OSError, EOFError, zlib.error) as error:
            refuse(self._file, f"the file cannot be read to its end: {_reason(error)}", "fetch or compress it again")
        self._count += got
        _check_size(self._count, self._file)
        if self._compressed and self._count > max(FREE_BYTES, MAX_RATIO * self._stored.tell()):
            refuse(
                self._file,
                f"the compressed file grows more than {MAX_RATIO} times: no trace does",
                "decompress it yourself if it is what you think it is",
            )
        return got

    def close(self) -> None:
        if not self.closed:
            self._plain.close()
            self._stored.close()
        super().close()


def _reason(error: Exception) -> str:
    """Give the system's words for a failure, without the path and number that Python adds."""
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).rstrip(".").lower()
