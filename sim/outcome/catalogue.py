"""The catalogue of metrics: name, unit, meaning and which direction is better."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher", ""]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `name` may hold placeholders such as ``<route>``; `better` is empty where neither is."""

    name: str
    unit: str
    better: Better
    meaning: str

    def matches(self, dotted: str) -> bool:
        """Say whether a dotted metric name is of this entry."""
        pattern = re.sub(r"<[a-z_]+>", "\0", self.name)
        # Names come from users and from their files: they may be empty or hold anything, line breaks included.
        return re.fullmatch(re.escape(pattern).replace("\0", ".*"), dotted, re.DOTALL) is not None


_AGGREGATES = (("mean", "mean"), ("p50", "median"), ("p95", "95th percentile"), ("p99", "99th percentile"))
_DURATIONS = (
    ("latency", "time from arrival to the end of the answer, with every check the user waits for"),
    ("ttft", "time from arrival to the first visible token; an answer under check shows when the check ends"),
    ("wait", "part of the latency spent in queues"),
)
_GROUPS = (
    ("escalated", "of escalated requests"),
    ("not_escalated", "of requests that were not escalated"),
    ("route.<route>", "of requests that took this route"),
    ("segment.<segment>", "of this segment"),
    ("task.<task>", "of this task class"),
)


def _durations() -> list[Metric]:
    found = []
    for name, meaning in _DURATIONS:
        found += [Metric(f"{name}.{short}", "s", "lower", f"{long} {meaning}") for short, long in _AGGREGATES]
        found += [
            Metric(f"{name}.{group}.{short}", "s", "lower", f"{long} {name} {of}")
            for group, of in _GROUPS
            for short, long in _AGGREGATES
        ]
    return found


