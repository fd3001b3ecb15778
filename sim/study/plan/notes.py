"""What is to be known of how a plan was found: what was left out, taken for granted, or cut short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.fleet.capacity import batching_of, queue_of, queues_by_segment
from sim.study.plan.means import asks_an_oracle
from sim.study.plan.sample import MOST_OF_ONE, Means, Sample
from sim.study.plan.spans import requests_of

if TYPE_CHECKING:
    from sim.experiment.scene import Scene
    from sim.fleet import Model
    from sim.study.plan.search import Found


def notes(
    scene: Scene, means: Means, sample: Sample, searched: Found, *, may_refuse: bool, plays: bool
) -> Iterator[str]:
    """Yield what was left out and what was taken for granted.

    `may_refuse` says whether calls may be refused, `plays` whether a shortlist was played.
    """
    for kind in searched.idle:
        yield f"of the kind {kind} none is told: its rules change less than 0.1 % of cost and times"
    yield from _on_means(scene, means, plays=plays)
    if len(sample.answers.requests) >= MOST_OF_ONE:
        yield f"the search looks at the first {MOST_OF_ONE:,} requests of each replication"
    if may_refuse:
        yield (
            "calls may wait, be refused or fail here: search and fresh requests take them for answered at the first "
            "try, and what the replications that were played cost and lose beside that is added"
        )
    if scene.spec.drift is not None:
        yield "the plan is of the traffic and the models at the start: what `drift` of the file brings, it does not see"


def _on_means(scene: Scene, means: Means, *, plays: bool) -> Iterator[str]:
    oracles = [pattern.name for pattern in scene.spec.patterns if asks_an_oracle(pattern)]
    if oracles:
        yield f"a check that is never wrong (AUROC 1) is a bound and no plan: {', '.join(oracles)}"
    if means.checks == (None,):
        yield "no cascade of the experiment says what checking a first answer takes; here it is free and instant"
    if means.reward is None:
        yield "no ensemble of the experiment describes a reward model; none was looked at"
    if len(means.models) < len(scene.spec.fleet):
        twins = [name for names in means.twins.values() for name in names]
        left = [name for name in scene.spec.fleet if name not in (*means.models, *twins)]
        if left:
            yield f"left out, since others answer as well for less: {', '.join(left)}"
        for model, others in means.twins.items():
            how = "played in its place, and taken where that is better" if plays else "left out"
            yield f"{', '.join(others)}: no different from {model} but for queues and callers; {how}"


def notes_on_spans(scene: Scene, drawn: Scene, short: Scene) -> Iterator[str]:
    """Yield in how much longer runs requests were drawn, and how much of each run was played."""
    if drawn is not scene:
        yield (
            f"runs are short, and nothing in the traffic changes over time: requests are drawn in runs of "
            f"{requests_of(drawn):,.0f} instead of {requests_of(scene):,.0f}"
        )
    if short is not scene:
        yield (
            f"played is the beginning of each replication, {_span(short)} of {_span(scene)}: queues at other times are "
            "not seen (--full plays ten times as much)"
        )


def _span(scene: Scene) -> str:
    duration = scene.spec.run.duration
    if duration is None:
        return f"{requests_of(scene):,.0f} requests"
    hours = duration / 3600e9
    count, unit = (hours / 24, "day") if hours >= 24 else (hours, "hour")  # noqa: PLR2004 - of a day
    return f"{count:.3g} {unit}{'' if count == 1 else 's'}"


def shows_in_play(model: Model) -> bool:
    """Say whether a call to a model may be refused or fail, or the number of its replicas changes."""
    batching = batching_of(model.capacity)
    if batching is None:
        return model.may_refuse()
    if batching.autoscale is not None or queue_of(model.capacity) is not None or queues_by_segment(model.capacity):
        return True
    return model.model_copy(update={"capacity": "unlimited"}).may_refuse()
