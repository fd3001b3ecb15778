"""What a plan may be made of: taken from the experiment, which states models, signals, checks and reward models."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.errors import InvalidInput, Issue
from sim.experiment.document import did_you_mean
from sim.routing.patterns.cascade import Cascade
from sim.routing.patterns.ensemble import Ensemble
from sim.routing.rules import BUILT_IN
from sim.study.plan.sample import Means, usable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sim.experiment.scene import Scene
    from sim.routing.patterns import Pattern
    from sim.routing.quality import QualityModel
    from sim.routing.signals import Signal

MOST_MODELS: Final = 6
"""Models that a plan is made of at most."""

PROMPT_TOKENS: Final = "prompt_tokens"
SEGMENT: Final = "segment"


def means_of(scene: Scene, wanted: Sequence[str] | None, segments: Sequence[str] = ()) -> Means:
    """Give what a plan may be made of. Raises InvalidInput for a signal or a segment that is not there.

    Where `segments` have budgets of their own, rules may go by the segment.

    Models stand by rising cost of a call; of twins that differ by their queues alone one is kept, and of more than six
    those are left out that cost more and are right less often than another one. Checks are those of the experiment's
    cascades (each once, oracles left out), the reward model that of its first ensemble.
    """
    patterns = scene.spec.patterns
    declared = {**scene.spec.signals, **{name: one for pattern in patterns for name, one in pattern.signals.items()}}
    in_use = [name for pattern in patterns for rule in pattern.rules for name in rule.when]
    names = [*declared, PROMPT_TOKENS, *in_use] if wanted is None else list(wanted)
    names += [SEGMENT] if segments else []
    _known(declared, names)
    _are_segments(scene, segments)
    verifies = [pattern.verify for pattern in patterns if isinstance(pattern, Cascade) and not asks_an_oracle(pattern)]
    checks = [one for k, one in enumerate(verifies) if one not in verifies[:k]]
    rewards = [pattern.reward_model for pattern in patterns if isinstance(pattern, Ensemble)]
    models = _models(scene)
    return Means(
        models=models,
        signals=usable(declared, names),
        checks=tuple(checks) or (None,),
        reward=rewards[0] if rewards else None,
        words=tuple(word for word in ("refusal", "hedging") if _is_said(scene, word)),
        twins=_all_twins(scene, models),
        pairs=tuple(itertools.combinations(models, 2)),
    )


def asks_an_oracle(pattern: Pattern) -> bool:
    """Say whether a cascade checks answers by what is never wrong: a bound to compare with, and nothing to build."""
    verify = pattern.verify if isinstance(pattern, Cascade) else None
    return verify is not None and verify.auroc == 1.0


def _is_said(scene: Scene, word: str) -> bool:
    """Say whether some model refuses or hedges at all."""
    wordings = getattr(scene.quality, word).values()
    return any(wording.acceptable or wording.unacceptable for wording in wordings)


def _known(declared: dict[str, Signal], names: Sequence[str]) -> None:
    known = {**BUILT_IN, **declared}
    issues = [
        Issue(f"there is no signal {name!r}", "--signal", hint=did_you_mean(name, list(known)) or _listed(known))
        for name in names
        if name not in known
    ]
    if issues:
        raise InvalidInput(issues)


def _are_segments(scene: Scene, names: Sequence[str]) -> None:
    known = scene.requests(0, 1).segments
    issues = [
        Issue(f"there is no segment {name!r}", "--segment-budget", hint=did_you_mean(name, known) or _listed(known))
        for name in names
        if name not in known
    ]
    if issues:
        raise InvalidInput(issues)


def _listed(names: Collection[str]) -> str:
    return f"there are: {', '.join(sorted(names))}"


def _models(scene: Scene) -> tuple[str, ...]:
    """Give the models by rising mean cost of a call; the frontier model is one of them, whatever it costs.

    Of twins, which differ by their queues alone, one is kept: between them a request would only try its luck twice.
    """
    answers = scene.answers(scene.requests(0, 4096))
    requests, frontier = answers.requests, scene.line_up.frontier
    kept = list[str]()
    for name in sorted(scene.spec.fleet, key=lambda name: name != frontier):
        if not any(_twins(scene, answers.quality, name, other) for other in kept):
            kept.append(name)
    cost, right = dict[str, float](), dict[str, float]()
    for name in kept:
        card = scene.spec.fleet[name].price
        use = requests.input_tokens, requests.cached_tokens, answers.output_tokens(name), requests.cache_write_tokens
        calls = card.call_nano(*use)
        cost[name] = float(calls.sum())
        right[name] = float(np.dot(answers.quality.acceptance[name], requests.task_shares))
    by_cost = sorted(kept, key=lambda name: (cost[name], -right[name], name))
    if len(by_cost) > MOST_MODELS:
        better = [
            name
            for k, name in enumerate(by_cost)
            if name == frontier or right[name] > max((right[other] for other in by_cost[:k]), default=-1.0)
        ]
        by_cost = [*better[: MOST_MODELS - 1], *(name for name in better[MOST_MODELS - 1 :] if name == frontier)]
    return tuple(by_cost)


def _all_twins(scene: Scene, models: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Give the twins of each model that are not among them, of models that have any."""
    quality = scene.answers(scene.requests(0, 1)).quality
    others = [name for name in scene.spec.fleet if name not in models]
    found = {model: tuple(name for name in others if _twins(scene, quality, name, model)) for model in models}
    return {model: twins for model, twins in found.items() if twins}


def _twins(scene: Scene, quality: QualityModel, one: str, other: str) -> bool:
    """Say whether two models answer alike, at the same price and speed; measured answers are always their own."""
    mine, theirs = scene.spec.fleet[one], scene.spec.fleet[other]
    alike = (mine.price, mine.service, mine.verbosity) == (theirs.price, theirs.service, theirs.verbosity)
    return alike and quality.table is None and bool(np.all(quality.acceptance[one] == quality.acceptance[other]))
