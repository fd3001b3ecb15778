"""Which limit breaks first: from calls, tokens and service per request, without playing anything."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.experiment.explain import Explanation, explain
from sim.experiment.headroom import Ceiling


def of(
    rate: float = 2.0,
    providers: dict[str, Any] | None = None,
    segments: dict[str, Any] | None = None,
    **large: Any,
) -> Explanation:
    """Explain patterns over 1 s calls of a model with 10 servers and 3 s calls of another, 60 + 40 tokens each."""
    price, arrivals = {"input_mtok": 0.2}, {"kind": "constant", "rate_per_s": rate}
    small = {"tier": "cheap", "price": price, "service": "1s", "capacity": {"concurrency": 10}}
    return explain(
        sim.from_mapping(
            {
                "version": 1,
                "name": "headroom",
                "workload": {
                    **({"segments": segments} if segments else {"arrivals": arrivals}),
                    "tasks": {"t": {"input_tokens": 60, "output_tokens": 40}},
                },
                "fleet": {
                    "small": small | ({"provider": "host"} if providers else {}),
                    "large": {"tier": "frontier", "price": {"input_mtok": 2.5}, "service": "3s", **large},
                },
                "providers": providers or {},
                "quality": {"acceptance": {"t": {"small": 0.8, "large": 0.9}}},
                "patterns": [
                    {"name": "all", "kind": "cascade", "ladder": ["small", "large"], "escalate_when": {"lowest": 1.0}},
                ],
                "run": {"requests": 1000},
            }
        )
    )


def ceilings(explanation: Explanation, pattern: str) -> dict[tuple[str, str], Ceiling]:
    """Give the limits of a pattern by owner and what they limit, in their order."""
    return {(one.owner, one.limit): one for one in explanation.ceilings if one.pattern == pattern}


def words(explanation: Explanation, pattern: str) -> str:
    """Give the sentence about a pattern."""
    return next(line for line in explanation.breaks_first if line.startswith(f"{pattern}: "))


def test_servers_are_reached_where_the_work_fills_them() -> None:
    """If each request brings 1 s of work to 10 servers, they are full at 10 requests/s, five times the present 2."""
    (one,) = ceilings(of(), "cheap-only").values()
    assert (one.allowed, one.offered, one.used, one.reached_at_per_s) == pytest.approx((10, 2, 0.2, 10))
    assert words(of(), "cheap-only") == (
        "cheap-only: small (servers) breaks first, at 10 requests/s, 5 times the present rate"
    )


def test_limits_are_reached_where_calls_and_tokens_fill_them() -> None:
    """If a request brings one call of 100 tokens, 300 calls a minute end at 5/s, and 24,000 tokens a minute at 4/s."""
    found = ceilings(of(limits={"requests_per_minute": 300, "tokens_per_minute": 24_000}), "frontier-only")
    assert list(found) == [("large", "tokens/min"), ("large", "requests/min")]
    tokens, calls = found.values()
    assert (tokens.offered, tokens.reached_at_per_s) == pytest.approx((12_000, 4))
    assert (calls.offered, calls.reached_at_per_s) == pytest.approx((120, 5))


def test_a_reservation_counts_instead_of_the_answer() -> None:
    """If 140 tokens are reserved for each answer, a call counts for 200, not for the 100 it has."""
    limits = {"tokens_per_minute": 24_000, "reserved_output_tokens": 140}
    (one,) = ceilings(of(limits=limits), "frontier-only").values()
    assert one.reached_at_per_s == pytest.approx(2)


def test_a_call_counts_for_a_full_bucket_at_most() -> None:
    """If the bucket holds 50 tokens, a call of 100 takes all of it and no more, as when it is played."""
    (one,) = ceilings(of(limits={"tokens_per_minute": 3_000, "burst": "1s"}), "frontier-only").values()
    assert one.reached_at_per_s == pytest.approx(1)


def test_a_provider_adds_up_its_models() -> None:
    """If both models of a pattern share a provider, its limit takes the calls of both: two of each request here."""
    explanation = of(providers={"host": {"limits": {"requests_per_minute": 600}}}, provider="host")
    both, one = (
        ceilings(explanation, pattern)["provider host", "requests/min"] for pattern in ("all", "frontier-only")
    )
    assert (both.reached_at_per_s, one.reached_at_per_s) == pytest.approx((5, 10))
    assert words(explanation, "all").startswith("all: provider host (requests/min) breaks first, at 5 requests/s")
    assert words(explanation, "all").endswith("; then small (servers), at 10")


def test_retries_and_fallbacks_are_left_out() -> None:
    """If calls may be tried again and elsewhere, limits are reached by first tries all the same, and that is said."""
    client = {"retries": 3, "fallback": ["small"]}
    explanation = of(limits={"requests_per_minute": 300}, client=client, faults={"error_rate": 0.5})
    assert [one.reached_at_per_s for one in ceilings(explanation, "frontier-only").values()] == pytest.approx([5])
    assert any("retries, fallbacks and what spills over come on top" in line for line in explanation.lines())


def test_a_limit_that_is_exceeded_is_warned_of() -> None:
    """If more is asked for than a limit accepts, a warning says how much more; and the factor is below 1."""
    explanation = of(rate=6.0, limits={"requests_per_minute": 300})
    assert (
        "frontier-only: large is asked for 1.20 times the requests/min it accepts; the limit is reached at 5 requests/s"
        in explanation.warnings
    )
    assert words(explanation, "frontier-only").endswith("at 5 requests/s, 0.833 times the present rate")


def test_without_limits_nothing_breaks() -> None:
    """If a pattern calls only what has no limit, it is said, and no line of the table is about it."""
    assert words(of(), "frontier-only") == "frontier-only: nothing it calls has a limit"
    assert ceilings(of(), "frontier-only") == {}


def with_replicas(**batching: Any) -> Explanation:
    """Explain calls of 0.5 s and 4 s more, half of which go on, to replicas of 16 slots at half the pace when full."""
    own = {
        "tier": "cheap",
        "price": {"replica_hour_usd": 20},
        "service": {"ttft": "500ms", "inter_token": "100ms"},
        "capacity": {"batching": {"slots": 16, "speed": {"16": 0.5}, "beside_prefill": 0.25, **batching}},
    }
    limits = {"tokens_per_minute": 12_000}
    large = {"tier": "frontier", "price": {"input_mtok": 2.5}, "service": "3s", "limits": limits}
    return explain(
        sim.from_mapping(
            {
                "version": 1,
                "name": "replicas",
                "workload": {
                    "arrivals": {"kind": "constant", "rate_per_s": 1},
                    "tasks": {"t": {"input_tokens": 60, "output_tokens": 41}},
                },
                "fleet": {"own": own, "large": large},
                "quality": {"acceptance": {"t": {"own": 0.8, "large": 0.9}}},
                "patterns": [
                    {"name": "half", "kind": "cascade", "ladder": ["own", "large"], "escalate_when": {"lowest": 0.5}}
                ],
                "run": {"requests": 10_000},
            }
        )
    )


TARGET = {"utilisation": 0.7, "most": 5}
STEPS = {"schedule": [{"at": "1h", "replicas": 1}, {"at": "2h", "replicas": 4}]}


@pytest.mark.parametrize(
    ("batching", "most"),
    [({"replicas": 2}, 2), ({"replicas": 2, "autoscale": TARGET}, 5), ({"replicas": 2, "autoscale": STEPS}, 4)],
)
def test_replicas_are_reached_where_full_batches_are(batching: dict[str, Any], most: int) -> None:
    """If sixteen decode at half pace, 4 s of decoding take 0.5 s of a replica, and 0.5 s to read the prompt hold it up.

    While a prompt is read, a quarter of the pace is left: 0.75 x 0.5 s more. So a call needs 0.875 s of a replica.
    """
    found = ceilings(with_replicas(**batching), "cheap-only")["own", "replicas"]
    assert (found.allowed, found.offered) == pytest.approx((most, 0.875))
    assert found.reached_at_per_s == pytest.approx(most / 0.875)


def test_what_a_cascade_sends_on_counts_where_it_goes() -> None:
    """If half of the requests escalate, 101 tokens each, 12,000 tokens a minute end at 3.96 requests/s or nearly so.

    The share is that of the pilot: of 10,000 requests half a point off as a rule, four times that at most.
    """
    explanation = with_replicas(replicas=4)
    tokens = ceilings(explanation, "half")["large", "tokens/min"]
    assert tokens.reached_at_per_s == pytest.approx(12_000 / 60 / (0.5 * 101), rel=0.04)
    assert words(explanation, "half").startswith("half: large (tokens/min) breaks first, at ")
    assert words(explanation, "half").endswith("; then own (replicas), at 4.57")


def test_a_schedule_is_told_of_at_its_fewest() -> None:
    """If a schedule has one replica of four at times, the rate that one can bear is told as well; else nothing is."""
    said = [line for line in with_replicas(replicas=2, autoscale=STEPS).breaks_first if "schedule" in line]
    assert said[0] == "cheap-only: own is full at 1.14 requests/s while its schedule has only 1 of 4 replicas"
    assert not [line for line in with_replicas(replicas=2, autoscale=TARGET).breaks_first if "schedule" in line]


def test_a_segments_own_limit_counts_its_own_calls() -> None:
    """If one of two equal segments has a limit of its own, half of the calls count against it."""
    limits = {"burst": "1m", "by_segment": {"b": {"requests_per_minute": 60, "tokens_per_minute": 3_000}}}
    segments = {name: {"arrivals": {"kind": "constant", "rate_per_s": 1.0}} for name in "ab"}
    found = ceilings(of(segments=segments, limits=limits), "frontier-only")
    assert {limit: one.reached_at_per_s for (_, limit), one in found.items()} == pytest.approx(
        {"requests/min of b": 2, "tokens/min of b": 1}
    )


def test_a_segment_that_comes_in_bursts_counts_at_its_rate() -> None:
    """If the first requests show a burst of a segment or a break, it still brings what its rate says: one in five."""
    segments = {
        "a": {"arrivals": {"kind": "constant", "rate_per_s": 4.0}},
        "b": {"arrivals": {"kind": "on_off", "rate_per_s": 10.0, "on": "1m", "off": "9m"}},
    }
    limits = {"by_segment": {"b": {"requests_per_minute": 60}}}
    (one,) = ceilings(of(segments=segments, limits=limits), "frontier-only").values()
    assert (one.offered, one.reached_at_per_s) == pytest.approx((60, 5))


@pytest.mark.parametrize(("kind", "said"), [("poisson", False), ("on_off", True)])
def test_uneven_traffic_breaks_limits_sooner(kind: str, said: bool) -> None:
    """If traffic comes in bursts, the words say that rates are means; of steady traffic they do not."""
    more = {"on": "1m", "off": "1m"} if kind == "on_off" else {}
    experiment = sim.from_mapping(
        {
            "version": 1,
            "name": "uneven",
            "workload": {
                "arrivals": {"kind": kind, "rate_per_s": 2, **more},
                "tasks": {"t": {"input_tokens": 60, "output_tokens": 40}},
            },
            "fleet": {"one": {"price": {"input_mtok": 0.2}, "service": "1s"}},
            "quality": {"acceptance": {"t": {"one": 0.8}}},
            "run": {"requests": 10},
        }
    )
    assert any(line.startswith("rates are means over time") for line in explain(experiment).breaks_first) == said
