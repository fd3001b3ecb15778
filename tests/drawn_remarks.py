"""Remarks and findings with any text in them, as hypothesis draws them."""

from __future__ import annotations

import dataclasses

from findings import checked, finding
from hypothesis import settings
from hypothesis import strategies as st

from sim.report.remarks import Remark
from sim.report.sarif import RULES
from sim.study.verdict import CheckResult, Kind, Verdict

NASTY = ["a|b", "::error::x", "]]>", "--></details>", 'a"\\\n', "\x1b[31m\x00", "%0A,:", "@me #1", "\ud800", "`$x$`"]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=6))
"""What users may call things: what breaks a careless format, and anything else."""

FEW = settings(max_examples=40, deadline=None)
"""For what draws a whole check."""

REMARKS = st.builds(
    Remark,
    st.sampled_from(["error", "warning"]),
    st.sampled_from(sorted(RULES)),
    TEXT,
    TEXT,
    TEXT,
    st.integers(0, 9),
    st.integers(0, 9),
    st.text(max_size=2),
)


@st.composite
def checks(draw: st.DrawFn) -> CheckResult:
    """Draw a check of some findings with any text in names, paths and messages, and in the name of the pattern."""
    found = [
        dataclasses.replace(
            finding(draw(st.sampled_from(Kind)), draw(st.sampled_from(Verdict))),
            level=draw(st.sampled_from(["error", "warn"])),
            pattern=draw(TEXT),
            wanted=draw(TEXT),
            place=f"{draw(TEXT)}.{number}",  # two findings never share their place
            file=draw(TEXT),
            line=draw(st.integers(0, 9)),
            message=draw(TEXT),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    check = checked(*found, notes=(draw(TEXT),))
    name = draw(TEXT)
    pattern = dataclasses.replace(check.run.patterns["cascade"], name=name)
    run = dataclasses.replace(check.run, patterns={name: pattern}, experiment=draw(TEXT), title=draw(TEXT))
    return dataclasses.replace(check, run=run, baseline=draw(TEXT))
