"""The fixture `tiercast` in the tests of somebody else's project, played by a pytest of their own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from cli.commands import ROOT, TINY, environment
from programs import printed

TESTS = """\
import pytest

def test_kept(tiercast):
    check = tiercast.assert_passes("inner/told.yaml", "thresholds={latency: [mean<1m]}", workers=1)
    assert {finding.verdict for finding in check.findings} == {"pass"}

def test_broken(tiercast):
    tiercast.assert_passes("inner/told.yaml", workers=1)

def test_open(tiercast):
    tiercast.assert_passes("inner/told.yaml", "run.requests=40", fail_on=["fail", "inconclusive"], workers=1)

def test_looked_at(tiercast):
    check = tiercast.check("inner/told.yaml", "seed=5", workers=1)
    assert (check.passed, check.run.seed) == (False, 5)

def test_run(tiercast):
    run = tiercast.run("inner/told.yaml", "run.requests=40", workers=1)
    assert run.result.patterns["cascade"].estimates["cost.per_1k"].value > 0

def test_mistaken(tiercast):
    tiercast.load("inner/told.yaml", "sead=3")

def test_without_thresholds(tiercast):
    tiercast.check("inner/told.yaml", "thresholds={}")
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give what pytest says of those tests, started in a folder below the root."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "inner").mkdir()
    told = f"{TINY.replace('requests: 40', 'requests: 300')}thresholds:\n  latency{{pattern:cascade}}: ['p(50)<1ms']\n"
    (folder / "inner" / "told.yaml").write_text(told, encoding="utf-8")
    (folder / "inner" / "test_slo.py").write_text(TESTS, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "sim.pytest_plugin", "-p", "no:cacheprovider", "-rA", "--color=no"],
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTHONDONTWRITEBYTECODE="1", COLUMNS="300"),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder / "inner",
    )
    assert sorted(path.name for path in (folder / "inner").iterdir()) == ["test_slo.py", "told.yaml"]
    return done.stdout


def test_verdicts_decide_the_tests(report: str) -> None:
    """If a promise is kept the test passes, if it is broken or, where wanted, open, it fails."""
    assert [line for line in report.splitlines() if line.startswith(("PASSED", "ERROR"))] == [
        "PASSED test_slo.py::test_kept",
        "PASSED test_slo.py::test_looked_at",
        "PASSED test_slo.py::test_run",
    ]


def test_a_failure_is_sentences_and_places(report: str) -> None:
    """If a test fails, it says what is wrong and where to look, and shows no source of ours."""
    assert "told.yaml:36:30: fail: latency.p50 of cascade is " in report
    assert "told.yaml:36:30: inconclusive: latency.p50 of cascade is " in report
    assert "unknown key 'sead' (" in report
    assert "there is nothing to check" in report
    assert "pytest_plugin.py" not in report


def test_pytest_starts_no_slower() -> None:
    """If the plugin is loaded, nothing of ours is, nor any library that pytest itself does not need."""
    code = "import sim.pytest_plugin, sys; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = printed(code)
    assert [name for name in ("numpy", "pydantic", "yaml", "click", "rich", "scipy") if f"'{name}'" in loaded] == []


def test_pytest_finds_the_plugin() -> None:
    """The package names the plugin where pytest looks for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (module,) = project["entry-points"]["pytest11"].values()
    assert callable(import_module(module).tiercast)
    assert Path(str(import_module(module).__file__)).is_relative_to(ROOT / "sim")
