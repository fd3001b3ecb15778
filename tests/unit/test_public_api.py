"""The public names, and what importing them must not cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sim

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = ROOT / "experiments" / "support-chat.yaml"

NAMES = [
    "CheckResult",
    "Experiment",
    "InterruptedRun",
    "InvalidInput",
    "Issue",
    "Run",
    "RunError",
    "RunResult",
    "TiercastError",
    "__version__",
    "from_mapping",
    "load",
]


def loaded_by(program: str) -> set[str]:
    """Run a program in a fresh interpreter and give the top-level names of the modules it has loaded."""
    tail = "\nimport json, sys\nprint(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program + tail], capture_output=True, text=True, check=True, env=environment
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_names_are_pinned() -> None:
    """If a public name comes or goes, this list has been changed on purpose."""
    assert sorted(sim.__all__) == NAMES
    assert dir(sim) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_name_leads_somewhere(name: str) -> None:
    """If a public name is asked for, it is there and comes from where it was made."""
    assert getattr(sim, name) is not None


def test_late_names_are_the_real_ones() -> None:
    """If a late name is imported through the top, it is the same object as at home."""
    from sim.experiment import resolve, result, simulate  # noqa: PLC0415 - what a late import gives

    assert sim.load is resolve.load
    assert sim.from_mapping is resolve.from_mapping
    assert sim.Experiment is resolve.Experiment
    assert sim.RunResult is result.RunResult
    assert sim.Run is simulate.Run


def test_unknown_names_are_refused() -> None:
    """If a name is not public, asking for it raises AttributeError as for any module."""
    with pytest.raises(AttributeError, match="no attribute 'simulate_everything'"):
        _ = sim.simulate_everything


def test_importing_sim_is_light() -> None:
    """If only `sim` is imported, neither numpy nor pydantic nor anything heavier is."""
    heavy = {"numpy", "pydantic", "yaml", "pandas", "pyarrow", "scipy", "simpy", "rich", "click"}
    assert not loaded_by("import sim") & heavy


def test_help_is_light() -> None:
    """If somebody asks for --help, no numpy is loaded."""
    program = (
        "from sim.cli import main\nimport sys\nsys.argv = ['tiercast', '--help']\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert not leaving.code, leaving.code"
    )
    assert not loaded_by(program) & {"numpy", "pandas", "pyarrow", "scipy", "simpy", "numba", "pydantic"}


def test_validate_is_light() -> None:
    """If an experiment is loaded, checked and hashed, none of the slow libraries is."""
    program = f"import sim\nassert sim.load({str(EXPERIMENT)!r}).hash"
    heavy = {"pandas", "pyarrow", "numba", "simpy", "scipy", "rich"}
    assert not loaded_by(program) & heavy
