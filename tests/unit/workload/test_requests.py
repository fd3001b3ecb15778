"""The request table: laws and correlations as written, given values untouched, draws that do not disturb each other."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from drawing import COLUMNS, COUNT, POISSON, REPLAY, assert_same, draw, table, task, trace, workload
from scipy import stats

from sim.chance import Purpose, Streams
from sim.chance.normal import normal_quantile
from sim.workload.labels import Choice
from sim.workload.requests import Inputs, Requests
from sim.workload.traces import Labels
from sim.workload.workload import Workload

# ---- laws and correlations


@pytest.mark.parametrize("correlation", [-1.0, -0.6, 0.0, 0.3, 0.9, 1.0])
def test_the_token_law_is_exact_whatever_the_correlation(correlation: float) -> None:
    """If lengths go with difficulty, prompt lengths still follow their law and difficulty stays standard normal."""
    drawn = draw(workload(tasks={"a": task(lengths={"input_with_difficulty": correlation})}))
    # the 10^-5 critical value of the Kolmogorov statistic: sqrt(ln(2 / 1e-5) / 2 n)
    bound = math.sqrt(math.log(2 / 1e-5) / (2 * COUNT))
    assert stats.kstest(drawn.input_tokens, stats.uniform(0, 1_000_000).cdf).statistic < bound
    assert stats.kstest(drawn.difficulty, "norm").statistic < bound


@pytest.mark.parametrize("correlation", [-0.8, -0.2, 0.0, 0.15, 0.7])
def test_normal_scores_have_the_stated_correlation(correlation: float) -> None:
    """If a correlation of prompt length with difficulty is written, the latents have it (Fisher z within 4 errors)."""
    drawn = draw(workload(tasks={"a": task(lengths={"input_with_difficulty": correlation})}))
    scores = normal_quantile((drawn.input_tokens + 0.5) / 1_000_001)
    found = np.corrcoef(scores, drawn.difficulty)[0, 1]
    assert abs(math.atanh(found) - math.atanh(correlation)) * math.sqrt(COUNT - 3) <= 4


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_correlation_of_one_orders_both_alike(sign: float) -> None:
    """If length and difficulty correlate by 1 (or -1), the longest prompt is the hardest (or the easiest)."""
    drawn = draw(workload(tasks={"a": task(lengths={"input_with_difficulty": sign})}), requests=500)
    assert np.all(np.diff(sign * drawn.difficulty[np.argsort(drawn.input_tokens)]) >= 0)


def test_the_mean_of_a_token_law_is_kept() -> None:
    """If prompts are exponential, their mean is the stated one within 4 standard errors (sd = mean)."""
    spec = workload(tasks={"a": task(input_tokens={"law": "exponential", "mean": 900.0})})
    drawn = draw(spec)
    assert abs(drawn.input_tokens.mean() - 900) <= 4 * 900 / math.sqrt(COUNT)


def test_each_class_has_its_own_law() -> None:
    """If classes have constant lengths, each request has that of its class."""
    spec = workload(
        tasks={"short": task(input_tokens=10), "long": task(input_tokens=5000)}, mix={"short": "80%", "long": "20%"}
    )
    drawn = draw(spec)
    assert_same(drawn.input_tokens, np.where(drawn.task == 0, 10, 5000))
    share = np.mean(drawn.task == 0)
    assert abs(share - 0.8) <= 4 * math.sqrt(0.8 * 0.2 / COUNT)


def test_cached_tokens_are_the_stated_share() -> None:
    """If a quarter of the prompt is cached, each request has the whole tokens of that quarter."""
    drawn = draw(workload(tasks={"a": task(cached_share=0.25)}), requests=1000)
    assert_same(drawn.cached_tokens, drawn.input_tokens // 4)


# ---- segments and their sources


def test_shares_are_kept_per_segment_and_class() -> None:
    """If segments share the arrivals, each has its share, and within it its own mix (within 4 standard errors)."""
    spec = workload(
        segments={"big": {"share": "70%", "mix": {"a": "90%", "b": "10%"}}, "small": {"share": "30%"}},
        tasks={"a": task(), "b": task()},
        mix={"a": "25%", "b": "75%"},
    )
    drawn = draw(spec)
    big = drawn.segment == drawn.segments.index("big")
    for share, mask, expected in (
        (np.mean(big), np.ones(COUNT), 0.7),
        (np.mean(drawn.task[big] == 0), big, 0.9),
        (np.mean(drawn.task[~big] == 0), ~big, 0.25),
    ):
        assert abs(share - expected) <= 4 * math.sqrt(expected * (1 - expected) / mask.sum())


def test_segments_with_their_own_arrivals_keep_them() -> None:
    """If segments have arrivals of their own, every request is of the segment that its source stands for."""
    spec = Workload.model_validate(
        {
            "segments": {
                "slow": {"arrivals": {"kind": "constant", "rate_per_s": 2.0}},
                "fast": {"arrivals": {"kind": "constant", "rate_per_s": 6.0}},
            },
            "tasks": {"a": task()},
        }
    )
    drawn = draw(spec, until_ns=10_000_000_000)
    assert np.all(np.diff(drawn.arrival_ns) >= 0)
    for name, gap_ns in (("slow", 500_000_000), ("fast", 1_000_000_000 / 6)):
        mine = drawn.arrival_ns[drawn.segment == drawn.segments.index(name)]
        assert np.all(np.abs(np.diff(mine) - gap_ns) <= 1)


def test_adding_a_segment_changes_nothing_for_the_others() -> None:
    """If a segment with arrivals of its own is added, the draws of the others stay the same, column by column."""
    alone = {"a": {"arrivals": POISSON}}
    both = {"new": {"arrivals": {"kind": "poisson", "rate_per_s": 37.0}}, **alone}
    rest = {"tasks": {"t": task(lengths={"input_with_difficulty": 0.4}), "u": task()}, "mix": {"t": 0.5, "u": 0.5}}
    before = draw(Workload.model_validate({"segments": alone, **rest}), until_ns=20 * 10**9)
    after = draw(Workload.model_validate({"segments": both, **rest}), until_ns=20 * 10**9)
    mine = after.segment == after.segments.index("a")
    assert 0 < mine.sum() < len(after)
    for column in COLUMNS:
        if column != "segment":
            assert_same(getattr(before, column), getattr(after, column)[mine])
    for purpose in (Purpose.CORRECT, Purpose.TTFT, Purpose.OUTPUT_TOKENS):
        assert_same(before.uniform(purpose, "m"), after.uniform(purpose, "m")[mine])


def test_uniforms_belong_to_the_request_of_the_source() -> None:
    """If a uniform is asked for, the k-th request of a source gets the k-th draw of that source's stream."""
    segments = {"a": {"arrivals": POISSON}, "b": {"arrivals": POISSON}}
    drawn = draw(Workload.model_validate({"segments": segments, "tasks": {"t": task()}}), requests=300)
    for name in segments:
        mine = drawn.segment == drawn.segments.index(name)
        expected = Streams(5, 0).uniform(Purpose.TTFT, (name, "model"), 0, int(mine.sum()))
        assert_same(drawn.uniform(Purpose.TTFT, "model")[mine], expected)


