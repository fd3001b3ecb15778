"""Replicas with batches: what the YAML may say, the curves it stands for, and the measurements behind presets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sim.fleet import Model
from sim.fleet.autoscale import Schedule
from sim.fleet.batching import Batching
from sim.fleet.batching_presets import BATCHES, PRESETS
from sim.fleet.capacity import batching_of, needed, queue_of, replicas_of, servers_of

MEASURED = Path(__file__).resolve().parents[4] / "shared" / "data" / "splitwise_perf_model.parquet"
BARE: dict[str, Any] = {"price": {"replica_hour_usd": 20.0}, "service": {"ttft": "60ms", "inter_token": "30ms"}}


FIT: dict[str, Any] = {"slots": 8, "speed": {"8": 0.5}}


def model(batching: dict[str, Any], **parts: Any) -> Model:
    """Give a model on replicas."""
    return Model.model_validate({**BARE, "capacity": {"batching": batching}, **parts})


@pytest.mark.parametrize(
    ("batching", "message"),
    [
        ({"slots": 8}, "write speed: "),
        ({"slots": 8, "speed": {"8": 0.5}, "preset": "llama2-70b-h100x8"}, "brings its own speed"),
        ({"slots": 8, "preset": "llama2-70b-h100x8", "beside_prefill": 0.5}, "brings its own beside_prefill"),
        ({"slots": 65, "preset": "llama2-70b-h100x8"}, "measured up to 64 calls, and there are 65 slots"),
        ({"slots": 8, "speed": {"4": 0.5}}, "says nothing of more than 4 calls, and there are 8 slots"),
        ({"slots": 8, "speed": {"1": 0.9, "8": 0.5}}, "speed of 1 call must be 1"),
        ({"slots": 8, "speed": {"4": 0.5, "8": 0.6}}, "must not rise"),
        ({"slots": 8, "speed": {"8": 0.5}, "prefill_speed": {"2": 0.5}}, "prefill_speed says nothing of more than 2"),
        ({"slots": 8, "speed": {"eight": 0.5}}, "pattern"),
        ({"slots": 8, "speed": {}}, "at least 1 item"),
        ({"slots": 8, "speed": {"8": 0.0}}, "greater than 0"),
        ({"slots": 8, "speed": {"8": 0.5}, "queue": 5, "queue_by_segment": {"free": 5}}, "free does nothing"),
        ({**FIT, "autoscale": {}}, "utilisation"),
        ({**FIT, "autoscale": {"utilisation": 1.5, "most": 4}}, "less than or equal to 1"),
        ({**FIT, "autoscale": {"utilisation": 0.7}}, "most"),
        ({**FIT, "autoscale": {"utilisation": 0.7, "least": 5, "most": 4}}, "least 5 is above most 4"),
        ({**FIT, "autoscale": {"utilisation": 0.7, "most": 4, "every": "2h"}}, "an hour at most"),
        (
            {**FIT, "autoscale": {"utilisation": 0.7, "least": 2, "most": 4}},
            "is 1, and autoscale keeps them from 2 to 4",
        ),
        ({**FIT, "autoscale": {"schedule": []}}, "at least 1 item"),
        ({**FIT, "autoscale": {"schedule": [{"at": "1h", "replicas": 0}]}}, "greater than or equal to 1"),
        (
            {**FIT, "autoscale": {"schedule": [{"at": "2h", "replicas": 2}, {"at": "2h", "replicas": 3}]}},
            "times of a schedule must rise",
        ),
        (
            {**FIT, "autoscale": {"schedule": [{"at": "2h", "replicas": 2}], "repeat": "2h"}},
            "repeats after 2h must end before",
        ),
        ({**FIT, "autoscale": {"schedule": [{"at": "2h", "replicas": 2}], "cooldown": "2h"}}, "Extra inputs"),
        ({"slots": 1024, "replicas": 1000, "speed": {"1024": 0.1}}, "1,024,000 slots in all are too many"),
    ],
)
def test_batches_that_say_too_much_or_too_little_are_refused(batching: dict[str, Any], message: str) -> None:
    """If curves are missing, contradict each other or end before the slots do, the reason says so."""
    with pytest.raises(ValidationError, match=message):
        Batching.model_validate(batching)


def test_batches_need_tokens() -> None:
    """If a service has one law for all of it, a batch has no phases to slow."""
    with pytest.raises(ValidationError, match="slows reading the prompt and decoding apart"):
        model({"slots": 1}, service="1s")


def test_replicas_with_batches_are_a_capacity() -> None:
    """Four replicas of 32 slots serve 128 calls at once, four are billed, and the queue is theirs together."""
    capacity = model({"slots": 32, "replicas": 4, "speed": {"32": 0.5}, "queue": 7}).capacity
    assert (servers_of(capacity), replicas_of(capacity), queue_of(capacity)) == (128, 4, 7)
    assert batching_of(capacity) is not None
    assert batching_of("unlimited") is None


def test_time_per_token_is_interpolated() -> None:
    """If the pace is known for 1, 3 and 5 calls, the time per token of 2 and 4 lies in the middle."""
    speeds = Batching(slots=5, speed={"3": 0.5, "5": 0.25}).decode_speeds()
    assert np.allclose(1 / speeds, [1, 1.5, 2, 3, 4], rtol=1e-15)


def test_prompts_share_what_a_replica_computes() -> None:
    """If nothing is said of prefill, n prompts are read n times as slowly; beside them calls decode half as fast."""
    batching = Batching(slots=4, speed={"4": 0.8})
    assert batching.prefill_speeds().tolist() == [1, 1 / 2, 1 / 3, 1 / 4]
    assert batching.beside() == 0.5
    assert Batching(slots=2, speed={"2": 0.9}, prefill_speed={"2": 0.75}).prefill_speeds().tolist() == [1, 0.75]


def test_full_batches_need_the_least_time() -> None:
    """If 4 calls decode at 0.8 of their pace, 8 s of decoding take 2.5 s of a replica, and 1 s of prefill half on top.

    Others decode at half their pace meanwhile. Where prompts are all there is, they need their own time.
    """
    batching = Batching(slots=4, speed={"4": 0.8})
    assert batching.least_replica_time(1.0, 8.0) == pytest.approx(3.0)
    assert batching.least_replica_time(1.0, 0.0) == pytest.approx(1.0)
    assert needed(model({"slots": 4, "speed": {"4": 0.8}}).capacity, 1.0, 9.0) == pytest.approx(12.0)
    assert needed("unlimited", 1.0, 9.0) == 9.0


def test_schedules_repeat_until_the_end() -> None:
    """If a schedule of a day repeats, its times come again every day until the run ends."""
    day = {"schedule": [{"at": "8h", "replicas": 6}, {"at": "20h", "replicas": 2}]}
    hour = 3_600 * 10**9
    once, daily = (Batching(**FIT, replicas=4, autoscale=day | more) for more in ({}, {"repeat": "24h"}))
    assert isinstance(once.autoscale, Schedule)
    assert isinstance(daily.autoscale, Schedule)
    assert once.autoscale.times(30 * hour) == [(8 * hour, 6), (20 * hour, 2)]
    assert [(at // hour, n) for at, n in daily.autoscale.times(30 * hour)] == [(8, 6), (20, 2), (32, 6), (44, 2)]
    assert (once.most_replicas(), servers_of(model({**FIT, "autoscale": day}).capacity)) == (6, 48)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_curves(name: str) -> None:
    """Every preset starts at full pace and never rises, and a prompt beside slows decoding."""
    batching = Batching.model_validate({"slots": 64, "preset": name})
    for speeds in (batching.decode_speeds(), batching.prefill_speeds()):
        assert speeds[0] == 1
        assert np.all(np.diff(speeds) <= 0)
        assert speeds[-1] > 0
    assert 0.2 < batching.beside() < 0.7


@pytest.mark.skipif(not MEASURED.is_file(), reason=f"{MEASURED.name} is public data that is not in the repository")
@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_the_medians_of_what_was_measured(name: str) -> None:
    """Every preset holds the medians of the cells with prompts of 512 and answers of 128 tokens, to 0.05 ms."""
    pandas = pytest.importorskip("pandas")
    base, _, hardware = name.rpartition("-")
    chip, _, tensor_parallel = hardware.partition("x")
    cells = pandas.read_parquet(MEASURED).query(
        f"model == '{base}' and hardware == '{chip}-80gb' and tensor_parallel == {tensor_parallel}"
        " and prompt_size == 512 and token_size == 128"
    )
    medians = cells.groupby("batch_size")[["token_time", "prompt_time"]].median()
    assert tuple(medians.index) == BATCHES
    assert np.abs(medians["token_time"].to_numpy() - np.array(PRESETS[name].token_ms)).max() <= 0.0501
    assert np.abs(medians["prompt_time"].to_numpy() - np.array(PRESETS[name].prompt_ms)).max() <= 0.0501
