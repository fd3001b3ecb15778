"""Measured calls: rows drawn whole, by one uniform per call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from sim.chance import Purpose, Streams
from sim.columns import Floats, Ints
from sim.fleet import CallRows, MeasuredCalls, MeasuredService, measured_tokens, service_times
from sim.fleet.service import Service

FILE = {"file": "calls.csv", "unit": "s", "ttft": "ttft"}
SERVICE = MeasuredService(measured=MeasuredCalls(**FILE, total="e2e", output_tokens="n"))


class Luck:
    """A source of uniforms for one purpose, that of a whole call."""

    def __init__(self, count: int) -> None:
        self.count = count

    def uniform(self, purpose: Purpose, *names: str) -> Floats:
        """Give the stream of that name."""
        assert purpose == Purpose.SERVICE
        return Streams(9, 0).uniform(purpose, names, 0, self.count)


def ints(*values: int) -> Ints:
    """Give int64."""
    return np.array(values, dtype=np.int64)


ROWS = CallRows.ordered(ints(300, 100, 200), ints(1000, 7000, 20), ints(10, 7, 1), ints(11, 8, 2))


def test_rows_do_not_depend_on_their_order_in_the_file() -> None:
    """However the rows are shuffled, the same uniform gives the same row, and a larger one no earlier first token."""
    again = CallRows.ordered(ints(200, 300, 100), ints(20, 1000, 7000), ints(1, 10, 7), ints(2, 11, 8))
    for column in ("ttft_ns", "decode_ns", "gaps", "output_tokens"):
        assert getattr(ROWS, column).tolist() == getattr(again, column).tolist()
    assert ROWS.ttft_ns.tolist() == [100, 200, 300]
    assert ROWS.output_tokens is not None
    assert ROWS.output_tokens.tolist() == [8, 2, 11]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 1000, 2**20, 2**20 + 1])
def test_every_uniform_stands_for_a_row(rows: int) -> None:
    """The least and the greatest uniform there are lead to the first and the last row."""
    many = CallRows(*(np.zeros(rows, dtype=np.int64) for _ in range(3)))
    assert many.drawn(np.array([2.0**-53, 1 - 2.0**-53])).tolist() == [0, rows - 1]


def test_every_row_has_the_same_share() -> None:
    """A row is drawn for each stretch of uniforms as long as the others'."""
    assert ROWS.drawn((np.arange(300) + 0.5) / 300).tolist() == [0] * 100 + [1] * 100 + [2] * 100


def test_a_call_as_long_as_its_row_takes_exactly_as_long() -> None:
    """With the lengths of the rows, every simulated call is a row to the nanosecond."""
    rng = np.random.default_rng(4)
    gaps = rng.integers(1, 3000, 500)
    rows = CallRows.ordered(rng.integers(0, 10**12, 500), rng.integers(0, 6 * 10**14, 500), gaps, gaps + 1)
    luck = Luck(5_000)
    tokens = measured_tokens(rows, luck, "m")
    assert tokens is not None
    times = service_times(SERVICE, luck, "m", tokens, rows)
    assert rows.output_tokens is not None
    known = np.stack([rows.ttft_ns, rows.ttft_ns + rows.decode_ns, rows.output_tokens], axis=1)
    seen = np.stack([times.ttft_ns, times.total_ns, tokens], axis=1)
    assert np.array_equal(np.unique(seen, axis=0), np.unique(known, axis=0))


def test_other_lengths_are_served_at_the_pace_of_the_row() -> None:
    """An answer of other length takes the row's TTFT and its pace for every token after the first; none for one."""
    (row,) = {int(ROWS.drawn(Luck(1).uniform(Purpose.SERVICE, "m"))[0])}
    ttft, pace = int(ROWS.ttft_ns[row]), int(ROWS.decode_ns[row] // ROWS.gaps[row])
    for tokens, gaps in ((0, 0), (1, 0), (2, 1), (1001, 1000)):
        times = service_times(SERVICE, Luck(1), "m", ints(tokens), ROWS)
        assert (times.ttft_ns.tolist(), times.total_ns.tolist()) == ([ttft], [ttft + gaps * pace])


def test_rows_that_were_not_read_are_an_error() -> None:
    """Measured service without its rows is a mistake of the program, and no time."""
    with pytest.raises(ValueError, match="were not read"):
        service_times(SERVICE, Luck(1), "m", ints(3))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "found neither"),
        ({"total": "e2e", "inter_token": "itl", "output_tokens": "n"}, "found both"),
        ({"total": "e2e"}, "the pace is the time after the first token"),
        ({"inter_token": "itl", "lengths": "measured"}, "lengths: measured takes them from there"),
        ({"inter_token": "itl", "output_tokens": "n"}, "output_tokens does nothing beside inter_token"),
    ],
)
def test_columns_must_fit_together(more: dict[str, Any], words: str) -> None:
    """If a column is missing, or says nothing beside the others, the message says what to write."""
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(Service).validate_python({"measured": {**FILE, **more}})


def test_a_service_already_read_is_left_as_it_is() -> None:
    """Reading a measured service twice, or from its own dump, changes nothing."""
    adapter: TypeAdapter[Any] = TypeAdapter(Service)
    assert adapter.validate_python(SERVICE) == SERVICE
    assert adapter.validate_python(SERVICE.model_dump(mode="json", exclude_none=True)) == SERVICE
