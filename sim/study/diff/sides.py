"""What can be compared: an experiment file, one of a git revision, a baseline, and a result that a run has left.

The first three are played, with the same seed, so that their difference is told replication by replication. A result is
numbers with intervals: it is taken as it was.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InvalidInput, Issue
from sim.experiment.resolve import load
from sim.experiment.store import RESOLVED, read_summary
from sim.study.baseline import load_baseline
from sim.study.diff.revisions import checked_out, split_revision

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment


@dataclass(frozen=True, slots=True)
class Side:
    """One side: `name` as it was typed; an `experiment` that can be played, or the `summary` of a result.

    `resolved` is the experiment with every default filled in, None where a result has lost it.
    """

    name: str
    experiment: Experiment | None
    summary: Mapping[str, Any] | None
    resolved: Mapping[str, Any] | None


def open_side(text: str, overrides: Sequence[str], until: ExitStack) -> Side:
    """Read one side; files of a revision stay until `until` is closed. InvalidInput for what cannot be read.

    `overrides` change values of an experiment, as ``--set`` does; a result has none to change.
    """
    revision, written = split_revision(text)
    path = until.enter_context(checked_out(revision, written)) if revision else Path(text)
    if path.suffix.lower() == ".json" or path.is_dir():
        if overrides:
            raise InvalidInput([Issue("a baseline or result has no values to change", file=text)])
        return _recorded(text, path)
    experiment = load(path, overrides)
    name = f"{text} with {', '.join(overrides)}" if overrides else text
    return Side(name, experiment, None, experiment.resolved)


def _recorded(text: str, path: Path) -> Side:
    """Read a baseline, or the folder or summary of a result."""
    if not path.is_dir() and _is_baseline(path):
        experiment = load_baseline(path).experiment
        return Side(text, experiment, None, experiment.resolved)
    summary = read_summary(path)
    folder = path if path.is_dir() else path.parent
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads((folder / RESOLVED).read_bytes())
        return Side(text, None, summary, found if isinstance(found, dict) else None)
    return Side(text, None, summary, None)


def _is_baseline(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        content = json.loads(path.read_bytes())
        return isinstance(content, dict) and "resolved" in content
    return False
