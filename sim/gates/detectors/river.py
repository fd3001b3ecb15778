"""Detectors of the river library, by name: ADWIN and others (needs the extra `drift`)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from sim.chance.normal import normal_cdf
from sim.columns import Bools, Floats
from sim.errors import InvalidInput, Issue
from sim.gates.detectors.detector import Chart, Detector, Side
from sim.gates.run_length import Cdf

_SEED: Final = 1971
_RUNS: Final = 200
_MOST_LOOKS: Final = 2_000


class River(Detector):
    """A detector of river's `drift` module, fed the standardised scores; it alarms on changes either way.

    Its settings are what they are: no run length can be asked for, so the report says which one it turned out to have.
    """

    kind: Literal["river"]
    """A drift detector of the library river."""
    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]*$")] = "ADWIN"
    """Name of the class, such as ADWIN, KSWIN or PageHinkley."""
    settings: dict[str, float | int | str | bool] = Field(default_factory=dict)
    """Its arguments."""

    def threshold(
        self,
        run_length: float,  # noqa: ARG002 - its settings are what they are
        side: Side,  # noqa: ARG002
        scores: Cdf = normal_cdf,  # noqa: ARG002
        reference_error: float = 0.0,  # noqa: ARG002 - it has its own mean
    ) -> float:
        """Give 0: alarms are 1."""
        self.made()
        return 0.0

    def delay(self, threshold: float, side: Side, shift: float, scores: Cdf = normal_cdf) -> float:  # noqa: ARG002
        """Give the average over 200 simulated runs of normal scores, at most 2,000 looks each."""
        rng = np.random.Generator(np.random.Philox(_SEED))
        towards = -shift if side == "down" else shift
        total = alarms = 0
        for _ in range(_RUNS):
            chart = self.chart(0.0, side, 1)
            for _ in range(_MOST_LOOKS):
                total += 1
                if chart.look(rng.standard_normal(1) + towards)[0]:
                    alarms += 1
                    break
        return total / alarms if alarms else float("inf")

    def chart(self, threshold: float, side: Side, runs: int) -> Chart:  # noqa: ARG002 - river knows no sides
        """Begin with nothing seen."""
        return _Chart(self, threshold, runs)

    def made(self) -> Any:
        """Make one detector; InvalidInput if river is missing, has no such detector, or refuses the settings."""
        try:
            from river import drift  # noqa: PLC0415 - an extra
        except ImportError:
            hint = "pip install 'tiercast[drift]'"
            raise InvalidInput([Issue("detectors of kind river need the river library", hint=hint)]) from None
        made = getattr(drift, self.name, None)
        if made is None:
            raise InvalidInput([Issue(f"river has no detector {self.name!r}", hint="for example ADWIN or KSWIN")])
        try:
            return made(**self.settings)
        except (TypeError, ValueError) as error:
            raise InvalidInput([Issue(f"river's {self.name} refuses its settings: {error}")]) from None


class _Chart(Chart):
    def __init__(self, detector: River, threshold: float, runs: int) -> None:
        self.threshold = threshold
        self._detector = detector
        self._each = [detector.made() for _ in range(runs)]
        self._alarms = np.zeros(runs)

    def look(self, score: Floats) -> Bools:
        for number, one in enumerate(self._each):
            one.update(float(score[number]))
            self._alarms[number] = float(one.drift_detected)
        found: Bools = self._alarms > self.threshold
        return found

    def value(self) -> Floats:
        """Give 1 where the last look was an alarm."""
        return self._alarms.copy()

    def restart(self, where: Bools) -> None:
        for number in np.flatnonzero(where).tolist():
            self._each[number] = self._detector.made()
        self._alarms[where] = 0.0
