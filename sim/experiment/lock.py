"""One writer per results folder.

The lock is the operating system's, on a small file that names the holder: it vanishes with the process that held it,
so a run that was killed blocks nobody and a recycled process number fools nobody.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sim.errors import InvalidInput, Issue

if sys.platform == "win32":
    import msvcrt

    def _try(handle: int) -> None:
        os.lseek(handle, _GUARD, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_GUARD = 1 << 20
"""Byte that is locked where locks bar reading, far behind the process number."""


@contextlib.contextmanager
def only_writer(path: Path, guarded: Path) -> Iterator[None]:
    """Hold the lock file `path` while the folder `guarded` is written.

    InvalidInput naming the process that holds it, if there is one; OSError if the file cannot be opened.
    """
    handle = _acquire(path, guarded)
    try:
        yield
    finally:
        if sys.platform != "win32":  # an open file cannot be removed there; left behind, it locks nothing
            path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path, guarded: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _try(handle)
            if _same_file(handle, path):
                _sign(handle, path)
                return handle
        except (BlockingIOError, PermissionError):
            holder = os.read(handle, 32).decode("ascii", "replace").strip()
            os.close(handle)
            raise InvalidInput([_busy(guarded, holder)]) from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # the holder removed the file between our opening and locking it: it guards nothing


def _sign(handle: int, path: Path) -> None:
    """Write who holds the lock; if that fails (the disk is full), leave no lock file behind."""
    try:
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
    except OSError:
        if sys.platform != "win32":  # as in `only_writer`
            path.unlink(missing_ok=True)
        raise


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _busy(guarded: Path, holder: str) -> Issue:
    who = f"process {holder}" if holder else "another process"
    return Issue(
        f"{who} is writing this results folder",
        file=str(guarded),
        hint="wait for it, or write somewhere else with --results other-folder",
    )
