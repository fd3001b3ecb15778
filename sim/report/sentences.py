"""The answer in words: what each pattern saves, what it costs in quality, what it does to the tail."""

from __future__ import annotations

from sim.experiment.result import PatternResult, RunResult
from sim.outcome.estimates import Estimate
from sim.report.numbers import Written, negated, written


def in_words(result: RunResult) -> list[str]:
    """One sentence per pattern other than the baseline."""
    base = result.patterns.get(result.baseline)
    return [
        _sentence(pattern, base, result.baseline)
        for pattern in result.patterns.values()
        if pattern.name != result.baseline
    ]


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
