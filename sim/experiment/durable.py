"""Files that are either complete on the disk or not there: written, flushed, synced, then renamed into place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sim.errors import RunError

_BLOCK_BYTES = 1 << 20


@contextlib.contextmanager
def failing_as_run_error(path: Path) -> Iterator[None]:
    """Turn an OSError (disk full, read-only, a file where a folder is needed) into a RunError of one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise RunError(f"cannot write {path}: {reason}") from error


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for writing; at the end its bytes are on the disk. An existing file raises FileExistsError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path`; whoever reads meanwhile, or after a crash, sees the old file or the new one.

    RunError if the file cannot be written.
    """
    with failing_as_run_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # a pipe or a device is written to, not replaced by a file
            path.write_bytes(content)
            return
        temporary = path.with_name(f".tmp-{os.getpid()}-{path.name[-40:]}")
        try:
            temporary.unlink(missing_ok=True)
            with new_file(temporary) as file:
                file.write(content)
            os.replace(temporary, path)  # noqa: PTH105 - fault tests fail the system calls by these names
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def replace_folder(new: Path, place: Path, aside: Path) -> None:
    """Move the folder `new` to `place`; a folder already there is put back if that fails, else removed.

    Folders cannot be swapped in one step, so for an instant between two renames there is none at `place`; after a crash
    in that instant `restore_folder` brings the old one back from `aside`.
    """
    occupied = place.exists()
    if occupied:
        os.replace(place, aside)  # noqa: PTH105 - as above
    try:
        os.replace(new, place)  # noqa: PTH105 - as above
    except BaseException:
        if occupied:
            os.replace(aside, place)  # noqa: PTH105 - as above
        raise
    sync_folder(place.parent)
    if occupied:
        remove_folder(aside)


def restore_folder(place: Path, aside: Path) -> None:
    """Undo what a crash within `replace_folder` left behind."""
    if not aside.exists():
        return
    if place.exists():
        remove_folder(aside)
    else:
        os.replace(aside, place)  # noqa: PTH105 - as above


def remove_folder(folder: Path) -> None:
    """Remove `folder` if it is there; what cannot be removed stays, under a name that is no result."""
    shutil.rmtree(folder, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    if sys.platform == "win32":
        return  # folders cannot be opened there, and the system keeps its own journal of names
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
