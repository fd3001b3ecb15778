"""What each model would do with each request: tokens, time, acceptability and what its answer gives away.

Every column is drawn once per replication and shared by all patterns (common random numbers), whether a pattern uses it
or not: a pattern only decides which of these answers are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np

from sim.chance import Purpose
from sim.chance.normal import normal_cdf, normal_quantile
from sim.columns import Bools, Floats, Ints, either
from sim.fleet import CallRows, Model, ServiceTimes, measured_tokens, service_times
from sim.routing.confidence import Readings, sureties
from sim.routing.quality import QualityModel, Wording
from sim.units import as_int64
from sim.workload.by_class import of_class, rows_by
from sim.workload.requests import Requests

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Again:
    """The draws of a retry, or of the hedge of a try: other luck for the same request."""

    requests: Requests
    retry: int
    hedge: bool

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        """Give one uniform per request."""
        return self.requests.uniform(purpose, *names, f"{'hedge' if self.hedge else 'retry'}-{self.retry}")


class Answers:
    """Answers of every model of the fleet to every request of one replication; columns are made on first use."""

    def __init__(
        self,
        requests: Requests,
        fleet: Mapping[str, Model],
        quality: QualityModel,
        calls: Mapping[str, CallRows] | None = None,
    ) -> None:
        """Prepare the answers; `calls` are the measured calls of the models that are served as such."""
        self.requests = requests
        self.fleet = fleet
        self.quality = quality
        self._calls = calls or {}
        self._columns: dict[tuple[str, ...], object] = {}

    def output_tokens(self, model: str) -> Ints:
        """Give the length of the model's answer, int64."""
        return self._once(("output", model), lambda: self._output_tokens(model))

    def service(self, model: str, retry: int = 0, *, hedge: bool = False) -> ServiceTimes:
        """Give the model's service times, at the first try or at a retry, or of its hedge."""
        return self._once(("service", model, f"{retry} {hedge}"), lambda: self._service(model, retry, hedge=hedge))

    def fails(self, model: str, retry: int = 0, *, hedge: bool = False) -> Bools:
        """Say whether a call to the model ends in an error, at the first try or at a retry, or its hedge."""
        return self._once(("fails", model, f"{retry} {hedge}"), lambda: self._fails(model, retry, hedge=hedge))

    def acceptable(self, model: str) -> Bools:
        """Say whether the model's answer would be acceptable."""
        return self._once(("acceptable", model), lambda: self._acceptable(model))

    def ability(self, model: str) -> Floats:
        """Give the latent that decides success, float64: standard normal per task class, larger is better."""
        return self._once(("ability", model), lambda: self._ability(model))

    def confidence(self, model: str, auroc: float | None = None) -> Floats:
        """Give the confidence in the model's answer: its own, or a verifier's of the stated AUROC.

        A probability in [0, 1], except where an outcome table brings a measured score: then that score as it is.
        """
        return self._once(("confidence", model, repr(auroc)), lambda: self._confidence(model, auroc))

    def surety(self, model: str, auroc: float | None = None) -> Floats:
        """Give what orders answers by confidence: its probit before any miscalibration, or a measured score as it is.

        Unlike a probability near 0 or 1 it tells any two answers apart; -inf and inf where nothing is left open.
        """
        return self._once(("surety", model, repr(auroc)), lambda: self._surety(model, auroc))

    def refused(self, model: str) -> Bools:
        """Say whether the model's answer is a refusal."""
        return self._once(("refused", model), lambda: self._worded(model, self.quality.refusal[model], Purpose.REFUSAL))

    def hedged(self, model: str) -> Bools:
        """Say whether the model's answer hedges."""
        return self._once(("hedged", model), lambda: self._worded(model, self.quality.hedging[model], Purpose.HEDGING))

    def _once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        if key not in self._columns:
            self._columns[key] = make()
        return cast("T", self._columns[key])

    def _draws(self, retry: int, *, hedge: bool) -> Requests | _Again:
        return _Again(self.requests, retry, hedge) if retry or hedge else self.requests

    def _fails(self, model: str, retry: int, *, hedge: bool) -> Bools:
        draws = self._draws(retry, hedge=hedge)
        return draws.uniform(Purpose.ERROR, model) < self.fleet[model].faults.error_rate

    def _service(self, model: str, retry: int, *, hedge: bool) -> ServiceTimes:
        draws = self._draws(retry, hedge=hedge)
        prompt = self.requests.input_tokens - self.requests.cached_tokens
        service, rows = self.fleet[model].service, self._calls.get(model)
        times = service_times(service, draws, model, self.output_tokens(model), rows, prompt_tokens=prompt)
        law = self.fleet[model].faults.error_time
        if law is None or not self.fleet[model].faults.error_rate:
            return times
        errors = self.fails(model, retry, hedge=hedge)
        error_ns = as_int64(law.quantile(draws.uniform(Purpose.ERROR_TIME, model)))
        return ServiceTimes(np.where(errors, error_ns, times.total_ns), np.where(errors, error_ns, times.ttft_ns))

    def _output_tokens(self, model: str) -> Ints:
        tokens, requests = self._answer_lengths(model), self.requests
        factors = np.array([task_class.output_factor for task_class in requests.classes])
        return tokens if np.all(factors == 1) else as_int64(np.rint(tokens * of_class(factors, requests.task)))

    def _answer_lengths(self, model: str) -> Ints:
        requests, table = self.requests, self.quality.table
        verbosity = self.fleet[model].verbosity
        as_measured = measured_tokens(self._calls[model], requests, model) if model in self._calls else None
        if as_measured is not None:
            return as_measured
        if requests.output_tokens is not None:
            return as_int64(requests.output_tokens * verbosity)
        if table is not None and requests.table_row is not None:
            measured = table.models[model].output_tokens
            if measured is not None:
                return measured[requests.table_row]
        shared = self._once(("shared length",), lambda: normal_quantile(requests.uniform(Purpose.OUTPUT_LENGTH)))
        own = normal_quantile(requests.uniform(Purpose.OUTPUT_TOKENS, model))
        tokens = np.empty(len(requests), dtype=np.int64)
        laws = [(task_class.output_tokens, task_class.lengths) for task_class in requests.classes]
        for (law, lengths), mine in rows_by(laws, requests.task):
            if law is None:
                raise ValueError("a task class without output tokens was let through")
            by_difficulty = lengths.output_with_difficulty
            latent = np.sqrt(lengths.output_between_models - by_difficulty**2) * shared[mine]
            if by_difficulty:
                latent += by_difficulty * requests.difficulty[mine]
            latent += np.sqrt(max(1 - lengths.output_between_models, 0.0)) * own[mine]
            values = law.quantile(normal_cdf(latent))
            values *= verbosity
            tokens[mine] = as_int64(values)
        return tokens

    def _ability(self, model: str) -> Floats:
        requests, table = self.requests, self.quality.table
        luck = requests.uniform(Purpose.CORRECT, model)
        if table is None or requests.table_row is None:
            rho, task = self.quality.rho, requests.task
            ability = normal_quantile(luck)
            ability *= of_class(-np.sqrt(1 - rho), task)
            ability += of_class(-np.sqrt(rho), task) * requests.difficulty
            shifts = np.array([task_class.difficulty_shift for task_class in requests.classes])
            return ability - of_class(shifts, task) if shifts.any() else ability
        # the row says right or wrong; the latent is drawn from its law given that
        right = table.models[model].correct[requests.table_row]
        wrong_share = 1 - self.quality.acceptance[model][requests.task]
        place = np.where(right, wrong_share + (1 - wrong_share) * luck, wrong_share * luck)
        return normal_quantile(np.clip(place, 2.0**-53, 1 - 2.0**-53))

    def _acceptable(self, model: str) -> Bools:
        requests, table = self.requests, self.quality.table
        if table is not None and requests.table_row is not None:
            return table.models[model].correct[requests.table_row]
        cut = -normal_quantile(self.quality.acceptance[model])
        return self.ability(model) >= of_class(cut, requests.task)

    def _measured_score(self, model: str, auroc: float | None) -> Floats | None:
        """Give the score that an outcome table brings; None where it is modelled, as a verifier's always is."""
        requests, table = self.requests, self.quality.table
        if auroc is not None or table is None or requests.table_row is None:
            return None
        measured = table.models[model].confidence
        return None if measured is None else measured[requests.table_row]

    def _surety(self, model: str, auroc: float | None) -> Floats:
        measured = self._measured_score(model, auroc)
        if measured is not None:
            return measured
        requests = self.requests
        noise = self._once(("noise", model), lambda: normal_quantile(requests.uniform(Purpose.CONFIDENCE, model)))
        now, then = self.quality, self.quality.calibrated or self.quality
        readings = [
            Readings(some.acceptance[model], some.auroc[model] if auroc is None else np.full_like(some.rho, auroc))
            for some in (now, then)
        ]
        return sureties(self.ability(model), noise, requests.task, *readings)

    def _confidence(self, model: str, auroc: float | None) -> Floats:
        measured = self._measured_score(model, auroc)
        if measured is not None:
            return measured
        confidence = normal_cdf(self.surety(model, auroc))
        if auroc is not None:
            return confidence
        stated = self.quality.miscalibration[model].distort(confidence)
        for episode in self.quality.episodes[model]:
            stated = episode.distort(stated, self.requests.arrival_ns)
        return stated

    def _worded(self, model: str, wording: Wording, purpose: Purpose) -> Bools:
        luck = self.requests.uniform(purpose, model)
        return either(self.acceptable(model), luck < wording.acceptable, luck < wording.unacceptable)
