"""JUnit XML, held against the schema that Jenkins publishes, as far as it concerns us."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from drawn_remarks import FEW, checks
from hypothesis import given

from sim.errors import Issue
from sim.report.junit import junit, junit_of_issues
from sim.study.verdict import CheckResult, FailOn


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


def test_every_verdict_is_a_test_case(check: CheckResult) -> None:
    """Broken is a failure, unstable an error, open is skipped, and everything else passes, warnings too."""
    assert outcomes(read(junit(check))) == {
        "support-chat.cascade escalation.rate: rate<30%": "passed",
        "support-chat.cascade latency.p95: p(95)<2s": "failure",
        "support-chat.cascade latency.p50: p(50)<800ms": "passed",
        "support-chat.cascade quality.loss: value<0.7": "skipped",
        "support-chat.cascade latency.p99: 95% < 4s over 28d": "passed",
        "support-chat.cascade cost.per_1k: 2%": "failure",
        "support-chat.pre-route latency.p95: p(95)<2s": "error",
        "support-chat.cheap-only latency.p95: 5%": "passed",
        "support-chat.cheap-only cost.per_1k: 2%": "passed",
    }


def test_what_breaks_the_check_is_a_failure(check: CheckResult) -> None:
    """If open verdicts and warnings break the check, the file is as red as the exit code."""
    found = outcomes(read(junit(check, frozenset(FailOn))))
    assert found["support-chat.cascade quality.loss: value<0.7"] == "failure"
    assert found["support-chat.cascade latency.p50: p(50)<800ms"] == "failure"
    assert "failure" not in outcomes(read(junit(check, frozenset()))).values()


def test_a_failure_says_what_and_where(check: CheckResult) -> None:
    """The message is the sentence, and the text has the place in the YAML too."""
    case = next(case for case in read(junit(check)).iter("testcase") if case.find("failure") is not None)
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "threshold"
    sentence = "latency.p95 of cascade is 2.44 s [2.37 s, 2.51 s], at or above the limit of 2 s."
    assert failure.get("message") == sentence
    assert failure.text == f"{sentence}\nexperiments/support-chat.yaml:42:14: thresholds.latency.p95.0"


def test_counts_are_those_of_the_cases(check: CheckResult) -> None:
    """Suites and the whole count what they hold."""
    root = read(junit(check))
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["9", "2", "1"]
    counts = [[suite.get(name) for name in ("tests", "failures", "errors", "skipped")] for suite in root]
    assert counts == [["6", "2", "0", "1"], ["1", "0", "1", "0"], ["2", "0", "0", "0"]]


@FEW
@given(checks())
def test_any_text_gives_valid_xml(check: CheckResult) -> None:
    """Whatever names, paths and messages hold, the file is valid, has a case per finding, and is the same each time."""
    written = junit(check)
    assert len(list(read(written).iter("testcase"))) == len(check.findings)
    assert junit(check) == written


def test_files_are_cases_of_a_validation() -> None:
    """A file without mistakes passes; one with some is a single failure that lists them."""
    issues = [
        Issue("unknown key", "b.yaml", 3, 1, "sead", "did you mean 'seed'?"),
        Issue("is no number", "c.yaml", 9, 2),
    ]
    root = read(junit_of_issues({"a.yaml": (), "b.yaml": issues}))
    assert outcomes(root) == {"experiment files a.yaml": "passed", "experiment files b.yaml": "failure"}
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.text == (
        "b.yaml:3:1: error: sead: unknown key (hint: did you mean 'seed'?)\nc.yaml:9:2: error: is no number"
    )
