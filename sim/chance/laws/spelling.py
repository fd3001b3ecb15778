"""How YAML spells a law: by name, or in one of the shorthands.

A bare duration or number is a constant, a mapping with `p50`, `mean`, ... a lognormal, one with `quantiles` empirical.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from sim.chance.laws.constant import Constant
from sim.chance.laws.empirical import Empirical
from sim.chance.laws.erlang import Erlang
from sim.chance.laws.exponential import Exponential
from sim.chance.laws.gamma import Gamma
from sim.chance.laws.geometric import Geometric
from sim.chance.laws.hyperexponential import Hyperexponential
from sim.chance.laws.law import Count, Duration, Law, TokenNumber
from sim.chance.laws.lognormal import Lognormal
from sim.chance.laws.uniform import Uniform
from sim.chance.laws.weibull import Weibull

_LOGNORMAL_KEYS: Final = frozenset(Lognormal.model_fields) - {"law"}


def _speller(example: str) -> Callable[[Any], Any]:
    """Make the function that writes a shorthand out in full; `example` is what its complaints recommend."""

    def spell_out(value: Any) -> Any:
        if isinstance(value, Law) or (isinstance(value, dict) and "law" in value):
            return value
        if isinstance(value, str | int | float):
            return {"law": "constant", "value": value}
        if isinstance(value, dict) and "quantiles" in value:
            return {"law": "empirical", **value}
        if isinstance(value, dict) and value.keys() & _LOGNORMAL_KEYS:
            return {"law": "lognormal", **value}
        raise ValueError(f"expected one value or a law with its name; write for example {example}")

    return spell_out


# One line each, under their own names: pydantic reads the source line that makes a class, and pickle finds it by name.
ConstantDuration = Constant[Duration]
ExponentialDuration = Exponential[Duration]
LognormalDuration = Lognormal[Duration]
GammaDuration = Gamma[Duration]
ErlangDuration = Erlang[Duration]
HyperexponentialDuration = Hyperexponential[Duration]
WeibullDuration = Weibull[Duration]
UniformDuration = Uniform[Duration]
EmpiricalDuration = Empirical[Duration]
ConstantTokens = Constant[TokenNumber]
ExponentialTokens = Exponential[TokenNumber]
LognormalTokens = Lognormal[TokenNumber]
GammaTokens = Gamma[TokenNumber]
ErlangTokens = Erlang[TokenNumber]
HyperexponentialTokens = Hyperexponential[TokenNumber]
WeibullTokens = Weibull[TokenNumber]
UniformTokens = Uniform[TokenNumber]
EmpiricalTokens = Empirical[TokenNumber]
ConstantCount = Constant[Count]
EmpiricalCount = Empirical[Count]

_AnyDuration = (
    ConstantDuration
    | ExponentialDuration
    | LognormalDuration
    | GammaDuration
    | ErlangDuration
    | HyperexponentialDuration
    | WeibullDuration
    | UniformDuration
    | EmpiricalDuration
)
_AnyTokens = (
    ConstantTokens
    | ExponentialTokens
    | LognormalTokens
    | GammaTokens
    | ErlangTokens
    | HyperexponentialTokens
    | WeibullTokens
    | UniformTokens
    | EmpiricalTokens
)
_AnyCount = ConstantCount | Geometric | EmpiricalCount

DurationLaw = Annotated[
    _AnyDuration,
    Field(discriminator="law"),
    BeforeValidator(
        _speller("340ms or {p50: 340ms, p95: 680ms} or {law: exponential, mean: 340ms}"),
        json_schema_input_type=_AnyDuration | Duration,
    ),
]
"""Law of a duration in ns: ``340ms``, ``{p50: 340ms, p95: 680ms}`` or ``{law: gamma, mean: 340ms, scv: 2}``."""

TokenLaw = Annotated[
    _AnyTokens,
    Field(discriminator="law"),
    BeforeValidator(
        _speller("250 or {p50: 85, p95: 885} or {law: exponential, mean: 250}"),
        json_schema_input_type=_AnyTokens | TokenNumber,
    ),
]
"""Law of a number of tokens: ``250``, ``{p50: 85, p95: 885}`` or ``{quantiles: {0: 1, 50: 85, 100: 4096}}``."""

CountLaw = Annotated[
    _AnyCount,
    Field(discriminator="law"),
    BeforeValidator(_speller("4 or {law: geometric, mean: 4}"), json_schema_input_type=_AnyCount | Count),
]
"""Law of a whole number from 1: ``4``, ``{law: geometric, mean: 4}`` or ``{quantiles: {0: 1, 90: 2, 100: 40}}``.

Values between the rows of a table are rounded by whoever draws them.
"""
