"""The fixture `tiercast`: experiments run and checked inside a test.

pytest finds it by the entry point of the package. It is loaded at every start of pytest in an environment that has
tiercast, so that everything it needs is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.experiment.simulate import Run
    from sim.study.verdict import CheckResult

Named = str | PathLike[str]


@pytest.fixture
def tiercast(pytestconfig: pytest.Config) -> Tiercast:
    """Run and check experiments; their paths are relative to the root folder of pytest."""
    return Tiercast(pytestconfig.rootpath)


class Tiercast:
    """Runs and checks experiments whose paths are relative to `root`. Nothing is written to the disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self, path: Named, *overrides: str) -> Experiment:
        """Read an experiment; `overrides` such as ``run.duration=1m`` change values first.

        A file that cannot be used fails the test with every mistake in it.
        """
        from sim.errors import InvalidInput  # noqa: PLC0415 - as the module says
        from sim.experiment.resolve import load  # noqa: PLC0415

        try:
            return load(self.root / path, overrides)
        except InvalidInput as error:
            _fail(str(issue) + (f" ({issue.hint})" if issue.hint else "") for issue in error.issues)

    def run(self, path: Named, *overrides: str, **options: Any) -> Run:
        """Run an experiment; `options` are those of `Experiment.run`, such as ``workers``."""
        return self.load(path, *overrides).run(**options)

    def check(self, path: Named, *overrides: str, **options: Any) -> CheckResult:
        """Check an experiment and return its findings, whatever they are; `options` as for `run`."""
        from sim.errors import InvalidInput  # noqa: PLC0415
        from sim.study.check import check  # noqa: PLC0415

        experiment = self.load(path, *overrides)
        try:
            return check(experiment, **options)
        except InvalidInput as error:
            _fail(str(issue) for issue in error.issues)

    def assert_passes(
        self, path: Named, *overrides: str, fail_on: Iterable[str] = ("fail",), **options: Any
    ) -> CheckResult:
        """Check an experiment and fail the test, with a sentence for each finding that breaks the check.

        `fail_on` are the words of ``--fail-on``: ``fail``, ``inconclusive``, ``warn``. Returns the check if it passes.
        """
        from sim.report.findings import breaks, worst_first  # noqa: PLC0415
        from sim.study.verdict import FailOn  # noqa: PLC0415

        counted = frozenset(FailOn(word) for word in fail_on)
        found = self.check(path, *overrides, **options)
        broken = [one for one in worst_first(found.findings, counted) if breaks(one, counted)]
        if broken:
            _fail(f"{one.file}:{one.line}:{one.col}: {one.verdict.value}: {one.message}" for one in broken)
        return found


def _fail(lines: Iterable[str]) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail("\n".join(lines), pytrace=False)
