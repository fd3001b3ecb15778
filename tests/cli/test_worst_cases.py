"""Inputs made to hurt: refused in a process of its own within 300 MB and 2.5 times the time of a file without fault.

Each of these inputs would take minutes or gigabytes if it were read naively. Users were promised 2 seconds; to validate
the smallest good file takes 0.65 s of CPU on an idle core of the machine this was written on, and 2.5 times that is
1.6 s. Seconds alone would say more of the machine than of us: between idle and busy the same process takes up to twice
as many. So a good file is measured right before and right after, and the limit is a multiple of that; what is right
after one input is right before the next.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli.commands import TINY, measured

MOST_TIMES_A_GOOD_FILE = 2.5
MOST_MB = 300.0

LAUGHS = ["a: &a [x, x, x, x, x, x, x, x, x]"] + [
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
]
TRACE = TINY.replace("    kind: poisson\n    rate_per_s: 5\n", "    kind: trace\n    source: {SOURCE}\n").replace(
    "  requests: 40\n", ""
)
COLUMNS = "format: columns, columns: {arrival: t, input_tokens: i, output_tokens: o}, time_unit: s"

HOSTILE_YAML = {
    "alias bomb": ("\n".join(LAUGHS), "more than 50,000 keys and values, aliases counted as often as they are used"),
    "20,000 brackets": ("a: " + "[" * 20_000, "mappings and lists are nested more than 40 deep"),
    "200,000 scalars": ("a: [" + "1, " * 200_000 + "1]", "more than 50,000 keys and values"),
    "a megabyte of one word": ("a: " + "x" * 999_000, "version is required"),
    "20,000 unknown keys": (TINY + "".join(f"k{n}: {n}\n" for n in range(20_000)), "unknown key 'k0'"),
    "20,000 duplicate keys": (TINY + "k: 1\n" * 20_000, "duplicate key 'k' (first set at line 35)"),
}


def claiming(rows: int) -> bytes:
    """Give a small Parquet file whose header claims so many rows."""
    true_rows, file = 4_321, io.BytesIO()
    numbers = pa.array(range(1, true_rows + 1))
    pq.write_table(pa.table({"t": numbers, "i": numbers, "o": numbers}), file, compression="none")
    content = file.getvalue()
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8].replace(b"\x16" + varint(true_rows), b"\x16" + varint(rows))
    return content[: -8 - size] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def varint(number: int) -> bytes:
    """Write a number as Thrift's compact protocol does: doubled for the sign, seven bits to a byte."""
    rest, out = 2 * number, bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def gzip_bomb(megabytes: int) -> bytes:
    """Give a gzipped CSV file of so many megabytes of rows that are all alike."""
    rows = b"1,1,1\n" * (1_000_000 // 6)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        file.write(b"t,i,o\n")
        for _ in range(megabytes):
            file.write(rows)
    return packed.getvalue()


HOSTILE_TRACES = {
    "gzip bomb": ("t.csv.gz", COLUMNS, lambda: gzip_bomb(150), "the compressed file grows more than 200 times"),
    "a billion rows claimed": (
        "t.parquet",
        COLUMNS,
        lambda: claiming(10**9),
        "the file says it has 1,000,000,000 rows",
    ),
    "90 million rows claimed": (
        "t.parquet",
        COLUMNS,
        lambda: claiming(90_000_000),
        "it says it has 90,000,000 rows, and holds 4,321",
    ),
    "one line of 20 MB": ("t.csv", COLUMNS, lambda: b"t,i,o\n" + b"1" * 20_000_000, "a row is longer than 4 MiB"),
    "bad values only": ("t.csv", COLUMNS, lambda: b"t,i,o\n" + b"x,y,z\n" * 500_000, "'x' is not a number"),
    "a million columns": ("t.csv", COLUMNS, lambda: b"c," * 1_000_000 + b"\n1\n", "there is no column 't'"),
}


def of_a_good_file() -> float:
    """Give the CPU time that it takes to validate the small experiment, in seconds."""
    Path("good.yaml").write_text(TINY, encoding="utf-8")
    return measured("validate", "good.yaml")[1].cpu_s


@pytest.fixture(scope="module")
def good() -> list[float]:
    """Give a list of what a good file has taken so far; each test adds one."""
    return []


def assert_refused_soon_and_cheaply(good: list[float], file: str, message: str) -> None:
    """Run a file; it must be refused with a message, nothing written, within the limits."""
    before = good[-1] if good else of_a_good_file()
    answer, cost = measured("run", file)
    after = of_a_good_file()
    good.append(after)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert not Path("results").exists()
    assert cost.cpu_s < MOST_TIMES_A_GOOD_FILE * (before + after) / 2
    assert cost.peak_mb < MOST_MB


@pytest.mark.parametrize(("text", "message"), HOSTILE_YAML.values(), ids=HOSTILE_YAML)
def test_hostile_yaml_is_refused_soon_and_cheaply(good: list[float], text: str, message: str) -> None:
    """If YAML stands for more than it looks, or is full of mistakes, it is refused within limits of time and memory."""
    Path("bad.yaml").write_text(text, encoding="utf-8")
    assert_refused_soon_and_cheaply(good, "bad.yaml", message)


@pytest.mark.parametrize(("name", "source", "content", "message"), HOSTILE_TRACES.values(), ids=HOSTILE_TRACES)
def test_hostile_traces_are_refused_soon_and_cheaply(
    good: list[float], name: str, source: str, content: Callable[[], bytes], message: str
) -> None:
    """If a trace claims or becomes more than anybody recorded, it is refused within limits of time and memory."""
    Path(name).write_bytes(content())
    Path("bad.yaml").write_text(TRACE.replace("SOURCE", f"file: {name}, {source}"), encoding="utf-8")
    assert_refused_soon_and_cheaply(good, "bad.yaml", message)
