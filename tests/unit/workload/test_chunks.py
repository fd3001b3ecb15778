"""Requests drawn in chunks are the requests drawn in one piece, whatever the workload and the size of the chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing import COLUMNS, NO_FILES, POISSON, REPLAY, assert_same, draw, table, task, trace, workload

from sim.chance import Purpose, Streams
from sim.workload.calendar import Calendar
from sim.workload.requests import CHUNK, Inputs, draw_requests
from sim.workload.sources import Horizon
from sim.workload.traces import Labels
from sim.workload.workload import Workload

LABELLED = trace(
    600,
    task=Labels(np.arange(600, dtype=np.int64) % 7 % 2, ("b", "a")),
    segment=Labels(np.arange(600, dtype=np.int64) % 5 % 2, ("q", "p")),
    cached_tokens=np.arange(600, dtype=np.int64) % 90,
)
BARE = trace(600, input_tokens=None, output_tokens=None)
TWO = {
    "tasks": {"a": task(lengths={"input_with_difficulty": 0.4}), "b": task(cached_share=0.3)},
    "mix": {"a": 0.3, "b": 0.7},
}
XY = {
    "tasks": {"x": task(), "y": task(lengths={"input_with_difficulty": -0.5})},
    "mix": {"x": 0.6, "y": 0.4},
}
GOING_ON = {**REPLAY, "bootstrap": "50ms"}
SHARED = {"p": {"share": 0.3, "mix": {"a": 0.9, "b": 0.1}}, "q": {"share": 0.7}}
OF_THEIR_OWN = {
    "p": {"arrivals": POISSON, "mix": {"a": 0.9, "b": 0.1}},
    "q": {"arrivals": {"kind": "constant", "rate_per_s": 3.0}},
    "r": {"arrivals": {"kind": "batches", "every": POISSON, "size": {"quantiles": {0: 1, 100: 9}}}},
}
BESIDE = {"log": {"arrivals": GOING_ON}, "p": {"arrivals": POISSON}}
SMALL, LARGE = table([0, 1, 1, 0, 1]), table([0, 1, 1, 0, 1] * 90)
CHUNKED: dict[str, tuple[dict[str, Any], Inputs]] = {
    "one class": ({"arrivals": POISSON, "tasks": {"a": task()}}, NO_FILES),
    "shares": ({"arrivals": POISSON, "segments": SHARED, **TWO}, NO_FILES),
    "own arrivals": ({"segments": OF_THEIR_OWN, **TWO}, NO_FILES),
    "trace": ({"arrivals": GOING_ON, **TWO}, Inputs({"all": trace(600)})),
    "labelled trace": ({"arrivals": REPLAY, **TWO}, Inputs({"all": LABELLED})),
    "labelled trace, segments": ({"arrivals": GOING_ON, "segments": SHARED, **TWO}, Inputs({"all": LABELLED})),
    "bare trace": ({"arrivals": REPLAY, "segments": SHARED, **TWO}, Inputs({"all": BARE})),
    "trace beside": ({"segments": BESIDE, **TWO}, Inputs({"log": LABELLED})),
    "table": ({"arrivals": POISSON}, Inputs({}, SMALL)),
    "large table": ({"segments": {"p": {"arrivals": POISSON}, "q": {"arrivals": POISSON}}}, Inputs({}, LARGE)),
    "table without tokens": (
        {"arrivals": POISSON, "default_task": task(lengths={"input_with_difficulty": 0.4})},
        Inputs({}, table([0, 1, 1], tokens=False)),
    ),
    "table with classes": ({"arrivals": POISSON, **XY}, Inputs({}, SMALL)),
    "large table with classes": ({"arrivals": POISSON, **XY}, Inputs({}, LARGE)),
    "table and trace": ({"arrivals": GOING_ON}, Inputs({"all": trace(600)}, SMALL)),
}


@pytest.mark.parametrize("size", [1, 3, 7, 100, CHUNK])
@pytest.mark.parametrize("case", CHUNKED)
def test_requests_do_not_depend_on_the_size_of_chunks(case: str, size: int) -> None:
    """If requests are drawn in chunks of any size, joined they are those drawn in one piece, in every column."""
    written, inputs = CHUNKED[case]
    spec = Workload.model_validate(written)
    whole = draw(spec, inputs=inputs, requests=450)
    chunks = list(draw_requests(spec, Streams(5, 0), Calendar(), Horizon(requests=450), inputs, size=size))
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert sum(len(chunk) for chunk in chunks) == len(whole) == 450
    for column in (*COLUMNS, "output_tokens", "table_row"):
        parts = [getattr(chunk, column) for chunk in chunks]
        assert_same(None if parts[0] is None else np.concatenate(parts), getattr(whole, column))
    for names in ((), ("model",)):
        uniforms = [chunk.uniform(Purpose.CORRECT, *names) for chunk in chunks]
        assert_same(np.concatenate(uniforms), whole.uniform(Purpose.CORRECT, *names))
    for chunk in chunks:
        assert_same(chunk.task_shares, whole.task_shares)
        assert (chunk.segments, chunk.tasks, chunk.classes) == (whole.segments, whole.tasks, whole.classes)


@pytest.mark.parametrize("size", [None, 1, CHUNK])
def test_no_arrivals_are_one_empty_chunk(size: int | None) -> None:
    """If nothing arrives before the horizon, there is one chunk, and it is empty."""
    spec = workload(tasks={"t": task()})
    chunks = list(draw_requests(spec, Streams(5, 0), Calendar(), Horizon(until_ns=1), NO_FILES, size=size))
    assert [len(chunk) for chunk in chunks] == [0]
