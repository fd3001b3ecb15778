"""The answer in words: what each pattern saves, what it costs in quality, what it does to the tail."""

from __future__ import annotations

from collections.abc import Sequence

from sim.experiment.result import PatternResult, RunResult
from sim.outcome.estimates import Estimate
from sim.report.numbers import Written, negated, written

BARS = "".join(chr(0x2581 + eighths) for eighths in range(8))
"""Heights of a column, from an eighth to the whole."""


_GROWN = 2.0


def in_words(result: RunResult) -> list[str]:
    """One sentence per pattern other than the baseline."""
    base = result.patterns.get(result.baseline)
    return [
        *(
            _sentence(pattern, base, result.baseline)
            for pattern in result.patterns.values()
            if pattern.name != result.baseline
        ),
        *(f"{pattern.name}: {words}." for pattern in result.patterns.values() if (words := _storm(pattern))),
    ]


def backlog_lines(result: RunResult) -> list[str]:
    """Draw the number of requests in the system over time, one line per pattern; nothing if none built up a backlog."""
    drawn = [pattern for pattern in result.patterns.values() if pattern.backlog]
    if not any(_storm(pattern) for pattern in drawn):
        return []
    wide = max(len(pattern.name) for pattern in drawn)
    return [
        f"{pattern.name.ljust(wide)}  {_bars([part.value for part in pattern.backlog])}  up to "
        f"{written(pattern.estimates['backlog.most'])} requests"
        for pattern in drawn
    ]


def _storm(pattern: PatternResult) -> str:
    """Say whether a backlog built up and whether it was gone at the end; nothing where none did for sure.

    It did if the fullest sixtieth of the window has four times what the first sixth has, whatever both are in their
    intervals; it stayed if the last sixth has twice as much, and is gone if it has less than that.
    """
    start, most, end = (pattern.estimates.get(f"backlog.{when}") for when in ("start", "most", "end"))
    if start is None or most is None or end is None or _low(most) < 2 * _GROWN * max(_high(start), 1.0):
        return ""
    text = f"{written(start)} requests in the system in the first sixth of the window, up to {written(most)} later, "
    if _low(end) >= _GROWN * max(_high(start), 1.0):
        return f"{text}and still {written(end)} in the last sixth"
    if _high(end) < _GROWN * max(_low(start), 1.0):
        return f"{text}and {written(end)} in the last sixth: it came down again"
    return f"{text}and {written(end)} in the last sixth, which does not decide whether it comes down"


def _low(estimate: Estimate) -> float:
    return estimate.value if estimate.lower is None else estimate.lower


def _high(estimate: Estimate) -> float:
    return estimate.value if estimate.upper is None else estimate.upper


def _bars(numbers: Sequence[float]) -> str:
    most = max(*numbers, 1.0)
    return "".join(BARS[min(int(number / most * len(BARS)), len(BARS) - 1)] for number in numbers)


def _sentence(pattern: PatternResult, base: PatternResult | None, baseline: str) -> str:
    if pattern.status == "unstable":
        return (
            f"{pattern.name} is unstable: it offers its fleet more work than can be done, so its waits grow with the "
            "length of the run and none of its latencies holds."
        )
    saving, loss = pattern.estimates.get("cost.saving"), pattern.estimates.get("quality.loss")
    against = saving.baseline if saving and saving.baseline else baseline
    text = f"{pattern.name} {_money(saving)} against {against}"
    if loss is not None:
        text += f" at {written(negated(loss), signed=True)} quality"
    tail = _tail(pattern)
    if tail and (base is None or base.status != "unstable"):
        text += f"; P95 {tail}"
    return text + "."


def _money(saving: Estimate | None) -> str:
    if saving is None:
        return "has no known saving"
    if saving.lower is not None and saving.upper is not None and saving.lower <= 0 <= saving.upper:
        return "costs the same" if saving.lower == saving.upper else f"costs about the same (saving {written(saving)})"
    return f"saves {written(saving)}" if saving.value > 0 else f"costs {written(negated(saving))} more"


def _tail(pattern: PatternResult) -> str:
    """Change of the P95 latency against the baseline in percent, with its interval."""
    ratio = pattern.estimates.get("latency.p95_ratio")
    return "" if ratio is None else str(_change(ratio))


def _change(ratio: Estimate) -> Written:
    """Write a ratio of 1.84 as ``+84 %``."""
    lower, upper = (None if bound is None else bound - 1 for bound in (ratio.lower, ratio.upper))
    change = Estimate(ratio.value - 1, lower, upper, "fraction", few_data=ratio.few_data)
    return written(change, signed=True)
