"""What belongs together in the YAML: the registries of kinds, the JSON Schema and the examples.

A new kind is in the documentation as soon as it is in its registry.
"""
# ruff: noqa: INP001 - belongs to docs/generate.py, which is no package

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sim.chance import laws
from sim.chance.laws import Law
from sim.chance.paths import PATHS
from sim.chance.paths import Path as MovingPath
from sim.experiment.spec import experiment_schema
from sim.experiment.yaml_source import parse_yaml
from sim.gates.actions import ACTIONS, Action
from sim.gates.detectors import DETECTORS, Detector
from sim.gates.kinds import GATES, Gate
from sim.routing.patterns import PATTERNS, Pattern
from sim.routing.signals import SIGNALS, Signal
from sim.schema import Spec
from sim.workload.arrivals import REGISTRY, ArrivalProcess
from sim.workload.traces import FORMATS, TraceSource

EXAMPLES = Path(__file__).resolve().parent / "examples.yaml"

Node = Mapping[str, Any]
"""A part of the JSON Schema."""


@dataclass(frozen=True)
class Family:
    """Kinds of one thing, told apart by the key `tag`: each is a section of its own."""

    title: str
    one: str
    tag: str
    base: type[Spec]
    kinds: Mapping[str, str]
    """Name of the definition in the JSON Schema, by kind."""
    intro: str = ""

    @property
    def common(self) -> frozenset[str]:
        """Keys that every kind has."""
        return frozenset(self.base.model_fields)


def _registry(found: Mapping[str, type[Spec]]) -> dict[str, str]:
    return {kind: model.__name__ for kind, model in found.items()}


@cache
def families() -> dict[str, Family]:
    """Give the families by the name of their section in the examples, from the registries of the program."""
    return {
        "arrivals": Family(
            "Arrival processes", "arrival process", "kind", ArrivalProcess, _registry(REGISTRY), "When requests come."
        ),
        "traces": Family(
            "Trace formats",
            "trace format",
            "format",
            TraceSource,
            _registry(FORMATS),
            "Files that a trace is read from.",
        ),
        "signals": Family(
            "Signals", "signal", "kind", Signal, _registry(SIGNALS), "What a rule can know of a request, and its cost."
        ),
        "patterns": Family(
            "Routing patterns", "pattern", "kind", Pattern, _registry(PATTERNS), "How a request becomes model calls."
        ),
        "gates": Family(
            "Gates", "gate", "kind", Gate, _registry(GATES), "What watches the answers, seeing what production sees."
        ),
        "detectors": Family(
            "Detectors", "detector", "kind", Detector, _registry(DETECTORS), "Control charts over the scores of epochs."
        ),
        "actions": Family(
            "Actions", "action", "kind", Action, _registry(ACTIONS), "What follows an alarm, between epochs."
        ),
        "paths": Family(
            "Paths", "path", "kind", MovingPath, _registry(PATHS), "How a number moves over calendar time."
        ),
        "laws": Family("Laws", "law", "law", Law, _law_kinds(), _LAWS_INTRO),
    }


_LAWS_INTRO = (
    "A law of durations, token counts or whole numbers. A bare value is a constant, a mapping with `p50`, `mean`, ... "
    "a lognormal, one with `quantiles` an empirical law; `law:` names any other. The tables show laws of durations: "
    "for tokens the same keys take numbers, for counts (constant, geometric and empirical only) whole numbers from 1."
)


def _law_kinds() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in sorted(all_laws(), key=lambda name: (not name.endswith("_Duration_"), name)):
        for kind in names_of(definitions()[name]["properties"]["law"]):
            found.setdefault(kind, name)
    return {kind: found[kind] for kind in sorted(found)}


def names_of(node: Node) -> list[str]:
    """Give the values that a key with a fixed list of them may have."""
    return [node["const"]] if "const" in node else list(node.get("enum", []))


@cache
def schema() -> dict[str, Any]:
    """Give the JSON Schema of an experiment file."""
    return experiment_schema()


def definitions() -> dict[str, Any]:
    """Give the definitions of the JSON Schema: every model, by its name there."""
    found: dict[str, Any] = schema()["$defs"]
    return found


@cache
def examples() -> dict[str, dict[str, str]]:
    """Give the examples as they are written, by section and kind."""
    found: dict[str, dict[str, str]] = parse_yaml(EXAMPLES.read_text(encoding="utf-8"), EXAMPLES.name).data
    return found


def all_laws() -> set[str]:
    """Give the definitions of laws, one per law and quantity."""
    return {name for name in definitions() if isinstance(law_class(name), type)}


def law_class(definition: str) -> type[Law] | None:
    """Give the law that a definition such as `Lognormal_Duration_` stands for."""
    found = getattr(laws, definition.partition("_")[0], None)
    return found if isinstance(found, type) and issubclass(found, Law) else None
