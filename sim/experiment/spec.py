"""The whole experiment as YAML says it."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from sim.experiment.drifting import Drift
from sim.experiment.forecast_spec import Forecast
from sim.experiment.judged import Objective, Regression, Thresholds
from sim.experiment.priced import BookedPrices
from sim.fleet import Model, Provider
from sim.gates.kinds import AnyGate
from sim.routing.patterns import AnyPattern
from sim.routing.patterns.pattern import PatternName
from sim.routing.quality import Quality
from sim.routing.signals import AnySignal
from sim.schema import Spec
from sim.units import DurationNs, OpenFraction, PositiveDurationNs
from sim.workload.calendar import Calendar
from sim.workload.outcome_table import OutcomeTableSpec
from sim.workload.workload import Workload

MOST_REQUESTS: Final = 1_000_000_000
"""Most requests of one replication."""

FEWEST_TO_STOP: Final = 20
"""Fewest replications whose spread may decide whether more are needed: from ten on, it decides too soon too often."""

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9_./:-]*$"
ModelName = Annotated[str, Field(pattern=MODEL_NAME, max_length=100)]


def _instant(text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date or time; write for example 2026-01-05 or 2026-01-05T08:00") from None
    Calendar(moment.replace(tzinfo=moment.tzinfo or dt.UTC))  # refuses years that the clock cannot reach
    return text


def _zone(key: str) -> str:
    try:
        ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {key!r}; write for example Europe/Berlin or UTC") from None
    return key


class Goals(Spec):
    """What an answer must meet to count as goodput, besides being acceptable."""

    latency: PositiveDurationNs | None = None
    """Latest end of the answer."""
    ttft: PositiveDurationNs | None = None
    """Latest first token."""


class Budget(Spec):
    """Most that may be played, whatever is known by then."""

    replications: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Most replications."""
    requests: Annotated[int, Field(ge=1, le=10**12)] | None = None
    """Most measured requests of one pattern, in all replications together."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.replications is None and self.requests is None:
            raise ValueError("a budget needs replications, requests or both")
        return self


class Run(Spec):
    """How long, how often, and what is measured."""

    duration: PositiveDurationNs | None = None
    """Simulated time during which requests arrive; those under way at its end are played to theirs."""
    requests: Annotated[int, Field(ge=1, le=MOST_REQUESTS)] | None = None
    """Number of requests, instead of a duration. With neither, a trace is played to its end."""
    warm_up: DurationNs = 0
    """Requests that arrive before this are played but not measured; runs start empty."""
    replications: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Independent repetitions, from which every interval comes."""
    precision: Annotated[dict[str, OpenFraction], Field(min_length=1)] | None = None
    """Half-widths to be reached, relative to their values: `{latency.p95: 3%}`. Replications are added until then, to
    20 or more."""
    budget: Budget | None = None
    """Where to stop adding replications (`precision`, `check --until-decided`): ten times as many if not given."""
    level: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    """Confidence level of the intervals."""
    start: Annotated[str, AfterValidator(_instant)] = "2026-01-05"
    """Calendar time at which the run begins, in `time_zone` unless it has an offset; a Monday by default."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Time zone of `start`."""
    goals: Goals = Goals()
    """What counts as goodput."""

    @property
    def begin(self) -> dt.datetime:
        """The moment at which the run begins."""
        start = dt.datetime.fromisoformat(self.start)
        return start if start.tzinfo is not None else start.replace(tzinfo=ZoneInfo(self.time_zone))

    @model_validator(mode="after")
    def _measures_something(self) -> Self:
        if self.duration is not None and self.requests is not None:
            raise ValueError("duration and requests both end the run; give one of them")
        if self.duration is not None and self.warm_up >= self.duration:
            raise ValueError("the warm-up is as long as the run; nothing would be measured")
        if self.precision is not None and self.replications < FEWEST_TO_STOP:
            raise ValueError(
                f"precision needs {FEWEST_TO_STOP} replications or more to begin with: fewer tell no spread"
            )
        return self


class ExperimentSpec(Spec):
    """An experiment: a workload played through routing patterns and a fleet of models."""

    version: Annotated[int, Field(ge=1, le=1)]
    """Version of the experiment format: 1."""
    name: PatternName
    """Name of the experiment and of its folder under results/."""
    title: str = ""
    """One line shown above the report."""
    description: str = ""
    """What is asked, and where the numbers come from."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    """Root of all randomness; the same seed gives the same bytes."""
    workload: Workload
    """The stream of requests: inline, or the path of a workload file relative to this one."""
    fleet: Annotated[dict[ModelName, Model], Field(min_length=1)]
    """The models, by name."""
    rate_card: BookedPrices | None = None
    """Where prices by name are looked up, and at which date."""
    providers: dict[ModelName, Provider] = Field(default_factory=dict)
    """Providers whose limits and faults several models share, by name."""
    outcomes: OutcomeTableSpec | None = None
    """Measured outcomes, one row per evaluated prompt, that stand in for the quality model."""
    quality: Quality = Quality()
    """Who would answer acceptably, and what a first answer gives away."""
    signals: dict[str, AnySignal] = Field(default_factory=dict)
    """Signals that rules of every pattern may use, by name."""
    patterns: list[AnyPattern] = Field(default_factory=list)
    """Routing patterns to compare; cheap-only and frontier-only always run beside them."""
    baseline: PatternName | None = None
    """Pattern that savings and losses are taken against; frontier-only where not given."""
    run: Run = Run()
    """How long, how often, and what is measured."""
    regression: Regression | None = None
    """What `tiercast check` compares the answer with."""
    thresholds: dict[Annotated[str, Field(max_length=300)], Thresholds] = Field(default_factory=dict)
    """What `tiercast check` asks of the answer: conditions by metric, `latency{pattern:cascade}: ['p(95)<4s']`."""
    objectives: list[Objective] = Field(default_factory=list)
    """Shares of requests that are to be good over a window, each with its error budget."""
    forecast: Forecast | None = None
    """What `tiercast forecast` is to say of the months to come; a run does not depend on it."""
    drift: Drift | None = None
    """What `tiercast drift` plays forward: numbers that move over the months ahead."""
    gates: list[AnyGate] = Field(default_factory=list)
    """What watches the answers meanwhile, seeing only what production sees."""


def experiment_schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of an experiment file; `workload` may be a path, a price the name of a model."""
    schema = ExperimentSpec.model_json_schema(mode="validation")
    inline = schema["properties"]["workload"]
    text = inline.pop("description", "")
    schema["properties"]["workload"] = {"description": text, "anyOf": [{"type": "string"}, inline]}
    for name in ("Model", "Adoption"):
        prices = schema["$defs"][name]["properties"]
        text = prices["price"].pop("description", "")
        prices["price"] = {"description": text, "anyOf": [{"type": "string"}, prices["price"]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