def test_the_order_of_names_changes_no_draw() -> None:
    """If classes, mix and segments are listed in another order, every request stays what it was."""
    names = {"a": task(input_tokens=1), "b": task(input_tokens=2), "c": task(input_tokens=3)}
    mix, shares = {"a": 0.2, "b": 0.5, "c": 0.3}, {"p": {"share": 0.4}, "q": {"share": 0.6}}
    one = draw(workload(tasks=names, mix=mix, segments=shares), requests=2000)
    other = draw(
        workload(
            tasks=dict(reversed(names.items())),
            mix=dict(reversed(mix.items())),
            segments=dict(reversed(shares.items())),
        ),
        requests=2000,
    )
    assert_same(one.input_tokens, other.input_tokens)
    assert [one.tasks[code] for code in one.task] == [other.tasks[code] for code in other.task]
    assert [one.segments[code] for code in one.segment] == [other.segments[code] for code in other.segment]


def test_many_classes_are_told_apart_like_few() -> None:
    """If there are more classes than are compared one by one, each has the requests whose uniform is in its part."""
    for count in (2, 9, 10, 40):
        names = tuple(f"t{number:02}" for number in range(count))
        shares = np.arange(1, count + 1) / (count * (count + 1) / 2)
        uniform = Streams(1, 0).uniform(Purpose.TASK, (), 0, 500)
        expected = [sum(u >= edge for edge in np.cumsum(shares)[:-1]) for u in uniform]
        assert Choice(names, dict(zip(names, shares.tolist(), strict=True))).codes(uniform).tolist() == expected


