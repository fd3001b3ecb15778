"""The repository checks itself; a router that is made worse is caught, and the line that caught it is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli.commands import ROOT, invoke
from junit_files import outcomes, read

CHECKED = sorted(path.stem for path in (ROOT / "results" / "baselines").glob("*.json"))
NAME = "cascade-latency"
SLOW = ("inter_token: 14ms", "inter_token: 40ms")
"""A frontier model that decodes at a third of its speed: more than any promise allows."""
SLOWER = ("inter_token: 14ms", "inter_token: 15.5ms")
"""One that decodes 11 % slower: within the threshold, and worse than the baseline."""

QUICKLY = ("--quiet", "--replications", "6")


@pytest.fixture
def copy(folder: Path) -> Path:
    """Copy one shipped experiment with its baseline to an empty folder; give it."""
    for below, name in (("experiments", f"{NAME}.yaml"), ("results/baselines", f"{NAME}.json")):
        (folder / below).mkdir(parents=True)
        shutil.copy(ROOT / below / name, folder / below / name)
    return folder / "experiments" / f"{NAME}.yaml"


def changed(path: Path, change: tuple[str, str]) -> list[str]:
    """Make one change to an experiment, in the middle of it; give its lines."""
    text = path.read_text(encoding="utf-8")
    assert text.count(change[0]) == 1
    path.write_text(text.replace(*change), encoding="utf-8")
    return path.read_text(encoding="utf-8").splitlines()


def annotated(err: str) -> set[tuple[str, int]]:
    """Give level and line of the annotations of the experiment."""
    told = [line.split(f" file=experiments/{NAME}.yaml,line=") for line in err.splitlines() if line.startswith("::")]
    return {(level, int(rest.split(",")[0])) for level, rest in told}


def test_every_baseline_has_an_experiment_that_keeps_it() -> None:
    """If a baseline is committed, the experiment of its name compares with it, and .ci/run does so."""
    assert NAME in CHECKED
    regressions = [
        path.stem for path in (ROOT / "experiments").glob("*.yaml") if "\nregression:" in path.read_text("utf-8")
    ]
    assert sorted(regressions) == CHECKED
    assert "/tiercast check" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_a_router_that_breaks_its_promise_is_exit_code_99(copy: Path) -> None:
    """If the frontier decodes at a third of its speed, the threshold's line and the baseline's are annotated."""
    lines = changed(copy, SLOW)
    answer = invoke("check", f"experiments/{NAME}.yaml", *QUICKLY, "--annotate", "-o", "r.xml", "-o", "r.json")
    assert answer.code == 99
    threshold = next(number for number, line in enumerate(lines, 1) if "'p(95)<4s'" in line)
    tolerance = next(number for number, line in enumerate(lines, 1) if "tolerance:" in line)
    assert annotated(answer.err) == {("::error", threshold), ("::error", tolerance)}
    found = outcomes(read(Path("r.xml").read_bytes()))
    assert found[f"{NAME}.cascade-fast latency.p95: p(95)<4s"] == "failure"
    assert found[f"{NAME}.cascade-slow latency.p95: 5%"] == "failure"
    assert json.loads(Path("r.json").read_bytes())["passed"] is False


def test_a_router_that_got_worse_within_its_promise_is_exit_code_98(copy: Path) -> None:
    """If the frontier decodes a tenth slower, every threshold holds, and what is worse than before is annotated."""
    lines = changed(copy, SLOWER)
    answer = invoke("check", f"experiments/{NAME}.yaml", *QUICKLY, "--annotate", "-o", "r.xml", "-o", "r.md")
    assert answer.code == 98
    tolerance = next(number for number, line in enumerate(lines, 1) if "tolerance:" in line)
    assert annotated(answer.err) == {("::error", tolerance)}
    found = outcomes(read(Path("r.xml").read_bytes()))
    assert found[f"{NAME}.cascade-fast latency.p95: p(95)<4s"] == "passed"
    assert "failure" in {found[f"{NAME}.{name} latency.p95: 5%"] for name in ("cascade-slow", "cascade-fast")}
    assert "worse than the baseline" in Path("r.md").read_text("utf-8")
