"""The house has floors: a file imports only from its own room or from a lower floor."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SIM = Path(__file__).resolve().parents[2] / "sim"

FLOORS = {
    **dict.fromkeys(("errors", "units", "schema", "columns", "version"), 0),
    "chance": 1,
    **dict.fromkeys(("workload", "fleet"), 2),
    "routing": 3,
    "engine": 4,
    **dict.fromkeys(("outcome", "gates"), 5),
    "experiment": 6,
    **dict.fromkeys(("study", "exchange"), 7),
    "report": 8,
    **dict.fromkeys(("cli", "pytest_plugin"), 9),
}
"""Floor of each room; the files on floor 0 are one room."""

EXEMPT = {"sim", "sim.__main__"}
ENGINE_MAY_IMPORT = (
    "sim.engine",
    "sim.routing.itinerary",
    "sim.routing.conditions",
    "sim.routing.callers",
    "sim.routing.lanes",
    "sim.routing.replicas",
    "sim.columns",
)
OPENS_ALL_ROOMS = "sim"


def module_of(path: Path) -> str:
    """Give the dotted name of a file under sim/."""
    parts = ("sim", *path.relative_to(SIM).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, module: str, *, package: bool) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import of ours, wherever in the file it stands."""
    around = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(around[: len(around) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            # `from sim.engine import order` names a module, `... import ENGINES` does not; both are in that room
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "sim")


def room_of(dotted: str) -> str:
    """Give the room a dotted name is in; floor 0 is one room."""
    parts = dotted.split(".")
    room = parts[1] if len(parts) > 1 else OPENS_ALL_ROOMS
    return "ground" if FLOORS.get(room) == 0 else room


def breach(module: str, target: str) -> str:
    """Say what is wrong with this import; empty if nothing is."""
    here, there = room_of(module), room_of(target)
    floor = FLOORS.get(here, 0)
    if here == there and here != "engine":
        return ""
    if here == "engine":
        allowed = any(target == name or target.startswith(f"{name}.") for name in ENGINE_MAY_IMPORT)
        return "" if allowed else "an engine knows itineraries only"
    if there == OPENS_ALL_ROOMS or there not in (*FLOORS, "ground"):
        # the top of the package opens every room, so only the highest floor may come in through it
        return "" if floor == max(FLOORS.values()) else f"{target} is on no floor below {here}"
    return "" if FLOORS.get(there, 0) < floor else f"{there} is not below {here}"


def breaches(source: str, module: str, *, package: bool = False) -> list[tuple[int, str, str]]:
    """List (line, import, reason) of every breach in a file."""
    found = imported(ast.parse(source), module, package=package)
    return [(line, target, why) for line, target in found if (why := breach(module, target))]


def test_imports_only_go_down() -> None:
    """If a file under sim/ imports ours, it is from its own room or from a lower floor."""
    found = []
    for path in sorted(SIM.rglob("*.py")):
        module = module_of(path)
        if module in EXEMPT:
            continue
        package = path.name == "__init__.py"
        found += [
            f"{path.relative_to(SIM.parent)}:{line}: {target} ({why})"
            for line, target, why in breaches(path.read_text(encoding="utf-8"), module, package=package)
        ]
    assert not found, "\n".join(found)


def test_every_room_has_a_floor() -> None:
    """If a file or folder appears directly under sim/, it has been given its floor."""
    names = {path.stem for path in SIM.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert names - {"__init__", "__main__"} <= set(FLOORS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sim.routing.plan", "from sim.outcome.bill import leg_costs"),
        ("sim.routing.plan", "def f():\n    import sim.engine.log"),
        ("sim.fleet.model", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sim.workload import tasks"),
        ("sim.workload.tasks", "from sim.fleet import Model"),
        ("sim.engine.order", "from sim.routing.plan import Plan"),
        ("sim.engine.order", "from sim.units import as_int64"),
        ("sim.routing.patterns.cascade", "from ...experiment import spec"),
        ("sim.outcome.bill", "import sim"),
        ("sim.chance.streams", "from sim import load"),
    ],
)
def test_a_breach_is_seen(module: str, source: str) -> None:
    """If an import goes up or sideways, in a function, for type checkers or relatively, the walk finds it."""
    assert len(breaches(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sim.routing.plan", "from sim.fleet import Model\nfrom sim.routing.answers import Answers\nimport numpy"),
        ("sim.engine.order", "from sim.engine.log import LegLog\nfrom sim.routing.itinerary import Itinerary"),
        ("sim.units", "from sim.errors import Issue"),
        ("sim.cli.doctor", "import sim\nfrom sim import load"),
    ],
)
def test_what_goes_down_is_allowed(module: str, source: str) -> None:
    """If an import stays in its room or goes down, nothing is said."""
    assert breaches(source, module) == []
