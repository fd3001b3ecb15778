"""What validation found in experiment files, in the formats that CI reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sim.errors import Issue
from sim.report.code_quality import code_quality
from sim.report.junit import junit_of_issues
from sim.report.naming import named
from sim.report.remarks import Remark, of_issues, of_warnings
from sim.report.sarif import sarif


@dataclass(frozen=True, slots=True)
class Validated:
    """An experiment file, its mistakes (which may stand in a file that it names), and what is probably not meant."""

    file: str
    issues: tuple[Issue, ...] = ()
    warnings: tuple[str, ...] = ()


def remarks_of(files: Sequence[Validated]) -> list[Remark]:
    """Return what is wrong and what is doubtful; a mistake in a file that two experiments share is told once."""
    issues = dict.fromkeys(issue for one in files for issue in one.issues)
    return [*of_issues(issues), *(remark for one in files for remark in of_warnings(one.file, one.warnings))]


def validation_writer_for(path: Path) -> Callable[[Sequence[Validated]], bytes]:
    """Return what turns a validation into the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def _sarif(files: Sequence[Validated]) -> bytes:
    return sarif(remarks_of(files))


def _code_quality(files: Sequence[Validated]) -> bytes:
    return code_quality(remarks_of(files))


def _junit(files: Sequence[Validated]) -> bytes:
    return junit_of_issues({one.file: one.issues for one in files})


_WRITERS: Final[dict[str, Callable[[Sequence[Validated]], bytes]]] = {
    ".sarif": _sarif,
    ".sarif.json": _sarif,
    ".codequality.json": _code_quality,
    ".xml": _junit,
}
