"""OpenSLO documents (https://openslo.com, ``openslo/v1`` and ``v1alpha``) read as objectives of an experiment.

An SLO names an indicator that lives in somebody's monitoring. What of it a simulation can know is its kind: a threshold
on a metric is a duration, of which the unit must be said because OpenSLO has none, and a ratio is of answered requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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

_ALPHA_UNITS: Final = {"Minute": "m", "Hour": "h", "Day": "d", "Week": "w", "Month": "M", "Quarter": "Q", "Year": "Y"}
"""What v1alpha calls them: ``{unit: Day, count: 28}``."""

_USUAL_WINDOW: Final = "28d"
_SEPARATOR: Final = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_WINDOW: Final = re.compile(r"([0-9]+)([mhdwMQY])")
_PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]+")
_SEE: Final = "docs/how-to/service-level-objectives.md"

_OF_SLO: Final = frozenset(
    {"description", "service", "indicator", "indicatorRef", "timeWindow", "timeWindows", "budgetingMethod"}
    | {"objectives", "alertPolicies"}
)
_OF_OBJECTIVE: Final = frozenset({"displayName", "op", "value", "target", "targetPercent", "ratioMetrics"})
"""Keys that are read, and those that change nothing of what is read."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What an objective leaves out of its SLO, or takes for granted, at its line."""

    file: str
    line: int
    col: int
    path: str
    text: str

    def __str__(self) -> str:
        """`file:line:col: note: path: text`."""
        return f"{self.file}:{self.line}:{self.col}: note: {self.path}: {self.text}"


@dataclass(frozen=True, slots=True)
class Imported:
    """An objective of an experiment."""

    name: str
    metric: str
    under: str
    target: float
    window: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Imports:
    """The objectives of a file, and what is said of the documents in it that are no SLO."""

    objectives: tuple[Imported, ...]
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What OpenSLO does not say: thresholds are of `metric` in `unit` (``s``, ``ms``), ratios of requests `ratio`."""

    metric: str
    unit: str
    ratio: str
    indicators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Specs of the indicators of the same file, by name."""


