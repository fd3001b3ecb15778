"""The base of every gate: what it counts each epoch, and the score its detector looks at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field

from sim.chance.normal import normal_cdf
from sim.columns import Floats, Ints
from sim.gates.actions import Alert, AnyAction
from sim.gates.detectors import AnyDetector, Detector, Side
from sim.gates.detectors.cusum import Cusum
from sim.gates.run_length import Cdf, counts_law
from sim.gates.seen import Seen
from sim.schema import Spec
from sim.units import Fraction, PositiveDurationNs, Usd

GateName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]

By: TypeAlias = Literal["route", "all"]
ALL_ROUTES = "all"

_MOST_BINOMIAL = 20_000
_SMALLEST_SHIFT, _LARGEST_SHIFT = 0.1, 8.0


class Gate(Spec, ABC):
    """Watches one thing that production can see. Subclasses say their `kind`."""

    paid_per: ClassVar[str] = ""
    """What is paid for, in words; nothing where empty."""
    side: ClassVar[Side] = "up"
    """Which way a score must go to be bad news."""

    name: GateName
    """Name of the gate."""
    detector: AnyDetector = Cusum(kind="cusum")
    """The chart that looks at each epoch's score."""
    false_alarm_every: PositiveDurationNs = Field("52w", validate_default=True)
    """Mean time between false alarms of all gates that watch a pattern together; each chart gets its part."""
    reference: PositiveDurationNs = Field("4w", validate_default=True)
    """What later epochs are compared with: the first time of the run."""
    delay: PositiveDurationNs = Field("1d", validate_default=True)
    """Time from the end of an epoch until what was counted in it is known."""
    then: AnyAction = Alert(kind="alert")
    """What follows an alarm."""

    @abstractmethod
    def streams(self, routes: tuple[str, ...]) -> tuple[str, ...]:
        """Name what is watched apart, each by a chart of its own."""

    @abstractmethod
    def bins(self, tasks: tuple[str, ...]) -> int:
        """Give how many numbers are counted in each stream."""

    @abstractmethod
    def count(self, seen: Seen) -> Ints:
        """Count some requests; int64[streams, bins]."""

    @abstractmethod
    def scores(self, counts: Ints, reference: Ints) -> Floats:
        """Give the standardised score of each epoch; NaN where nothing was counted.

        `counts` int64[..., bins], `reference` the same summed over the epochs that are compared with; positive scores
        point to worse.
        """

    @abstractmethod
    def law(self, reference: Ints, epochs: float) -> Cdf:
        """Give the law of a score in control; `reference` int64[bins] was counted in so many `epochs`."""

    def chart_detector(self, reference: Ints, epochs: float) -> Detector:  # noqa: ARG002 - gates that know more may
        """Give the detector, with what it leaves open filled in."""
        return self.detector

    def beyond_limit(self, counts: Ints) -> bool | None:  # noqa: ARG002 - most gates have none
        """Say whether an epoch is beyond a fixed limit; None where charts decide."""
        return None

    def usd(self, looked_at: int) -> float:  # noqa: ARG002 - what is there anyway costs nothing
        """Give what looking at so many answers costs."""
        return 0.0

    def thinned(self, thin: float) -> tuple[Self, float]:
        """Give the gate for traffic of which one request stands for `thin`, and how many answers one seen stands for.

        A sample is taken from as many more of the requests there are, so that as many answers are seen as would be.
        """
        return self, thin


class RateGate(Gate, ABC):
    """A gate that watches a share: of answers judged bad, of escalations, of refusals."""

    by: By = "route"
    """Whether each route has a chart of its own."""
    find: Fraction | None = None
    """The change of the share to be found soonest, in points (3% finds 10 % -> 13 %); for a CUSUM without a shift."""
    limit: Fraction | None = None
    """A fixed line instead of a chart: an alarm in every epoch whose share lies above."""

    def streams(self, routes: tuple[str, ...]) -> tuple[str, ...]:
        """Name the routes, or all together."""
        return routes if self.by == "route" else (ALL_ROUTES,)

    def bins(self, tasks: tuple[str, ...]) -> int:  # noqa: ARG002 - the same for all
        """Give two: looked at, bad."""
        return 2

    def beyond_limit(self, counts: Ints) -> bool | None:
        """Say whether the share of an epoch lies above the limit; None without one."""
        if self.limit is None:
            return None
        return int(counts[0]) > 0 and int(counts[1]) > self.limit * int(counts[0])

    def group(self, seen: Seen) -> Ints:
        """Give the stream of each request."""
        return seen.route if self.by == "route" else np.zeros(len(seen), dtype=np.int64)

    def scores(self, counts: Ints, reference: Ints) -> Floats:
        """Give (bad - n p) / sqrt(n p (1 - p)) with p the share in the reference.

        Where the reference saw none (or only) bad ones, p is taken half an answer from the end, so that a change shows.
        """
        looked, bad = counts[..., 0].astype(np.float64), counts[..., 1].astype(np.float64)
        p = reference_share(reference)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (bad - looked * p) / np.sqrt(looked * p * (1 - p))
        return np.where((looked > 0) & (reference[..., 0] > 0), found, np.nan)

    def law(self, reference: Ints, epochs: float) -> Cdf:
        """Give the binomial law of an epoch as long as those of the reference; a normal one for very many answers."""
        count = round(int(reference[0]) / epochs)
        if count < 1 or count > _MOST_BINOMIAL:
            return normal_cdf
        p = float(reference_share(reference))
        return counts_law(count, p, p)

    def chart_detector(self, reference: Ints, epochs: float) -> Detector:
        """Let a CUSUM without a shift look for the change to be found: in standard deviations of an epoch's score."""
        if not isinstance(self.detector, Cusum) or self.detector.shift is not None or self.find is None:
            return self.detector
        p, count = float(reference_share(reference)), max(int(reference[0]) / epochs, 1.0)
        shift = min(max(self.find * (count / (p * (1 - p))) ** 0.5, _SMALLEST_SHIFT), _LARGEST_SHIFT)
        return self.detector.model_copy(update={"shift": float(f"{shift:.2g}")})  # so that thresholds are shared


class PaidGate(RateGate, ABC):
    """A gate that pays for what it looks at."""

    sample: Fraction
    """Share of the answers that are looked at."""
    usd_per_answer: Usd = 0.0
    """USD for looking at one answer."""

    def usd(self, looked_at: int) -> float:
        """Give the price of so many."""
        return looked_at * self.usd_per_answer

    def thinned(self, thin: float) -> tuple[Self, float]:
        """Sample as much more, up to all there is."""
        factor = min(thin, 1 / self.sample) if self.sample else 1.0
        return self.model_copy(update={"sample": self.sample * factor}), thin / factor


def reference_share(reference: Ints) -> Floats:
    """Give the share of bad ones in a reference, half an answer from the ends at least; float64[...]."""
    looked, bad = reference[..., 0].astype(np.float64), reference[..., 1].astype(np.float64)
    least = 0.5 / np.maximum(looked, 1.0)
    share: Floats = np.clip(bad / np.maximum(looked, 1.0), least, 1.0 - least)
    return share