# ---- how far, and which replication


def test_fewer_requests_are_the_first_of_more() -> None:
    """If fewer requests are drawn, they are the first ones of a longer draw: nothing depends on the number."""
    spec = workload(
        segments={"a": {"share": 0.5}, "b": {"share": 0.5}},
        tasks={"t": task(lengths={"input_with_difficulty": 0.4}), "u": task()},
        mix={"t": 0.5, "u": 0.5},
    )
    few, many = draw(spec, requests=1001), draw(spec, requests=3000)
    assert len(few) == 1001
    for column in COLUMNS:
        assert_same(getattr(few, column), getattr(many, column)[:1001])


def test_a_duration_keeps_what_arrives_before_its_end() -> None:
    """If the horizon is a time, exactly the requests that arrive before it are drawn."""
    spec = workload(tasks={"t": task()})
    long = draw(spec, until_ns=20 * 10**9)
    short = draw(spec, until_ns=int(long.arrival_ns[700]))
    assert len(short) == 700
    assert_same(short.arrival_ns, long.arrival_ns[:700])


def test_replications_and_seeds_differ() -> None:
    """If the replication or the seed is another, so are the draws; if both are the same, all columns are."""
    spec = workload(tasks={"t": task()})
    first, again = draw(spec, requests=500), draw(spec, requests=500)
    for field in fields(Requests):
        if field.name in COLUMNS:
            assert_same(getattr(first, field.name), getattr(again, field.name))
    for other in (draw(spec, requests=500, replication=1), draw(spec, requests=500, seed=6)):
        assert not np.any(first.difficulty == other.difficulty)


def test_no_arrivals_make_an_empty_table() -> None:
    """If nothing arrives before the horizon, every column is there and empty."""
    drawn = draw(workload(tasks={"t": task()}), until_ns=1)
    assert len(drawn) == 0
    assert all(len(getattr(drawn, column)) == 0 for column in COLUMNS)


# ---- traces


def test_trace_columns_are_untouched() -> None:
    """If a trace records arrivals and tokens, the requests have exactly these, and difficulty only follows them."""
    recorded = trace(cached_tokens=np.arange(1000, dtype=np.int64))
    spec = Workload.model_validate(
        {"arrivals": REPLAY, "tasks": {"t": {"lengths": {"input_with_difficulty": 1.0}, "cached_share": 0.9}}}
    )
    drawn = draw(spec, inputs=Inputs({"all": recorded}), requests=None)
    assert_same(drawn.arrival_ns, recorded.arrival_ns)
    assert_same(drawn.input_tokens, recorded.input_tokens)
    assert_same(drawn.output_tokens, recorded.output_tokens)
    assert_same(drawn.cached_tokens, np.minimum(np.arange(1000), drawn.input_tokens))
    assert np.array_equal(np.argsort(drawn.difficulty), np.argsort(drawn.input_tokens))


@pytest.mark.parametrize("correlation", [-0.7, 0.0, 0.5])
def test_difficulty_follows_the_rank_of_recorded_tokens(correlation: float) -> None:
    """If tokens are recorded, difficulty correlates with their normal scores as stated and stays standard normal."""
    spec = Workload.model_validate(
        {"arrivals": REPLAY, "tasks": {"t": {"lengths": {"input_with_difficulty": correlation}}}}
    )
    drawn = draw(spec, inputs=Inputs({"all": trace(COUNT)}), requests=None)
    scores = stats.norm.ppf((stats.rankdata(drawn.input_tokens) - 0.5) / COUNT)
    found = np.corrcoef(scores, drawn.difficulty)[0, 1]
    assert abs(math.atanh(found) - math.atanh(correlation)) * math.sqrt(COUNT - 3) <= 4
    assert stats.kstest(drawn.difficulty, "norm").statistic < math.sqrt(math.log(2 / 1e-5) / (2 * COUNT))