def read_openslo(path: Path, meaning: Meaning) -> Imports:
    """Read every SLO of a file.

    Thresholds become objectives of a duration, ratios those of answered or acceptable requests, as `meaning` says.
    InvalidInput with all that cannot be read, each at its line, or for a file without any SLO.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput([Issue(f"cannot be read: {reason}", file=str(path))]) from error
    documents = [one for one in _documents(text, str(path)) if isinstance(one.data, dict)]
    meaning = replace(meaning, indicators={_name(one): _spec(one) for one in documents if _kind(one) == "SLI"})
    found: list[Imported] = []
    issues: list[Issue] = []
    for document in documents:
        for one in _Slo(document, meaning).objectives() if _kind(document) == "SLO" else ():
            if isinstance(one, Issue):
                issues.append(one)
            else:
                found.append(one)
    if not found and not issues:
        issues.append(Issue("holds no SLO", file=str(path), hint="expected documents with kind: SLO"))
    if issues:
        raise InvalidInput(issues)
    others = [one for one in documents if _kind(one) not in {"SLO", "SLI", "Service"}]
    told = (_remark(one, ("kind",), f"{_kind(one) or 'a document without kind'} is left out") for one in others)
    return Imports(tuple(_apart(found)), tuple(told))


def _documents(text: str, file: str) -> Iterator[Document]:
    """Yield each document of a stream; blank lines in front keep its line numbers."""
    starts = [0, *(match.end() for match in _SEPARATOR.finditer(text))]
    ends = [*(match.start() for match in _SEPARATOR.finditer(text)), len(text)]
    for start, end in zip(starts, ends, strict=True):
        if text[start:end].strip():
            yield parse_yaml("\n" * text.count("\n", 0, start) + text[start:end], file)


class _Slo:
    """One SLO."""

    def __init__(self, document: Document, meaning: Meaning) -> None:
        self._document = document
        self._meaning = meaning
        self._spec = _spec(document)

    def objectives(self) -> Iterator[Imported | Issue]:
        """Yield its objectives."""
        version = self._document.data.get("apiVersion")
        if version not in _VERSIONS:
            yield self._issue(("apiVersion",), f"{version!r} is not read", f"versions are {', '.join(_VERSIONS)}")
            return
        remarks = tuple(self._remarks())
        window = self._window()
        if isinstance(window, Issue):
            yield window
            window = ""
        written = self._spec.get("objectives")
        if not isinstance(written, list) or not written:
            yield self._issue(("spec", "objectives"), "an SLO has objectives", "")
            return
        for number, objective in enumerate(written):
            yield self._objective(_mapping(objective), ("spec", "objectives", number), window, remarks)

    def _objective(
        self, written: Mapping[str, Any], place: Place, window: str, remarks: tuple[Remark, ...]
    ) -> Imported | Issue:
        target = _share(written)
        if target is None:
            return self._issue(place, "has no target between 0 and 1 (or targetPercent)", "write target: 0.95")
        name = str(written.get("displayName") or _name(self._document))
        remarks = (*remarks, *self._left_out(written, place, _OF_OBJECTIVE))
        if "ratioMetrics" in written or self._is_ratio():
            return Imported(name, self._meaning.ratio, "", target, window, remarks)
        if written.get("op") not in {"lt", "lte"}:
            hint = "a duration is good while it is lt or lte a value"
            return self._issue((*place, "op"), f"op {written.get('op')!r} cannot be an objective", hint)
        value = written.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            return self._issue((*place, "value"), "expected a positive number", "")
        under = format_duration(round(value * NS_PER_UNIT[self._meaning.unit]))
        return Imported(name, self._meaning.metric, under, target, window, remarks)

    def _is_ratio(self) -> bool:
        indicator = _mapping(self._spec.get("indicator"))
        referred = self._meaning.indicators.get(str(self._spec.get("indicatorRef")), {})
        return any("ratioMetric" in one for one in (_mapping(indicator.get("spec")), indicator, referred))

    def _window(self) -> str | Issue:
        key, first = self._first_window()
        if first is None:
            return _USUAL_WINDOW
        if "duration" in first:
            place: Place = ("spec", key, 0, "duration")
            text = str(first["duration"])
        else:
            place = ("spec", key, 0)
            text = f"{first.get('count')}{_ALPHA_UNITS.get(str(first.get('unit')), '')}"
        found = _WINDOW.fullmatch(text)
        if found is None or int(found[1]) == 0:
            told = first.get("duration", dict(first))
            return self._issue(place, f"{told!r} is no window", "write duration: 28d; in v1alpha unit: Day, count: 28")
        length = int(found[1]) * _WINDOW_NS[found[2]]
        return f"{length // _DAY_NS}d" if length % _DAY_NS == 0 else format_duration(length)

    def _first_window(self) -> tuple[str, Mapping[str, Any] | None]:
        """Give the key of the windows, which differs between versions, and the one window; None where there is none."""
        key = "timeWindows" if "timeWindows" in self._spec else "timeWindow"
        written = self._spec.get(key)
        return key, _mapping(written[0]) if isinstance(written, list) and written else None

    def _remarks(self) -> Iterator[Remark]:
        method = self._spec.get("budgetingMethod", "Occurrences")
        if method != "Occurrences":
            text = f"budgetingMethod {method}: requests are counted here, as in Occurrences"
            yield self._remark(("spec", "budgetingMethod"), text)
        if "alertPolicies" in self._spec:
            text = "alertPolicies are left out: the usual alerts are told with each objective that is missed"
            yield self._remark(("spec", "alertPolicies"), text)
        reference = self._spec.get("indicatorRef")
        if reference is not None and str(reference) not in self._meaning.indicators:
            text = f"indicatorRef {reference!r} is not in this file and taken for a duration; --metric says which"
            yield self._remark(("spec", "indicatorRef"), text)
        key, window = self._first_window()
        if window is None:
            yield self._remark(("spec",), f"no timeWindow is given: {_USUAL_WINDOW} is taken")
        elif window.get("isRolling", "calendar" not in window) is False:
            yield self._remark(("spec", key, 0), "the window follows the calendar; its length is what counts here")
        yield from self._left_out(self._spec, ("spec",), _OF_SLO)

    def _left_out(self, written: Mapping[str, Any], place: Place, known: frozenset[str]) -> Iterator[Remark]:
        for key in written:
            if key not in known:
                yield self._remark((*place, key), f"{key} is left out: it means nothing here")

    def _remark(self, place: Place, text: str) -> Remark:
        return _remark(self._document, place, text)

    def _issue(self, place: Place, message: str, hint: str) -> Issue:
        mark = self._document.mark(place)
        return Issue(message, mark.file, mark.line, mark.col, dotted(self._document.data, place), hint or _SEE)


def _remark(document: Document, place: Place, text: str) -> Remark:
    """Say something of a place on one line, whatever the names in it hold."""
    mark = document.key_mark(place)
    return Remark(mark.file, mark.line, mark.col, _plain(dotted(document.data, place)), _plain(text))


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _kind(document: Document) -> str:
    return str(document.data.get("kind", ""))


def _name(document: Document) -> str:
    return str(_mapping(document.data.get("metadata")).get("name", "slo"))


def _spec(document: Document) -> Mapping[str, Any]:
    return _mapping(document.data.get("spec"))


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


def objectives_yaml(found: Imports) -> str:
    """Write objectives as a part of an experiment, with what they leave out as comments that name its line."""
    lines = [*(_comment(remark) for remark in found.remarks), "objectives:"]
    for one in found.objectives:
        lines += [f"  {_comment(remark)}" for remark in one.remarks]
        under = f", under: {one.under}" if one.under else ""
        target = f"{100 * one.target:.10g}%"
        metric = "'" + one.metric.replace("'", "''") + "'"
        lines.append(f"  - {{name: {one.name}, metric: {metric}{under}, target: {target}, window: {one.window}}}")
    return "\n".join(lines) + "\n"


def _comment(remark: Remark) -> str:
    return f"# line {remark.line}: {remark.text}"
