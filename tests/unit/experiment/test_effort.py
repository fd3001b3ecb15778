"""Which engine and how many processes: chosen by the size of the run, without a trace in the answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scenes import CASCADE, FLEET, QUALITY, WORKLOAD

import sim
from sim.experiment import effort
from sim.experiment.scene import Scene
from sim.experiment.summary import summary_bytes

EXPERIMENT = Path(__file__).resolve().parents[3] / "experiments" / "quickstart.yaml"


def experiment(**run: Any) -> sim.Experiment:
    """Give a small experiment of three patterns at five requests per second."""
    return sim.from_mapping(
        {
            "version": 1,
            "name": "small",
            "workload": WORKLOAD,
            "fleet": FLEET,
            "quality": QUALITY,
            "patterns": [CASCADE],
            "run": run,
        }
    )


@pytest.mark.parametrize(
    ("run", "plays"),
    [({"requests": 70, "replications": 4}, 70 * 4 * 3), ({"duration": "2m", "replications": 2}, 600 * 2 * 3)],
)
def test_plays_are_requests_times_patterns_times_replications(run: dict[str, Any], plays: float) -> None:
    """If the run says how long it is, the number of requests follows from the count or the rate."""
    given = experiment(**run)
    assert effort.plays_of(Scene(given.spec, given.line_up, given.inputs())) == pytest.approx(plays)


def test_short_runs_do_not_wait_for_a_compiler() -> None:
    """If there is little to play, auto takes the reference engine; if there is much, the compiled one."""
    assert effort.choose_engine("auto", 1_000) == ("reference", "")
    assert effort.choose_engine("auto", 1e9) == ("compiled", "")
    assert effort.choose_engine("reference", 1e9) == ("reference", "")
    assert effort.choose_engine("compiled", 1) == ("compiled", "")
    assert effort.choose_engine("auto", 100_000, [effort.Loop.CONDITIONS]) == ("reference", "")


def test_processes_are_started_where_they_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """If nothing is asked for, a short run stays in one process, and no run has more than cores or replications."""
    monkeypatch.setattr(effort, "_cores", lambda: 8)
    for engine, some in (("reference", 1.1e5), ("compiled", 3.1e6)):
        chosen = [effort.choose_workers(None, plays, 20, engine)[0] for plays in (1e3, some, 1e9)]
        assert chosen == [1, 2, 8]
    assert effort.choose_workers(None, 1e9, 3, "reference") == (3, 1)
    assert effort.choose_workers(5, 1e3, 20, "reference") == (5, 1)


def test_cores_without_a_replication_plan_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are more cores than processes, the compiled engine gets threads, and never more than asked for."""
    monkeypatch.setattr(effort, "_cores", lambda: 8)
    assert effort.choose_workers(None, 1e9, 1, "compiled") == (1, 3)
    assert effort.choose_workers(None, 1e9, 4, "compiled") == (4, 2)
    assert effort.choose_workers(None, 1e9, 20, "compiled") == (8, 1)
    assert effort.choose_workers(1, 1e9, 1, "compiled") == (1, 1)
    assert effort.choose_workers(2, 1e9, 1, "compiled") == (1, 2)


def test_both_engines_give_the_same_bytes() -> None:
    """If an experiment is played on either engine, the summary is the same to the last digit."""
    given = experiment(requests=2_000, replications=3)
    played = [given.run(workers=1, engine=engine) for engine in ("reference", "compiled")]
    assert [run.result.engine for run in played] == ["reference", "compiled"]
    assert len({summary_bytes(run.result) for run in played}) == 1


def run_in_a_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a fresh process."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_without_numba_the_run_goes_on_and_says_so(tmp_path: Path) -> None:
    """If numba is not there, auto plays on the reference engine with a remark, and compiled is refused by name."""
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from sim.experiment.effort import choose_engine\n"
        "from sim.errors import InvalidInput\n"
        "print(*choose_engine('auto', 1e9))\n"
        "try: choose_engine('compiled', 1)\n"
        "except InvalidInput as error: print(error)\n"
    )
    found = run_in_a_process(code, NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
    assert found == [
        (
            "reference the compiled engine cannot be used (numba is not installed); "
            "the reference engine gives the same, more slowly"
        ),
        "<input>: error: the compiled engine cannot be used: numba is not installed",
    ]


def test_a_broken_cache_is_emptied_once(tmp_path: Path) -> None:
    """If numba's cache cannot be read, the loop is compiled again and the run goes on with it."""
    code = """
from pathlib import Path
from sim.engine import kernel
from sim.experiment.effort import choose_engine
for loop in (kernel.advance, kernel.carry, kernel.valid):
    index = Path(loop._cache._cache_file._index_path)
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_bytes(b"")  # as a write that was interrupted leaves it
print(*choose_engine("auto", 1e9))
"""
    assert run_in_a_process(code, NUMBA_CACHE_DIR=str(tmp_path)).stdout.split() == ["compiled"]
    written = [*tmp_path.rglob("*.nbi")]
    assert written
    assert all(file.stat().st_size for file in written)