def test_equal_recorded_tokens_share_their_middle_rank() -> None:
    """If all prompts are alike, their score is 0, so the difficulty is nothing but its own luck."""
    spec = Workload.model_validate({"arrivals": REPLAY, "tasks": {"t": {"lengths": {"input_with_difficulty": 0.6}}}})
    alike = trace(input_tokens=np.full(1000, 50, dtype=np.int64))
    drawn = draw(spec, inputs=Inputs({"all": alike}), requests=None)
    luck = normal_quantile(drawn.uniform(Purpose.DIFFICULTY))
    assert np.allclose(drawn.difficulty, 0.8 * luck, rtol=0, atol=1e-12)


def test_a_trace_without_tokens_has_them_drawn() -> None:
    """If a trace has no prompt lengths, they are drawn from the law of the class."""
    spec = Workload.model_validate({"arrivals": REPLAY, "tasks": {"t": task(input_tokens=77)}})
    drawn = draw(spec, inputs=Inputs({"all": trace(input_tokens=None)}), requests=None)
    assert np.all(drawn.input_tokens == 77)


@pytest.mark.parametrize("declared", [False, True])
def test_labels_of_a_trace_decide(*, declared: bool) -> None:
    """If a trace says segment and class of a request, that is what they are, shares or not."""
    labels = np.arange(1000, dtype=np.int64) % 3
    recorded = trace(segment=Labels(labels, ("r", "s", "t")), task=Labels(labels // 2, ("b", "a")))
    segments = {name: {"share": share} for name, share in (("t", 0.98), ("s", 0.01), ("r", 0.01))}
    spec = Workload.model_validate(
        {
            "arrivals": REPLAY,
            "tasks": {"a": task(), "b": task()},
            "mix": {"a": 1.0, "b": 0.0},
            **({"segments": segments} if declared else {}),
        }
    )
    drawn = draw(spec, inputs=Inputs({"all": recorded}), requests=None)
    assert [drawn.segments[code] for code in drawn.segment] == ["rst"[code] for code in labels]
    assert [drawn.tasks[code] for code in drawn.task] == ["ba"[code // 2] for code in labels]


# ---- outcome tables


def test_every_pass_over_the_table_uses_each_row_once() -> None:
    """If requests are rows of a table, each full pass has every row once, in another order, with the row's columns."""
    rows = table([0, 1, 1, 0, 1, 0, 0])
    drawn = draw(workload(), inputs=Inputs({}, rows), requests=7 * 4 + 3)
    assert drawn.table_row is not None
    passes = drawn.table_row[:28].reshape(4, 7)
    assert np.array_equal(np.sort(passes, axis=1), np.tile(np.arange(7), (4, 1)))
    assert len({tuple(order) for order in passes.tolist()}) > 1
    assert len(set(drawn.table_row[28:].tolist())) == 3
    assert_same(drawn.task, rows.task_code[drawn.table_row])
    assert_same(drawn.input_tokens, drawn.table_row + 100)


def test_passes_are_per_class_where_the_workload_has_classes() -> None:
    """If the workload draws the class, each class walks through its own rows, each pass using each of them once."""
    rows = table([0, 1, 1, 0, 1, 0, 0, 1, 1])
    spec = workload(tasks={"y": task(), "x": task()}, mix={"x": 0.3, "y": 0.7})
    drawn = draw(spec, inputs=Inputs({}, rows), requests=400)
    assert drawn.table_row is not None
    for name in rows.tasks:
        own = np.flatnonzero(rows.task_code == rows.tasks.index(name))
        mine = drawn.table_row[drawn.task == drawn.tasks.index(name)]
        full = len(mine) // len(own)
        assert full > 20
        assert np.array_equal(np.sort(mine[: full * len(own)].reshape(full, -1), axis=1), np.tile(own, (full, 1)))


def test_rows_are_as_likely_first_as_last() -> None:
    """If the first row of many replications is counted, no row is preferred (chi-square at 10^-5)."""
    rows = table([0] * 6, tasks=("x",))
    firsts = []
    for replication in range(600):
        row = draw(workload(), inputs=Inputs({}, rows), replication=replication, requests=1).table_row
        assert row is not None
        firsts.append(int(row[0]))
    assert stats.chisquare(np.bincount(firsts, minlength=6)).pvalue > 1e-5
