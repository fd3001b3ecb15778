"""Which keys and kinds a model accepts at a place, and which parts of pydantic's places are no keys at all."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, Tag

from sim.experiment.document import Place


def known_keys(model: type[BaseModel], loc: Place) -> list[str]:
    """Keys that YAML may write at a place; `loc` is pydantic's, with tags of unions in it."""
    keys = (key for found in _models_at(model, loc) for key in _fields(found))
    return list(dict.fromkeys(keys))


def known_kinds(model: type[BaseModel], loc: Place, discriminator: str) -> list[str]:
    """Names that the discriminator of the union at a place may have."""
    kinds = (name for found in _models_at(model, loc) for name in _names(found, discriminator))
    return list(dict.fromkeys(kinds))


def branches_along(model: type[BaseModel], loc: Place) -> list[bool]:
    """For each part of pydantic's `loc`, whether it names a branch of a union: the data may have a key spelled so."""
    return list(_way(model, loc).branches)


def _models_at(model: type[BaseModel], loc: Place) -> list[type[BaseModel]]:
    return [kind for _, kind in _way(model, loc).members if _is_model(kind)]


class _Way(NamedTuple):
    """Where a `loc` leads: the concrete types there, and which of its parts name branches of unions."""

    members: tuple[tuple[str, Any], ...]
    branches: tuple[bool, ...]


@functools.lru_cache(maxsize=4096)
def _way(model: type[BaseModel], loc: Place) -> _Way:
    """Follow a `loc` through the annotations; many mistakes share most of their way, which is walked once."""
    if not loc:
        return _Way(tuple(_members(model)), ())
    before = _way(model, loc[:-1])
    branch = _branch(before.members, loc[-1])
    types = branch or _inside_any(before.members, loc[-1])
    members = tuple(_all_members(types)) if types else before.members
    return _Way(members, (*before.branches, bool(branch)))


def _all_members(types: list[Any]) -> list[tuple[str, Any]]:
    return [member for annotation in types for member in _members(annotation)]


def _members(annotation: Any, tag: str = "") -> list[tuple[str, Any]]:
    """Concrete types of an annotation, each with the tag that its author gave it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        tags = [extra.tag for extra in arguments[1:] if isinstance(extra, Tag)]
        return _members(arguments[0], tags[0] if tags else tag)
    if origin is Union or origin is UnionType:
        return [member for argument in arguments for member in _members(argument, tag)]
    if _is_model(annotation) and issubclass(annotation, RootModel):
        return _members(annotation.model_fields["root"].annotation, tag)
    return [] if annotation is NoneType else [(tag, annotation)]


def _branch(members: Sequence[tuple[str, Any]], part: str | int) -> list[Any]:
    """Types that a tag of a union stands for; none where the part is no tag."""
    if len(members) < 2:  # noqa: PLR2004 - no union: a key of the only member could be spelled like one of its literals
        return []
    return [kind for tag, kind in members if part == tag or (_is_model(kind) and part in _labels(kind))]


def _inside_any(members: Sequence[tuple[str, Any]], part: str | int) -> list[Any]:
    """Types one step further into the data."""
    return [inner for _, kind in members for inner in _inside(kind, part)]


def _inside(kind: Any, part: str | int) -> list[Any]:
    if _is_model(kind):
        fields = _fields(kind)
        return [fields[part]] if isinstance(part, str) and part in fields else []
    origin, arguments = get_origin(kind), get_args(kind)
    if not isinstance(origin, type) or not arguments:
        return []
    if issubclass(origin, Mapping):
        return [arguments[1]]
    if issubclass(origin, tuple) and isinstance(part, int) and arguments[-1] is not Ellipsis:
        return [arguments[part]] if part < len(arguments) else []
    return [arguments[0]] if issubclass(origin, Collection) and isinstance(part, int) else []


@functools.cache
def _fields(model: type[BaseModel]) -> Mapping[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _labels(model: type[BaseModel]) -> set[str]:
    """Names under which `loc` may mention a model that is a branch of a union."""
    return {model.__name__, *(name for key in model.model_fields for name in _names(model, key))}


def _names(model: type[BaseModel], field: str) -> list[str]:
    """Names that a field may have, where it is a literal."""
    annotation = _fields(model).get(field)
    return [str(name) for name in get_args(annotation)] if get_origin(annotation) is Literal else []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
