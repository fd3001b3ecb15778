"""The benchmarks still run: what they compare is compared here, what they time is only played once."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MODULES = sorted(path.stem for path in BENCHMARKS.glob("*.py"))
NEEDS = {"peers_cimba": "cimba"}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmarks find each other, as they do when one of them is started."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_both_engines_give_the_same_in_the_equality_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the equality program plays 200 scenarios, it finds no difference and says how many it played."""
    equality = importlib.import_module("equality")
    monkeypatch.setattr(sys, "argv", ["equality.py", "--scenarios", "200", "--no-experiments"])
    assert equality.main() == 0
    printed = capsys.readouterr().out
    assert printed.startswith("200 scenarios, half with tied times, ")
    assert printed.endswith("600 comparisons: 0 differences\n")


def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """If two logs are not the same, the equality program says in which scenario and ends with exit code 1."""
    equality = importlib.import_module("equality")
    monkeypatch.setattr(equality, "same", lambda *_: False)
    monkeypatch.setattr(sys, "argv", ["equality.py", "--scenarios", "1", "--first", "7", "--no-experiments"])
    assert equality.main() == 1
    assert "scenario 7: compiled, whole differs" in capsys.readouterr().err


def test_a_scenario_is_drawn_from_its_number_alone() -> None:
    """If a scenario is drawn again, it is the same; each keeps the itinerary's contract."""
    equality = importlib.import_module("equality")
    for number in range(100):
        (itinerary, cuts), (again, cuts_again) = equality.scenario(number), equality.scenario(number)
        itinerary.check()
        assert cuts == cuts_again
        assert itinerary.leg_service_ns.tolist() == again.leg_service_ns.tolist()


@pytest.mark.parametrize("module", MODULES)
def test_every_benchmark_can_be_imported(module: str) -> None:
    """If a benchmark is imported, nothing is measured and no peer is needed but by its own models."""
    if module in NEEDS:
        pytest.skip(f"needs {NEEDS[module]}, which extends numba for the whole process")
    assert importlib.import_module(module).__doc__


def test_the_stop_watch_charges_every_step_once_and_lets_go() -> None:
    """If a replication is played under the stop-watch, its steps add up to at most the whole; none stays wrapped."""
    where, end_to_end = importlib.import_module("where"), importlib.import_module("end_to_end")
    before = (where.Streams.uniform, where.scipy.special.ndtri, where.Scene.plan, where.Ledger.add)
    scene = where.scene_of(end_to_end.sim.load(end_to_end.EXPERIMENT, end_to_end.overrides(1_000)))
    watch = where.watched(scene)
    names = [pattern.name for pattern in scene.line_up.patterns]
    assert list(watch.legs) == names
    assert {step for step in watch.seconds if step[1]} == {
        (what, name) for what in (where.PLAN, where.PLAY, where.ACCOUNT) for name in names
    }
    assert min(watch.seconds.values()) >= 0
    assert sum(watch.seconds.values()) <= watch.total
    assert watch.values[where.UNIFORMS] > 20_000
    assert before == (where.Streams.uniform, where.scipy.special.ndtri, where.Scene.plan, where.Ledger.add)


def test_six_months_can_be_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    """If six months are cut to two hours, whole and cascade have the same requests."""
    six_months = importlib.import_module("six_months")
    for measured in six_months.MEASURED.values():
        measured("2h")
    whole, cascade = capsys.readouterr().out.split()
    assert whole == cascade
    assert int(whole) > 20_000


def test_the_c_loop_gives_the_log_of_the_engines() -> None:
    """If there is a C compiler, the limit plays every system and a few scenarios to the nanosecond as we do."""
    play_in_c = importlib.import_module("limit").limit()
    if play_in_c is None:
        pytest.skip("no C compiler")
    equality, systems, engine = (importlib.import_module(name) for name in ("equality", "systems", "sim.engine"))
    itineraries = [systems.drawn(system, 300) for system in systems.SYSTEMS]
    itineraries += [equality.scenario(number)[0] for number in range(200)]
    for itinerary in itineraries:
        assert equality.same(play_in_c(itinerary), engine.play(itinerary, "reference"))
