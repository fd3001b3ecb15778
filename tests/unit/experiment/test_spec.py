"""What the sections of an experiment may say, and its JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

import sim
from sim.experiment.spec import ExperimentSpec, Run, experiment_schema

MINIMAL: dict[str, Any] = {
    "version": 1,
    "name": "minimal",
    "workload": {
        "arrivals": {"kind": "poisson", "rate_per_s": 1.0},
        "tasks": {"t": {"input_tokens": 1, "output_tokens": 1}},
    },
    "fleet": {"m": {"price": {"input_mtok": 1.0}, "service": "1s"}},
    "quality": {"acceptance": {"t": {"m": 0.9}}},
    "run": {"duration": "1m"},
}


def test_the_least_that_runs() -> None:
    """If only what is required is written, the defaults are a seed of 1, 20 replications and 95 % intervals."""
    spec = ExperimentSpec.model_validate(MINIMAL)
    assert (spec.seed, spec.run.replications, spec.run.level, spec.run.warm_up) == (1, 20, 0.95, 0)
    assert sim.from_mapping(MINIMAL).run(workers=1, replications=2).result.requests > 0


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"duration": "1m", "requests": 5}, "duration and requests both end the run"),
        ({"duration": "1m", "warm_up": "1m"}, "the warm-up is as long as the run"),
        ({"duration": "0s"}, "must be longer than 0"),
        ({"replications": 0}, "greater than or equal to 1"),
        ({"level": 1.0}, "less than 1"),
        ({"requests": 0}, "greater than or equal to 1"),
        ({"start": "tomorrow"}, "'tomorrow' is no date or time; write for example 2026-01-05"),
        ({"start": "1900-01-01"}, "a run starts between 1970 and 2200, not in 1900"),
        ({"time_zone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'; write for example Europe/Berlin"),
        ({"time_zone": "../etc/passwd"}, "there is no time zone"),
        ({"time_zone": ""}, "there is no time zone"),
    ],
)
def test_a_run_that_cannot_be_is_refused(written: dict[str, Any], message: str) -> None:
    """If the run's numbers contradict each other or lead nowhere, the message says what was found."""
    with pytest.raises(ValidationError, match=message):
        Run.model_validate(written)


@pytest.mark.parametrize("start", ["2026-01-05", "2026-01-05T08:00", "2026-01-05T08:00:00+02:00"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_start_may_be_written_in_any_usual_way(start: str, zone: str) -> None:
    """If the start is a date, a time or a time with offset, it is accepted in any zone."""
    assert Run.model_validate({"start": start, "time_zone": zone}).start == start


def test_the_calendar_starts_where_the_run_says() -> None:
    """If start and zone are given, the calendar begins at that moment; an offset of its own counts more."""
    from sim.experiment.scene import Scene  # noqa: PLC0415 - only this test needs the engine

    for start, expected in (
        ("2026-07-01T08:00", "2026-07-01T08:00:00+02:00"),
        ("2026-07-01T08:00+00:00", "2026-07-01T08:00:00+00:00"),
    ):
        run = {"duration": "1m", "start": start, "time_zone": "Europe/Berlin"}
        experiment = sim.from_mapping({**MINIMAL, "run": run})
        scene = Scene(experiment.spec, experiment.line_up, experiment.inputs())
        assert scene.calendar.start.isoformat() == expected


@pytest.mark.parametrize("name", ["", "a b", "../up", "x" * 61, ".hidden"])
def test_names_are_fit_for_folders(name: str) -> None:
    """If the name of an experiment could not be a folder, it is refused."""
    with pytest.raises(ValidationError):
        ExperimentSpec.model_validate({**MINIMAL, "name": name})


def test_the_schema_accepts_what_is_written_and_what_is_resolved() -> None:
    """If an experiment is accepted, so it is by the JSON Schema, written or resolved; a workload may be a path."""
    jsonschema = pytest.importorskip("jsonschema", reason="the dev extra brings jsonschema")
    schema = experiment_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for accepted in (MINIMAL, sim.from_mapping(MINIMAL).resolved, {**MINIMAL, "workload": "chat.yaml"}):
        assert list(validator.iter_errors(accepted)) == []
    for refused in ({**MINIMAL, "seed": -1}, {**MINIMAL, "sed": 1}, {**MINIMAL, "workload": 5}):
        assert list(validator.iter_errors(refused)) != []
