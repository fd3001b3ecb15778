"""What an unquoted word of YAML means: YAML 1.2 without its octal and hexadecimal numbers, NaN and infinity.

YAML 1.1 reads `no` as false, `010` as eight, `1:30` as ninety and `1e3` as text. Here a word is nothing, true, false, a
decimal number, or text.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MOST_DIGITS = 100
"""Longest number in characters: more is a mistake, and Python converts such integers slowly or not at all."""

_CORE = "tag:yaml.org,2002:"
_OF_TAG: dict[str, tuple[type, ...]] = {
    _CORE + "null": (type(None),),
    _CORE + "bool": (bool,),
    _CORE + "int": (int,),
    _CORE + "float": (float, int),
}
_TEXT_TAGS = frozenset({_CORE + "str", "!"})
_COLLECTION_TAGS = {"mapping": _CORE + "map", "list": _CORE + "seq"}


def read_scalar(text: str, tag: str | None, *, plain: bool) -> Scalar:
    """Value of a scalar; ValueError says what is wrong with it. `plain` is unquoted."""
    if tag in _TEXT_TAGS or (tag is None and not plain):
        return text
    if tag is None:
        return _read_word(text)
    kinds = _OF_TAG.get(tag)
    if kinds is None:
        raise ValueError(f"the tag {show_tag(tag)} is not allowed")
    value = _read_word(text)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{_shorten(text)!r} is not what the tag {show_tag(tag)} says")
    return float(value) if kinds[0] is float and isinstance(value, int) else value


def is_text_key(tag: str | None) -> bool:
    """Tell whether a key with this tag may be taken as its text."""
    return tag is None or tag in _TEXT_TAGS or tag in _OF_TAG


def is_collection_tag(tag: str | None, kind: str) -> bool:
    """Tell whether a `mapping` or a `list` may carry this tag."""
    return tag is None or tag in {"!", _COLLECTION_TAGS[kind]}


def show_tag(tag: str) -> str:
    """Write a resolved tag as its author did: ``!!set``."""
    return _shorten(f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag)


def _read_word(text: str) -> Scalar:
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a number that can be used; infinity and NaN are not allowed")
    if _FLOAT.fullmatch(text):
        return _read_number(text)
    return text


def _read_number(text: str) -> int | float:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(text):,} characters is not allowed; numbers have at most {_MOST_DIGITS}")
    if _INTEGER.fullmatch(text):
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{_shorten(text)} is too large for a number; the largest is about 1.8e308")
    if value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise ValueError(f"{_shorten(text)} is too close to zero for a number; write 0")
    return value


def _shorten(text: str) -> str:
    longest = 40
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
