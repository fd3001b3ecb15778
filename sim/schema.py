"""The base of everything that YAML may say, and the registry of kinds."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A part of the YAML: strict types, no unknown keys, no NaN or infinity, immutable once read."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )


S = TypeVar("S", bound=Spec)


def discover(package: str, path: Iterable[str], base: type[S]) -> dict[str, type[S]]:
    """Map each `kind` to its class: every module of `package` holds one subclass of `base` with a `kind` literal.

    A new file beside the others is therefore accepted in YAML, in the JSON Schema and under the conformance tests.
    """
    found: dict[str, type[S]] = {}
    for info in sorted(pkgutil.iter_modules(path), key=lambda item: item.name):
        module = importlib.import_module(f"{package}.{info.name}")
        for value in vars(module).values():
            if _is_kind(value, base) and value.__module__ == module.__name__:
                found[kind_of(value)] = value
    return found


def kind_of(model: type[Spec]) -> str:
    """Name under which YAML knows this model: the single value of its `kind` literal."""
    annotation: Any = model.model_fields["kind"].annotation
    kind: str = annotation.__args__[0]
    return kind


def _is_kind(value: object, base: type[Spec]) -> bool:
    return isinstance(value, type) and issubclass(value, base) and value is not base and "kind" in value.model_fields
