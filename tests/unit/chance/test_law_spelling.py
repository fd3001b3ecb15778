"""How laws are written in YAML: shorthands, round trips, and complaints that help."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sim.chance.laws import Constant, CountLaw, DurationLaw, Empirical, Law, Lognormal, TokenLaw

ADAPTERS: dict[str, TypeAdapter[Law]] = {
    "duration": TypeAdapter(DurationLaw),
    "tokens": TypeAdapter(TokenLaw),
    "count": TypeAdapter(CountLaw),
}


@pytest.mark.parametrize(
    ("quantity", "written", "kind", "mean"),
    [
        ("duration", "8ms", Constant, 8e6),
        ("duration", 0, Constant, 0.0),
        ("tokens", 250, Constant, 250.0),
        ("tokens", 2.5, Constant, 2.5),
        ("count", 4, Constant, 4.0),
        ("duration", {"p50": "340ms", "sigma": 1.0}, Lognormal, 340e6 * math.exp(0.5)),
        ("tokens", {"mean": 155, "scv": 0.9}, Lognormal, 155.0),
        ("tokens", {"quantiles": {"0": 1, "100": 3}}, Empirical, 2.0),
        ("tokens", {"law": "deterministic", "mean": 7}, Constant, 7.0),
    ],
)
def test_shorthands(quantity: str, written: Any, kind: type[Law], mean: float) -> None:
    """A bare value is a constant, p50 and the like a lognormal, a table of quantiles empirical."""
    law = ADAPTERS[quantity].validate_python(written)
    assert isinstance(law, kind)
    assert law.mean_value() == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize(
    ("quantity", "written", "message"),
    [
        ("duration", {"mean": "3s"}, r"found mean; write for example \{p50: 340ms, p95: 680ms\}, or \{law"),
        ("tokens", {"mean": 3}, r"\{p50: 340, p95: 680\}, or \{law: exponential, mean: 340\}"),
        ("duration", {"p50": "1s", "p95": "2s", "sigma": 0.3}, "found p50 and p95 and sigma"),
        ("duration", {"p50": "1s", "scv": 2.0}, "found scv and p50"),
        ("duration", {"shift": "1s"}, "found none of them"),
        ("duration", {"p50": "2s", "p95": "1s"}, "p95 must be above p50"),
        ("duration", {"p50": "1s", "p95": "1s"}, "p95 must be above p50"),
        ("duration", {"p50": "1s", "p95": "2s", "shift": "1s"}, "p50 must be above 0 and above the shift"),
        ("duration", {"mean": "1s", "scv": 1.0, "shift": "2s"}, "mean must be above 0 and above the shift"),
        ("tokens", {"mean": 0, "scv": 1.0}, "mean must be above 0"),
        ("duration", {"p50": "1ms", "p95": "1000s"}, "sigma 8.4, and at most 3.03"),
        ("duration", {"p50": "1s", "p95": "1000000001ns"}, "too close"),
        ("duration", {"mean": "1s", "scv": 10_001.0}, "less than or equal to 10000"),
        ("duration", {"mean": "1s", "scv": 0.0}, "greater than or equal"),
        ("duration", {"p59": "3s"}, "expected one value or a law with its name"),
        ("duration", {"p50": "1s", "p59": "3s"}, "Extra inputs"),
        ("duration", {"law": "pareto"}, "'hyperexponential', 'weibull'"),
        ("duration", {"law": "exponential", "mean": "0s"}, r"write for example \{law: exponential, mean: 340ms\}"),
        ("duration", {"law": "hyperexponential", "mean": "1s", "scv": 1.0}, "greater than 1"),
        ("duration", {"law": "uniform", "low": "3s", "high": "3s"}, "low must be below high"),
        ("duration", {"law": "erlang", "mean": "3s", "stages": 1.5}, "valid integer"),
        ("duration", {"law": "constant"}, r"found neither; write for example \{law: constant, value: 8ms\}"),
        ("duration", {"law": "constant", "value": "1s", "mean": "1s"}, "found both"),
        ("duration", True, "expected a duration"),
        ("duration", None, "expected one value"),
        ("duration", [], "expected one value"),
        ("duration", "340", "has no unit"),
        ("tokens", "340ms", "valid number"),
        ("tokens", -1, "greater than or equal to 0"),
        ("count", 0, "greater than or equal to 1"),
        ("count", {"law": "geometric", "mean": 0.5}, "greater than or equal to 1"),
    ],
)
def test_mistakes_are_explained(quantity: str, written: Any, message: str) -> None:
    """Too few, too many or impossible parameters are refused with what was found and an example that works."""
    with pytest.raises(ValidationError, match=message):
        ADAPTERS[quantity].validate_python(written)


def durations(least_ms: int = 1, most_ms: int = 100_000) -> st.SearchStrategy[str]:
    """Draw durations as text."""
    return st.integers(least_ms, most_ms).map(lambda ms: f"{ms}ms")


SCV = st.floats(1e-3, 100)
WRITTEN = st.one_of(
    durations(0),
    st.fixed_dictionaries({"law": st.just("exponential"), "mean": durations()}),
    st.fixed_dictionaries({"law": st.sampled_from(["lognormal", "gamma", "weibull"]), "mean": durations(), "scv": SCV}),
    st.fixed_dictionaries({"mean": durations(2_000), "scv": SCV}, optional={"shift": durations(0, 500)}),
    st.fixed_dictionaries(
        {"p50": durations(101_000, 200_000), "p95": durations(201_000, 999_000)},
        optional={"shift": durations(0, 50_000)},
    ),
    st.fixed_dictionaries({"p50": durations(), "sigma": st.floats(0.01, 3)}),
    st.fixed_dictionaries({"law": st.just("erlang"), "mean": durations(), "stages": st.integers(1, 50)}),
    st.fixed_dictionaries({"law": st.just("hyperexponential"), "mean": durations(), "scv": st.floats(1.001, 100)}),
    st.fixed_dictionaries({"law": st.just("uniform"), "low": durations(0, 10), "high": durations(11)}),
    st.lists(st.integers(0, 10**6), min_size=2, max_size=6).map(
        lambda values: {
            "quantiles": {f"{100 * i / (len(values) - 1):g}": f"{v}us" for i, v in enumerate(sorted(values))}
        }
    ),
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(WRITTEN)
def test_written_laws_survive_the_round_trip(written: Any) -> None:
    """YAML -> law -> YAML -> law is the identity, and so is a copy through pickle."""
    adapter = ADAPTERS["duration"]
    law = adapter.validate_python(yaml.safe_load(yaml.safe_dump(written)))
    again = yaml.safe_load(yaml.safe_dump(adapter.dump_python(law, mode="json"), sort_keys=True))
    assert adapter.validate_python(again) == law
    assert pickle.loads(pickle.dumps(law)) == law  # noqa: S301 - our own bytes


def test_a_law_passes_through() -> None:
    """A law that is read already is taken as it is."""
    law = ADAPTERS["duration"].validate_python("8ms")
    assert ADAPTERS["duration"].validate_python(law) is law


@pytest.mark.parametrize("quantity", ADAPTERS)
def test_json_schema_is_readable(quantity: str) -> None:
    """The JSON Schema names each law by its quantity and allows the bare value beside the named laws."""
    schema = ADAPTERS[quantity].json_schema()
    assert all(len(name) < 30 for name in schema["$defs"])
    names = {"duration": "Duration", "tokens": "TokenNumber", "count": "Count"}
    assert {"$ref": f"#/$defs/{names[quantity]}"} in schema["anyOf"]
    empirical = schema["$defs"][f"Empirical_{names[quantity]}_"]
    assert empirical["required"] == ["quantiles"]
    assert empirical["properties"]["quantiles"]["description"]


def test_reading_laws_needs_no_scipy() -> None:
    """Validating every kind of law imports no scipy, so that `validate` starts fast."""
    program = (
        "import sys; from pydantic import TypeAdapter; from sim.chance.laws import DurationLaw; "
        "a = TypeAdapter(DurationLaw); "
        "[a.validate_python({'law': l, 'mean': '1s', 'scv': 2.0}) for l in ('gamma', 'weibull', 'lognormal')]; "
        "a.validate_python({'p50': '1s', 'p95': '2s'}).mean_value(); "
        "sys.exit(any(m.split('.')[0] in ('scipy', 'pandas', 'pyarrow', 'simpy') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
