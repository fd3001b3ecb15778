"""The scene of one epoch: the experiment as it is then, with luck of its own and confidence as it was calibrated."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from sim.chance import Purpose, Streams
from sim.columns import Floats
from sim.experiment.ahead import Ahead, Epoch
from sim.experiment.inputs import Files
from sim.experiment.lineup import line_up
from sim.experiment.scene import Scene
from sim.outcome.outcomes import Window
from sim.routing.quality import QualityModel
from sim.workload.requests import CHUNK, Requests, draw_requests


class EpochStreams(Streams):
    """The streams of one epoch: the n-th request of a day has the same luck however many came in the days before."""

    def __init__(self, seed: int, replication: int, epoch: int) -> None:
        super().__init__(seed, replication)
        self._epoch = f"epoch-{epoch}"

    def uniform(self, purpose: Purpose, names: tuple[str, ...], start: int, stop: int) -> NDArray[Any]:
        """Draw the uniforms of the indices `start` to `stop` (exclusive) of this epoch."""
        return super().uniform(purpose, (*names, self._epoch), start, stop)


@dataclass(frozen=True)
class EpochScene(Scene):
    """An experiment as it is in one epoch.

    `calibrated` is the quality model of the time of the last training, and `task_shares` the mix of that time: what
    thresholds by share and confidences rest on.
    """

    epoch: Epoch
    calibrated: QualityModel
    task_shares: Floats

    @cached_property
    def quality(self) -> QualityModel:
        """The quality model of now, with confidences as they were calibrated."""
        return replace(super().quality, calibrated=self.calibrated)

    def chunks(self, replication: int, size: int | None = CHUNK, most: int | None = None) -> Iterator[Requests]:
        """Draw the requests of the epoch, at their times in the whole run."""
        streams = EpochStreams(self.spec.seed, replication, self.epoch.number)
        drawn = draw_requests(
            self.spec.workload, streams, self.calendar, self._horizon, self.replayed, size=size, most=most
        )
        for requests in drawn:
            yield replace(requests, arrival_ns=requests.arrival_ns + self.epoch.start_ns, task_shares=self.task_shares)

    def window(self, replication: int) -> Window:  # noqa: ARG002 - the same in all
        """Give the epoch."""
        return Window(self.epoch.start_ns, self.epoch.end_ns)


class Scenes:
    """The scenes of a replication; those that are equal are made once."""

    unmoved_when_trained = False
    """Whether confidences were calibrated before anything moved, whenever that was."""

    def __init__(self, ahead: Ahead, inputs: Files, replication: int) -> None:
        self._ahead = ahead
        self._inputs = inputs
        self._streams = Streams(ahead.experiment.spec.seed, replication) if ahead.by_chance else None
        self._plain = functools.lru_cache(maxsize=64)(self._make_plain)
        self._made = functools.lru_cache(maxsize=64)(self._make)

    def of(self, epoch: Epoch, trained: dt.datetime, *, still: bool) -> EpochScene:
        """Give the scene of an epoch whose signals were trained at a moment; `still`: with nothing moved."""
        return self._made(epoch.number, trained, still)

    def values(self, epoch: Epoch, trained: dt.datetime, *, still: bool) -> tuple[float, ...]:
        """Give what moves in an epoch."""
        return self._ahead.values(epoch, trained, self._streams, still=still)

    def _make_plain(self, number: int, trained: dt.datetime, still: bool) -> Scene:
        epoch = self._ahead.epochs[number]
        spec = self._ahead.spec(epoch, self.values(epoch, trained, still=still))
        return Scene(spec, line_up(spec.patterns, spec.fleet, spec.baseline), self._inputs)

    def _make(self, number: int, trained: dt.datetime, still: bool) -> EpochScene:
        plain = self._plain(number, trained, still)
        then = self._plain(self._epoch_at(trained), trained, still or self.unmoved_when_trained)
        (first,) = (next(iter(then.chunks(0, None, 1))),)
        return EpochScene(
            plain.spec, plain.line_up, plain.inputs, self._ahead.epochs[number], then.quality, first.task_shares
        )

    def _epoch_at(self, moment: dt.datetime) -> int:
        """Give the number of the epoch that a moment lies in; the first for one before."""
        number = 0
        for epoch in self._ahead.epochs:
            if epoch.begin > moment:
                break
            number = epoch.number
        return number
