"""A baseline: an experiment as it was, in one committed file, with what it answered then.

    {"schema": 1, "experiment": name, "hash": ..., "version": ..., "seed": ..., "replications": ..., "level": ...,
     "resolved": {the experiment with every default filled in},
     "files": {path as written: {"sha256": ..., "folder": the folder it is relative to, relative to this file}},
     "patterns": {name: {"status": ..., metric: {value, lower, upper, unit}}}}

To be compared it is played again, with the seed and as many replications as what is held against it: both see the same
requests with the same luck, so that only what was changed makes a difference. The numbers that it holds say whether
this version of tiercast still answers the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from sim.errors import InvalidInput, Issue
from sim.experiment.durable import replace_file
from sim.experiment.inputs import written_files
from sim.experiment.resolve import from_resolved
from sim.experiment.summary import json_bytes, summary_of
from sim.version import __version__

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.experiment.simulate import Run

BASELINE_SCHEMA: Final = 1
FOLDER: Final = Path("results") / "baselines"
_WRITE_ONE: Final = "write one: tiercast check EXPERIMENT --save-baseline"
_LARGEST: Final = 16 << 20


@dataclass(frozen=True)
class Baseline:
    """A baseline that can be played; `answered` are its numbers when it was written, by pattern and metric."""

    path: Path
    experiment: Experiment
    version: str
    replications: int
    answered: Mapping[str, Mapping[str, float]]
    changed_files: tuple[str, ...]


def baseline_path(experiment: Experiment) -> Path:
    """Where the baseline of an experiment is: where its regression says, or below results/baselines."""
    regression = experiment.spec.regression
    if regression is None:
        return FOLDER / f"{experiment.name}.json"
    return Path(os.path.normpath(experiment.folder_of(("regression", "baseline")) / regression.baseline))


def save_baseline(run: Run, path: Path) -> None:
    """Write the baseline of a run, atomically. RunError if the disk refuses."""
    experiment, summary = run.experiment, summary_of(run.result)
    folders = {written: experiment.folder_of(place) for place, written in written_files(experiment.spec)}
    files = {
        written: {"sha256": digest, "folder": _relative(folders[written], path.parent)}
        for written, digest in experiment.files.items()
    }
    content = {
        "schema": BASELINE_SCHEMA,
        "experiment": experiment.name,
        "hash": experiment.hash,
        "version": __version__,
        "seed": int(experiment.spec.seed),
        "replications": run.replications,
        "level": run.level,
        "resolved": experiment.simulated,
        "files": files,
        "patterns": {name: _answer(pattern) for name, pattern in summary["patterns"].items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json_bytes(content))


def load_baseline(path: Path) -> Baseline:
    """Read a baseline. InvalidInput if it is missing, something else, of another layout, or lacks its input files."""
    content = _read(path)
    try:
        folders = {str(name): str(entry["folder"]) for name, entry in content["files"].items()}
        digests = {str(name): str(entry["sha256"]) for name, entry in content["files"].items()}
        answered = {
            str(name): {key: float(entry["value"]) for key, entry in pattern.items() if isinstance(entry, dict)}
            for name, pattern in content["patterns"].items()
        }
        resolved, version, replications = content["resolved"], str(content["version"]), int(content["replications"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_baseline(path) from error
    with _told_of(path):
        experiment = from_resolved(resolved, {name: path.parent / folder for name, folder in folders.items()}, path)
        now = experiment.files
    changed = tuple(name for name, digest in now.items() if digests.get(name) != digest)
    return Baseline(path, experiment, version, replications, answered, changed)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise _no_baseline(path)
        content = json.loads(path.read_bytes())
    except OSError as error:
        message = f"the baseline cannot be read: {error.strerror}"
        raise InvalidInput([Issue(message, file=str(path), hint=_WRITE_ONE)]) from error
    except (ValueError, RecursionError) as error:
        raise _no_baseline(path) from error
    if not isinstance(content, dict):
        raise _no_baseline(path)
    if content.get("schema") != BASELINE_SCHEMA:
        message = f"the baseline has layout {content.get('schema')!r}, this version of tiercast reads {BASELINE_SCHEMA}"
        raise InvalidInput([Issue(message, file=str(path), hint=_WRITE_ONE)])
    return content


def _no_baseline(path: Path) -> InvalidInput:
    return InvalidInput([Issue("this is not a baseline", file=str(path), hint=_WRITE_ONE)])


@contextlib.contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Say of every mistake in a stored experiment that it is one of the baseline, which a new version may refuse."""
    try:
        yield
    except InvalidInput as error:
        issues = [Issue(found.message, str(path), 0, 0, found.path, found.hint or _WRITE_ONE) for found in error.issues]
        raise InvalidInput(issues) from error


def _answer(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what takes much room and is not compared."""
    kept = {key: entry for key, entry in pattern.items() if isinstance(entry, dict) and key != "absent"}
    return {"status": pattern["status"], **kept}


def _relative(folder: Path, start: Path) -> str:
    """Give the way from one folder to another, as it reads on any system."""
    return PurePosixPath(Path(os.path.relpath(folder, start))).as_posix()


def digest_of(path: Path) -> str:
    """SHA-256 of a baseline, empty where there is none."""
    with contextlib.suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""
