"""The answer of a check as files, in the formats that CI reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from sim.experiment.summary import json_bytes
from sim.report.benchmark_json import benchmark_json
from sim.report.code_quality import code_quality
from sim.report.comment import comment
from sim.report.findings import Counted, remarks_of
from sim.report.junit import junit
from sim.report.naming import named
from sim.report.openmetrics import openmetrics
from sim.report.sarif import sarif
from sim.report.tables import writer_for
from sim.study.content import check_of
from sim.study.verdict import CheckResult

CheckWriter: TypeAlias = Callable[[CheckResult, Counted], bytes]
"""Turns a check into a file; told what breaks the check, because file and exit code must agree."""


def check_writer_for(path: Path) -> CheckWriter:
    """Return what turns a check into the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def _sarif(check: CheckResult, fail_on: Counted) -> bytes:
    return sarif(remarks_of(check, fail_on))


def _metrics(extension: str) -> CheckWriter:
    write = writer_for(Path(f"metrics{extension}"))
    return lambda check, _: write(check.run)


_WRITERS: Final[dict[str, CheckWriter]] = {
    ".md": lambda check, fail_on: comment(check, fail_on).encode(),
    ".json": lambda check, _: json_bytes(check_of(check)),
    ".xml": junit,
    ".sarif": _sarif,
    ".sarif.json": _sarif,
    ".codequality.json": lambda check, fail_on: code_quality(remarks_of(check, fail_on)),
    ".om.txt": lambda check, _: openmetrics(check.run, check.findings),
    ".bench.json": lambda check, _: benchmark_json(check.run, check.findings),
    ".csv": _metrics(".csv"),
    ".parquet": _metrics(".parquet"),
}
