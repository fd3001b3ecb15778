"""Months ahead from real input: graded subjects whose mix moves to the hard ones, and a measured volume.

The files are public data that are not part of the repository; the tests are skipped where they are not there.
"""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

import sim
from sim.experiment.ahead import Ahead, Epoch
from sim.study.drift.days import together
from sim.study.drift.play import Play, PlayRecord, play_forward

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
GRADED: Final = DATA / "weak_strong_licensed.parquet"
RATES: Final = DATA / "servegen_rate_10min.parquet"
ALLOWED: Final = 4.6
"""Standard errors between what is played and what the file says."""


def need(file: Path) -> None:
    """Skip the test where a file is not there."""
    if not file.is_file():
        pytest.skip(f"{file.name} is public data that is not part of the repository")


def document(**parts: Any) -> dict[str, Any]:
    """Write an experiment of a cheap and a frontier model."""
    return {
        "version": 1,
        "name": "real-drift",
        "seed": 3,
        "fleet": {
            "weak": {"tier": "cheap", "price": {"output_mtok": 0.5}, "service": "500ms"},
            "strong": {"tier": "frontier", "price": {"output_mtok": 10}, "service": "900ms"},
        },
        **parts,
    }


def played(experiment: sim.Experiment, *patterns: str) -> dict[str, PlayRecord]:
    """Play one replication of patterns as numbers move."""
    plays = [Play(pattern) for pattern in patterns]
    found = play_forward(Ahead(experiment), experiment.inputs(), 0, "reference", plays)
    return {play.pattern: found[play] for play in plays}


def accuracy(ahead: Ahead, epoch: Epoch, graded: pd.Series) -> float:
    """Give the accuracy that graded subjects have at the mix of an epoch."""
    mix = ahead.spec(epoch, ahead.values(epoch, ahead.start, None, still=False)).workload.mix
    return math.fsum(float(part) * float(graded[name]) for name, part in mix.items())


def subjects_ahead(folder: Path, graded: pd.DataFrame, share: pd.Series, hard: list[str]) -> sim.Experiment:
    """Give six months of the graded subjects, of which the hard ones become more."""
    slowly_more = {"kind": "ramp", "per_month": 0.2, "scale": "logit"}
    workload = {
        "arrivals": {"kind": "poisson", "rate_per_s": 0.02},
        "mix": {str(name): float(part) for name, part in share.items()},
        "tasks": {str(name): {"input_tokens": 300, "output_tokens": 100} for name in graded.index},
    }
    models = {"weak": "weak_correct", "strong": "strong_correct"}
    return sim.from_mapping(
        document(
            workload=workload,
            outcomes={"file": GRADED.name, "task": "task", "models": models},
            run={"start": "2026-01-01", "duration": "1h", "replications": 2},
            drift={"months": 3, "changes": {f"workload.mix.{name}": slowly_more for name in hard}},
        ),
        folder,
    )


def test_a_mix_that_moves_to_hard_subjects_costs_what_the_graded_answers_say(tmp_path: Path) -> None:
    """If hard subjects of MMLU and GSM8K grow by .2 in log-odds a month, each month's accuracy is that of its mix."""
    need(GRADED)
    table = pd.read_parquet(GRADED, columns=["dataset", "task", "weak_correct", "strong_correct"])
    table = table[table.dataset.isin(["mmlu", "gsm8k"])].astype({"task": str, "dataset": str})
    table.to_parquet(tmp_path / GRADED.name)
    graded = table.groupby("task", observed=True)[["weak_correct", "strong_correct"]].mean()
    share = table.task.value_counts(normalize=True)
    hard = [str(name) for name in graded.index[graded.weak_correct < graded.weak_correct.median()]]
    assert len(graded) == 58  # the 57 subjects of MMLU, and GSM8K
    experiment = subjects_ahead(tmp_path, graded, share, hard)
    ahead, records = Ahead(experiment), played(experiment, "cheap-only", "frontier-only")
    for pattern, column in {"cheap-only": "weak_correct", "frontier-only": "strong_correct"}.items():
        record, told = records[pattern], []
        for month in ahead.months:
            days = ahead.epochs[month.start : month.stop]
            expected = float(np.mean([accuracy(ahead, epoch, graded[column]) for epoch in days]))
            day = together(record.days[month.start : month.stop])
            error = math.sqrt(expected * (1 - expected) / day.count)
            assert abs(day.acceptable / day.count - expected) <= ALLOWED * error
            told.append(expected)
        assert told == sorted(told, reverse=True)
        assert told[0] - told[-1] > 0.01  # what nobody notices for a quarter


def test_a_measured_volume_is_the_path_of_the_rate() -> None:
    """If the 14 days of ServeGen, an hour each of its 10-minute rates, are the steps of a rate, so are the requests."""
    need(RATES)
    table = pd.read_parquet(RATES)
    measured = table[table.model == "m-small"].sort_values("t").rate.to_numpy(dtype=np.float64)
    assert len(measured) == 14 * 144
    rates = np.maximum(measured.reshape(-1, 6).mean(axis=1) / measured.mean() / 30, 1e-9)  # an outage is no rate of 0
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    steps = [
        {"at": f"{start + dt.timedelta(hours=number):%Y-%m-%dT%H:%MZ}", "value": float(rate)}
        for number, rate in enumerate(rates)
    ]
    experiment = sim.from_mapping(
        document(
            workload={
                "arrivals": {"kind": "poisson", "rate_per_s": float(rates[0])},
                "tasks": {"chat": {"input_tokens": 300, "output_tokens": 100}},
            },
            quality={"acceptance": {"chat": {"weak": 0.8, "strong": 0.9}}},
            run={"start": "2026-01-01", "duration": "1h", "replications": 2},
            drift={
                "months": 1,
                "epoch": "1h",
                "changes": {"workload.arrivals.rate_per_s": {"kind": "steps", "values": steps}},
            },
        )
    )
    days = played(experiment, "cheap-only")["cheap-only"].days[: len(rates)]
    counts, expected = np.array([day.count for day in days], dtype=np.float64), rates * 3600
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - len(rates)) <= ALLOWED * math.sqrt(2 * len(rates))
    assert abs(counts.sum() - expected.sum()) <= ALLOWED * math.sqrt(expected.sum())
