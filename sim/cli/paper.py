"""A report drawn for stdout."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from rich.console import Console

from sim.cli.answer import in_log, width


def drawn(draw: Callable[[Console], None]) -> bytes:
    """Return what `draw` prints as stdout shows it, coloured where that is a terminal that has colours.

    Drawn apart from stdout: rich has a way of its own with readers that have gone.
    """
    encoding = sys.stdout.encoding or "utf-8"
    paper = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    draw(Console(file=paper, width=width(), force_terminal=True if sys.stdout.isatty() else None))
    paper.seek(0)
    return in_log(paper.buffer.read().decode(encoding)).encode(encoding, "replace")
