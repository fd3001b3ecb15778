"""OpenSLO documents (https://openslo.com, ``apiVersion: openslo/v1``) read as objectives of an experiment.

An SLO names an indicator that lives in somebody's monitoring. What of it a simulation can know is its kind: a threshold
on a metric is a duration, of which the unit must be said because OpenSLO has none, and a ratio is of answered requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sim.errors import InvalidInput, Issue
from sim.experiment.document import Document, Place, dotted
from sim.experiment.yaml_source import parse_yaml
from sim.units import NS_PER_UNIT, format_duration

_VERSIONS: Final = ("openslo/v1", "openslo/v1alpha")
_DAY_NS: Final = 86_400 * 1_000_000_000
_WINDOW_NS: Final = {
    "m": 60 * 1_000_000_000,
    "h": 3_600 * 1_000_000_000,
    "d": _DAY_NS,
    "w": 7 * _DAY_NS,
    "M": 30 * _DAY_NS,
    "Q": 90 * _DAY_NS,
    "Y": 365 * _DAY_NS,
}
"""Units of OpenSLO's windows; months, quarters and years have so many days here."""

_SEPARATOR: Final = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_WINDOW: Final = re.compile(r"([0-9]+)([mhdwMQY])")
_PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]+")
_SEE: Final = "docs/how-to/service-level-objectives.md"


@dataclass(frozen=True, slots=True)
class Imported:
    """An objective of an experiment; `remarks` say what of the SLO it leaves out."""

    name: str
    metric: str
    under: str
    target: float
    window: str
    remarks: tuple[str, ...]


