"""Replications that are done, kept on the disk until the result is written: an interrupted run goes on from them.

One file per replication: the SHA-256 of what follows, then arrays as NumPy writes them, without pickles. A file that is
cut short, damaged, of another experiment or of another version counts as not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.experiment.durable import remove_folder, replace_file
from sim.outcome.outcomes import ModelLog, Outcome, RequestLog, Window
from sim.version import __version__

PATIENCE_S: Final = 5.0
"""Runs shorter than this are not worth the disk; they write only if they are interrupted."""

_LAYOUT = 1
_NAME = re.compile(r"replication-(\d{1,9})\.npz")
_DIGEST_BYTES = 32

Arrays: TypeAlias = dict[str, NDArray[Any]]


class Finished:
    """The finished replications of one experiment, in a folder of their own."""

    def __init__(self, folder: Path, experiment_hash: str) -> None:
        self._folder = folder
        self._key = f"{_LAYOUT} {__version__} {experiment_hash}"
        self._unsaved: dict[int, Sequence[Outcome]] = {}
        self._begun = time.monotonic()

    def load(self) -> dict[int, list[Outcome]]:
        """Read what an earlier run has finished."""
        found = {}
        with contextlib.suppress(OSError):
            for path in sorted(self._folder.iterdir()):
                named = _NAME.fullmatch(path.name)
                outcomes = self._read(path) if named else None
                if named and outcomes is not None:
                    found[int(named[1])] = outcomes
        return found

    def add(self, replication: int, outcomes: Sequence[Outcome]) -> None:
        """Take a finished replication; written once the run has lasted a few seconds. RunError if the disk refuses."""
        self._unsaved[replication] = outcomes
        if time.monotonic() - self._begun >= PATIENCE_S:
            self.save()

    def save(self) -> None:
        """Write all that has been taken. RunError if the disk refuses."""
        for replication, outcomes in list(self._unsaved.items()):
            file = io.BytesIO()
            arrays: dict[str, Any] = {"key": np.array(self._key), **_arrays(outcomes)}
            np.savez(file, **arrays)
            content = file.getvalue()
            digest = hashlib.sha256(content).digest()
            replace_file(self._folder / f"replication-{replication}.npz", digest + content)
            del self._unsaved[replication]

    def clear(self) -> None:
        """Forget all."""
        self._unsaved.clear()
        remove_folder(self._folder)

    def _read(self, path: Path) -> list[Outcome] | None:
        try:
            content = path.read_bytes()
            if hashlib.sha256(content[_DIGEST_BYTES:]).digest() != content[:_DIGEST_BYTES]:
                return None
            with np.load(io.BytesIO(content[_DIGEST_BYTES:]), allow_pickle=False) as arrays:
                return _outcomes(dict(arrays)) if str(arrays["key"]) == self._key else None
        except (OSError, ValueError, KeyError):
            return None


def _arrays(outcomes: Sequence[Outcome]) -> Arrays:
    """Lay outcomes out as named arrays; integers of any size and names as text."""
    found: Arrays = {"count": np.array(len(outcomes))}
    for number, outcome in enumerate(outcomes):
        parts: Mapping[str, Any] = {
            **{f"log.{field.name}": getattr(outcome.log, field.name) for field in fields(RequestLog)},
            "window": [str(outcome.window.start_ns), str(outcome.window.end_ns)],
            "models": [[str(getattr(log, field.name)) for field in fields(ModelLog)] for log in outcome.model_logs],
            "cuts": outcome.cuts,
            "by_cause": outcome.by_cause,
            "by_model": outcome.by_model,
            "replicas": [str(outcome.replica_nano)],
        }
        for name, value in parts.items():
            found[f"{number}.{name}"] = value if isinstance(value, np.ndarray) else np.array(value, dtype=np.str_)
    return found


def _outcomes(arrays: Arrays) -> list[Outcome]:
    """Put together what `_arrays` has laid out."""
    return [_outcome(arrays, number) for number in range(int(arrays["count"]))]


def _outcome(arrays: Arrays, number: int) -> Outcome:
    columns = {field.name: arrays[f"{number}.log.{field.name}"] for field in fields(RequestLog)}
    log: dict[str, Any] = dict(columns)
    log |= {name: tuple(value.tolist()) for name, value in columns.items() if value.dtype.kind == "U"}
    start, end = arrays[f"{number}.window"].tolist()
    return Outcome(
        log=RequestLog(**log),
        window=Window(int(start), int(end)),
        model_logs=tuple(ModelLog(*map(int, row)) for row in arrays[f"{number}.models"].tolist()),
        cuts=arrays[f"{number}.cuts"],
        by_cause=arrays[f"{number}.by_cause"],
        by_model=arrays[f"{number}.by_model"],
        replica_nano=int(arrays[f"{number}.replicas"][0]),
    )
