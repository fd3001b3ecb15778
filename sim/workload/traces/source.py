"""What all trace formats share: a file, and how to read it."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from sim.schema import Spec
from sim.workload.traces.trace import Trace


class TraceSource(Spec):
    """A recorded trace in a file of a certain format."""

    SOURCE: ClassVar[str] = ""
    """Where the public file of this format comes from, with its licence; empty for files of the user's own."""
    file: Annotated[str, Field(min_length=1, max_length=4096)]
    """Path of the file, relative to the file that names it."""

    def load(self, base: Path) -> Trace:
        """Read the trace; `base` is the folder that the path is relative to."""
        return self.read(base / self.file, file=self.file)

    @abstractmethod
    def read(self, path: Path, *, file: str) -> Trace:
        """Read the trace at `path`; `file` is its name in messages. InvalidInput says all that is wrong with it."""
