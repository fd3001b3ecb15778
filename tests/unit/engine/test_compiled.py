"""The compiled engine where it is not as usual: with numba told not to compile, or of another version."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from programs import printed

from sim.routing.itinerary import Itinerary

compiled = pytest.importorskip("sim.engine.compiled", reason="needs numba")

ROOT = Path(__file__).resolve().parents[3]
BENCHMARKS = ROOT / "benchmarks"


def test_the_loop_is_also_plain_python() -> None:
    """If numba is told not to compile, the same loop gives the reference engine's log, whole and in parts, tied or not.

    So a debugger and the measurement of coverage can look into it.
    """
    code = """
from sim.engine import kernel
from equality import compare
kernel.forget_cache()
tally = compare(range(300))
print(hasattr(kernel.advance, "py_func"), tally.plays, tally.differences)
"""
    assert printed(code, NUMBA_DISABLE_JIT="1") == "False 900 0"


def test_a_numba_without_the_private_option_still_compiles(tmp_path: Path) -> None:
    """If numba does not know the option that leaves out reference counts, the loop is compiled with them."""
    code = """
from numba.core.cpu import CPUTargetOptions
for kind in CPUTargetOptions.__mro__:
    if "_nrt" in vars(kind):
        del kind._nrt
from equality import compare
print(compare(range(2)).differences)
from sim.engine import kernel
print(kernel.options(), len(kernel.advance.overloads))
"""
    assert printed(code, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DISABLE_JIT="0").splitlines() == [
        "0",
        "{'cache': True, 'nogil': True} 1",
    ]


def test_this_numba_leaves_out_reference_counts() -> None:
    """If the installed numba knows the option, it is used: without it the loop takes twice as long."""
    assert compiled.kernel.options().get("_nrt") is False


GOOD: dict[str, list[int]] = {
    "arrival_ns": [0, 5, 5],
    "servers": [0, 2],
    "leg_request": [0, 0, 0, 2, 2],
    "leg_stage": [0, 0, 1, 0, 1],
    "leg_station": [1, 0, 1, 0, 1],
    "leg_service_ns": [7, 0, 3, 1, 1],
}
"""An itinerary with tied arrivals, parallel legs, a request without legs, and a leg that takes no time."""
VALUES = (-(2**63), -1, 0, 1, 2, 3, 2**63 - 1)
CHANGES = list(product(((name, row) for name in GOOD for row in range(len(GOOD[name]))), VALUES))


def itinerary(columns: dict[str, np.ndarray]) -> Itinerary:
    """Give the good itinerary with some columns replaced."""
    return Itinerary(**({name: np.array(column, dtype=np.int64) for name, column in GOOD.items()} | columns))


def changed(*changes: tuple[tuple[str, int], int]) -> Itinerary:
    """Give the good itinerary with some of its numbers replaced."""
    columns = {name: np.array(column, dtype=np.int64) for name, column in GOOD.items()}
    for (name, row), value in changes:
        columns[name][row] = value
    return itinerary(columns)


def passes(plan: Itinerary) -> bool:
    """Say what the compiled check says."""
    legs = compiled.Legs(plan.leg_request, plan.leg_stage, plan.leg_station, plan.leg_service_ns)
    return bool(compiled._valid(plan.arrival_ns, plan.servers, legs))


def keeps_the_contract(plan: Itinerary) -> bool:
    """Say whether the contract's own check lets it pass."""
    try:
        plan.check()
    except ValueError:
        return False
    return True


def test_the_compiled_check_agrees_with_the_contract() -> None:
    """If one or two numbers of an itinerary are replaced, the compiled pass refuses just what the contract refuses."""
    plans = [changed(*changes) for size in (0, 1, 2) for changes in combinations(CHANGES, size)]
    answers = [(passes(plan), keeps_the_contract(plan)) for plan in plans]
    assert {(True, True), (False, False)} == set(answers)


@pytest.mark.parametrize("name", list(GOOD))
def test_the_compiled_check_leaves_other_columns_to_the_contract(name: str) -> None:
    """If a column is not of int64, or too short for the others, the compiled pass does not let it pass."""
    assert not passes(itinerary({name: np.array(GOOD[name], dtype=np.float64)}))
    assert not passes(itinerary({name: np.array(GOOD[name][:-1], dtype=np.int64)}))
