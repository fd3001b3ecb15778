"""The charts of a gate over the epochs of one replication: reference first, then scores, alarms and cool-downs."""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sim.chance.normal import normal_cdf
from sim.columns import Ints
from sim.gates.detectors import Chart, Detector, Side
from sim.gates.kinds import Gate, RateGate
from sim.gates.kinds.gate import reference_share
from sim.gates.run_length import counts_law
from sim.study.drift.steering import span

_ENOUGH_BAD: Final = 50.0
_STEPS: Final = 20
_THRESHOLD_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of one chart: what it looked at, and when that was known."""

    gate: str
    stream: str
    epoch: int
    at: dt.datetime


@dataclass(slots=True)
class _Stream:
    """One chart of a gate, and what it is held against."""

    reference: Ints
    epochs: int = 0
    chart: Chart | None = None
    scores: dict[int, float] = field(default_factory=dict)


class Watch:
    """One gate over one pattern in one replication.

    `share` is the part of the false alarms allowed that each of its charts gets: one over the number of all charts that
    watch the pattern.
    """

    def __init__(self, gate: Gate, epoch_ns: int, thin: float = 1.0) -> None:
        self.gate, _ = gate.thinned(thin)
        self.lag = 1 + math.ceil(gate.delay / epoch_ns)
        self._epoch_ns = epoch_ns
        self._needed = max(1, math.ceil(gate.reference / epoch_ns))
        self._streams: dict[str, _Stream] = {}
        self._quiet_until: dt.datetime | None = None
        self._begins = 0

    def learn_anew(self, epoch: int) -> None:
        """Forget the reference: from this epoch on the pattern is another one."""
        self._streams = {name: _replaced(stream) for name, stream in self._streams.items()}
        self._begins = epoch

    def look(self, epoch: int, counts: Mapping[str, Ints], charts: int, now: dt.datetime) -> list[Alarm]:
        """Take in an epoch's counts by stream; give the alarms. `charts` watch the pattern in all."""
        if epoch < self._begins:
            return []
        names = [name for name, some in counts.items() if self._look(name, epoch, some, charts)]
        if not names or (self._quiet_until is not None and now < self._quiet_until):
            return []
        self._quiet_until = now + span(self.gate.then.cool_down)
        for stream in self._streams.values():
            if stream.chart is not None:
                stream.chart.restart(np.ones(1, dtype=np.bool_))
        return [Alarm(self.gate.name, name, epoch, now) for name in names]

    def scores(self, name: str, epochs: int) -> list[float]:
        """Give the score of every epoch of a stream; NaN where there was none."""
        found = self._streams[name].scores if name in self._streams else {}
        return [found.get(number, math.nan) for number in range(epochs)]

    def _look(self, name: str, epoch: int, counts: Ints, charts: int) -> bool:
        beyond = self.gate.beyond_limit(counts)
        if beyond is not None:
            return beyond
        stream = self._streams.setdefault(name, _Stream(np.zeros_like(counts)))
        if stream.epochs < self._needed:
            stream.reference = stream.reference + counts
            stream.epochs += 1
            return False
        score = float(self.gate.scores(counts, stream.reference))
        if math.isnan(score):
            return False
        stream.scores[epoch] = score
        if stream.chart is None:
            stream.chart = self._chart(stream, charts)
        return bool(stream.chart.look(np.array([score]))[0])

    def _chart(self, stream: _Stream, charts: int) -> Chart:
        """Begin a chart whose false alarms are as rare as the gate says, all charts together."""
        gate, epochs = self.gate, float(stream.epochs)
        detector = gate.chart_detector(stream.reference, epochs)
        run_length = gate.false_alarm_every / self._epoch_ns * charts
        count = share = 0.0
        if isinstance(gate, RateGate):
            share = float(reference_share(stream.reference))
            count = int(stream.reference[0]) / epochs
        few = 0 < count * min(share, 1 - share) < _ENOUGH_BAD
        law = (_rounded(count), _rounded(share)) if few else None
        threshold = threshold_of(detector, run_length, gate.side, law, 1 / math.sqrt(epochs))
        return detector.chart(threshold, gate.side, 1)


@functools.lru_cache(maxsize=512)
def threshold_of(
    detector: Detector, run_length: float, side: Side, law: tuple[float, float] | None, reference_error: float
) -> float:
    """Give a detector's threshold; `law` is (count, share) of scores of few answers, None for normal ones."""
    scores = normal_cdf if law is None else counts_law(max(round(law[0]), 1), law[1], law[1])
    found = detector.threshold(run_length, side, scores, reference_error)
    return float(f"{found:.{_THRESHOLD_DIGITS}g}")  # which digits follow depends on how linear algebra is threaded


def _replaced(stream: _Stream) -> _Stream:
    return _Stream(np.zeros_like(stream.reference), scores=stream.scores)


def _rounded(value: float) -> float:
    """Round to steps of an eighth, so that thresholds are worked out once for what hardly differs."""
    return float(10 ** (round(_STEPS * math.log10(value)) / _STEPS))
