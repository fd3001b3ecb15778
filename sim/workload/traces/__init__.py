"""Recorded traces as input: one file per format, replayed once or on and on in blocks.

A format is one module with one subclass of `TraceSource`; it is accepted in YAML once it stands in `TraceFormat`.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from sim.workload.traces.azure_llm import AzureLlmTrace
from sim.workload.traces.burstgpt import BurstGptTrace
from sim.workload.traces.columns import ColumnNames, ColumnsTrace
from sim.workload.traces.mooncake import MooncakeTrace
from sim.workload.traces.replay import TraceBlock, circle_ns, replay
from sim.workload.traces.source import TraceSource
from sim.workload.traces.trace import Labels, Trace, speed_up, window, without_failed

TraceFormat: TypeAlias = Annotated[
    AzureLlmTrace | BurstGptTrace | ColumnsTrace | MooncakeTrace, Field(discriminator="format")
]
"""A trace file in one of the formats, told by its `format` key."""

FORMATS: dict[str, type[TraceSource]] = {
    "azure_llm": AzureLlmTrace,
    "burstgpt": BurstGptTrace,
    "columns": ColumnsTrace,
    "mooncake": MooncakeTrace,
}
"""The formats by name."""

__all__ = [
    "FORMATS",
    "AzureLlmTrace",
    "BurstGptTrace",
    "ColumnNames",
    "ColumnsTrace",
    "Labels",
    "MooncakeTrace",
    "Trace",
    "TraceBlock",
    "TraceFormat",
    "TraceSource",
    "circle_ns",
    "replay",
    "speed_up",
    "window",
    "without_failed",
]
