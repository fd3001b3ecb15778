"""Numbers of an experiment that move: where they stand, what they are at a moment, and the experiment with them."""

from __future__ import annotations

import datetime as dt
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.chance.paths import MONTH, Luck, Path
from sim.errors import Issue
from sim.experiment.document import did_you_mean, dotted
from sim.experiment.drifting import PRESETS
from sim.experiment.judged import JUDGED
from sim.experiment.overrides import NoSuchPlaceError, parts_of, replaced, value_at
from sim.units import parse_duration_ns, parse_fraction

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

_SHARES: Final = ("mix", "shares")
_TRAINED: Final = (("signals",), ("quality", "confidence"))
_FIXED: Final = frozenset({"capacity", "limits", "faults", "client", "provider"})
_WHOLE: Final = (("capacity", "concurrency"), ("capacity", "replicas"))
"""What of a model's capacity may move: whole numbers, to which its path is rounded."""

_NEVER: Final = ("version", "name", "seed", "run", "baseline", *JUDGED)


@dataclass(frozen=True, slots=True)
class When:
    """A moment of a run: `now`, the `start` of the run, and when signals were `trained` last."""

    now: dt.datetime
    start: dt.datetime
    trained: dt.datetime


class Movement(ABC):
    """Some number of an experiment that moves."""

    name: str
    """Its place, dotted."""

    @abstractmethod
    def value(self, when: When, luck: Luck | None) -> float:
        """Give the number at a moment. ValueError where it cannot move so."""

    @abstractmethod
    def put(self, data: Any, value: float) -> Any:
        """Give the experiment's data with the number in its place."""

    def by_chance(self) -> bool:
        """Say whether each replication has its own."""
        return False


@dataclass(frozen=True, slots=True)
class NumberMovement(Movement):
    """A number that the file says, and the paths it follows one after the other."""

    name: str
    parts: tuple[str, ...]
    base: float
    unit: str
    paths: tuple[Path, ...]
    trained: bool

    def value(self, when: When, luck: Luck | None) -> float:
        """Follow the paths; what was trained moves from its training on."""
        begin = when.trained if self.trained else when.start
        found = self.base
        for number, path in enumerate(self.paths):
            own = None if luck is None else Luck(luck.streams, f"{self.name}#{number}")
            found = path.value(found, when.now, begin, own)
        return found

    def put(self, data: Any, value: float) -> Any:
        """Put the number in its place; of a share, the others of its mix make room."""
        value = float(round(value)) if self.parts[-2:] in _WHOLE else value
        written: Any = f"{round(value)}ns" if self.unit == "ns" else int(value) if value == int(value) else value
        changed = replaced(data, list(self.parts), written)
        if len(self.parts) < 2 or self.parts[-2] not in _SHARES:  # noqa: PLR2004 - a share has a mix around it
            return _with_room_for_segment(changed, self.parts, self.base, value)
        mix = value_at(data, list(self.parts[:-1]))
        shares = {name: _number(share)[0] for name, share in mix.items()}
        return replaced(changed, list(self.parts[:-1]), _room_for(shares, {self.parts[-1]: value}))

    def by_chance(self) -> bool:
        """Say whether some path goes by chance."""
        return any(path.by_chance() for path in self.paths)


@dataclass(frozen=True, slots=True)
class HardShare(Movement):
    """The log-odds of the share of hard task classes, in every mix of the workload."""

    name: str
    hard: tuple[str, ...]
    per_month: float

    def value(self, when: When, luck: Luck | None) -> float:
        """Give what the log-odds have gained."""
        del luck
        return self.per_month * ((when.now - when.start) / MONTH)

    def put(self, data: Any, value: float) -> Any:
        """Let the hard classes of each mix grow together, and the others make room."""
        workload = data["workload"]
        mixes = [["workload", "mix"]] if workload.get("mix") else []
        segments = workload.get("segments") or {}
        mixes += [["workload", "segments", name, "mix"] for name, segment in segments.items() if segment.get("mix")]
        for place in mixes:
            shares = {name: _number(share)[0] for name, share in value_at(data, place).items()}
            together = sum(shares.get(name, 0.0) for name in self.hard)
            if not 0 < together < 1:
                continue
            grown = 1 / (1 + (1 - together) / together * math.exp(-value))
            wanted = {name: shares[name] * grown / together for name in self.hard if name in shares}
            data = replaced(data, place, _room_for(shares, wanted))
        return data


@dataclass(frozen=True, slots=True)
class Lengths(Movement):
    """A factor of prompt or answer tokens, in every task class."""

    name: str
    field: str
    per_month: float

    def value(self, when: When, luck: Luck | None) -> float:
        """Give the factor."""
        del luck
        return float((1 + self.per_month) ** ((when.now - when.start) / MONTH))

    def put(self, data: Any, value: float) -> Any:
        """Multiply the factor of every task class."""
        workload = data["workload"]
        tasks: dict[tuple[str, ...], Any] = {
            ("tasks", name): task for name, task in (workload.get("tasks") or {}).items()
        }
        for place, task in (tasks or {("default_task",): workload.get("default_task")}).items():
            written = task or {}
            before = _number(written.get(self.field, 1.0))[0]
            data = replaced(data, ["workload", *place], {**written, self.field: before * value})
        return data


def movements(experiment: Experiment) -> list[Movement]:
    """Give all that moves; of an experiment that `movement_issues` finds nothing wrong with."""
    return [found for found in _read(experiment) if isinstance(found, Movement)]


def movement_issues(experiment: Experiment) -> list[Issue]:
    """Give what is wrong with the places and paths of `drift`, each at its line and column."""
    return [found for found in _read(experiment) if isinstance(found, Issue)]


