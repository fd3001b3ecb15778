"""Sources of requests: merged in order of arrival, cut at the horizon."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.chance import Purpose, Streams
from sim.columns import Floats
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.calendar import Calendar
from sim.workload.sources import WHOLE_WORKLOAD, Horizon, SourceArrivals, arrival_chunks, last_arrival, processes_of
from sim.workload.traces import Trace
from sim.workload.workload import Workload

SECOND = 10**9


def constant(rate: float) -> dict[str, Any]:
    """Arrivals at fixed distances."""
    return {"arrivals": {"kind": "constant", "rate_per_s": rate}}


def of_segments(**segments: Any) -> Workload:
    """Build a workload of segments with arrivals of their own."""
    return Workload.model_validate({"segments": segments, "tasks": {"t": {"input_tokens": 1, "output_tokens": 1}}})


def collect(spec: Workload, traces: dict[str, Trace] | None = None, **horizon: int) -> tuple[SourceArrivals, ...]:
    """Collect the arrivals of one replication in one chunk."""
    (whole,) = arrival_chunks(spec, Streams(1, 0), Calendar(), Horizon(**horizon), traces or {}, size=None)
    return whole


def merged(sources: tuple[SourceArrivals, ...]) -> list[tuple[int, str]]:
    """Write the merged order as (time, source)."""
    found = {
        int(position): (int(time), source.name)
        for source in sources
        for position, time in zip(source.positions, source.arrival_ns, strict=True)
    }
    return [found[position] for position in range(len(found))]


def recorded(*times: int) -> Trace:
    """Make a trace of these arrival times."""
    return Trace(np.array(times, dtype=np.int64), None, None)


def replayed(**more: Any) -> dict[str, Any]:
    """Arrivals from a trace."""
    return {"arrivals": {"kind": "trace", "source": {"format": "azure_llm", "file": "unread.csv"}, **more}}


def test_a_workload_with_arrivals_is_one_source() -> None:
    """If the workload has arrivals, they are the one source, called `all`; else each segment is one, in file order."""
    whole = Workload.model_validate({**constant(1.0), "tasks": {"t": {}}})
    assert list(processes_of(whole)) == [WHOLE_WORKLOAD]
    assert list(processes_of(of_segments(z=constant(1.0), a=constant(2.0)))) == ["z", "a"]


def test_the_factor_speeds_up_every_source() -> None:
    """If the workload has a rate factor, each source comes so much faster, a trace by its speed; so does the mean."""
    spec = of_segments(a=constant(4.0), b={"arrivals": {"kind": "poisson", "rate_per_s": 6.0}}, c=replayed(speed_up=2))
    fast = processes_of(spec.model_copy(update={"rate_factor": 2.5}))
    assert (fast["a"].mean_rate_per_s(), fast["b"].mean_rate_per_s()) == (10.0, 15.0)
    assert isinstance(fast["c"], TraceReplay)
    assert fast["c"].speed_up == 5.0
    drawn = of_segments(a=constant(4.0), b=constant(6.0)).model_copy(update={"rate_factor": 2.5})
    assert drawn.rate_per_s() == 25.0
    assert len(merged(collect(drawn, until_ns=2 * SECOND))) == 48  # the beats at exactly 2 s are not before it


def test_the_merged_order_is_that_of_a_sort() -> None:
    """If several sources are merged, the order is that of sorting all (time, place in the file, number) triples."""
    spec = of_segments(
        a={"arrivals": {"kind": "poisson", "rate_per_s": 30.0}},
        b=constant(20.0),
        c={"arrivals": {"kind": "poisson", "rate_per_s": 50.0}},
    )
    sources = collect(spec, until_ns=10 * SECOND)
    expected = sorted(
        (int(time), place, source.name) for place, source in enumerate(sources) for time in source.arrival_ns
    )
    assert merged(sources) == [(time, name) for time, _, name in expected]


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_ties_go_to_the_source_that_stands_first(names: tuple[str, str]) -> None:
    """If two sources always arrive together, the one that stands first in the file is first each time."""
    sources = collect(of_segments(**{name: constant(4.0) for name in names}), until_ns=5 * SECOND)
    order = [name for _, name in merged(sources)]
    assert len(order) == 2 * len(sources[0].arrival_ns)
    assert order == list(names) * len(sources[0].arrival_ns)


def test_a_number_of_requests_counts_all_sources_together() -> None:
    """If the horizon is a number, the first so many of the merged order are kept, whoever sent them."""
    spec = of_segments(a=constant(3.0), b=constant(7.0))
    long = merged(collect(spec, until_ns=100 * SECOND))
    for count in (1, 2, 10, 101):
        sources = collect(spec, requests=count)
        assert merged(sources) == long[:count]
        assert sum(len(source.positions) for source in sources) == count


def test_a_time_is_exclusive() -> None:
    """If a request would arrive exactly at the horizon, it does not any more."""
    times = collect(of_segments(a=constant(2.0)), until_ns=100 * SECOND)[0].arrival_ns
    cut = collect(of_segments(a=constant(2.0)), until_ns=int(times[5]))[0].arrival_ns
    assert cut.tolist() == times[:5].tolist()


def test_of_two_horizons_the_first_reached_counts() -> None:
    """If a time and a number are given, the run ends with whichever comes first."""
    spec = of_segments(a=constant(2.0))
    by_time = len(collect(spec, until_ns=3 * SECOND)[0].arrival_ns)
    assert len(collect(spec, until_ns=3 * SECOND, requests=1000)[0].arrival_ns) == by_time
    assert len(collect(spec, until_ns=3 * SECOND, requests=2)[0].arrival_ns) == 2


def test_a_trace_ends_by_itself() -> None:
    """If no horizon is given, a trace is played to its end, each row once and in order."""
    spec = Workload.model_validate({**replayed(), "tasks": {"t": {}}})
    (source,) = collect(spec, {WHOLE_WORKLOAD: recorded(0, 5, 5, 9)})
    assert source.arrival_ns.tolist() == [0, 5, 5, 9]
    assert source.rows is not None
    assert source.rows.tolist() == [0, 1, 2, 3]


def test_rows_are_cut_with_their_times() -> None:
    """If the horizon cuts a trace that goes on by bootstrap, every time still has its row."""
    spec = Workload.model_validate({**replayed(bootstrap="1s"), "tasks": {"t": {}}})
    (source,) = collect(spec, {WHOLE_WORKLOAD: recorded(*range(0, 4 * SECOND, 10**7))}, until_ns=9 * SECOND)
    assert source.rows is not None
    assert len(source.rows) == len(source.arrival_ns)
    assert np.all(np.diff(source.arrival_ns) >= 0)
    assert source.arrival_ns[-1] < 9 * SECOND


def test_a_trace_beside_drawn_arrivals_keeps_its_rows() -> None:
    """If one segment replays a trace and another draws, only the first has rows, and they stay with their times."""
    spec = of_segments(log=replayed(), drawn=constant(1.0))
    log, drawn = collect(spec, {"log": recorded(0, SECOND, 7 * SECOND)}, until_ns=5 * SECOND)
    assert log.rows is not None
    assert log.rows.tolist() == [0, 1]
    assert log.arrival_ns.tolist() == [0, SECOND]
    assert drawn.rows is None


def test_sources_draw_no_more_than_they_are_expected_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a hundred segments share 100,000 requests, each draws what is expected of it, not what is of all."""
    drawn: dict[str, int] = {}
    uniform = Streams.uniform

    def counted(self: Streams, purpose: Purpose, names: tuple[str, ...], start: int, stop: int) -> Floats:
        drawn[names[0]] = max(drawn.get(names[0], 0), stop)
        return uniform(self, purpose, names, start, stop)

    monkeypatch.setattr(Streams, "uniform", counted)
    rates = {"busy": 901.0, **{f"s{k}": 1.0 for k in range(99)}}
    spec = of_segments(**{n: {"arrivals": {"kind": "poisson", "rate_per_s": rate}} for n, rate in rates.items()})
    sources = collect(spec, requests=100_000)
    assert sum(len(source.positions) for source in sources) == 100_000
    assert drawn.pop("busy") <= 2 * 131_072
    assert drawn.keys() == rates.keys() - {"busy"}
    assert max(drawn.values()) <= 2_048


