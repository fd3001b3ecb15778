"""The registry of trace formats."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import typing

import pytest
from pydantic import TypeAdapter, ValidationError

from sim.workload import traces
from sim.workload.traces import FORMATS, AzureLlmTrace, TraceFormat


def test_the_format_key_chooses_the_class() -> None:
    """A mapping with a `format` becomes the class of that name; an unknown one is refused."""
    adapter: TypeAdapter[typing.Any] = TypeAdapter(TraceFormat)
    assert adapter.validate_python({"format": "azure_llm", "file": "x.csv"}) == AzureLlmTrace(
        format="azure_llm", file="x.csv"
    )
    with pytest.raises(ValidationError, match="azure_llm"):
        adapter.validate_python({"format": "azure", "file": "x.csv"})


def test_the_registry_and_the_union_agree() -> None:
    """Each format has one module of its name, stands in the union under its own key, and says where it comes from."""
    union = typing.get_args(typing.get_args(TraceFormat)[0])
    assert set(union) == set(FORMATS.values())
    modules = {info.name for info in pkgutil.iter_modules(traces.__path__)}
    assert set(FORMATS) <= modules
    for name, model in FORMATS.items():
        assert typing.get_args(model.model_fields["format"].annotation) == (name,)
        assert model.__module__.endswith(f".{name}")
        assert bool(model.SOURCE) == (name != "columns")


def test_specs_are_read_without_heavy_libraries() -> None:
    """Importing the formats and the outcome table loads neither pyarrow nor pandas, so that `validate` is quick."""
    code = (
        "import sys, sim.workload.traces, sim.workload.outcome_table;"
        "print([m for m in ('pandas', 'pyarrow', 'scipy', 'simpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
