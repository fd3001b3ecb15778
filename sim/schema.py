"""The base of everything that YAML may say, and the registry of kinds."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Spec(BaseModel):
    """A part of the YAML: strict types, no unknown keys, no NaN or infinity, immutable once read."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Let the text under each field describe it in the JSON Schema.

        pydantic's own `use_attribute_docstrings` reads the source of every model at every start, and doubles its time.
        """
        found = handler(schema)
        properties = handler.resolve_ref_schema(found).get("properties", {})
        texts = {name: text for base in reversed(cls.__mro__) for name, text in _texts_of(base).items()}
        for name, field in cls.model_fields.items():
            written = properties.get(field.alias or name)
            if written is not None and name in texts:
                written.setdefault("description", texts[name])
        return found


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


def _texts_of(model: type) -> dict[str, str]:
    """Give the text under each field of a class, cleaned of indentation; nothing for what pydantic has made up."""
    module = inspect.getmodule(model)
    if module is None or not issubclass(model, Spec) or module.__file__ is None:
        return {}
    return _texts_in(module.__file__).get(model.__qualname__, {})


@functools.cache
def _texts_in(file: str) -> dict[str, dict[str, str]]:
    """Give the texts of every class at the top of a file, by class and field."""
    found = {}
    for node in ast.parse(Path(file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                field.target.id: inspect.cleandoc(text.value.value)
                for field, text in zip(node.body, node.body[1:], strict=False)
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
                if isinstance(text.value.value, str)
            }
    return found


def _is_kind(value: object, base: type[Spec]) -> bool:
    return isinstance(value, type) and issubclass(value, base) and value is not base and "kind" in value.model_fields