CHUNKED: dict[str, tuple[Workload, dict[str, Trace]]] = {
    "one source": (Workload.model_validate({**constant(8.0), "tasks": {"t": {}}}), {}),
    "three sources": (of_segments(a=constant(7.0), b=constant(0.1), c=constant(14.0)), {}),
    "with a trace": (
        of_segments(log=replayed(bootstrap="500ms"), drawn=constant(3.0)),
        {"log": recorded(*range(0, 2 * SECOND, 10**8))},
    ),
}


@pytest.mark.parametrize("size", [1, 4, 10_000])
@pytest.mark.parametrize("case", CHUNKED)
def test_chunks_say_where_each_source_goes_on(case: str, size: int) -> None:
    """If arrivals come in chunks, a source begins each where it ended the last, and joined they are the whole."""
    spec, traces = CHUNKED[case]
    horizon = Horizon(until_ns=9 * SECOND)
    whole = collect(spec, traces, until_ns=9 * SECOND)
    chunks = list(arrival_chunks(spec, Streams(1, 0), Calendar(), horizon, traces, size=size))
    for number, source in enumerate(whole):
        parts = [chunk[number] for chunk in chunks]
        lengths = [len(part.positions) for part in parts]
        assert [part.start for part in parts] == [sum(lengths[:k]) for k in range(len(parts))]
        assert [int(time) for part in parts for time in part.arrival_ns] == source.arrival_ns.tolist()
        places = [k * size + int(place) for k, part in enumerate(parts) for place in part.positions]
        assert places == source.positions.tolist()
        if source.rows is not None:
            assert [int(row) for part in parts if part.rows is not None for row in part.rows] == source.rows.tolist()


@pytest.mark.parametrize("case", CHUNKED)
def test_the_last_arrival_is_known_without_the_requests(case: str) -> None:
    """If only the extent is asked for, it is the number of arrivals and the time of the last, of all sources."""
    spec, traces = CHUNKED[case]
    for horizon in (Horizon(until_ns=9 * SECOND), Horizon(requests=17)):
        (whole,) = arrival_chunks(spec, Streams(1, 0), Calendar(), horizon, traces, size=None)
        times = [int(time) for source in whole for time in source.arrival_ns]
        assert last_arrival(spec, Streams(1, 0), Calendar(), horizon, traces) == (len(times), max(times))


def test_nothing_has_no_last_arrival() -> None:
    """If nothing arrives before the horizon, there are no arrivals and the time is 0."""
    spec = of_segments(a=constant(1.0))
    assert last_arrival(spec, Streams(1, 0), Calendar(), Horizon(until_ns=1), {}) == (0, 0)