def _read(experiment: Experiment) -> Iterator[Movement | Issue]:
    drift = experiment.spec.drift
    if drift is None:
        return
    yield from _preset(experiment)
    for name, paths in drift.changes.items():
        yield _movement(experiment, name, tuple(paths) if isinstance(paths, list) else (paths,))


def _preset(experiment: Experiment) -> Iterator[Movement | Issue]:
    drift, document = experiment.spec.drift, experiment.document
    assert drift is not None  # noqa: S101 - the caller has looked
    tasks = list(experiment.spec.workload.tasks)
    for number, name in enumerate(drift.hard):
        if name not in tasks:
            mark = document.mark(("drift", "hard", number))
            hint = did_you_mean(name, tasks) or f"task classes: {', '.join(tasks)}"
            message = f"there is no task class {name!r}"
            yield Issue(message, mark.file, mark.line, mark.col, "drift.hard", hint)
            return
    if drift.hard and drift.preset is None:
        mark = document.key_mark(("drift", "hard"))
        yield Issue("says nothing without a preset", mark.file, mark.line, mark.col, "drift.hard", "write preset: base")
    if drift.preset is None:
        return
    rates = PRESETS[drift.preset]
    if drift.hard:
        yield HardShare("drift.hard", tuple(drift.hard), rates.hard_log_odds)
    elif len(tasks) > 1:
        mark = document.key_mark(("drift", "preset"))
        hint = f"write hard: with some of {', '.join(tasks)}"
        message = "a preset lets the share of hard task classes grow; say which they are"
        yield Issue(message, mark.file, mark.line, mark.col, "drift.preset", hint)
    yield Lengths("workload.tasks.*.input_factor", "input_factor", rates.input_growth)
    yield Lengths("workload.tasks.*.output_factor", "output_factor", rates.output_growth)


def _movement(experiment: Experiment, name: str, paths: tuple[Path, ...]) -> Movement | Issue:
    place = ("drift", "changes", name)
    mark, where = experiment.document.key_mark(place), dotted(experiment.document.data, place)
    try:
        parts, written = _place(experiment, name)
        base, unit = _number_at(written)
        trained = any(tuple(parts[: len(front)]) == front for front in _TRAINED)
        found = NumberMovement(name, parts, base, unit, paths, trained)
        begin = experiment.spec.run.begin
        if not found.by_chance():
            found.value(When(begin + MONTH, begin, begin), None)
    except NoSuchPlaceError as error:
        return Issue(str(error), mark.file, mark.line, mark.col, where, error.hint)
    except ValueError as error:
        return Issue(str(error), mark.file, mark.line, mark.col, where)
    return found


def _place(experiment: Experiment, name: str) -> tuple[tuple[str, ...], Any]:
    """Give the parts of a place that may move, and what is written there, or else is there by default.

    ValueError where nothing moves, NoSuchPlaceError where nothing is.
    """
    parts = parts_of(name)
    if parts is None:
        raise NoSuchPlaceError("is no place in an experiment", "write for example quality.acceptance.codegen.small")
    if parts[0] in _NEVER:
        what = "what moves is in workload, fleet, quality, signals and patterns"
        raise NoSuchPlaceError(f"{parts[0]} does not move", what)
    moves = tuple(parts[2:]) in _WHOLE
    if parts[0] == "providers" or (parts[0] == "fleet" and not moves and not _FIXED.isdisjoint(parts[2:3])):
        message = "stays as it is through a run: limits, faults, clients and batches do not move; of capacity"
        raise ValueError(f"{message}, concurrency and replicas do")
    try:
        written = value_at(experiment.document.data, parts)
    except NoSuchPlaceError as error:
        try:
            written = value_at(experiment.resolved, parts)
        except NoSuchPlaceError:
            raise error from None
    return tuple(parts), written


def _number_at(written: Any) -> tuple[float, str]:
    """Read a number with its unit. ValueError that says what is there instead."""
    try:
        return _number(written)
    except ValueError:
        raise ValueError(f"is no number, but {_shown(written)}") from None


def _number(written: Any) -> tuple[float, str]:
    """Read a number as YAML has it, and its unit: ns of a duration. ValueError if it is none."""
    if isinstance(written, int | float) and not isinstance(written, bool):
        return float(written), ""
    if isinstance(written, str):
        if written.strip().endswith("%"):
            return parse_fraction(written), ""
        return float(parse_duration_ns(written)), "ns"
    raise ValueError(f"{written!r} is no number")


def _room_for(shares: dict[str, float], wanted: dict[str, float]) -> dict[str, float]:
    """Give the shares with some as wanted, and the others in their proportions."""
    rest = sum(share for name, share in shares.items() if name not in wanted)
    left = 1.0 - sum(wanted.values())
    return {
        name: wanted[name] if name in wanted else share * left / rest if rest > 0 else 0.0
        for name, share in shares.items()
    }


def _with_room_for_segment(data: Any, parts: Sequence[str], base: float, value: float) -> Any:
    """Let the other segments make room for the share of one."""
    if tuple(parts[:2]) != ("workload", "segments") or parts[3:] != ("share",) or base >= 1:
        return data
    for name, segment in data["workload"]["segments"].items():
        if name != parts[2] and segment.get("share") is not None:
            share = _number(segment["share"])[0] * (1 - value) / (1 - base)
            data = replaced(data, ["workload", "segments", name, "share"], share)
    return data


def _shown(written: Any) -> str:
    kinds = {dict: "a mapping", list: "a list", type(None): "nothing", bool: "true or false"}
    return kinds.get(type(written), repr(written)[:40])
