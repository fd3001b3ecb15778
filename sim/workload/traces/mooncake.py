"""Mooncake traces (JSON lines; Qin et al., "Mooncake: A KVCache-centric Architecture for LLM Serving", FAST 2025)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import numpy as np

from sim.columns import Ints
from sim.workload.traces.findings import Findings, quoted, refuse
from sim.workload.traces.opening import MAX_ROWS, check_file, first_bytes, open_bytes
from sim.workload.traces.source import TraceSource
from sim.workload.traces.trace import Trace, assemble
from sim.workload.traces.values import MAX_TOKENS, exact_number

BLOCK_TOKENS: Final = 512
"""Tokens of the prompt that one hash id stands for."""

_MS_NS: Final = 1_000_000
_LAST_NS: Final = 2**63 - 1
_LINE_BYTES: Final = 1 << 22
_EXAMPLE: Final = (
    'a line is such as {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}'
)


class MooncakeTrace(TraceSource):
    """Objects with `timestamp` (ms from the start), `input_length`, `output_length` and, optionally, `hash_ids`.

    A hash id names a block of 512 prompt tokens together with all that stands before it, so what a cache can reuse is
    the leading run of ids that were seen before, in the order of arrival: the cached tokens of a cache without a size
    limit.
    """

    SOURCE: ClassVar[str] = "github.com/kvcache-ai/Mooncake, FAST25-release/traces/conversation_trace.jsonl, Apache-2.0"
    format: Literal["mooncake"]
    """Mooncake trace."""

    def read(self, path: Path, *, file: str) -> Trace:
        """Read the trace at `path`, plain or gzipped."""
        check_file(path, file, self.SOURCE)
        reader = _Reader(file)
        if first_bytes(path, 4) == b"PAR1":
            refuse(file, "this is a Parquet file, not JSON lines", "use format: columns")
        for line, text in _lines(path, file):
            reader.read(line, text)
            if reader.findings.full:
                break
        return reader.finish()


class _Reader:
    """Reads line after line and remembers the blocks seen so far."""

    def __init__(self, file: str) -> None:
        self.findings = Findings(file)
        self._file = file
        self._rows: list[tuple[int, int, int, int]] = []
        self._seen: set[int] = set()
        self._has_blocks: bool | None = None
        self._last_ns = 0

    def read(self, line: int, text: bytes) -> None:
        """Read one line; what is wrong with it is a finding."""
        if len(self._rows) >= MAX_ROWS:
            refuse(self._file, f"the file has more than {MAX_ROWS:,} rows", "split it")
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            self.findings.add(line, "", f"this is not JSON: {quoted(text[:80].decode('utf-8', 'replace'))}", _EXAMPLE)
            return
        if not isinstance(record, dict):
            self.findings.add(line, "", "this is not a JSON object", _EXAMPLE)
            return
        before = self.findings.count
        time_ns = self._number(line, record, "timestamp", _LAST_NS, _MS_NS)
        prompt = self._number(line, record, "input_length", MAX_TOKENS)
        answer = self._number(line, record, "output_length", MAX_TOKENS)
        blocks = self._blocks(line, record)
        if self.findings.count == before and time_ns < self._last_ns:
            hint = "sort the file by timestamp: what is cached depends on the order"
            self.findings.add(line, "timestamp", "this row is earlier than the one before", hint)
        if self.findings.count == before:
            self._last_ns = time_ns
            self._rows.append((time_ns, prompt, answer, min(self._hits(blocks) * BLOCK_TOKENS, prompt)))

    def finish(self) -> Trace:
        """Give the trace, or raise InvalidInput with the findings."""
        self.findings.raise_if_any(lambda lines: lines, {})
        if not self._rows:
            refuse(self._file, "the file has no rows", _EXAMPLE)
        rows: Ints = np.array(self._rows, dtype=np.int64)
        arrival_ns, prompt, answer, cached = (np.ascontiguousarray(column) for column in rows.T)
        failed = answer == 0
        return assemble(
            Trace(
                arrival_ns=arrival_ns,
                input_tokens=prompt,
                output_tokens=answer,
                cached_tokens=cached if self._has_blocks else None,
                rows_read=len(arrival_ns),
                failed=failed if failed.any() else None,
                notes=("cached tokens are those of a prompt cache without a size limit",) if self._has_blocks else (),
            )
        )

    def _number(self, line: int, record: dict[str, Any], key: str, maximum: int, scale: int = 1) -> int:
        """Give a value times `scale`, rounded; a bad one is a finding, and 0."""
        value = record.get(key)
        message = ""
        number = 0
        if key not in record:
            message = f"there is no {key!r}"
        elif isinstance(value, bool) or not isinstance(value, int | float):
            message = f"{quoted(value)} is not a number"
        else:
            try:
                exact = exact_number(repr(value)) * scale
            except ValueError as error:
                exact, message = exact_number("0"), str(error)
            number = round(exact)
            if exact < 0:
                message = f"{value} is negative"
            elif exact > maximum:
                message = f"{value} is more than {maximum // scale:,}"
            elif scale == 1 and exact.denominator != 1:
                message = f"{value} is not a whole number"
        if message:
            self.findings.add(line, key, message, _EXAMPLE)
            return 0
        return number

    def _blocks(self, line: int, record: dict[str, Any]) -> list[int]:
        """Give the hash ids; a bad list is a finding, and so is one that only some rows have."""
        blocks = record.get("hash_ids")
        has_blocks = blocks is not None
        if self._has_blocks is None:
            self._has_blocks = has_blocks
        if has_blocks != self._has_blocks:
            words = "the first row has none" if has_blocks else "the first row has them"
            self.findings.add(line, "hash_ids", f"this row {'has' if has_blocks else 'has no'} hash_ids, {words}")
            return []
        if blocks is None:
            return []
        if not isinstance(blocks, list) or any(type(block) is not int for block in blocks):
            self.findings.add(line, "hash_ids", "hash_ids is not a list of whole numbers", _EXAMPLE)
            return []
        return blocks

    def _hits(self, blocks: list[int]) -> int:
        """Count the leading blocks seen before, then remember all."""
        hits = next((place for place, block in enumerate(blocks) if block not in self._seen), len(blocks))
        self._seen.update(blocks)
        return hits


def _lines(path: Path, file: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, numbered from 1; InvalidInput for one that is too long to be a row."""
    with closing(open_bytes(path, file)) as stream:
        number = 0
        while text := stream.readline(_LINE_BYTES):
            number += 1
            if len(text) == _LINE_BYTES:
                refuse(file, f"this line is longer than {_LINE_BYTES // 2**20} MiB", _EXAMPLE, line=number)
            if number == 1:
                text = text.removeprefix(b"\xef\xbb\xbf")
            if text.strip():
                yield number, text
