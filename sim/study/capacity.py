"""How much a system takes: the largest rate, or the least of any number in the YAML, at which conditions are met."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sim.errors import InvalidInput, Issue
from sim.outcome.estimates import Estimate
from sim.study.bracket import Axis, Bracket, between_ends, from_here
from sim.study.probes import Effort, Prober
from sim.study.until import Until
from sim.units import NS_PER_UNIT
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.sources import processes_of

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment

RATE: Final = "workload.rate_factor"
"""What is searched where nothing else is named; told as requests per second."""

_SPAN: Final = 16.0
"""How far from the present rate to look, up and down."""

State = Literal["found", "open", "meets", "fails", "undecided"]
"""`found`: both ends of the border; `open`: one of them; the others are alike wherever it was looked."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for: a key of the YAML, from `low` to `high` (None: around the present rate).

    `low` and `high` are in the unit of the answer: requests per second where `path` is `RATE`. `precision` is the share
    of a value below which numbers that are not whole are not told apart.
    """

    untils: Sequence[Until]
    path: str = RATE
    low: float | None = None
    high: float | None = None
    patterns: Sequence[str] = ()
    at: Sequence[tuple[str, Sequence[str]]] = ()
    precision: float = 0.02


@dataclass(frozen=True, slots=True)
class Edge:
    """A value that was looked at, and what was seen there: estimates by metric, and which conditions break."""

    value: float
    found: dict[str, Estimate]
    broken: tuple[str, ...]
    replications: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one pattern, at some settings (`at`: value by path).

    `largest` says whether the largest value that meets is sought, or the least; None where that does not show. `meets`
    is the last value that surely meets, `fails` the first that surely fails; what lies between is undecided. `low` and
    `high` are the ends of what was looked at. `reasons` say why something is undecided.
    """

    pattern: str
    at: dict[str, str]
    state: State
    largest: bool | None
    meets: Edge | None
    fails: Edge | None
    low: float
    high: float
    probes: int
    replications: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Capacity:
    """What `tiercast capacity` answers."""

    experiment: str
    title: str
    hash: str
    seed: int
    path: str
    unit: str
    whole: bool
    untils: tuple[Until, ...]
    level: float
    look_level: float
    looks: tuple[int, ...]
    precision: float
    answers: tuple[Answer, ...]
    notes: tuple[str, ...] = ()


def capacity(
    experiment: Experiment,
    search: Search,
    effort: Effort,
    progress: Callable[[float, int], None] | None = None,
) -> Capacity:
    """Search for every pattern and every setting. Raises InvalidInput for a key that is no number.

    `progress` is called with (searches done, searches in all).
    """
    patterns = _patterns(experiment, search)
    settings = list(_settings(search.at))
    answers, notes, whole = list[Answer](), list[str](), False
    for number, (setting, pattern) in enumerate(itertools.product(settings, patterns)):
        if progress is not None:
            progress(number, len(settings) * len(patterns))
        changed = experiment.set(*(f"{path}={value}" for path, value in setting.items())) if setting else experiment
        dial = _Dial(changed, search)
        whole = dial.whole
        prober = Prober(changed, pattern, search.untils, effort, dial.assignments)
        answers.append(_answer(prober, dial, setting, search.precision))
        notes += prober.notes
    return Capacity(
        experiment=experiment.name,
        title=experiment.spec.title or experiment.name,
        hash=experiment.hash,
        seed=experiment.spec.seed,
        path=search.path,
        unit="requests/s" if search.path == RATE else "",
        whole=whole,
        untils=tuple(search.untils),
        level=experiment.spec.run.level,
        look_level=effort.level(experiment.spec.run.level),
        looks=effort.looks,
        precision=search.precision,
        answers=tuple(answers),
        notes=tuple(dict.fromkeys(notes)),
    )


def _answer(prober: Prober, dial: _Dial, setting: dict[str, str], precision: float) -> Answer:
    axis = Axis(dial.low, dial.high, dial.whole, precision)
    found = between_ends(prober.look, axis) if dial.start is None else from_here(prober.look, axis, dial.start)
    probes = prober.probes.values()
    undecided = [probe.judgement.open for probe in probes if probe.judgement.open]
    return Answer(
        pattern=prober.pattern,
        at=setting,
        state=_state(found, prober),
        largest=found.upwards,
        meets=_edge(prober, found.meets),
        fails=_edge(prober, found.fails),
        low=min(probe.value for probe in probes),
        high=max(probe.value for probe in probes),
        probes=len(probes),
        replications=prober.replications,
        reasons=tuple(dict.fromkeys(reason for reasons in undecided for reason in reasons)),
    )


def _state(found: Bracket, prober: Prober) -> State:
    if found.meets is None and found.fails is None:
        return "undecided"
    if found.meets is not None and found.fails is not None:
        return "found"
    sign = -1 if found.upwards is False else 1
    beyond = (
        [value for value in prober.probes if sign * value > sign * found.meets]
        if found.meets is not None
        else [value for value in prober.probes if found.fails is not None and sign * value < sign * found.fails]
    )
    return "open" if beyond else "meets" if found.meets is not None else "fails"


