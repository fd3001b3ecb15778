"""`tiercast forecast`: typed as a user types it."""

from __future__ import annotations

import csv
import json
import pickle
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cli.commands import invoke

from sim.report.forecast_words import money

ASKED = (
    "{start: 2027-01, months: 3, draws: 60, traffic: {growth_per_month: {p10: 1%, p90: 5%}}, "
    "budgets: {line: {usd_per_month: 1}}}"
)
QUICK = ("--set", "run.requests=200", "--set", "run.replications=2", "--quiet")


def asking(text: str = ASKED) -> str:
    """Write an experiment that asks for a forecast, and name its file."""
    Path("asked.yaml").write_text(
        Path("tiny.yaml").read_text(encoding="utf-8") + f"forecast: {text}\n", encoding="utf-8"
    )
    return "asked.yaml"


def test_the_answer_is_told_by_month_in_words_and_in_files() -> None:
    """If a forecast is asked for, every month has a row, a budget has a sentence, and the files say the same."""
    answer = invoke(
        "forecast", asking(), *QUICK, "-o", "spend.json", "-o", "spend.csv", "-o", "spend.parquet", "-o", "spend.md"
    )
    assert (answer.code, answer.err) == (0, "")
    for month in ("2027-01", "2027-02", "2027-03"):
        assert any(line.startswith(f"{month} ") for line in answer.out.splitlines())
    said = " ".join(answer.out.split())
    whole = json.loads(Path("spend.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader(Path("spend.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 3 * len(whole["patterns"])
    first = whole["patterns"][rows[0]["pattern"]]["months"][0]["spend"]
    assert [float(rows[0][f"spend_{one}_usd"]) for one in ("median", "mean")] == [first["median"], first["mean"]]
    assert [float(rows[0][f"spend_{end}_usd"]) for end in ("lower", "upper")] == first["intervals"]["p80"]
    assert "frontier-only and budget line of $1.00 a month: the median crosses it in 2027-01; it" in said
    comment = Path("spend.md").read_text(encoding="utf-8")
    assert "**Spend by month, USD: median" in comment
    assert f"| 2027-01 | {money(first['median'])} " in comment
    assert Path("spend.parquet").stat().st_size


def test_an_experiment_that_asks_for_none_is_told_how_to() -> None:
    """Without the key there is nothing to forecast."""
    answer = invoke("forecast", "tiny.yaml")
    assert answer.code == 2
    assert "asks for no forecast" in answer.err
    assert "forecast: {start: 2026-12, months: 12}" in answer.err


def test_names_that_lead_nowhere_are_all_told_with_their_place() -> None:
    """Segments, task classes, patterns and days are held against the experiment before anything runs."""
    bad = (
        "{start: 2027-01, traffic: {segments: {nobody: {users: 5}}, holidays: {2026-12-25: 0.5}}, "
        "drift: {pace: base, hard_tasks: [nothing]}, budgets: {b: {usd_per_month: 5, patterns: [never]}}, "
        "projects: {p: {pattern: nowhere, engineering_usd: 5}}}"
    )
    answer = invoke("forecast", asking(bad))
    assert answer.code == 2
    for message in (
        "there is no segment 'nobody'",
        "2026-12-25 is not within the forecast",
        "there is no task class 'nothing'",
        "there is no pattern 'never'",
        "there is no pattern 'nowhere'",
    ):
        assert message in answer.err
    assert answer.err.count("asked.yaml:") == 5


def test_a_pace_that_does_nothing_is_refused() -> None:
    """A pace whose rates are all stated beside it would change nothing, and neither would a spread of no pace."""
    stated = "hard_logit_per_month: 0.1, input_tokens_per_month: 1%, output_tokens_per_month: 1%"
    answer = invoke("forecast", asking(f"{{start: 2027-01, drift: {{pace: fast, hard_tasks: [chat], {stated}}}}}"))
    assert answer.code == 2
    assert "pace fast does nothing" in answer.err
    answer = invoke("forecast", asking("{start: 2027-01, drift: {pace_spread: 50%}}"))
    assert answer.code == 2
    assert "pace_spread does nothing without a pace" in answer.err


def test_two_laws_for_one_price_and_models_that_are_none_are_refused() -> None:
    """A price steps or declines, a declining one takes nothing up, and names of models are held against the fleet."""
    for prices, message in (
        ("{steps: {}, decline: {models: [small]}}", "a price steps or declines"),
        ("{decline: {}, adopt: [{model: large, on: 2027-02-01, price: {input_mtok: 1}}]}", "leave it out of adopt"),
        ("{steps: {models: [huge]}}", "there is no model 'huge'"),
        ("{adopt: [{model: large, on: 2026-02-01, price: {input_mtok: 1}}]}", "2026-02-01 is not within the forecast"),
        ("{adopt: [{model: large, on: 2027-02-01, price: maker/new}]}", "a price by name needs a rate_card"),
        ("{decline: {times_per_year: {p10: 10, p90: 3}}}", "p10 10 is above p90 3"),
    ):
        answer = invoke("forecast", asking(f"{{start: 2027-01, prices: {prices}}}"))
        assert answer.code == 2
        assert message in answer.err
        assert "asked.yaml:" in answer.err


def test_purchases_ahead_are_held_against_paying_by_use() -> None:
    """A commitment has a row, a sentence and its numbers in JSON; one of models that are none is refused."""
    dear = "{models: [large], usd_per_month: 9e6, discount: 25%}"
    thin = "{models: [large], usd_per_month: 1000, throughput: {tokens_per_minute: 10, usable: 50%}}"
    text = f"{{start: 2027-01, months: 2, draws: 60, commitments: {{dear: {dear}, thin: {thin}}}}}"
    answer = invoke("forecast", asking(text), *QUICK, "-o", "spend.json")
    assert (answer.code, answer.err) == (0, "")
    assert "Commitment dear of $9,000,000 a month under frontier-only: pays where its calls would cost" in answer.out
    assert "Commitment thin of $1,000 a month under frontier-only: in most futures no use makes it pay" in " ".join(
        answer.out.split()
    )
    told = json.loads(Path("spend.json").read_text(encoding="utf-8"))["commitments"]
    assert [(one["commitment"], one["pattern"], one["whole"]["pays"]) for one in told[:2]] == [
        ("dear", "frontier-only", 0.0),
        ("dear", "cascade", 0.0),
    ]
    assert all(0 <= month["utilisation"]["median"] <= 1 for one in told for month in one["months"])
    bad = "{start: 2027-01, commitments: {a: {models: [huge], usd_per_month: 5, discount: 5%, patterns: [never]}}}"
    answer = invoke("forecast", asking(bad))
    assert answer.code == 2
    assert "there is no model 'huge'" in answer.err
    assert "there is no pattern 'never'" in answer.err


def through_bytes(what: Any) -> Any:
    """Give a copy of something that has been sent to another process."""
    return pickle.loads(pickle.dumps(what))  # noqa: S301 - bytes of our own


class Apart(ThreadPoolExecutor):
    """Threads that share no objects with whoever asks: all goes in and out as bytes, as between processes."""

    def __init__(
        self, count: int, context: object, initializer: Callable[..., None], initargs: tuple[Any, ...]
    ) -> None:
        del context
        super().__init__(count, initializer=initializer, initargs=through_bytes(initargs))

    def submit(self, task: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Do a task and hand back a copy of what comes out; the first one is the last to be done."""

        def done() -> Any:
            if given == (0,):
                time.sleep(0.05)
            return through_bytes(task(*given, **named))

        return super().submit(done)


def test_any_number_of_workers_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """If two workers share the replications and the first one is the last to be done, files are those of one worker."""
    monkeypatch.setattr("sim.study.replications.ProcessPoolExecutor", Apart)
    asked = asking()
    one, two = (
        invoke("forecast", asked, *QUICK, "--workers", str(workers), "-o", f"{workers}.json", "-o", f"{workers}.csv")
        for workers in (1, 2)
    )
    assert (one.code, one.out) == (two.code, two.out) == (0, one.out)
    for extension in ("json", "csv"):
        assert Path(f"1.{extension}").read_bytes() == Path(f"2.{extension}").read_bytes()


def test_every_mistake_of_a_forecast_is_told_at_its_place_at_once() -> None:
    """If months, days, ranges and rates are out of bounds, each has a line, and only what was meant is spoken of."""
    bad = (
        "{start: 2027-1, months: 99, traffic: {growth_per_month: {p10: 4%, p90: 1%}, holidays: {'20270105': 0}, "
        "day_to_day: -1}, drift: {input_tokens_per_month: -150%, escalation_logit_per_month: {p10: 0.1}}}"
    )
    answer = invoke("forecast", asking(bad))
    assert answer.code == 2
    for message in (
        "forecast.start: '2027-1' is no month; write for example 2026-12",
        "forecast.months: must be at most 60, found 99",
        "forecast.traffic.growth_per_month: p10 0.04 is above p90 0.01",
        "forecast.traffic.holidays.20270105: '20270105' is no date; write for example 2026-12-25",
        "forecast.traffic.day_to_day: -1 is not between 0 and 1; write a number such as 0.3",
        "forecast.drift.input_tokens_per_month: -150% is below -90%; a growth is from -90% to 100%",
        "forecast.drift.escalation_logit_per_month.p90: p90 is required",
    ):
        assert message in answer.err
    assert answer.err.count("asked.yaml:") == 7


def test_questions_without_an_answer_are_refused() -> None:
    """If a project replaces itself, a name stands twice, all tasks are hard or nothing escalates, that is an error."""
    bad = (
        "{start: 2027-01, drift: {hard_tasks: [chat], hard_logit_per_month: 0.5}, "
        "projects: {p: {pattern: frontier-only, engineering_usd: 5}}, "
        "commitments: {c: {models: [large, large], usd_per_month: 5, discount: 20%}}}"
    )
    answer = invoke("forecast", asking(bad))
    assert answer.code == 2
    for message in (
        "forecast.drift.hard_tasks: no segment has both hard and other tasks",
        "forecast.projects.p.pattern: frontier-only instead of frontier-only saves nothing",
        "forecast.commitments.c.models.1: names model 'large' twice",
    ):
        assert message in answer.err
    assert (answer.err.count("asked.yaml:"), answer.err.count("hint:")) == (3, 3)
    still = asking("{start: 2027-01, drift: {escalation_logit_per_month: 0.1}}")
    alone = "patterns=[{name: alone, kind: single, model: small}]"
    assert "does nothing: no pattern escalates" in invoke("forecast", still, "--set", alone).err
    assert "it takes 99 of them" in invoke("forecast", asking("{start: 2027-01, draws: 98, level: 0.98}")).err
    assert "9999-12 is not between 1970-01 and 2199-12" in invoke("forecast", asking("{start: 9999-12}")).err


def test_what_is_wrong_with_a_book_is_told_with_what_is_wrong_with_the_experiment() -> None:
    """If a book overlaps, has gaps, negative prices and two currencies, each has its line and a hint, all at once."""
    book = """\
models:
  overlap:
    periods:
    - {until: 2027-03-01, input_mtok: 1, output_mtok: 2}
    - {since: 2027-02-01, input_mtok: 1, output_mtok: 2}
  gap:
    periods:
    - {until: 2027-03-01, input_mtok: 1, output_mtok: 2}
    - {since: 2027-04-01, input_mtok: 1, output_mtok: 2}
  negative: {periods: [{input_mtok: -1, output_mtok: 2}]}
  euro: {currency: EUR, periods: [{input_mtok: 1, output_mtok: 2}]}
"""
    Path("book.yaml").write_text(book, encoding="utf-8")
    named = ("--set", "rate_card={book: book.yaml, on: 2027-01-01}", "--set", "fleet.small.price=gap")
    answer = invoke("forecast", asking("{start: 2027-01, months: 99}"), *named)
    assert answer.code == 2
    for message in (
        "book.yaml:5:15: error: models.overlap.periods.1.since: overlap: begins at 2027-02-01",
        "book.yaml:9:15: error: models.gap.periods.1.since: gap: nothing is priced from 2027-03-01 until 2027-04-01",
        "book.yaml:10:37: error: models.negative.periods.0.input_mtok: must be at least 0, found -1",
        "book.yaml:11:20: error: models.euro.currency: EUR in a book of USD",
        "forecast.months: must be at most 60, found 99",
    ):
        assert message in answer.err
    assert answer.err.count("hint:") == 3
    Path("book.yaml").write_text(
        "models: {old: {periods: [{input_mtok: 1, output_mtok: 2}], retires: 2027-06-01}}", encoding="utf-8"
    )
    retired = ("--set", "rate_card={book: book.yaml, on: 2027-01-01}", "--set", "fleet.small.price=old")
    answer = invoke("forecast", asking("{start: 2027-01, months: 12}"), *retired)
    assert (answer.code, "old retires at 2027-06-01 and has no successor" in answer.err) == (2, True)
    assert "forecast.prices.adopt: [{model: small, on: ..., price: ...}]" in answer.err


def test_a_mean_outside_its_interval_is_told_on_the_terminal_in_markdown_and_in_json() -> None:
    """If a purchase saves all of its discount in nearly every future, the mean lies below, and all answers say so."""
    bought = "{reserved: {models: [large], usd_per_month: 20000, discount: 25%, patterns: [frontier-only]}}"
    steps = "{steps: {per_year: 0.5, models: [large]}}"
    text = f"{{start: 2027-01, months: 2, draws: 100, prices: {steps}, commitments: {bought}}}"
    answer = invoke("forecast", asking(text), *QUICK, "-o", "spend.json", "-o", "spend.md", "-o", "s.commitments.csv")
    told = json.loads(Path("spend.json").read_text(encoding="utf-8"))
    saving = told["commitments"][0]["whole"]["saving"]
    most = 2 * 20_000 * (1 / 0.75 - 1)
    assert [saving["median"], *saving["intervals"]["p80"]] == pytest.approx([most] * 3)
    assert saving["mean"] < most - 1
    whole = list(csv.DictReader(Path("s.commitments.csv").read_text(encoding="utf-8").splitlines()))[-1]
    assert [float(whole[f"saving_{one}_usd"]) for one in ("median", "mean")] == [saving["median"], saving["mean"]]
    said, comment = " ".join(answer.out.split()), Path("spend.md").read_text(encoding="utf-8")
    words = f"saving {money(most)} [{money(most)}, {money(most)}] (mean {money(saving['mean'])}, which lies outside)"
    assert words in said
    (note,) = [note for note in told["notes"] if note.startswith("the mean lies below")]
    assert "commitment reserved under frontier-only, saving" in note
    assert note in said
    assert "which lies outside" in comment
    assert "the mean lies below the 80 % interval of: " in comment


def test_a_purchase_that_covers_no_call_says_so() -> None:
    """If a pattern is asked about that never calls the models of a commitment, a note tells that there is no answer."""
    of = "{models: [large], usd_per_month: 5, discount: 20%, patterns: [cheap-only]}"
    answer = invoke("forecast", asking(f"{{start: 2027-01, months: 1, draws: 50, commitments: {{c: {of}}}}}"), *QUICK)
    said = " ".join(answer.out.split())
    assert "commitment c: nothing to hold it against under cheap-only, which pays no call of large by use" in said
