"""What `drift` may move, and what it is told where it cannot."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from months import SMALL, months

from sim.errors import InvalidInput
from sim.experiment.ahead import Ahead


def trouble(**parts: Any) -> str:
    """Give what the experiment is refused for."""
    with pytest.raises(InvalidInput) as refused:
        months(**parts)
    return str(refused.value)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"quality.acceptance.chat.smal": {"kind": "growth", "per_month": 0.1}}, "smal"),
        ({"quality.acceptance.chat": {"kind": "growth", "per_month": 0.1}}, "is no number, but a mapping"),
        ({"fleet.small.client.retries": {"kind": "growth", "per_month": 0.1}}, "stays as it is through a run"),
        ({"run.replications": {"kind": "growth", "per_month": 0.1}}, "run does not move"),
        ({"seed": {"kind": "growth", "per_month": 0.1}}, "seed does not move"),
        ({"quality.acceptance.chat.small": {"kind": "jump", "at": "2026-02-01", "to": 1.5}}, "moves to 1.5 by 2026-02"),
        ({"quality.acceptance.chat.small": {"kind": "jump", "at": "soon", "to": 0.5}}, "is no date"),
        ({"": {"kind": "growth", "per_month": 0.1}}, "at least 1 character"),
    ],
)
def test_a_place_that_cannot_move_is_an_error_that_names_it(changes: dict[str, Any], wanted: str) -> None:
    """If a place is none, or moves to where the experiment allows no number, the file is refused and told why."""
    assert wanted in trouble(drift={"changes": changes})


def test_hard_classes_and_presets_need_each_other() -> None:
    """If one of the two is left out, or a class does not exist, that is said."""
    assert "says nothing without a preset" in trouble(drift={"hard": ["math"]})
    assert "say which they are" in trouble(drift={"preset": "base"})
    assert "there is no task class 'maths'" in trouble(drift={"preset": "base", "hard": ["maths"]})


def test_traces_have_no_months_ahead(tmp_path: Any) -> None:
    """If arrivals replay a trace, drift is refused."""
    trace = tmp_path / "t.csv"
    trace.write_text("when,input,output\n0,10,10\n1,10,10\n", encoding="utf-8")
    columns = {"arrival": "when", "input_tokens": "input", "output_tokens": "output"}
    source = {"format": "columns", "file": str(trace), "columns": columns, "time_unit": "s"}
    workload = {**SMALL["workload"], "arrivals": {"kind": "trace", "source": source}}
    assert "which has no months ahead" in trouble(workload=workload)


def test_too_many_epochs_are_refused() -> None:
    """If an epoch is so short that there would be millions, the file is refused."""
    assert "write a longer epoch" in trouble(drift={"epoch": "1s"})


def test_gates_are_told_apart_and_reroute_what_there_is() -> None:
    """If two gates have one name, or a rule names a class that does not exist, that is said."""
    gate = {"name": "judge", "kind": "judge"}
    assert "there are two gates 'judge'" in trouble(gates=[gate, gate])
    assert "there is no task class 'maths'" in trouble(gates=[gate | {"then": {"kind": "reroute", "tasks": ["maths"]}}])


def test_a_year_has_its_calendar_months() -> None:
    """If a leap February lies ahead, it has 29 epochs of a day; the last epoch ends where the last month does."""
    ahead = Ahead(months(run={"duration": "1h", "start": "2028-01-31"}, drift={"months": 3}))
    assert [len(month) for month in ahead.months] == [29, 31, 30]
    assert ahead.epochs[-1].end == dt.datetime(2028, 4, 30, tzinfo=dt.UTC)


def test_other_shares_of_a_mix_make_room() -> None:
    """If one share of a mix moves, the others keep their proportions and the sum stays 1."""
    ahead = Ahead(
        months(drift={"changes": {"workload.mix.math": {"kind": "jump", "at": "2026-01-10", "to": 0.5}}, "months": 1})
    )
    spec = ahead.spec(ahead.epochs[20], ahead.values(ahead.epochs[20], ahead.start, None, still=False))
    assert {name: float(share) for name, share in spec.workload.mix.items()} == {"chat": 0.5, "math": 0.5}
    still = ahead.spec(ahead.epochs[20], ahead.values(ahead.epochs[20], ahead.start, None, still=True))
    assert float(still.workload.mix["math"]) == 0.2
