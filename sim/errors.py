"""Every error that tiercast raises on purpose.

TiercastError
├── InvalidInput       what the user wrote cannot be used: all issues at once   exit 2
├── RunError           the run or the writing of its results failed             exit 1
└── InterruptedRun     the user stopped it; what was finished is kept           exit 130
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with the input, with the place to mend it.

    `line` and `col` count from 1; 0 means the place is the file as a whole. `path` is the dotted place in the document
    (``patterns.cascade.verify.time``); `hint` says what would be accepted, best as an example that works.
    """

    message: str
    file: str = ""
    line: int = 0
    col: int = 0
    path: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """`file:line:col: error: path: message`, the form editors and CI annotations parse."""
        where = self.file or "<input>"
        if self.line:
            where += f":{self.line}:{self.col}"
        place = f"{self.path}: " if self.path else ""
        return f"{where}: error: {place}{self.message}"


class TiercastError(Exception):
    """Base of all errors raised on purpose."""


class InvalidInput(TiercastError):  # noqa: N818 - says what is wrong, which "error" does not
    """The input cannot be used. Carries every issue found, in the order of the file."""

    def __init__(self, issues: Iterable[Issue] | str) -> None:
        found = (Issue(issues),) if isinstance(issues, str) else tuple(issues)
        super().__init__("\n".join(str(issue) for issue in found))
        self.issues = found


class RunError(TiercastError):
    """The run failed for a reason outside the input: a disk that is full, a worker that died."""


class InterruptedRun(TiercastError):  # noqa: N818 - it is a request of the user, not a fault
    """The user stopped the run before it ended."""
