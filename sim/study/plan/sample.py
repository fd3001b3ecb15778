"""Requests drawn for a search, with the answers of every model: what any routing of them costs can be read off.

Nothing queues here. Where no call is refused, what is asked and what it costs depends on no queue, so that cost and
quality of a pattern are exactly those that a run gives; times are those of an idle system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.chance import Purpose
from sim.columns import Bools, Floats, Ints
from sim.fleet.capacity import needed
from sim.routing.answers import Answers
from sim.routing.rules import BUILT_IN
from sim.routing.signals import Labels, Signal
from sim.routing.thresholds import surety_at_share
from sim.study.plan.spans import rate_of
from sim.units import as_int64, nano_usd
from sim.workload.requests import Requests

if TYPE_CHECKING:
    from sim.experiment.scene import Scene
    from sim.routing.patterns.cascade import Verify
    from sim.routing.patterns.ensemble import RewardModel

SEARCH_FROM: Final = 1 << 20
"""First replication of the requests that a search looks at: none of those that a run plays."""

CONFIRM_FROM: Final = 1 << 22
"""First replication of the requests that confirm what a search found."""

MOST_OF_ONE: Final = 65_536
"""Requests of one replication that are looked at, from its beginning."""

_US: Final = 1_000
_NS: Final = 1e9


@dataclass(slots=True)
class OfModel:
    """What one model would do with each request.

    `cost` int64 nano-dollars, `time` int64 us alone in the system, `work` int64 us of a server, `right` bool
    acceptable, `worded` bool refused or hedged; `surety` float64 by the AUROC of the check that reads it (None: its
    own).
    """

    cost: Ints
    time: Ints
    work: Ints
    right: Bools
    worded: Bools
    surety: dict[float | None, Floats] = field(default_factory=dict)


@dataclass(slots=True)
class Sample:
    """Requests of several replications, one after the other, without those that arrive in the warm-up.

    `seconds` is the time in which they arrive; `segment` int64 codes of who asks. `scores` holds the score of each
    signal: int64 codes of labels, or float64 numbers; `signal_time` int64 us by signal, `check_time` by model and
    number of the check, `judge_time` of the reward model; `judged_right` bool by pair of models, whether the reward
    model would pick an acceptable answer.
    """

    requests: int
    seconds: float
    segment: Ints
    models: dict[str, OfModel]
    scores: dict[str, Ints | Floats]
    signal_time: dict[str, Ints]
    check_time: dict[tuple[str, int], Ints]
    judge_time: Ints
    judged_right: dict[tuple[str, str], Bools]
    answers: Answers
    cuts: dict[tuple[object, ...], Floats] = field(default_factory=dict)

    def cuts_of(self, model: str, auroc: float | None, shares: Floats) -> Floats:
        """Give the thresholds at which these shares of a model's answers escalate; kept, since each takes a while."""
        key = (model, auroc, shares.tobytes())
        if key not in self.cuts:
            some = [surety_at_share(self.answers, model, auroc, share) for share in shares.tolist()]
            self.cuts[key] = np.array(some)
        return self.cuts[key]

    def judged_by(self, other: Sample) -> None:
        """Take thresholds from what another sample believes of the same models."""
        self.answers, self.cuts = other.answers, other.cuts


@dataclass(frozen=True, slots=True)
class Means:
    """What patterns may be made of: models by rising cost, signals, checks of first answers, a reward model.

    `words` are what some answers say: ``refusal``, ``hedging``. `twins` are, by model, those that answer alike at the
    same price and speed, and differ by their queues and callers alone.
    """

    models: tuple[str, ...]
    signals: dict[str, Signal]
    checks: tuple[Verify | None, ...]
    reward: RewardModel | None
    pairs: tuple[tuple[str, str], ...]
    words: tuple[str, ...] = ()
    twins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def aurocs(self) -> tuple[float | None, ...]:
        """The AUROCs of the checks, each once."""
        return tuple(dict.fromkeys(None if check is None else check.auroc for check in self.checks))


def drawn(scene: Scene, first: int, requests: int) -> Iterator[Answers]:
    """Yield the answers to the requests of one replication after the other, until there are so many requests.

    Of a long replication only the first ones are looked at. Stops after `requests` replications that bring none.
    """
    warm_up, seen, replication = scene.spec.run.warm_up, 0, first
    while seen < requests and replication - first < requests:
        some = scene.requests(replication, MOST_OF_ONE)
        seen += int((some.arrival_ns >= warm_up).sum())
        replication += 1
        yield scene.answers(some)


def measured_from(scene: Scene, requests: Requests) -> tuple[slice, float]:
    """Give the rows that count, and the seconds in which they arrive."""
    run, arrival = scene.spec.run, requests.arrival_ns
    rows = slice(int(np.searchsorted(arrival, run.warm_up)), None)
    if run.duration is not None and len(requests) < MOST_OF_ONE:
        return rows, (run.duration - run.warm_up) / _NS
    rate = rate_of(scene)
    if rate:  # the beginning of a long run may be one of its nights: as long as so many requests take on average
        return rows, len(arrival[rows]) / rate
    return rows, max((int(arrival[-1]) if len(arrival) else run.warm_up) - run.warm_up, 0) / _NS