def _edge(prober: Prober, value: float | None) -> Edge | None:
    if value is None:
        return None
    probe = prober.probes[value]
    return Edge(value, dict(probe.judgement.found), probe.judgement.broken, probe.replications)


class _Dial:
    """The key that is turned: its ends, where to start, and how a value is written."""

    def __init__(self, experiment: Experiment, search: Search) -> None:
        self._path = search.path
        self._unit = 1.0
        self.start: float | None = None
        if search.low is not None and search.high is not None and search.low > search.high:
            raise InvalidInput([Issue(f"{search.low:g} is above --to {search.high:g}", "--from")])
        if search.path == RATE:
            self._around_the_rate(experiment, search)
            return
        if search.low is None or search.high is None:
            raise InvalidInput([Issue(f"{search.path}: from where to where?", "--find", hint="add --from 1 --to 100")])
        self.low, self.high = float(search.low), float(search.high)
        present = _value_at(experiment.resolved, search.path)
        if isinstance(present, bool) or not (present is None or isinstance(present, int | float)):
            raise InvalidInput([_no_number(search.path, present)])
        self.whole = not isinstance(present, float) and self.low.is_integer() and self.high.is_integer()
        if isinstance(present, int) and not self.whole:
            raise InvalidInput([Issue(f"{search.path} is a whole number, so are its ends", "--find")])

    def _around_the_rate(self, experiment: Experiment, search: Search) -> None:
        if not all(math.isfinite(end) and end > 0 for end in (search.low, search.high) if end is not None):
            raise InvalidInput([Issue("a rate is a number above 0", "--from")])
        present = rate_per_s(experiment)
        self.whole = False
        self._unit = present / experiment.spec.workload.rate_factor
        self.low = present / _SPAN if search.low is None else search.low
        self.high = present * _SPAN if search.high is None else search.high
        if search.low is None or search.high is None:
            self.start = min(max(float(f"{present:.4g}"), self.low), self.high)
        self.low, self.high = (float(f"{end:.4g}") for end in (self.low, self.high))

    def assignments(self, value: float) -> tuple[str, ...]:
        """Write a value as it is typed after --set."""
        written = value / self._unit if self._path == RATE else value
        return (f"{self._path}={int(written) if self.whole else repr(written)}",)


def rate_per_s(experiment: Experiment) -> float:
    """Give the mean arrival rate of the workload; of a trace, that of its requests from the first to the last."""
    drawn = sum(
        process.mean_rate_per_s()
        for process in processes_of(experiment.spec.workload).values()
        if not isinstance(process, TraceReplay)
    )
    recorded = 0.0
    for trace in experiment.inputs().traces.values():
        span_s = int(trace.arrival_ns[-1] - trace.arrival_ns[0]) / NS_PER_UNIT["s"]
        recorded += (len(trace) - 1) / span_s if span_s else 0.0
    if not drawn + recorded:
        raise InvalidInput([Issue("a trace of one moment has no rate to multiply", path="workload")])
    return drawn + recorded


def _patterns(experiment: Experiment, search: Search) -> list[str]:
    """Give the patterns to search for: those that are named, or all that some condition is asked of."""
    known = [pattern.name for pattern in experiment.line_up.patterns]
    asked = [name for name in known if any(not until.patterns or name in until.patterns for until in search.untils)]
    issues = [
        Issue(f"there is no pattern {name!r}", "--pattern", hint=f"there are: {', '.join(known)}")
        if name not in known
        else Issue(f"no condition is asked of {name!r}", "--pattern", hint=f"some is of: {', '.join(asked)}")
        for name in search.patterns
        if name not in asked
    ]
    if issues:
        raise InvalidInput(issues)
    return list(dict.fromkeys(search.patterns)) or asked


def _settings(at: Sequence[tuple[str, Sequence[str]]]) -> Iterator[dict[str, str]]:
    """Yield every combination of the values of the given paths."""
    for values in itertools.product(*(values for _, values in at)):
        yield {path: value for (path, _), value in zip(at, values, strict=True)}


def _value_at(resolved: Any, path: str) -> Any:
    """Give the resolved value at a dotted path, None where there is none; names may hold dots."""
    if not path:
        return resolved
    if isinstance(resolved, dict):
        for key, inner in resolved.items():
            if path == key or path.startswith(f"{key}."):
                return _value_at(inner, path[len(key) + 1 :])
    if isinstance(resolved, list):
        part, _, rest = path.partition(".")
        named = [inner for inner in resolved if isinstance(inner, dict) and inner.get("name") == part]
        if named or (part.isdigit() and int(part) < len(resolved)):
            return _value_at(named[0] if named else resolved[int(part)], rest)
    return None


def _no_number(path: str, present: Any) -> Issue:
    return Issue(f"{path} is {present!r}, and only numbers can be searched", "--find")