def read_openslo(path: Path, metric: str, unit: str, ratio: str) -> list[Imported]:
    """Read every SLO of a file.

    Thresholds become objectives of the duration `metric` in `unit` (``s``, ``ms``, ...), ratios those of `ratio`
    (``answered`` or ``acceptable``). InvalidInput with all that cannot be read, each at its line, or for a file without
    any SLO.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput([Issue(f"cannot be read: {reason}", file=str(path))]) from error
    found: list[Imported] = []
    issues: list[Issue] = []
    for document in _documents(text, str(path)):
        if not isinstance(document.data, dict) or document.data.get("kind") != "SLO":
            continue
        for one in _Slo(document, metric, unit, ratio).objectives():
            if isinstance(one, Issue):
                issues.append(one)
            else:
                found.append(one)
    if not found and not issues:
        issues.append(Issue("holds no SLO", file=str(path), hint="expected documents with kind: SLO"))
    if issues:
        raise InvalidInput(issues)
    return _apart(found)


def _documents(text: str, file: str) -> Iterator[Document]:
    """Yield each document of a stream; blank lines in front keep its line numbers."""
    starts = [0, *(match.end() for match in _SEPARATOR.finditer(text))]
    ends = [*(match.start() for match in _SEPARATOR.finditer(text)), len(text)]
    for start, end in zip(starts, ends, strict=True):
        if text[start:end].strip():
            yield parse_yaml("\n" * text.count("\n", 0, start) + text[start:end], file)


class _Slo:
    """One SLO."""

    def __init__(self, document: Document, metric: str, unit: str, ratio: str) -> None:
        self._document = document
        self._metric, self._unit, self._ratio = metric, unit, ratio
        self._spec = _mapping(document.data.get("spec"))
        self._name = str(_mapping(document.data.get("metadata")).get("name", "slo"))

    def objectives(self) -> Iterator[Imported | Issue]:
        """Yield its objectives."""
        version = self._document.data.get("apiVersion")
        if version not in _VERSIONS:
            yield self._issue(("apiVersion",), f"{version!r} is not read", f"versions are {', '.join(_VERSIONS)}")
            return
        remarks = list(self._remarks())
        window = self._window()
        if isinstance(window, Issue):
            yield window
            window = ""
        written = self._spec.get("objectives")
        if not isinstance(written, list) or not written:
            yield self._issue(("spec", "objectives"), "an SLO has objectives", "")
            return
        for number, objective in enumerate(written):
            place: Place = ("spec", "objectives", number)
            one = self._objective(_mapping(objective), place, window, tuple(remarks))
            if one is not None:
                yield one

    def _objective(
        self, written: Mapping[str, Any], place: Place, window: str, remarks: tuple[str, ...]
    ) -> Imported | Issue | None:
        target = _share(written)
        if target is None:
            return self._issue(place, "has no target between 0 and 1 (or targetPercent)", "write target: 0.95")
        name = str(written.get("displayName") or self._name)
        if self._is_ratio():
            return Imported(name, self._ratio, "", target, window, remarks)
        if written.get("op") not in {"lt", "lte"}:
            hint = "a duration is good while it is lt or lte a value"
            return self._issue((*place, "op"), f"op {written.get('op')!r} cannot be an objective", hint)
        value = written.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            return self._issue((*place, "value"), "expected a positive number", "")
        under = format_duration(round(value * NS_PER_UNIT[self._unit]))
        return Imported(name, self._metric, under, target, window, remarks)

    def _is_ratio(self) -> bool:
        indicator = _mapping(self._spec.get("indicator"))
        return "ratioMetric" in _mapping(indicator.get("spec")) or "ratioMetric" in indicator

    def _window(self) -> str | Issue:
        written = self._spec.get("timeWindow")
        first = _mapping(written[0]) if isinstance(written, list) and written else {}
        duration = first.get("duration", "28d")
        found = _WINDOW.fullmatch(str(duration))
        if found is None or int(found[1]) == 0:
            return self._issue(("spec", "timeWindow", 0, "duration"), f"{duration!r} is no window", "write 28d")
        days = int(found[1]) * _WINDOW_NS[found[2]]
        return f"{days // _DAY_NS}d" if days % _DAY_NS == 0 else format_duration(days)

    def _remarks(self) -> Iterator[str]:
        method = self._spec.get("budgetingMethod", "Occurrences")
        if method != "Occurrences":
            yield f"budgetingMethod {method}: requests are counted here, as in Occurrences"
        if "alertPolicies" in self._spec:
            yield "alertPolicies are left out: the usual alerts are told with each objective that is missed"
        if "indicatorRef" in self._spec:
            yield f"indicatorRef {self._spec['indicatorRef']!r} is taken for a duration; --metric says which"
        window = self._spec.get("timeWindow")
        if isinstance(window, list) and window and _mapping(window[0]).get("isRolling") is False:
            yield "the window follows the calendar; its length is what counts here"

    def _issue(self, place: Place, message: str, hint: str) -> Issue:
        mark = self._document.mark(place)
        return Issue(message, mark.file, mark.line, mark.col, dotted(self._document.data, place), hint or _SEE)


def _share(objective: Mapping[str, Any]) -> float | None:
    for key, whole in (("target", 1.0), ("targetPercent", 100.0)):
        found = objective.get(key)
        if isinstance(found, int | float) and not isinstance(found, bool) and 0 < found / whole < 1:
            return float(found) / whole
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _apart(found: list[Imported]) -> list[Imported]:
    """Give every objective a name of its own that an experiment can have."""
    names: dict[str, int] = {}
    told = []
    for one in found:
        name = _PLAIN.sub("-", one.name).strip("-_")[:50] or "objective"
        names[name] = names.get(name, 0) + 1
        told.append(replace(one, name=name if names[name] == 1 else f"{name}-{names[name]}"))
    return told


def objectives_yaml(found: list[Imported]) -> str:
    """Write objectives as a part of an experiment."""
    lines = ["objectives:"]
    for one in found:
        lines += [f"  # {remark}" for remark in one.remarks]
        under = f", under: {one.under}" if one.under else ""
        target = f"{100 * one.target:.10g}%"
        lines.append(f"  - {{name: {one.name}, metric: {one.metric!r}{under}, target: {target}, window: {one.window}}}")
    return "\n".join(lines) + "\n"
