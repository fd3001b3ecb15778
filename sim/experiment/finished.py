"""Replications that are done, kept on the disk: an interrupted run goes on from them, and so does the next check.

What has been played does not depend on prices, thresholds or how many replications there are: a run of which only such
things have changed plays nothing. One file per replication: the SHA-256 of what follows, then arrays as NumPy writes
them, without pickles. A file that is cut short, damaged, of another experiment or of another version counts as not
there.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.errors import RunError
from sim.experiment.durable import remove_folder, replace_file
from sim.experiment.made_by import made_by
from sim.experiment.places import finished_folders
from sim.fleet.prices import Rates
from sim.fleet.token_rates import METERS, TokenRates
from sim.outcome.bill import Bought
from sim.outcome.outcomes import ModelLog, Outcome, Window
from sim.outcome.samples import Counted, Kept, Samples
from sim.outcome.sums import Sums
from sim.outcome.warmup import Series
from sim.version import __version__

PATIENCE_S: Final = 5.0
"""Runs shorter than this are not worth the disk; they write only if they are interrupted."""

MOST_BYTES: Final = 512 << 20
"""Finished replications of all experiments below a folder of results take as much; the oldest experiments go first."""

_LAYOUT = 8
_BOUGHT = ("segments", "causes", "steps")
_NAMES = ("segments", "tasks", "routes", "models")
_NAME = re.compile(r"replication-(\d{1,9})\.npz")
_DIGEST_BYTES = 32

Arrays: TypeAlias = dict[str, NDArray[Any]]


class Finished:
    """The finished replications of one experiment, in a folder of their own."""

    def __init__(self, folder: Path, experiment_hash: str) -> None:
        self._folder = folder
        self._key = f"{_LAYOUT} {__version__} {made_by()} {experiment_hash}"
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

    def _read(self, path: Path) -> list[Outcome] | None:
        try:
            content = path.read_bytes()
            if hashlib.sha256(content[_DIGEST_BYTES:]).digest() != content[:_DIGEST_BYTES]:
                return None
            with np.load(io.BytesIO(content[_DIGEST_BYTES:]), allow_pickle=False) as arrays:
                return _outcomes(dict(arrays)) if str(arrays["key"]) == self._key else None
        except (OSError, ValueError, KeyError):
            return None


def trim(root: Path) -> None:
    """Remove what takes more room than `MOST_BYTES` below a folder of results. A disk that refuses is left alone."""
    with contextlib.suppress(OSError, RunError):
        room = MOST_BYTES
        for folder in sorted(finished_folders(root), key=lambda one: one.stat().st_mtime_ns, reverse=True):
            room -= sum(file.stat().st_size for file in folder.iterdir())
            if room < 0:
                remove_folder(folder)


def _arrays(outcomes: Sequence[Outcome]) -> Arrays:
    """Lay outcomes out as named arrays; integers of any size and names as text."""
    found: Arrays = {"count": np.array(len(outcomes))}
    for number, outcome in enumerate(outcomes):
        parts: Arrays = {
            "names": _bytes({name: getattr(outcome, name) for name in _NAMES}),
            "window": _text([outcome.window.start_ns, outcome.window.end_ns]),
            "model_logs": _text([_flat(log) for log in outcome.model_logs]),
            "replicas": _text(outcome.replica_ns),
            "asked": _text(outcome.asked_ns),
            "starts": _text(outcome.bought.starts),
            "rates": _text([_flat_rates(rates) for rates in outcome.rates]),
            **{f"bought/{name}": _text(getattr(outcome.bought, name)) for name in _BOUGHT},
            **{f"sums/{name}": _text(table) for name, table in outcome.sums.items()},
            **_sample_arrays("durations", outcome.durations),
            **({} if outcome.direct is None else _sample_arrays("direct", outcome.direct)),
            "backlog": outcome.backlog,
            "series": outcome.series.sums,
            "series_starts": outcome.series.starts_ns,
            "series_batch": np.array(outcome.series.batch),
        }
        found |= {f"{number}/{name}": value for name, value in parts.items()}
    return found


def _sample_arrays(place: str, samples: Samples) -> Arrays:
    if isinstance(samples, Kept):
        return {
            f"{place}/cuts": samples.cuts,
            **{f"{place}/values/{name}": column for name, column in samples.values.items()},
            **{f"{place}/codes/{name}": column for name, column in samples.codes.items()},
        }
    tables = {"keys": samples.keys, "buckets": samples.buckets, "counts": samples.counts}
    return {
        f"{place}/sections": np.array(samples.sections),
        **{f"{place}/sizes/{name}": np.array(size) for name, size in samples.sizes.items()},
        **{f"{place}/{kind}/{'/'.join(key)}": value for kind, table in tables.items() for key, value in table.items()},
    }


def _outcomes(arrays: Arrays) -> list[Outcome]:
    """Put together what `_arrays` has laid out."""
    return [_outcome(_below(arrays, str(number))) for number in range(int(arrays["count"]))]


def _outcome(arrays: Arrays) -> Outcome:
    start_ns, end_ns = _integers(arrays["window"])
    starts = tuple(_integers(arrays["starts"]).tolist())
    return Outcome(
        **{name: tuple(names) for name, names in json.loads(arrays["names"].tobytes()).items()},
        window=Window(start_ns, end_ns),
        sums={name: _integers(table) for name, table in _below(arrays, "sums").items()},
        durations=_samples(_below(arrays, "durations")),
        direct=_samples(direct) if (direct := _below(arrays, "direct")) else None,
        backlog=arrays["backlog"],
        series=Series(arrays["series"], arrays["series_starts"], int(arrays["series_batch"])),
        bought=Bought(**{name: _integers(arrays[f"bought/{name}"]) for name in _BOUGHT}, starts=starts),
        rates=tuple(_rates(row, starts) for row in _integers(arrays["rates"]).tolist()),
        model_logs=tuple(_model_log(row) for row in _integers(arrays["model_logs"]).tolist()),
        replica_ns=tuple(_integers(arrays["replicas"]).tolist()),
        asked_ns=tuple(_integers(arrays["asked"]).tolist()),
    )


def _samples(arrays: Arrays) -> Samples:
    if "cuts" in arrays:
        return Kept(_below(arrays, "values"), _below(arrays, "codes"), arrays["cuts"])
    keys, buckets, counts = (
        {(column, name): table for (column, _, name), table in _parted(_below(arrays, kind))}
        for kind in ("keys", "buckets", "counts")
    )
    sizes = {name: int(size) for name, size in _below(arrays, "sizes").items()}
    return Counted(keys, buckets, counts, sizes, int(arrays["sections"]))


def _parted(arrays: Arrays) -> Iterator[tuple[tuple[str, str, str], NDArray[Any]]]:
    return ((name.partition("/"), table) for name, table in arrays.items())


def _flat_rates(rates: Rates) -> list[int]:
    return [rates.replica_hour_nano, *(femto for band in rates.bands for femto in band.by_meter)]


def _rates(row: Sequence[int], starts: tuple[int, ...]) -> Rates:
    hour, size = row[0], len(METERS)
    return Rates(tuple(TokenRates(*row[at : at + size]) for at in range(1, len(row), size)), starts, hour)


def _flat(log: ModelLog) -> list[int]:
    return [*(int(getattr(log, name)) for name in _SINGLE), *log.by_outcome]


def _model_log(row: Sequence[int]) -> ModelLog:
    values: dict[str, Any] = dict(zip(_SINGLE, row, strict=False))
    flags = {name: bool(values[name]) for name in ("bounded", "by_schedule")}
    return ModelLog(**values | flags, by_outcome=tuple(row[len(_SINGLE) :]))


_SINGLE: Final = tuple(field.name for field in fields(ModelLog) if field.name != "by_outcome")


def _below(arrays: Arrays, place: str) -> Arrays:
    """Give the arrays whose names begin with a place, without it."""
    return {name.removeprefix(f"{place}/"): value for name, value in arrays.items() if name.startswith(f"{place}/")}


def _text(values: Any) -> NDArray[np.str_]:
    return np.array(values, dtype=object).astype(np.str_) if len(values) else np.empty(0, dtype=np.str_)


def _bytes(names: Mapping[str, Sequence[str]]) -> NDArray[np.uint8]:
    """Write names as JSON: NumPy's own text loses a NUL at the end of a name."""
    return np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)


def _integers(text: NDArray[Any]) -> Sums:
    """Read integers of any size, in the shape they had."""
    numbers = np.empty(text.shape, dtype=object)
    numbers.reshape(-1)[:] = [int(number) for number in text.reshape(-1).tolist()]
    return numbers
