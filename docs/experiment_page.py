"""The reference of the experiment file, from the JSON Schema.

The schema knows every key, its type, its range and its docstring; the families say which models are kinds of one thing.
"""
# ruff: noqa: INP001 - belongs to docs/generate.py, which is no package

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from families import Node, all_laws, definitions, examples, families, law_class, names_of, schema

from sim.chance.laws import Law

HEAD = "<!-- Written by docs/generate.py from the program itself: change the docstrings there, not this page. -->\n\n"
_WHOLE = 1e8
"""Whole numbers from here on are written as powers."""
_DEEPEST_LISTED = 3
"""Level of the headings that the table of contents goes down to."""
_SCALARS = {"Duration": "duration", "TokenNumber": "number", "Count": "whole number"}
_QUANTITIES = {"Duration": "duration", "TokenNumber": "number of tokens", "Count": "whole number"}


# ---- Markdown


def slug(heading: str) -> str:
    """Give the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def prose(text: str) -> str:
    """Give a docstring as one paragraph of Markdown that shows what it says."""
    parts = " ".join(text.split()).replace("``", "`").split("`")
    shown = [re.sub(r"([*_<\[\]])", r"\\\1", part) if at % 2 == 0 else part for at, part in enumerate(parts)]
    return "`".join(shown).replace("|", "\\|")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw a table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


def spoken(name: str) -> str:
    """Give the name of a class in words: `RateCard` is a rate card."""
    plain = name.partition("_")[0].removesuffix("Spec")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).capitalize()


# ---- types in words


def in_words(node: Node) -> tuple[str, str]:
    """Give type and allowed values of a part of the schema."""
    if "$ref" in node:
        return _referred(str(node["$ref"]).rpartition("/")[2])
    if "anyOf" in node or "oneOf" in node:
        return _union([one for one in node.get("anyOf", node.get("oneOf")) if one.get("type") != "null"])
    if "const" in node or "enum" in node:
        return " or ".join(f"`{name}`" for name in names_of(node)), ""
    return _PLAIN[node["type"]](node)


def _each(allowed: str) -> str:
    return f"each {allowed.removeprefix('each ')}" if allowed else ""


def _list(node: Node) -> tuple[str, str]:
    inner, each = in_words(node["items"])
    return f"list of {inner}", _joined(_size(node, "Items"), _each(each))


def _mapping(node: Node) -> tuple[str, str]:
    values = node.get("additionalProperties") or next(iter(node["patternProperties"].values()))
    inner, each = in_words(values)
    return f"mapping to {inner}", _joined(_size(node, "Properties"), _each(each))


def _referred(name: str) -> tuple[str, str]:
    if name in _SCALARS:
        return _SCALARS[name], "" if name == "Duration" else _range(definitions()[name])
    return f"[{spoken(name).lower()}](#{slug(spoken(name))})", ""


def _union(members: list[Node]) -> tuple[str, str]:
    names = {str(one.get("$ref", "")).rpartition("/")[2] for one in members}
    for family in families().values():
        known = set(family.kinds.values()) if family.base is not Law else all_laws()
        inside = names & known
        if inside and len(inside) > 1:
            quantity = next((words for key, words in _QUANTITIES.items() if key in names), "")
            return f"[{family.one}](#{slug(family.title)}){f' of a {quantity}' if quantity else ''}", ""
    if any("%" in one.get("pattern", "") for one in members):
        numbers = [one for one in members if one.get("type") == "number"]
        others = [in_words(one)[0] for one in members if one.get("type") not in {"number", "string"}]
        return " or ".join(["fraction", *others]), _range(numbers[0])
    if any(one.get("const") == 0 for one in members):  # only a duration may be a bare 0
        return "duration", ""
    pairs = [in_words(one) for one in members]
    kinds = list(dict.fromkeys(kind for kind, _ in pairs))
    return " or ".join(kinds), "; ".join(dict.fromkeys(allowed for _, allowed in pairs if allowed))


def _text(node: Node) -> tuple[str, str]:
    pattern = node.get("pattern", "")
    if "|ms|" in pattern:
        return "duration", "above 0"
    size = _size(node, "Length", "characters")
    return "text", _joined(f"`{pattern}`" if pattern else "", size)


def _range(node: Node) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if low is not None and high is not None:
        return _number(low) if low == high else f"{_number(low)} to {_number(high)}"
    start = f"above {_number(above)}" if above is not None else f"{_number(low)} or more" if low is not None else ""
    end = f"below {_number(below)}" if below is not None else f"at most {_number(high)}" if high is not None else ""
    return _joined(start, end)


def _size(node: Node, what: str, unit: str = "entries") -> str:
    low, high = node.get(f"min{what}"), node.get(f"max{what}")
    if low is not None and high is not None:
        return f"{_number(high)} {unit}" if low == high else f"{_number(low)} to {_number(high)} {unit}"
    most = f"at most {_number(high)} {unit}" if high is not None else ""
    return f"{_number(low)} or more {unit}" if low is not None else most


def _number(value: float) -> str:
    if value == 2**63 - 1:
        return "2^63 - 1"
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < _WHOLE else f"{value:g}"


_PLAIN: Mapping[str, Callable[[Node], tuple[str, str]]] = {
    "string": _text,
    "array": _list,
    "object": _mapping,
    "integer": lambda node: ("whole number", _range(node)),
    "number": lambda node: ("number", _range(node)),
    "boolean": lambda _: ("true or false", ""),
}
"""Words for the plain types of JSON Schema."""


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _default(key: str, node: Node, required: frozenset[str]) -> str:
    if key in required:
        return "**required**"
    value = node.get("default")
    if isinstance(value, dict):
        return "its defaults"
    if value is None or value == "":
        return "empty" if node.get("type") in {"array", "object"} else ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# ---- reference/experiment.md


@dataclass
class Sections:
    """Collects the sections of the page: each model once, where it is met first."""

    text: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)
    met: dict[str, str] = field(default_factory=dict)
    """Families in the order in which they are met, and where; the first `written` of them stand on the page."""
    written: int = 0

    def heading(self, level: int, title: str) -> None:
        """Begin a section."""
        self.headings.append((level, title))
        self.text.append(f"{'#' * level} {title}\n\n")

    def keys(self, node: Node, without: frozenset[str] = frozenset()) -> None:
        """Draw the table of a model's keys."""
        required = frozenset(node.get("required", []))
        rows = []
        for key, inner in node["properties"].items():
            if key not in without:
                kind, allowed = in_words(inner)
                meaning = inner.get("description") or definitions()[inner["$ref"].rpartition("/")[2]]["description"]
                cells = (f"`{key}`", kind, allowed.replace("|", "\\|"), _default(key, inner, required), prose(meaning))
                rows.append(cells)
        if rows:
            self.text.append(table(("key", "type", "allowed", "default", "meaning"), rows))

    def model(self, name: str, place: str, level: int) -> None:
        """Write the section of a model, and below it those of models that only it leads to."""
        self.placed.add(name)
        node = definitions()[name]
        self.heading(level, spoken(name))
        self.text.append(f"{prose(node['description'])} Written at `{place}`.\n\n")
        self.example("parts", name)
        self.keys(node)
        self.inside(node, place, level + 1)

    def inside(self, node: Node, place: str, level: int) -> None:
        """Write the sections of what a model's keys lead to."""
        for name, where in list(_references(node.get("properties", {}), place)):
            family = next((key for key, known in families().items() if name in known.kinds.values()), "")
            if name in all_laws():
                continue  # they stand at the end
            if family:
                self.met.setdefault(family, where)
            elif name not in self.placed and name not in _SCALARS:
                self.model(name, where, min(level, 5))

    def family(self, key: str) -> None:
        """Write the section of a family: what its kinds share, then each kind."""
        family = families()[key]
        self.heading(2, family.title)
        names = ", ".join(f"[`{kind}`](#{slug(f'{family.one} {kind}')})" for kind in family.kinds)
        self.text.append(f"{family.intro} `{family.tag}` is one of {names}.\n\n")
        first = definitions()[next(iter(family.kinds.values()))]
        own = frozenset(first["properties"]) - family.common
        if frozenset(first["properties"]) & family.common:
            self.text.append("Keys of every kind:\n\n")
            self.keys(first, own)
            shared = {key: inner for key, inner in first["properties"].items() if key in family.common}
            self.inside({"properties": shared}, self.met.get(key, ""), 3)
        for kind, name in family.kinds.items():
            self.placed.add(name)
            node = definitions()[name]
            self.heading(3, f"{family.one.capitalize()} `{kind}`")
            self.text.append(f"{prose(_meaning(name, node))}\n\n")
            self.example(key, kind)
            self.keys(node, family.common)
            self.inside(node, f"{{{family.tag}: {kind}}}", 4)

    def example(self, section: str, kind: str) -> None:
        """Quote the example of a kind, if there is one."""
        if text := examples().get(section, {}).get(kind):
            self.text.append(f"```yaml fragment\n{text.rstrip()}\n```\n\n")


