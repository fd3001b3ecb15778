"""When a cascade is worth more than a pre-route: closed forms, and the same by playing both.

Requests are of four kinds: both models right, only the strong one, only the weak one, neither. A classifier of accuracy
`a` says beforehand whether the weak model will be wrong; a verifier of accuracy `v` says so of its answer. Then either
pattern is right on

    both + (only strong + only weak) x accuracy,

the same formula for the same accuracy, and asks the strong model for `f + (1 - 2 f) x accuracy` of the requests, f
being the share that the weak model gets right. What differs is the bill: a cascade pays for the weak answers that it
throws away and for checking, a pre-route for classifying. So a cascade needs a verifier that is better than the
classifier, by how much the value of an acceptable answer decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.columns import Floats
from sim.experiment.resolve import from_mapping
from sim.experiment.scene import Scene
from sim.outcome.intervals import ratio_interval
from sim.routing.patterns import Pattern
from sim.study.plan.ledger import BLOCKS, Ledger, ledger

_HALVINGS: Final = 24
_LEVEL: Final = 0.95
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Kinds:
    """Shares of requests by who is right; what is left is right for neither."""

    both: float
    only_strong: float
    only_weak: float

    def __post_init__(self) -> None:
        if min(self.both, self.only_strong, self.only_weak) < 0 or self.neither < -_TINY:
            raise ValueError("shares lie between 0 and 1 and add up to 1 at most")

    @property
    def neither(self) -> float:
        """Share that neither model gets right."""
        return 1 - self.both - self.only_strong - self.only_weak

    @property
    def weak(self) -> float:
        """Share that the weak model gets right."""
        return self.both + self.only_weak

    def quality(self, accuracy: float) -> float:
        """Give the share of acceptable answers of either pattern."""
        return self.both + (self.only_strong + self.only_weak) * accuracy

    def asked(self, accuracy: float) -> float:
        """Give the share of requests that the strong model is asked for."""
        return self.weak + (1 - 2 * self.weak) * accuracy


@dataclass(frozen=True, slots=True)
class Bills:
    """USD of 1,000 calls of each model, of 1,000 requests classified, and of 1,000 answers verified."""

    weak: float
    strong: float
    classifier: float = 0.0
    verifier: float = 0.0

    def pre_route(self, kinds: Kinds, accuracy: float) -> float:
        """Give the cost of 1,000 requests."""
        asked = kinds.asked(accuracy)
        return self.classifier + self.weak * (1 - asked) + self.strong * asked

    def cascade(self, kinds: Kinds, accuracy: float) -> float:
        """Give the cost of 1,000 requests."""
        return self.weak + self.verifier + self.strong * kinds.asked(accuracy)


@dataclass(frozen=True, slots=True)
class Floor:
    """The accuracy from which on a verifier makes a cascade worth more than a pre-route with a given classifier.

    `verifier` is None where even a perfect one does not; below 0.5 any that is better than a coin does. `quality` and
    costs of 1,000 requests are those of the pre-route, and of a cascade at the floor (at 1, where there is none).
    """

    classifier: float
    verifier: float | None
    quality: float
    usd: float
    cascade_quality: float
    cascade_usd: float


def floor(kinds: Kinds, bills: Bills, classifier: float, value: float) -> Floor:
    """Give the floor in closed form; `value` is what an acceptable answer is worth in USD.

    ValueError where more accuracy makes a cascade worth no more: answers are worth too little for that.
    """
    worth = 1000 * value
    slope = worth * (kinds.only_strong + kinds.only_weak) - bills.strong * (1 - 2 * kinds.weak)
    if slope <= 0:
        raise ValueError(
            f"at ${value:g} an acceptable answer is worth less than what a better verifier spends on the strong model"
        )
    pre_route = worth * kinds.quality(classifier) - bills.pre_route(kinds, classifier)
    at = (pre_route - worth * kinds.quality(0.0) + bills.cascade(kinds, 0.0)) / slope
    verifier = at if at <= 1 else None
    shown = 1.0 if verifier is None else max(verifier, 0.0)
    return Floor(
        classifier=classifier,
        verifier=verifier,
        quality=kinds.quality(classifier),
        usd=bills.pre_route(kinds, classifier),
        cascade_quality=kinds.quality(shown),
        cascade_usd=bills.cascade(kinds, shown),
    )


def gain(kinds: Kinds, bills: Bills, accuracies: tuple[float, float], value: float) -> float:
    """Give by how much a cascade is worth more, in USD of 1,000 requests; `accuracies` of classifier and verifier."""
    classifier, verifier = accuracies
    better = 1000 * value * (kinds.quality(verifier) - kinds.quality(classifier))
    return better - bills.cascade(kinds, verifier) + bills.pre_route(kinds, classifier)


ACCURACIES: Final = tuple(k / 100 for k in range(50, 101, 5))
"""Accuracies of classifiers and verifiers at which the map says who is worth more."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """What `tiercast fit break-even` answers.

    `floors` by accuracy of the classifier; `gains[classifier][verifier]` is by how much a cascade is worth more, USD of
    1,000 requests. `played` is the floor of one classifier found by playing, with its interval, None where there is
    none.
    """

    kinds: Kinds
    bills: Bills
    value: float
    floors: tuple[Floor, ...]
    gains: tuple[tuple[float, ...], ...]
    classifier: Floor
    played: tuple[float, float, float] | None
    requests: int


def break_even_of(kinds: Kinds, bills: Bills, value: float, classifier: float, requests: int) -> BreakEven:
    """Answer all of it; ValueError where more accuracy makes a cascade worth no more."""
    own = floor(kinds, bills, classifier, value)
    played = None
    if own.verifier is not None and own.verifier > 0:
        played = simulated_floor(kinds, bills, classifier, value, requests)
    return BreakEven(
        kinds=kinds,
        bills=bills,
        value=value,
        floors=tuple(floor(kinds, bills, one, value) for one in ACCURACIES),
        gains=tuple(tuple(gain(kinds, bills, (one, other), value) for other in ACCURACIES) for one in ACCURACIES),
        classifier=own,
        played=played,
        requests=requests,
    )


# ---- the same by playing both patterns


@dataclass(frozen=True, slots=True)
class Played:
    """What playing shows, with intervals over blocks of requests: (value, lower, upper)."""

    quality: tuple[float, float, float]
    usd: tuple[float, float, float]


def as_experiment(kinds: Kinds, bills: Bills, classifier: float, verifier: float) -> dict[str, Any]:
    """Give an experiment in which both patterns meet: each kind of request is a task class of its own.

    The classifier mistakes requests that the weak model gets wrong for others and the other way round; the verifier's
    word is a wording of the answer that the cascade escalates on.
    """
    shares = {
        "both": kinds.both,
        "only-strong": kinds.only_strong,
        "only-weak": kinds.only_weak,
        "neither": max(kinds.neither, 0.0),
    }
    mix = {name: share for name, share in shares.items() if share > 0}
    mix[max(mix, key=mix.__getitem__)] += 1 - sum(mix.values())
    weak = {"both": 1.0, "only-strong": 0.0, "only-weak": 1.0, "neither": 0.0}
    strong = {"both": 1.0, "only-strong": 1.0, "only-weak": 0.0, "neither": 0.0}
    hard, easy = [[name for name in mix if weak[name] == right] for right in (0.0, 1.0)]
    confusion = {}
    for name in mix:
        other = (easy if weak[name] == 0 else hard)[:1]
        confusion[name] = {name: classifier, other[0]: 1 - classifier} if other else {name: 1.0}
    free = {"input_mtok": 0.0, "output_mtok": 0.0}
    return {
        "version": 1,
        "name": "break-even",
        "seed": 1,
        "workload": {
            "arrivals": {"kind": "constant", "rate_per_s": 10},
            "tasks": {name: {"input_tokens": 1, "output_tokens": 1} for name in mix},
            "mix": mix,
        },
        "fleet": {
            "weak": {"price": {**free, "per_call_usd": bills.weak / 1000}, "service": "1s", "tier": "cheap"},
            "strong": {"price": {**free, "per_call_usd": bills.strong / 1000}, "service": "2s", "tier": "frontier"},
        },
        "quality": {
            "acceptance": {name: {"weak": weak[name], "strong": strong[name]} for name in mix},
            "dependence": 0.0,
            "refusal": {"weak": {"acceptable": 1 - verifier, "unacceptable": verifier}},
        },
        "signals": {
            "hard": {"kind": "task_class", "confusion": confusion, "usd_per_call": bills.classifier / 1000},
        },
        "patterns": [
            {
                "name": "pre-route",
                "kind": "pre_route",
                "rules": [{"when": {"hard": hard or [next(iter(mix))]}, "to": "strong"}],
                "otherwise": "weak",
            },
            {
                "name": "cascade",
                "kind": "cascade",
                "ladder": ["weak", "strong"],
                "verify": {"usd_per_call": bills.verifier / 1000},
                "escalate_when": {"refusal": True},
            },
        ],
        "run": {"duration": "10m", "replications": 2},
    }


def play(
    kinds: Kinds, bills: Bills, classifier: float, verifier: float, requests: int = 100_000
) -> tuple[Played, Played, Ledger]:
    """Route the same requests by a pre-route and a cascade; give what both cost and how good they are."""
    # as many replications as there are blocks, so that few requests have an interval too
    run = {"requests": max(requests // BLOCKS, 50), "replications": 2}
    made = from_mapping({**as_experiment(kinds, bills, classifier, verifier), "run": run})
    scene = Scene(made.spec, made.line_up, made.inputs())
    patterns: list[Pattern] = list(made.spec.patterns)
    sums = ledger(scene, patterns, "pre-route", requests=requests, first=0, level=_LEVEL)
    return _played(sums, "pre-route"), _played(sums, "cascade"), sums


def simulated_floor(
    kinds: Kinds, bills: Bills, classifier: float, value: float, requests: int = 100_000
) -> tuple[float, float, float]:
    """Find the floor by halving on what playing shows, with its 95 % interval; ValueError where there is none.

    All accuracies see the same requests with the same luck. The interval is that of the difference in worth at the
    root, divided by its slope there.
    """

    def worth(verifier: float) -> tuple[Floats, Floats]:
        _, _, sums = play(kinds, bills, classifier, verifier, requests)
        mine, other = sums.every.sums["cascade"], sums.every.sums["pre-route"]
        usd = (other.cost - mine.cost) / 1e9 + value * (mine.right - other.right)
        return usd * 1000, sums.every.requests

    low, high = 0.0, 1.0
    if not worth(low)[0].sum() < 0 < worth(high)[0].sum():
        raise ValueError("no accuracy of the verifier makes both worth the same")
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if worth(middle)[0].sum() < 0 else (low, middle)
        if high - low < 1e-4:  # noqa: PLR2004 - finer than any interval
            break
    root = (low + high) / 2
    usd, count = worth(root)
    found = ratio_interval(usd, count, _LEVEL)
    step = 0.01
    slope = float(worth(min(root + step, 1.0))[0].sum() - worth(max(root - step, 0.0))[0].sum()) / float(count.sum())
    slope /= min(root + step, 1.0) - max(root - step, 0.0)
    if found is None or found.lower is None or found.upper is None or slope <= 0:
        raise ValueError("too few requests to tell")
    half = (found.upper - found.lower) / 2 / slope
    return root, root - half, root + half


def _played(sums: Ledger, name: str) -> Played:
    found: Mapping[str, Any] = sums.estimates(name)
    quality, usd = found["quality.acceptance"], found["cost.per_1k"]
    return Played((quality.value, quality.lower, quality.upper), (usd.value, usd.lower, usd.upper))


def measured_kinds(weak: Floats, strong: Floats) -> Kinds:
    """Give the shares of outcomes on labelled prompts, 1 and 0 each."""
    return Kinds(
        both=float(np.mean((weak > 0) & (strong > 0))),
        only_strong=float(np.mean((weak == 0) & (strong > 0))),
        only_weak=float(np.mean((weak > 0) & (strong == 0))),
    )
