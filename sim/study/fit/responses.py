"""Chat completions as the OpenAI API returns them, one JSON object a line: scores from their token log-probabilities.

A line is a completion (an object with ``choices``), or holds one under ``response`` or ``response.body`` as batch files
do, and beside it says whether the answer was acceptable. Where an API gives no log-probabilities there is the text:
refusals, hedging, and how many of several choices agree.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.columns import Bools, Floats
from sim.errors import InvalidInput, Issue
from sim.study.fit.labelled import Labelled, Wanted
from sim.workload.traces.findings import SHOWN, quoted
from sim.workload.traces.opening import check_file, open_bytes

_MOST_LINES: Final = 5_000_000

REFUSES: Final = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable)|i (?:can(?:no|')t|cannot|won't|will not|am not able to)\b.{0,40}"
    r"\b(?:help|assist|answer|provide|comply|do that|fulfil)|as an ai\b)",
    re.IGNORECASE | re.DOTALL,
)
"""Begins an answer that declines, in English."""

HEDGES: Final = re.compile(
    r"\b(?:i(?:'m| am) not (?:sure|certain)|i (?:think|believe|guess)\b|it (?:might|may|could) be|possibly|perhaps|"
    r"not entirely clear|hard to say|i could be wrong|please (?:verify|double-check))",
    re.IGNORECASE,
)
"""Words that leave it open, in English."""


def _mean(logprobs: Floats, texts: Sequence[str]) -> float:
    del texts
    return float(logprobs.mean())


def _least(logprobs: Floats, texts: Sequence[str]) -> float:
    del texts
    return float(logprobs.min())


def _low_tenth(logprobs: Floats, texts: Sequence[str]) -> float:
    del texts
    return float(np.quantile(logprobs, 0.1))


def _total(logprobs: Floats, texts: Sequence[str]) -> float:
    del texts
    return float(logprobs.sum())


def _perplexity(logprobs: Floats, texts: Sequence[str]) -> float:
    del texts
    return math.exp(float(logprobs.mean()))


def _no_refusal(logprobs: Floats, texts: Sequence[str]) -> float:
    del logprobs
    return 0.0 if REFUSES.search(texts[0][:300]) else 1.0


def _no_hedging(logprobs: Floats, texts: Sequence[str]) -> float:
    del logprobs
    return 0.0 if REFUSES.search(texts[0][:300]) or HEDGES.search(texts[0]) else 1.0


def _agreement(logprobs: Floats, texts: Sequence[str]) -> float:
    del logprobs
    said = [" ".join(re.findall(r"\w+", text.casefold())) for text in texts]
    return Counter(said)[said[0]] / len(said)


SCORES: Final[Mapping[str, tuple[Callable[[Floats, Sequence[str]], float], str, str]]] = {
    "mean_logprob": (_mean, "tokens", "mean log-probability of the tokens; does not depend on length"),
    "probability": (_perplexity, "tokens", "the same as a probability a token: its geometric mean"),
    "low_logprob": (_low_tenth, "tokens", "the tenth of the tokens that are least likely begins here"),
    "min_logprob": (_least, "tokens", "log-probability of the least likely token"),
    "sum_logprob": (_total, "tokens", "log-probability of the whole answer: long answers look unsure"),
    "agreement": (_agreement, "choices", "share of the choices that say the same as the first (self-consistency)"),
    "no_refusal": (_no_refusal, "text", "1 unless the answer declines"),
    "no_hedging": (_no_hedging, "text", "1 unless the answer declines or hedges"),
}
"""Scores by name: how each is made, what it needs, and what it is. Higher is surer."""


def read_responses(path: Path, score: str, wanted: Wanted) -> Labelled:
    """Read completions with their labels. InvalidInput says every line that cannot be used.

    `wanted.truths` are keys beside the completion, as `wanted.task` is one; `score` is one of `SCORES`.
    """
    check_file(path, str(path))
    make, needs, _ = SCORES[score]
    issues = list[Issue]()
    scores, task, names = list[float](), list[int](), dict[str, int]()
    columns: dict[str, list[bool]] = {name: [] for name in wanted.truths}
    with open_bytes(path, str(path)) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            if number > _MOST_LINES:
                raise InvalidInput([Issue(f"the file has more than {_MOST_LINES:,} lines", str(path))])
            try:
                row = _row(line)
                logprobs, texts = _parts(row, needs)
                labels = {name: _label(row, name, wanted.right_from) for name in wanted.truths}
                group = "all" if wanted.task is None else _name(row, wanted.task)
            except ValueError as error:
                issues.append(Issue(str(error), str(path), number, 1))
                continue
            scores.append(make(logprobs, texts))
            task.append(names.setdefault(group, len(names)))
            for name, value in labels.items():
                columns[name].append(value)
    if issues:
        more = len(issues) - SHOWN
        rest = [Issue(f"and {more:,} more lines that cannot be used", str(path))] if more > 0 else []
        raise InvalidInput([*issues[:SHOWN], *rest])
    if not scores:
        raise InvalidInput([Issue("the file holds no completions", str(path))])
    truth: dict[str, Bools] = {name: np.array(values, dtype=np.bool_) for name, values in columns.items()}
    return Labelled(
        file=str(path),
        rows=len(scores),
        numbers={score: np.array(scores)},
        truths=truth,
        task=np.array(task, dtype=np.int64),
        tasks=tuple(names),
    )


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("this is no JSON object in one line") from None
    if not isinstance(row, dict):
        raise ValueError("this is no JSON object in one line")  # noqa: TRY004 - one kind of error for bad lines
    return row


def _parts(row: dict[str, Any], needs: str) -> tuple[Floats, list[str]]:
    """Give the log-probabilities of the first choice's tokens, and the texts of all choices."""
    choices = _completion(row).get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(one, dict) for one in choices):
        raise ValueError("there are no `choices` in it")
    if needs == "tokens":
        return _logprobs(choices[0]), []
    texts = [one.get("message", {}).get("content") if isinstance(one.get("message"), dict) else None for one in choices]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a choice has no text under `message.content`")
    if needs == "choices" and len(texts) < 2:  # noqa: PLR2004 - agreement is between two
        raise ValueError("there is one choice; agreement needs several (ask with n: 5)")
    return np.empty(0), [str(text) for text in texts]


def _completion(row: dict[str, Any]) -> dict[str, Any]:
    inner: Any = row
    for key in ("response", "body"):
        if isinstance(inner.get(key), dict):
            inner = inner[key]
    found: dict[str, Any] = inner
    return found


def _logprobs(choice: dict[str, Any]) -> Floats:
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(tokens, list) or not tokens:
        raise ValueError("the choice has no `logprobs.content`; ask with logprobs: true, or take a score of the text")
    values = [token.get("logprob") if isinstance(token, dict) else None for token in tokens]
    for place, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value > 0:
            raise ValueError(f"logprobs.content[{place}].logprob is {quoted(value)}, no log-probability (0 or below)")
    return np.array(values, dtype=np.float64)


def _label(row: dict[str, Any], name: str, right_from: float) -> bool:
    if name not in row:
        raise ValueError(f"there is no key {name!r} that says whether the answer was acceptable")
    value = row[name]
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return value >= right_from
    raise ValueError(f"{name} is {quoted(value)}, not true, false or a number")


def _name(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"there is no name under {key!r}")
    return value
