"""JUnit XML: findings, or mistakes in files, as test cases in the form that Jenkins and GitLab read.

A promise that is kept is a test that passes, a broken one a failure, one about an unstable pattern an error, and an
open verdict a skipped test. What does not break the check (level ``warn``) passes and says so in its output; what does
break it is a failure, so that the file and the exit code agree whatever ``--fail-on`` says. The place in the YAML is in
the text, as the schema of Jenkins has no attributes for it. Times are 0: how long the run took would make the same
answer another file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sim.errors import Issue
from sim.report.escapes import one_line, utf8, xml_text
from sim.report.remarks import slashes

if TYPE_CHECKING:
    from sim.report.findings import Counted
    from sim.study.verdict import CheckResult, Finding


def junit(check: CheckResult, fail_on: Counted | None = None) -> bytes:
    """Return a suite per pattern, in the order of the run, with a test case per finding.

    `fail_on` is what breaks the check, by default broken promises of level ``error``.
    """
    from sim.report.findings import breaks, promise  # noqa: PLC0415 - validating a file needs no verdicts, nor numpy
    from sim.study.verdict import DEFAULT_FAIL_ON  # noqa: PLC0415 - the same

    counted = DEFAULT_FAIL_ON if fail_on is None else fail_on
    root = ET.Element("testsuites", name=_attribute(f"tiercast check {check.run.experiment}"))
    run = check.run
    facts = {
        "experiment": run.experiment,
        "hash": run.hash,
        "seed": str(run.seed),
        "replications": str(run.replications),
        "requests": str(run.requests),
        "interval level": f"{run.level:g}",
        "baseline file": check.baseline,
    }
    for pattern in _patterns(check):
        suite = _suite(root, f"{run.experiment}: {pattern}", facts)
        for finding in check.findings:
            if finding.pattern == pattern:
                case = _case(suite, f"{run.experiment}.{pattern}", promise(finding))
                _outcome(case, finding, failed=breaks(finding, counted))
    return _bytes(root)


def junit_of_issues(files: Mapping[str, Iterable[Issue]]) -> bytes:
    """Return one suite with a test case per file; its mistakes are one failure, a line each."""
    root = ET.Element("testsuites", name="tiercast validate")
    suite = _suite(root, "tiercast validate", {})
    for file, issues in files.items():
        found = list(issues)
        case = _case(suite, "experiment files", file)
        if found:
            lines = [f"{issue}{f' (hint: {issue.hint})' if issue.hint else ''}" for issue in found]
            _result(case, "failure", "invalid-experiment", found[0].message, lines)
    return _bytes(root)


def _patterns(check: CheckResult) -> list[str]:
    """Return the patterns that findings are about, in the order of the run."""
    found = dict.fromkeys(finding.pattern for finding in check.findings)
    return [name for name in dict.fromkeys((*check.run.patterns, *found)) if name in found]


def _outcome(case: ET.Element, finding: Finding, *, failed: bool) -> None:
    text = finding.message
    where = f"{slashes(finding.file)}:{finding.line}:{finding.col}: {finding.place}" if finding.line else finding.place
    unstable, is_open = (finding.verdict.value == word for word in ("unstable", "inconclusive"))
    if failed:
        kind = finding.verdict.value if unstable or is_open else finding.kind.value
        _result(case, "error" if unstable else "failure", kind, text, [text, where])
    elif is_open:
        ET.SubElement(case, "skipped", message=_attribute(f"inconclusive: {text}")).text = _lines([where])
    else:
        said = f"warning: {finding.verdict.value}: {text}" if finding.breached else text
        ET.SubElement(case, "system-out").text = _lines([said, where])


def _suite(root: ET.Element, name: str, facts: Mapping[str, str]) -> ET.Element:
    suite = ET.SubElement(root, "testsuite", name=_attribute(name))
    if facts:
        properties = ET.SubElement(suite, "properties")
        for fact, value in facts.items():
            ET.SubElement(properties, "property", name=fact, value=_attribute(value))
    return suite


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_attribute(classname), name=_attribute(name), time="0")


def _result(case: ET.Element, tag: str, kind: str, message: str, lines: Iterable[str]) -> None:
    found = ET.SubElement(case, tag, type=kind, message=_attribute(message))
    found.text = _lines(lines)


def _lines(lines: Iterable[str]) -> str:
    return xml_text("\n".join(map(one_line, lines)))


def _attribute(text: str) -> str:
    return xml_text(utf8(one_line(text)))


def _bytes(root: ET.Element) -> bytes:
    """Count what the suites hold, and write them."""
    for suite in root:
        cases = suite.findall("testcase")
        suite.set("tests", str(len(cases)))
        for word, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(word, str(sum(case.find(tag) is not None for case in cases)))
        suite.set("time", "0")
    for word in ("tests", "failures", "errors"):
        root.set(word, str(sum(int(suite.get(word, "0")) for suite in root)))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"
