"""Segments that fleet and providers name: unknown ones, and orders that do nothing, each at its place in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sim

BAD = """\
version: 1
name: bad
workload:
  arrivals: {kind: poisson, rate_per_s: 5}
  segments: {paid: {share: 30%}, free: {share: 70%}}
  tasks: {chat: {input_tokens: 100, output_tokens: 50}}
fleet:
  small:
    price: {input_mtok: 0.2}
    service: 1s
    capacity: {concurrency: 4, queue_by_segment: {fre: 5}}
    order: {kind: priority, segments: {piad: 0, free: 1}}
  middle:
    price: {input_mtok: 0.5}
    service: 1s
    order: {kind: priority, segments: {paid: 0}}
    limits: {by_segment: {trial: {requests_per_minute: 5}}}
  large:
    price: {input_mtok: 2.5}
    service: 2s
    capacity: {concurrency: 4}
    order: {kind: fair, weights: {frree: 2}}
  other:
    price: {input_mtok: 2.5}
    service: 2s
    capacity: {concurrency: 4}
    order: {kind: priority, segments: {paid: 2, free: 2}}
providers:
  host: {limits: {by_segment: {paaid: {requests_per_minute: 5}}}}
quality: {acceptance: {chat: {small: 0.8, middle: 0.85, large: 0.9, other: 0.9}}}
run: {duration: 10s}
"""

EXPECTED = [
    (11, "fleet.small.capacity.queue_by_segment.fre", "there is no segment 'fre'", "did you mean 'free'?"),
    (12, "fleet.small.order.segments.piad", "there is no segment 'piad'", "did you mean 'paid'?"),
    (16, "fleet.middle.order", "does nothing: nobody waits for this model", "write capacity: {concurrency: 64}"),
    (17, "fleet.middle.limits.by_segment.trial", "there is no segment 'trial'", "there are: paid, free"),
    (22, "fleet.large.order.weights.frree", "there is no segment 'frree'", "did you mean 'free'?"),
    (27, "fleet.other.order", "does nothing: all segments have the same priority", "leave it out"),
    (29, "providers.host.limits.by_segment.paaid", "there is no segment 'paaid'", "did you mean 'paid'?"),
]


def test_all_mistakes_come_at_once_and_at_their_places(tmp_path: Path) -> None:
    """If a file names segments that there are not, and orders that do nothing, each is told at its line."""
    path = tmp_path / "bad.yaml"
    path.write_text(BAD, encoding="utf-8")
    with pytest.raises(sim.InvalidInput) as caught:
        sim.load(path)
    found = caught.value.issues
    assert [(issue.line, issue.path, issue.message) for issue in found] == [row[:3] for row in EXPECTED]
    for issue, (*_, hint) in zip(found, EXPECTED, strict=True):
        assert issue.hint.startswith(hint)


def issues(folder: Path, workload: dict[str, Any], **large: Any) -> list[str]:
    """Give what is wrong with an experiment whose large model has these parts, files included."""
    fleet = {
        "small": {"tier": "cheap", "price": {"input_mtok": 1.0}, "service": "1s"},
        "large": {"tier": "frontier", "price": {"input_mtok": 5.0}, "service": "1s", **large},
    }
    written = {
        "version": 1,
        "name": "segments",
        "workload": {"tasks": {"chat": {"input_tokens": 100, "output_tokens": 50}}, **workload},
        "fleet": fleet,
        "quality": {"acceptance": {"chat": {"small": 0.8, "large": 0.9}}},
        "run": {"requests": 8, "replications": 1},
    }
    try:
        sim.from_mapping(written, folder).inputs()
    except sim.InvalidInput as error:
        return [f"{issue.path}: {issue.message}" for issue in error.issues]
    return []


ONE_SEGMENT = [{}, {"segments": {"all-of-us": {"share": "100%"}}}]
PRIORITY: dict[str, Any] = {"kind": "priority", "segments": {"x": 0, "y": 1}}
POOL = {"concurrency": 4}


@pytest.mark.parametrize("segments", ONE_SEGMENT)
def test_an_order_among_one_segment_does_nothing(tmp_path: Path, segments: dict[str, Any]) -> None:
    """If all requests are of one segment, weights are refused: there is nobody to share with."""
    name = next(iter(segments.get("segments", {"all": {}})))
    workload = {"arrivals": {"kind": "poisson", "rate_per_s": 5.0}, **segments}
    order = {"kind": "fair", "weights": {name: 2}}
    found = issues(tmp_path, workload, capacity=POOL, order=order)
    assert found == ["fleet.large.order: does nothing: all requests are of one segment"]


def test_segments_of_a_trace_are_known_when_it_is_read(tmp_path: Path) -> None:
    """If the trace records the segments, names in the fleet are held against those."""
    rows = "".join(f"{k},{'xy'[k % 2]}\n" for k in range(8))
    (tmp_path / "log.csv").write_text(f"t,s\n{rows}", encoding="utf-8")
    source: dict[str, Any] = {"format": "columns", "file": "log.csv", "time_unit": "s"}
    named, unnamed = ({**source, "columns": {"arrival": "t", **more}} for more in ({"segment": "s"}, {}))
    traces = [{"arrivals": {"kind": "trace", "source": one}} for one in (named, unnamed)]
    assert issues(tmp_path, traces[0], capacity=POOL, order=PRIORITY) == []
    unknown = {"kind": "priority", "segments": {"x": 0, "z": 1}}
    assert issues(tmp_path, traces[0], capacity=POOL, order=unknown) == [
        "fleet.large.order.segments.z: there is no segment 'z'"
    ]
    assert issues(tmp_path, traces[1], capacity=POOL, order={"kind": "fair", "weights": {"all": 2}}) == [
        "fleet.large.order: does nothing: all requests are of one segment"
    ]


def test_an_order_may_be_that_of_a_line_at_limits(tmp_path: Path) -> None:
    """If a model has no pool of servers but limits that queue, an order has something to say."""
    workload = {
        "arrivals": {"kind": "poisson", "rate_per_s": 5.0},
        "segments": {"x": {"share": "50%"}, "y": {"share": "50%"}},
    }
    queues, rejects = ({"requests_per_minute": 60, "on_limit": what} for what in ("queue", "reject"))
    assert issues(tmp_path, workload, limits=queues, order=PRIORITY) == []
    assert issues(tmp_path, workload, limits=rejects, order=PRIORITY) == [
        "fleet.large.order: does nothing: nobody waits for this model"
    ]