def _meaning(name: str, node: Node) -> str:
    """Give the docstring of a model; pydantic leaves out those of generic ones."""
    return str(node.get("description") or inspect.getdoc(law_class(name)) or "")


def _references(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield the definitions that a part of the schema names, with the place in the YAML where each is written."""
    for key, inner in node.items():
        yield from _below(inner, f"{place}.{key}" if place else key)


def _below(node: Node, place: str) -> Iterator[tuple[str, str]]:
    if "$ref" in node:
        yield str(node["$ref"]).rpartition("/")[2], place
    for one in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _below(one, place)
    if isinstance(node.get("items"), dict):
        yield from _below(node["items"], f"{place}[]")
    values = [node.get("additionalProperties"), *node.get("patternProperties", {}).values()]
    for one in values:
        if isinstance(one, dict):
            yield from _below(one, f"{place}.<name>")


def experiment_page() -> str:
    """Give the reference of the experiment file."""
    page = Sections()
    root = schema()
    page.heading(2, "The experiment")
    page.text.append(f"{prose(root['description'])}\n\n")
    page.text.append(f"A whole experiment, as small as it can be:\n\n```yaml\n{examples()['whole']['minimal']}```\n\n")
    page.keys(root)
    for key, node in root["properties"].items():
        page.inside({"properties": {key: node}}, "", 2)
        while page.written < len(page.met):
            page.written += 1
            page.family(list(page.met)[page.written - 1])
    page.family("laws")
    listed = [(level, title) for level, title in page.headings if level <= _DEEPEST_LISTED]
    contents = [f"{'  ' * (level - 2)}- [{title}](#{slug(title)})\n" for level, title in listed]
    return f"{HEAD}# The experiment file\n\n{_VALUES}## Contents\n\n{''.join(contents)}\n{''.join(page.text)}"


_VALUES = """Every key of the YAML, from the models that read it. Unknown keys are refused, with a suggestion.

How values are written:

- **duration**: one number and one unit, `250ms`, `1.5s`, `90m`. Units: ns, us, ms, s, m (minute), h, d, w. Exact to the
  nanosecond; a month has no fixed length and is no duration. `0` needs no unit.
- **fraction**: a number from 0 to 1 or a percentage, `0.3` or `30%`.
- **money**: plain numbers in US dollars; the key says per what (`_mtok` is per million tokens).
- **text**: `yes`, `no`, `on` and `off` are text, as in YAML 1.2; infinity and NaN are refused.
- Nothing in the column "default" means that the key may be left out and then says nothing.

An editor that reads the [JSON Schema](../schema/experiment.schema.json), named in the first line of every shipped
experiment, completes and checks these keys while you type.

"""
