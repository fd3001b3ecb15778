"""OpenMetrics text, read back by a reader of its grammar."""

from __future__ import annotations

import dataclasses
import re

from drawn_remarks import FEW, checks
from hypothesis import given

from sim.experiment.result import RunResult
from sim.outcome.catalogue import CATALOGUE
from sim.outcome.estimates import Estimate
from sim.report.openmetrics import openmetrics
from sim.study.verdict import CheckResult

_NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
_META = re.compile(rf"# (TYPE|UNIT|HELP) ({_NAME}) (.*)", re.DOTALL)
_SAMPLE = re.compile(rf"({_NAME})\{{(.*)\}} (-?[0-9.]+(?:e[-+]?[0-9]+)?)", re.DOTALL)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)', re.DOTALL)
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def labels_of(text: str) -> frozenset[tuple[str, str]]:
    """Read labels; each must be whole and of another name."""
    found = list(_LABEL.finditer(text))
    assert "".join(label[0] for label in found) == text
    assert len({label[1] for label in found}) == len(found)
    return frozenset((label[1], re.sub(r"\\.", lambda one: _ESCAPES[one[0]], label[2])) for label in found)


def read(content: bytes) -> Series:
    """Read a file by the rules: families in one piece, their units at the end of names, no series twice."""
    lines = content.decode().split("\n")
    assert lines[-2:] == ["# EOF", ""]
    families: list[str] = []
    series: Series = {}
    kinds: dict[str, str] = {}
    for line in lines[:-2]:
        if meta := _META.fullmatch(line):
            if meta[1] == "TYPE":
                assert meta[2] not in families
                families.append(meta[2])
                kinds[meta[2]] = meta[3]
            assert meta[2] == families[-1]
            assert meta[1] != "UNIT" or meta[2].endswith(f"_{meta[3]}")
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample is not None, line
        suffix = "_info" if kinds[families[-1]] == "info" else ""
        assert sample[1] == families[-1] + suffix
        key = (sample[1], labels_of(sample[2]))
        assert key not in series
        series[key] = float(sample[3])
    return series


def test_an_estimate_is_three_families(result: RunResult) -> None:
    """Value and both ends of the interval are there, in seconds, with the pattern as a label."""
    series = read(openmetrics(result))
    own = frozenset({("experiment", "support-chat"), ("pattern", "cascade")})
    ends = [series[f"tiercast_latency_p95{end}_seconds", own] for end in ("", "_lower", "_upper")]
    found = result.patterns["cascade"].estimates["latency.p95"]
    assert ends == [found.value, found.lower, found.upper]
    assert series["tiercast_models_utilisation_ratio", own | {("model", "gpt-4.1")}] == 0.61
    assert series["tiercast_stable", frozenset({("experiment", "support-chat"), ("pattern", "pre-route")})] == 0


def test_the_run_is_named(result: RunResult) -> None:
    """An info family says which run the numbers are of."""
    named = next(dict(labels) for name, labels in read(openmetrics(result)) if name == "tiercast_run_info")
    assert (named["hash"], named["seed"]) == (result.hash, "7")


def test_a_finding_is_one_only_if_it_holds_for_sure(check: CheckResult) -> None:
    """What is open or broken is 0, at any level."""
    told = {
        (dict(labels)["verdict"]): value
        for (name, labels), value in read(openmetrics(check.run, check.findings)).items()
        if name == "tiercast_check"
    }
    bad = {"fail": 0, "inconclusive": 0, "unstable": 0, "worse": 0}
    assert told == {**bad, "pass": 1, "better": 1, "same": 1}


def test_every_metric_of_the_catalogue_has_a_family_of_its_own(result: RunResult) -> None:
    """No two metrics share a family, whatever segments, tasks and models are called."""
    awkward = 'x.p95"\\\n'
    names = [re.sub("<[a-z_]+>", lambda _: awkward, metric.name) for metric in CATALOGUE]
    estimates = {name: Estimate(1.0, 0.5, 1.5, metric.unit) for name, metric in zip(names, CATALOGUE, strict=True)}
    pattern = dataclasses.replace(result.patterns["cascade"], estimates=estimates)
    series = read(openmetrics(dataclasses.replace(result, patterns={"cascade": pattern})))
    families = {name for name, _ in series} - {"tiercast_run_info", "tiercast_stable"}
    assert len(families) == 3 * len(CATALOGUE)
    assert {value for _, labels in series for name, value in labels if name in {"segment", "task", "model"}} == {
        awkward
    }


@FEW
@given(checks())
def test_any_text_is_valid(check: CheckResult) -> None:
    """Whatever names hold, the file can be read, has each finding, and is the same each time."""
    written = openmetrics(check.run, check.findings)
    assert sum(name == "tiercast_check" for name, _ in read(written)) == len(check.findings)
    assert openmetrics(check.run, check.findings) == written
