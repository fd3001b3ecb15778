"""Measure all there is to measure, side by side, and print it as Markdown: `python benchmarks/run.py`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import conditions
import conditions_equality
import end_to_end
import engine_alone
import equality
import processes
from timing import machine


def sections(*, quick: bool) -> list[tuple[str, str]]:
    """Measure, and give each section with its title; engines come first, before anything of ours is compiled."""
    rounds = 3 if quick else 5
    slow = 5_000 if quick else 30_000
    engines = engine_alone.Sizes(fast=100_000 if quick else 1_000_000, slow=slow, rounds=rounds)
    memory_sizes = [1_000_000, 4_000_000] if quick else [1_000_000, 10_000_000, 100_000_000]
    measures: tuple[tuple[str, Callable[[], str]], ...] = (
        ("Engine alone", lambda: engine_alone.report(engines)),
        (
            "Where calls may be refused",
            lambda: conditions.section(50_000 if quick else 500_000, 2_000 if quick else 10_000, rounds),
        ),
        ("End to end", lambda: end_to_end.report(1_000_000 if quick else 10_000_000, 40_000, 1 if quick else 3)),
        ("Memory", lambda: processes.memory(memory_sizes)),
        ("Workers", lambda: processes.scaling(200_000 if quick else 1_000_000, 4, 1 if quick else 3)),
        ("Start-up", lambda: processes.start_up(1 if quick else 3)),
        ("Compiling", lambda: processes.compiling(1 if quick else 3)),
    )
    done = []
    for title, measure in measures:
        print(f"measuring: {title} ...", file=sys.stderr)
        done.append((title, measure()))
    return done


def main() -> int:
    """Measure, print and check; 1 if the engines differ anywhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes: smaller runs, fewer rounds; read no digits")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write to FILE too")
    wanted = parser.parse_args()
    measured = sections(quick=wanted.quick)
    print("measuring: equality ...", file=sys.stderr)
    tally = equality.compare(range(500 if wanted.quick else equality.SCENARIOS))
    found = list(equality.experiments()) if not wanted.quick else []
    refusing, _ = conditions_equality.differences(range(100 if wanted.quick else 2_000))
    lines = [f"{tally.scenarios:,} random scenarios, {tally.legs:,} legs: {tally.differences} differences."]
    lines.append(f"Where calls may be refused, {100 if wanted.quick else 2_000:,} more: {refusing} differences.")
    lines += [f"- {name}: {verdict}" for name, verdict in found]
    measured.append(("Equality", "\n".join(lines)))
    text = f"Measured on {machine()}.\n\n" + "\n\n".join(f"## {title}\n\n{body}" for title, body in measured) + "\n"
    print(text)
    if wanted.markdown is not None:
        wanted.markdown.write_text(text, encoding="utf-8")
    return 1 if tally.differences or refusing or any(verdict == "DIFFERENT" for _, verdict in found) else 0


if __name__ == "__main__":
    sys.exit(main())
