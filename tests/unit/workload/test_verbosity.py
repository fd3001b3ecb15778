"""A replayed trace through a model that writes longer answers than those recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim

RECORDED = "at,prompt,answer\n0,1000,10\n1,2000,100\n2,500,55\n4,10,1\n"


def replayed(folder: Path, verbosity: float) -> sim.Experiment:
    """Replay the trace on one model at $1 per million prompt tokens and $4 per million answer tokens."""
    (folder / "trace.csv").write_text(RECORDED)
    source = {
        "format": "columns",
        "file": "trace.csv",
        "columns": {"arrival": "at", "input_tokens": "prompt", "output_tokens": "answer"},
        "time_unit": "s",
    }
    return sim.from_mapping(
        {
            "version": 1,
            "name": "verbosity",
            "workload": {"arrivals": {"kind": "trace", "source": source}, "tasks": {"t": {}}},
            "fleet": {
                "model": {
                    "price": {"input_mtok": 1.0, "output_mtok": 4.0},
                    "service": {"ttft": "100ms", "inter_token": "10ms"},
                    "verbosity": verbosity,
                }
            },
            "quality": {"acceptance": {"t": {"model": 0.9}}},
            "patterns": [{"name": "all", "kind": "single", "model": "model"}],
            "run": {"replications": 1},
        },
        folder,
    )


@pytest.mark.parametrize(
    ("verbosity", "tokens"),
    # 13, 130, 71.5 and 1.3 tokens, halves rounded to even
    [(1.0, [10, 100, 55, 1]), (1.3, [13, 130, 72, 1]), (2.0, [20, 200, 110, 2])],
)
def test_recorded_answers_grow_with_the_verbosity(tmp_path: Path, verbosity: float, tokens: list[int]) -> None:
    """If a model writes 1.3 times as much, the recorded answers are 1.3 times as long, as dear and as slow."""
    log = replayed(tmp_path, verbosity).run(workers=1).requests("all")
    assert log["output_tokens"].tolist() == tokens
    assert log["input_tokens"].tolist() == [1000, 2000, 500, 10]
    prompts = [1_000_000, 2_000_000, 500_000, 10_000]  # nano-dollars: a token costs 1,000, one of the answer 4,000
    assert log["cost_nano_usd"].tolist() == [paid + 4_000 * count for paid, count in zip(prompts, tokens, strict=True)]
    assert log["latency_ns"].tolist() == [100_000_000 + (count - 1) * 10_000_000 for count in tokens]