def draw(scene: Scene, means: Means, requests: int, first: int = SEARCH_FROM) -> Sample:
    """Draw a sample. Raises ValueError if no request arrives."""
    parts, seconds = [], 0.0
    for answers in drawn(scene, first, requests):
        rows, length = measured_from(scene, answers.requests)
        parts.append(_part(scene, means, answers, rows))
        seconds += length
    total = sum(part.requests for part in parts)
    if not total:
        raise ValueError("no request arrives in the measured part of the run")
    return _joined(parts, total, seconds)


def _part(scene: Scene, means: Means, answers: Answers, rows: slice) -> Sample:
    requests = answers.requests
    return Sample(
        requests=len(requests.arrival_ns[rows]),
        seconds=0.0,
        segment=requests.segment[rows],
        models={name: _of_model(scene, means, answers, name, rows) for name in means.models},
        scores={name: _score(scene, signal, name, answers)[rows] for name, signal in means.signals.items()},
        signal_time={
            name: _time(requests, signal.time, Purpose.SIGNAL_TIME, name)[rows]
            for name, signal in means.signals.items()
        },
        check_time={
            (name, number): _time(requests, None if check is None else check.time, Purpose.VERIFY, name)[rows]
            for name in means.models
            for number, check in enumerate(means.checks)
        },
        judge_time=_time(requests, None if means.reward is None else means.reward.time, Purpose.REWARD_TIME)[rows],
        judged_right={pair: _judged(answers, pair, means.reward)[rows] for pair in means.pairs if means.reward},
        answers=answers,
    )


def _of_model(scene: Scene, means: Means, answers: Answers, name: str, rows: slice) -> OfModel:
    model, requests = scene.spec.fleet[name], answers.requests
    times = answers.service(name)
    total, prefill = times.total_ns[rows] // _US, times.ttft_ns[rows] // _US
    # linear in both parts: the work of a call is that of its prefill and that of its decoding
    in_prefill, in_decode = needed(model.capacity, 1.0, 1.0), needed(model.capacity, 0.0, 1.0)
    plain = in_prefill == in_decode == 1.0
    use = requests.input_tokens, requests.cached_tokens, answers.output_tokens(name), requests.cache_write_tokens
    return OfModel(
        cost=model.price.call_nano(*use)[rows],
        time=total,
        work=total if plain else as_int64(np.rint(in_prefill * prefill + in_decode * (total - prefill))),
        right=answers.acceptable(name)[rows],
        worded=(answers.refused(name) | answers.hedged(name))[rows],
        surety={auroc: answers.surety(name, auroc)[rows] for auroc in means.aurocs},
    )


def _score(scene: Scene, signal: Signal, name: str, answers: Answers) -> Ints | Floats:
    found = signal.score(name, answers, scene.line_up.cheap)
    return found.codes if isinstance(found, Labels) else found.values


def _time(requests: Requests, law: object, purpose: Purpose, *names: str) -> Ints:
    """Give the time of a step in microseconds."""
    if law is None:
        return np.zeros(len(requests), dtype=np.int64)
    quantile = law.quantile(requests.uniform(purpose, *names))  # type: ignore[attr-defined] # every law has one
    return as_int64(quantile) // _US


def _judged(answers: Answers, pair: tuple[str, str], reward: RewardModel) -> Bools:
    """Say whether the answer that the reward model picks is acceptable, as the ensemble pattern has it."""
    first, second = (answers.acceptable(name) for name in pair)
    found: Bools = (first & second) | (
        (first ^ second) & (answers.requests.uniform(Purpose.REWARD, *pair) < reward.accuracy)
    )
    return found


def _joined(parts: Sequence[Sample], total: int, seconds: float) -> Sample:
    one = parts[0]

    def model(name: str) -> OfModel:
        mine = [part.models[name] for part in parts]
        return OfModel(
            cost=np.concatenate([some.cost for some in mine]),
            time=np.concatenate([some.time for some in mine]),
            work=np.concatenate([some.work for some in mine]),
            right=np.concatenate([some.right for some in mine]),
            worded=np.concatenate([some.worded for some in mine]),
            surety={auroc: np.concatenate([some.surety[auroc] for some in mine]) for auroc in mine[0].surety},
        )

    return Sample(
        requests=total,
        seconds=seconds,
        segment=np.concatenate([part.segment for part in parts]),
        models={name: model(name) for name in one.models},
        scores={name: np.concatenate([part.scores[name] for part in parts]) for name in one.scores},
        signal_time={name: np.concatenate([part.signal_time[name] for part in parts]) for name in one.signal_time},
        check_time={key: np.concatenate([part.check_time[key] for part in parts]) for key in one.check_time},
        judge_time=np.concatenate([part.judge_time for part in parts]),
        judged_right={pair: np.concatenate([part.judged_right[pair] for part in parts]) for pair in one.judged_right},
        answers=one.answers,
    )


def usable(signals: dict[str, Signal], wanted: Sequence[str]) -> dict[str, Signal]:
    """Give the signals of these names, built-in ones among them, that are known before a call."""
    known = {**BUILT_IN, **signals}
    return {name: known[name] for name in dict.fromkeys(wanted) if known[name].known_before_call}


def step_nano(usd: float) -> int:
    """Give the price of a step in nano-dollars."""
    return nano_usd(usd)
