"""The examples of the reference: one for every kind, and each of them valid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

import sim
from sim.chance import laws
from sim.chance.laws import CountLaw, DurationLaw, Law
from sim.chance.paths import PATHS, AnyPath
from sim.experiment.spec import experiment_schema
from sim.experiment.yaml_source import parse_yaml, read_yaml
from sim.gates.actions import ACTIONS, AnyAction
from sim.gates.detectors import DETECTORS, AnyDetector
from sim.gates.kinds import GATES, AnyGate
from sim.routing.patterns import PATTERNS, AnyPattern
from sim.routing.signals import SIGNALS, AnySignal
from sim.schema import Spec
from sim.workload.arrivals import REGISTRY, Arrivals
from sim.workload.traces import FORMATS, TraceFormat

EXAMPLES: dict[str, dict[str, str]] = read_yaml(Path(__file__).resolve().parents[2] / "docs" / "examples.yaml").data
ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "arrivals": TypeAdapter(Arrivals),
    "traces": TypeAdapter(TraceFormat),
    "signals": TypeAdapter(AnySignal),
    "patterns": TypeAdapter(AnyPattern),
    "gates": TypeAdapter(AnyGate),
    "detectors": TypeAdapter(AnyDetector),
    "actions": TypeAdapter(AnyAction),
    "paths": TypeAdapter(AnyPath),
    "laws": TypeAdapter(DurationLaw | CountLaw),
}


def law_kinds() -> set[str]:
    """Give the names by which YAML calls the laws."""
    classes = [getattr(laws, name) for name in laws.__all__]
    models = [one for one in classes if isinstance(one, type) and issubclass(one, Law) and one is not Law]
    return {name for model in models for name in get_args(model.model_fields["law"].annotation)}


KINDS = {
    "arrivals": set(REGISTRY),
    "traces": set(FORMATS),
    "signals": set(SIGNALS),
    "patterns": set(PATTERNS),
    "gates": set(GATES),
    "detectors": set(DETECTORS),
    "actions": set(ACTIONS),
    "paths": set(PATHS),
    "laws": law_kinds(),
}


def data_of(section: str, kind: str) -> Any:
    """Read an example as it would stand below a key."""
    text = "".join(f"  {line}\n" for line in EXAMPLES[section][kind].splitlines())
    return parse_yaml(f"x:\n{text}", f"{section}.{kind}").data["x"]


def classes(base: type[Spec] = Spec) -> Iterator[type[Spec]]:
    """Yield every model of the YAML."""
    for model in base.__subclasses__():
        yield model
        yield from classes(model)


@pytest.mark.parametrize("section", KINDS)
def test_every_kind_has_an_example(section: str) -> None:
    """If there is a kind, the reference shows an example of it; and of no other."""
    assert set(EXAMPLES[section]) == KINDS[section]


@pytest.mark.parametrize(("section", "kind"), [(section, kind) for section in KINDS for kind in EXAMPLES[section]])
def test_examples_of_kinds_are_valid(section: str, kind: str) -> None:
    """An example of a kind is read as that kind."""
    found = ADAPTERS[section].validate_python(data_of(section, kind))
    assert kind in {getattr(found, key, None) for key in ("kind", "format", "law")} | {"constant"}


@pytest.mark.parametrize("name", EXAMPLES["parts"])
def test_examples_of_parts_are_valid(name: str) -> None:
    """An example of a part is read by the model it is named after."""
    (model,) = {one for one in classes() if one.__name__ == name and one.__module__.startswith("sim.")}
    assert model.model_validate(data_of("parts", name)).model_fields_set


@pytest.mark.parametrize("kind", EXAMPLES["whole"])
def test_whole_examples_run(kind: str) -> None:
    """A whole example runs."""
    experiment = sim.from_mapping(data_of("whole", kind)).set("run.duration=10s")
    assert experiment.run(workers=1, replications=2).result.requests > 0


@pytest.mark.parametrize("kind", EXAMPLES["patterns"])
def test_examples_of_patterns_fit_an_experiment(kind: str) -> None:
    """An example of a pattern can be added to the whole example as it is."""
    whole = {**data_of("whole", "minimal"), "patterns": [data_of("patterns", kind)]}
    assert sim.from_mapping(whole).hash


def test_every_key_says_what_it_means() -> None:
    """If YAML may say a key, it or the model behind it has a docstring."""
    schema = experiment_schema()
    silent = []
    for name, node in {**schema["$defs"], "Experiment": schema}.items():
        for key, inner in node.get("properties", {}).items():
            behind = schema["$defs"].get(str(inner.get("$ref", "")).rpartition("/")[2], {})
            if not inner.get("description") and not behind.get("description"):
                silent.append(f"{name}.{key}")
    assert silent == []
