"""JUnit files held against the schema that Jenkins publishes, as far as it concerns us."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Element:
    """What the schema says of an element: attributes it must and may have, children in order, and how many of each."""

    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    children: tuple[str, ...] = ()
    once: frozenset[str] = frozenset()
    counts: frozenset[str] = field(default=frozenset({"tests", "failures", "errors", "skipped"}))


_RESULT = Element(may=frozenset({"message", "type"}))
SCHEMA = {
    "testsuites": Element(may=frozenset({"name", "time", "tests", "failures", "errors"}), children=("testsuite",)),
    "testsuite": Element(
        must=frozenset({"name", "tests", "failures", "errors"}),
        may=frozenset({"time", "skipped", "timestamp", "hostname", "id", "package"}),
        children=("properties", "testcase", "system-out", "system-err"),
        once=frozenset({"properties", "system-out", "system-err"}),
    ),
    "properties": Element(children=("property",)),
    "property": Element(must=frozenset({"name", "value"})),
    "testcase": Element(
        must=frozenset({"name"}),
        may=frozenset({"classname", "time", "group"}),
        children=("skipped", "error", "failure", "system-out", "system-err"),
        once=frozenset({"skipped"}),
    ),
    "skipped": _RESULT,
    "failure": _RESULT,
    "error": _RESULT,
    "system-out": Element(),
    "system-err": Element(),
}


def breaches(element: ET.Element) -> list[str]:
    """List what is wrong with an element and those in it; nothing if it is valid."""
    told = SCHEMA[element.tag]
    names = [child.tag for child in element]
    found = [f"{element.tag} lacks {name}" for name in told.must.difference(element.keys())]
    found += [f"{element.tag} has {name}" for name in set(element.keys()) - told.must - told.may]
    found += [f"{element.tag} holds {name}" for name in names if name not in told.children]
    found += [f"{name} twice in {element.tag}" for name in told.once if names.count(name) > 1]
    found += [f"{element.tag}: {names} out of order"] if names != sorted(names, key=told.children.index) else []
    counts = told.counts.intersection(element.keys())
    found += [f"{name} is no number" for name in counts if not element.get(name, "").isdigit()]
    return found + [breach for child in element if child.tag in SCHEMA for breach in breaches(child)]


def read(content: bytes) -> ET.Element:
    """Read a file that is valid."""
    root = ET.fromstring(content)  # noqa: S314 - our own text
    assert breaches(root) == []
    return root


def outcomes(root: ET.Element) -> dict[str, str]:
    """Give what became of each test case: the tag of its result, ``passed`` without one."""
    bad = ("failure", "error", "skipped")
    return {
        f"{case.get('classname')} {case.get('name')}": next((one.tag for one in case if one.tag in bad), "passed")
        for case in root.iter("testcase")
    }
