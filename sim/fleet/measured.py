"""Service times that somebody has measured: every call is one row of a file, drawn whole.

Time to first token, pace and length of an endpoint depend on each other (a slow start often means a busy replica, a
long answer a slower pace), and three laws drawn apart would lose that. A row drawn by one uniform keeps it, whatever
it looks like. This is the bootstrap of Efron (1979): what the rows do not hold, no simulated call shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.columns import Floats, Ints
from sim.schema import Spec

Column = Annotated[str, Field(min_length=1, max_length=1000)]
"""Name of a column, exactly as in the header."""


class MeasuredCalls(Spec):
    """A CSV (also gzipped) or Parquet file with one row per measured call; a simulated call is a row drawn whole."""

    file: Annotated[str, Field(min_length=1, max_length=4096)]
    """Path of the file, relative to the file that names it."""
    where: dict[Column, str | int | float | bool] = Field(default_factory=dict)
    """Which rows to use: those whose columns have these values, such as {endpoint: a}; a missing value is ''."""
    unit: Literal["ns", "us", "ms", "s"]
    """Unit of the columns of times."""
    ttft: Column
    """Column of the time to first token."""
    total: Column | None = None
    """Column of the time to the last token; needs `output_tokens`. Either this or `inter_token`."""
    inter_token: Column | None = None
    """Column of the inter-token latency: the time from token to token after the first one."""
    output_tokens: Column | None = None
    """Column of the tokens of the answer."""
    lengths: Literal["workload", "measured"] = "workload"
    """Whether answers are as long as the workload says, and a row gives the pace, or as long as in their row."""

    @model_validator(mode="after")
    def _columns_fit_together(self) -> Self:
        if (self.total is None) == (self.inter_token is None):
            found = "neither" if self.total is None else "both"
            raise ValueError(
                f"needs the column of the whole time or that of the inter-token latency, found {found}; "
                "write for example total: e2e_s"
            )
        if self.output_tokens is None and (self.total is not None or self.lengths == "measured"):
            why = "the pace is the time after the first token over the tokens after it"
            why = "lengths: measured takes them from there" if self.total is None else why
            raise ValueError(f"needs the column of the output tokens ({why}); write for example output_tokens: tokens")
        if self.total is None and self.output_tokens is not None and self.lengths == "workload":
            raise ValueError(
                "output_tokens does nothing beside inter_token with lengths: workload; leave it out, or write "
                "lengths: measured"
            )
        return self


class MeasuredService(Spec):
    """Service times from a file of measured calls, which keeps what belongs together in them."""

    measured: MeasuredCalls
    """The file, and which of its columns hold what."""


@dataclass(frozen=True, slots=True)
class CallRows:
    """Measured calls, in an order that does not depend on that of the file: the faster the first token the earlier.

    int64[rows] each: `ttft_ns`; `decode_ns` over `gaps` is the pace, the time from token to token after the first;
    `output_tokens` where answers are as long as measured.
    """

    ttft_ns: Ints
    decode_ns: Ints
    gaps: Ints
    output_tokens: Ints | None = None

    def __len__(self) -> int:
        return len(self.ttft_ns)

    @classmethod
    def ordered(cls, ttft_ns: Ints, decode_ns: Ints, gaps: Ints, output_tokens: Ints | None = None) -> CallRows:
        """Put rows of any order into order; a larger uniform then never gives an earlier first token."""
        order = np.lexsort((gaps, decode_ns, ttft_ns) if output_tokens is None else (output_tokens, decode_ns, ttft_ns))
        tokens = None if output_tokens is None else output_tokens[order]
        return cls(ttft_ns[order], decode_ns[order], gaps[order], tokens)

    def drawn(self, u: Floats) -> Ints:
        """Give the row that each u in (0, 1) stands for, int64; every row has the same share."""
        # u is at most 1 - 2**-53, and its product with a whole number stays below that number
        return (u * len(self)).astype(np.int64)