CATALOGUE: tuple[Metric, ...] = (
    *_durations(),
    Metric("backlog.start", "requests", "lower", "mean number of requests in the system, first sixth of the window"),
    Metric("backlog.most", "requests", "lower", "the same in the sixtieth of the window where it is largest"),
    Metric("backlog.end", "requests", "lower", "the same in the last sixth of the window"),
    Metric(
        "failure.rate", "fraction", "lower", "share of requests without an answer; latencies are those of the others"
    ),
    Metric("failure.rate.segment.<segment>", "fraction", "lower", "the same within a segment"),
    Metric("failure.rate.task.<task>", "fraction", "lower", "the same within a task class"),
    Metric(
        "fallback.rate",
        "fraction",
        "lower",
        "share of requests answered by a model of `client.fallback`, because the wanted one had failed for good",
    ),
    Metric("calls.per_request", "ratio", "lower", "calls to models per request, retries and fallbacks among them"),
    Metric("retries.per_request", "ratio", "lower", "calls per request that were made because another one failed"),
    Metric("hedges.per_request", "ratio", "", "calls per request that were sent beside one that took long"),
    Metric("hedges.won", "fraction", "higher", "share of these that were done before the call they were sent beside"),
    Metric(
        "models.<model>.rejected", "fraction", "lower", "share of calls that were rejected: queue full or limit reached"
    ),
    Metric(
        "models.<model>.waited",
        "fraction",
        "lower",
        "share of calls that waited at a limit or for a server (where capacity is unlimited, at limits alone)",
    ),
    Metric(
        "models.<model>.time_at_limit",
        "fraction",
        "lower",
        "share of time in which some call waited at a limit (or, where servers are limited too, for a server)",
    ),
    Metric("models.<model>.wait_mean", "s", "lower", "mean wait of a call, at limits and for a server together"),
    Metric("models.<model>.errors", "fraction", "lower", "share of calls that ended in an error or met an outage"),
    Metric("models.<model>.timed_out", "fraction", "lower", "share of calls that were given up while they were served"),
    Metric("models.<model>.abandoned", "fraction", "lower", "share of calls that were given up while they waited"),
    Metric(
        "models.<model>.skipped",
        "fraction",
        "lower",
        "share of calls that were not made as the model's breaker was open",
    ),
    Metric("models.<model>.breaker_open", "fraction", "lower", "share of time in which the model's breaker was open"),
    Metric(
        "models.<model>.outpaced", "fraction", "lower", "share of calls given up as the other of two was done first"
    ),
    Metric("latency.p50_ratio", "ratio", "lower", "median latency over that of a direct call to the first model"),
    Metric(
        "latency.escalated.p50_ratio",
        "ratio",
        "lower",
        "median latency of escalated requests over that of a direct call to the last model for the same requests",
    ),
    Metric("latency.p95_ratio", "ratio", "lower", "95th percentile latency over that of the baseline"),
    Metric("cost.per_1k", "usd/1k", "lower", "USD per 1,000 requests, idle replicas included"),
    Metric("cost.total", "usd", "lower", "USD per replication, over the measured window"),
    Metric("cost.per_30d", "usd", "lower", "USD per 30 days at the volume of this run"),
    Metric("cost.saving", "fraction", "higher", "share of the baseline's cost that is saved, same requests"),
    Metric("cost.per_1k.segment.<segment>", "usd/1k", "lower", "USD for calls per 1,000 requests of a segment"),
    Metric("cost.per_30d.segment.<segment>", "usd", "lower", "USD for calls of a segment per 30 days"),
    Metric("cost.saving.segment.<segment>", "fraction", "higher", "share of the baseline's cost saved in a segment"),
    Metric("cost.cause.<cause>.per_1k", "usd/1k", "lower", "USD per 1,000 requests by what the call was for"),
    Metric("cost.model.<model>.per_1k", "usd/1k", "lower", "USD per 1,000 requests paid for calls to this model"),
    Metric("quality.acceptance", "fraction", "higher", "share of answers that are acceptable"),
    Metric("quality.acceptance.segment.<segment>", "fraction", "higher", "the same within a segment"),
    Metric("quality.acceptance.task.<task>", "fraction", "higher", "the same within a task class"),
    Metric("quality.acceptance.route.<route>", "fraction", "higher", "the same among requests of a route"),
    Metric("quality.loss", "points", "lower", "percentage points of acceptance lost against the baseline"),
    Metric("quality.loss.segment.<segment>", "points", "lower", "the same within a segment"),
    Metric(
        "quality.gap_recovered",
        "fraction",
        "higher",
        "(acceptance - cheap-only) / (frontier-only - cheap-only): RouteLLM's performance gap recovered",
    ),
    Metric("escalation.rate", "fraction", "", "share of requests whose first answer was not trusted"),
    Metric("escalation.rate.segment.<segment>", "fraction", "", "the same within a segment"),
    Metric("escalation.rate.task.<task>", "fraction", "", "the same within a task class"),
    Metric("route.<route>.share", "fraction", "", "share of requests that took this route"),
    Metric("refusal.rate", "fraction", "lower", "share of answers shown that are refusals"),
    Metric(
        "goodput",
        "1/s",
        "higher",
        "rate of arrival of requests whose answers are acceptable and meet all run.goals",
    ),
    Metric("arrival.rate", "1/s", "", "requests that arrive per second of the measured window"),
    Metric("models.<model>.calls_per_request", "ratio", "", "calls to this model per request"),
    Metric(
        "models.<model>.utilisation",
        "fraction",
        "",
        "share of the model's servers busy, or of the slots of its replicas",
    ),
    Metric("models.<model>.batch", "requests", "", "mean number of calls on a replica while it serves any"),
    Metric("models.<model>.replicas", "replicas", "", "mean number of replicas that are paid for"),
    Metric(
        "models.<model>.idle_cost",
        "usd/1k",
        "lower",
        "USD per 1,000 requests of what replicas cost, for the share of their slots (or servers) that served nobody",
    ),
    Metric(
        "models.<model>.first_token",
        "s",
        "lower",
        "mean time from sending a call to its first token, waits included, where served in batches",
    ),
    Metric("models.<model>.inter_token", "s", "lower", "mean time per token after the first, where served in batches"),
    Metric("models.<model>.in_flight", "requests", "", "mean number of calls in service"),
    Metric("models.<model>.offered_load", "requests", "", "arrival rate of calls x mean service time, in Erlang"),
    Metric("models.<model>.queue_mean", "requests", "lower", "mean number of calls waiting"),
)


@functools.lru_cache(maxsize=4096)
def metric_of(dotted: str) -> Metric:
    """Find the entry of a dotted metric name; KeyError if there is none."""
    for metric in CATALOGUE:
        if metric.matches(dotted):
            return metric
    raise KeyError(dotted)
