"""Azure LLM inference traces of 2023, 2024 and 2025 (CSV; Patel et al., "Splitwise", ISCA 2024)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from sim.workload.traces.gathering import Wanted, gather
from sim.workload.traces.source import TraceSource
from sim.workload.traces.tables import open_table
from sim.workload.traces.trace import Trace


class AzureLlmTrace(TraceSource):
    """Columns `TIMESTAMP`, `ContextTokens` and `GeneratedTokens`; others are ignored.

    The 2023 files have times without an offset (read as UTC), the later ones with; both keep their full precision.
    """

    SOURCE: ClassVar[str] = "github.com/Azure/AzurePublicDataset, data/AzureLLMInferenceTrace_conv.csv, CC-BY-4.0"
    format: Literal["azure_llm"]
    """Azure LLM inference trace."""

    def read(self, path: Path, *, file: str) -> Trace:
        """Read the trace at `path`, plain or gzipped."""
        table = open_table(path, file, source=self.SOURCE)
        wanted = Wanted("TIMESTAMP", "iso", input_tokens="ContextTokens", output_tokens="GeneratedTokens")
        return gather(table, wanted)
