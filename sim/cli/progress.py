"""A progress bar on stderr, for people only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

Report = Callable[[float, int], None]
"""Takes how much is done, and of how much."""


@contextlib.contextmanager
def shown(label: str, *, wanted: bool) -> Iterator[Report | None]:
    """Give what the simulation reports to; None where nobody looks: stderr is no terminal, or it is not `wanted`."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
