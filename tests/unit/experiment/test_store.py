"""The results folder: what is in it, that it is the same each time, and that no fault leaves half of one."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim.errors import InvalidInput, RunError
from sim.experiment import store
from sim.experiment.lock import only_writer
from sim.experiment.result import PatternResult, RunResult
from sim.experiment.summary import COLUMNS, summary_bytes
from sim.outcome.estimates import Estimate


@pytest.fixture
def result() -> RunResult:
    """Two patterns, one with an absent metric and a marked one."""
    cascade = PatternResult(
        name="cascade",
        kind="cascade",
        status="ok",
        estimates={
            "latency.p95": Estimate(1.24, 1.2, 1.28, "s", few_data=True),
            "cost.saving": Estimate(0.61, 0.59, 0.63, "fraction", baseline="frontier-only"),
            "goodput": Estimate(0.1 + 0.2, None, None, "1/s"),
        },
        absent={"latency.escalated.p95": "no request was escalated"},
        warnings=("the frontier is busy",),
    )
    frontier = PatternResult("frontier-only", "single", "unstable", {"latency.p95": Estimate(2.0, 1.9, 2.1, "s")})
    return RunResult(
        experiment="support-chat",
        title="Support chat, Größe 2",
        hash="0123456789abcdef" * 4,
        seed=7,
        engine="reference",
        replications=20,
        requests=1000,
        window_s=3600.0,
        level=0.95,
        baseline="frontier-only",
        patterns={"cascade": cascade, "frontier-only": frontier},
        notes=("made up",),
        files={"w.csv": "ab" * 32},
        resolved={"version": 1, "name": "support-chat"},
    )


def parts() -> Iterator[store.RequestsPart]:
    """Yield the requests of two replications of one pattern with an awkward name."""
    for replication in range(2):
        columns = {
            "arrival_ns": np.arange(5, dtype=np.int64) + replication,
            "route": np.array(["cheap", "cheap", "frontier", "cheap", "frontier"]),
            "score": np.linspace(0, 1, 5),
        }
        yield "a/b", replication, columns, {"arrival_ns": "ns"}


def test_folder_holds_the_promised_files(result: RunResult, tmp_path: Path) -> None:
    """A run leaves summary, resolved experiment, table, requests and manifest, and no temporary file."""
    folder = store.write(result, tmp_path, parts())
    assert folder == tmp_path / "support-chat" / "0123456789ab"
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == {
        "summary.json",
        "resolved.json",
        "metrics.parquet",
        "manifest.json",
        "requests/pattern=a%2Fb/replication-0.parquet",
        "requests/pattern=a%2Fb/replication-1.parquet",
    }
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert store.verify(folder) == []


def test_summary_says_what_the_result_says(result: RunResult, tmp_path: Path) -> None:
    """Metrics stand directly under their pattern, marks only where they hold."""
    summary = store.read_summary(store.write(result, tmp_path))
    assert summary["schema"] == 1
    assert summary["title"] == "Support chat, Größe 2"
    cascade = summary["patterns"]["cascade"]
    assert cascade["latency.p95"] == {"value": 1.24, "lower": 1.2, "upper": 1.28, "unit": "s", "few_data": True}
    assert cascade["cost.saving"]["baseline"] == "frontier-only"
    assert cascade["goodput"] == {"value": 0.1 + 0.2, "lower": None, "upper": None, "unit": "1/s"}
    assert cascade["absent"] == {"latency.escalated.p95": "no request was escalated"}
    assert summary["patterns"]["frontier-only"]["status"] == "unstable"


def test_summary_is_the_same_bytes_whoever_computes_it(result: RunResult, tmp_path: Path) -> None:
    """Neither engine, place, time nor the type of the floats changes a byte; the manifest alone names the engine."""
    other = dataclasses.replace(result, engine="compiled", window_s=np.float64(3600), requests=np.int64(1000))  # type: ignore[arg-type]
    first, second = store.write(result, tmp_path / "a"), store.write(other, tmp_path / "b")
    assert (first / "summary.json").read_bytes() == (second / "summary.json").read_bytes() == summary_bytes(result)
    assert json.loads((second / "manifest.json").read_bytes())["engine"] == "compiled"


def test_nan_is_never_written(result: RunResult, tmp_path: Path) -> None:
    """An estimate that is NaN is an error and leaves nothing behind."""
    broken = dataclasses.replace(
        result, patterns={"x": PatternResult("x", "single", "ok", {"goodput": Estimate(math.nan, None, None, "1/s")})}
    )
    with pytest.raises(ValueError, match="JSON"):
        store.write(broken, tmp_path)
    assert list((tmp_path / "support-chat").iterdir()) == []


def test_metric_with_a_reserved_name_is_refused(result: RunResult) -> None:
    """A metric called like a key of the pattern would hide it."""
    bad = PatternResult("x", "single", "ok", {"status": Estimate(1.0, None, None, "s")})
    with pytest.raises(ValueError, match="cannot be called status"):
        summary_bytes(dataclasses.replace(result, patterns={"x": bad}))


def test_metrics_table_has_a_row_per_estimate(result: RunResult, tmp_path: Path) -> None:
    """The long table holds every estimate, absent bounds as null."""
    table = pq.read_table(store.write(result, tmp_path) / "metrics.parquet", page_checksum_verification=True)
    assert tuple(table.column_names) == COLUMNS
    assert table.to_pylist()[2] == {
        "pattern": "cascade", "metric": "goodput", "value": 0.1 + 0.2, "lower": None, "upper": None, "unit": "1/s",
        "baseline": "", "few_data": False,
    }  # fmt: skip
    assert table.num_rows == 4


def test_requests_keep_types_and_units(result: RunResult, tmp_path: Path) -> None:
    """Integers stay integers, text is dictionary-encoded and the unit is in the field's metadata."""
    file = store.write(result, tmp_path, parts()) / "requests" / "pattern=a%2Fb" / "replication-1.parquet"
    schema = pq.read_schema(file)
    assert schema.field("arrival_ns").type == pa.int64()
    assert schema.field("arrival_ns").metadata == {b"unit": b"ns"}
    assert pq.read_table(file)["arrival_ns"].to_pylist() == [1, 2, 3, 4, 5]
    group = pq.ParquetFile(file).metadata.row_group(0)
    encoded = {group.column(i).path_in_schema: "RLE_DICTIONARY" in group.column(i).encodings for i in range(4)}
    assert encoded == {"replication": False, "arrival_ns": False, "route": True, "score": False}
    assert pq.read_table(file)["replication"].to_pylist() == [1] * 5
    assert group.column(0).compression == "ZSTD"


def test_pages_carry_checksums(result: RunResult, tmp_path: Path) -> None:
    """A flipped bit in a page of numbers is refused by a reader that checks, instead of read as another number."""
    file = store.write(result, tmp_path, parts()) / "requests" / "pattern=a%2Fb" / "replication-0.parquet"
    chunk = pq.ParquetFile(file).metadata.row_group(0).column(1)
    content = bytearray(file.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    file.write_bytes(content)
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(file, page_checksum_verification=True)


def test_second_write_replaces_the_first(result: RunResult, tmp_path: Path) -> None:
    """Writing again without requests leaves none of the old ones."""
    store.write(result, tmp_path, parts())
    folder = store.write(result, tmp_path)
    assert not (folder / "requests").exists()
    assert store.verify(folder) == []


@pytest.mark.parametrize("name", ["summary.json", "resolved.json", "metrics.parquet"])
def test_a_flipped_bit_is_found(result: RunResult, tmp_path: Path, name: str) -> None:
    """A file changed by one bit is named."""
    folder = store.write(result, tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    assert store.verify(folder) == [f"{name} was changed after it was written"]


def test_missing_grown_and_extra_files_are_found(result: RunResult, tmp_path: Path) -> None:
    """Each way a folder can differ from its manifest is a sentence of its own."""
    folder = store.write(result, tmp_path)
    (folder / "metrics.parquet").unlink()
    (folder / "stray.txt").write_text("x")
    with (folder / "resolved.json").open("a") as file:
        file.write("\n")
    size = (folder / "resolved.json").stat().st_size
    assert store.verify(folder) == [
        "metrics.parquet is missing",
        f"resolved.json has {size} bytes, manifest.json says {size - 1}",
        "stray.txt is not named by manifest.json",
    ]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"files": {"a": 1}}', "[" * 100_000, '{"files": {"a": {"bytes": "x"}}}']
)
def test_an_unreadable_manifest_is_a_problem_not_a_crash(result: RunResult, tmp_path: Path, content: str) -> None:
    """Whatever stands in the manifest, verify answers in words."""
    folder = store.write(result, tmp_path)
    (folder / "manifest.json").write_text(content)
    assert store.verify(folder) == ["manifest.json cannot be read"]


def test_a_manifest_cannot_point_outside(tmp_path: Path) -> None:
    """A manifest that names a file outside its folder is a problem, and the file is not read."""
    (tmp_path / "manifest.json").write_text('{"files": {"../x": {"bytes": 1, "sha256": ""}}}')
    assert store.verify(tmp_path) == ["../x lies outside the folder"]


def test_no_manifest_is_no_result(result: RunResult, tmp_path: Path) -> None:
    """A folder without its manifest cannot be read as a result."""
    folder = store.write(result, tmp_path)
    (folder / "manifest.json").unlink()
    with pytest.raises(InvalidInput, match="not a complete result"):
        store.read_summary(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"patterns": {}, "schema": 2}', '{"patterns": {}}'])
def test_a_file_that_is_no_summary_is_refused(tmp_path: Path, content: str) -> None:
    """A file with something else in it, or of another layout, is the user's to mend."""
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InvalidInput, match=r"x\.json: error: (this is not a summary|the summary has layout)"):
        store.read_summary(tmp_path / "x.json")


def test_a_missing_summary_is_refused(tmp_path: Path) -> None:
    """A path that is not there is the user's to mend."""
    with pytest.raises(InvalidInput, match="cannot be read"):
        store.read_summary(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "safe"),
    [("a b", "a b"), ("../x", "%2E.%2Fx"), (".", "%2E"), ("..", "%2E."), ("C:\\x", "C%3A%5Cx"), ("a\nb", "a%0Ab")],
)
def test_names_cannot_leave_their_folder(name: str, safe: str) -> None:
    """Whatever the user calls an experiment, it is one component of a path."""
    assert store.safe_name(name) == safe


def test_second_writer_is_refused_by_the_first_ones_number(result: RunResult, tmp_path: Path) -> None:
    """While one process writes a folder, another is told which one."""
    place = store.folder_of(result, tmp_path)
    place.parent.mkdir()
    with (
        only_writer(place.parent / f".{place.name}.lock", place),
        pytest.raises(InvalidInput, match=f"process {os.getpid()} is writing this results folder"),
    ):
        store.write(result, tmp_path)
    assert store.verify(store.write(result, tmp_path)) == []


def test_lock_of_a_dead_process_is_taken_over(result: RunResult, tmp_path: Path) -> None:
    """A process killed while it holds the lock blocks nobody."""
    place = store.folder_of(result, tmp_path)
    place.parent.mkdir()
    lock = place.parent / f".{place.name}.lock"
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom sim.experiment.lock import only_writer\n"
        "with only_writer(Path(sys.argv[1]), Path('x')):\n    os._exit(0)\n"
    )
    path = os.pathsep.join([str(Path(store.__file__).parents[2]), *sys.path])
    subprocess.run([sys.executable, "-c", program, str(lock)], check=True, env={**os.environ, "PYTHONPATH": path})
    assert lock.exists()
    assert store.verify(store.write(result, tmp_path)) == []
    assert not lock.exists()


@pytest.mark.parametrize("blocked", ["file", "read-only"])
def test_an_impossible_place_is_one_line(result: RunResult, tmp_path: Path, blocked: str) -> None:
    """If the results folder is a file or cannot be written, the run fails with one line."""
    root = tmp_path / "results"
    if blocked == "file":
        root.write_text("")
    else:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        root.mkdir(mode=0o555)
    with pytest.raises(RunError, match=r"^cannot write .*: (Not a directory|File exists|Permission denied)$"):
        store.write(result, root)


def test_interrupted_requests_leave_the_old_result(result: RunResult, tmp_path: Path) -> None:
    """If the requests stop coming half-way, the older result stands untouched."""

    def stopping() -> Iterator[store.RequestsPart]:
        yield next(parts())
        raise KeyboardInterrupt

    folder = store.write(result, tmp_path)
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        store.write(result, tmp_path, stopping())
    assert (folder / "manifest.json").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


class Faults:
    """Fails the n-th of all system calls that change the disk, with 'no space left'."""

    def __init__(self, fail_at: int) -> None:
        self.left = fail_at
        self.fired = False

    def step(self) -> None:
        """Count one call; raise if it is the one."""
        self.left -= 1
        if self.left == 0:
            self.fired = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def before(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that it counts."""

        def counted(*arguments: Any, **options: Any) -> Any:
            self.step()
            return call(*arguments, **options)

        return counted

    def writer(self, handle: int, mode: str) -> io.BufferedWriter:
        """Stand in for os.fdopen: a file whose writes count."""
        assert mode == "wb"
        faults = self

        class Counting(io.BufferedWriter):
            def write(self, content: Any, /) -> int:
                faults.step()
                return super().write(content)

        return Counting(io.FileIO(handle, "wb"))


def faulty(patch: pytest.MonkeyPatch, fail_at: int) -> Faults:
    """Arm every call the store makes to change the disk."""
    faults = Faults(fail_at)
    for name in ("open", "fsync", "replace", "mkdir", "ftruncate"):
        patch.setattr(os, name, faults.before(getattr(os, name)))
    patch.setattr(os, "fdopen", faults.writer)
    return faults


@pytest.mark.parametrize("existing", [False, True])
def test_any_failing_call_leaves_old_new_or_nothing(
    result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, existing: bool
) -> None:
    """If the n-th call fails, for every n, the folder is the complete old or new result, or recognisably none."""
    newer = dataclasses.replace(result, title="newer")
    for fail_at in range(1, 400):
        root = tmp_path / str(fail_at)
        place = store.folder_of(result, root)
        if existing:
            store.write(result, root)
        with monkeypatch.context() as patch:
            faults = faulty(patch, fail_at)
            with contextlib.suppress(RunError):
                store.write(newer, root, parts())
        titles = {result.title, newer.title} if existing else {newer.title}
        assert not place.exists() or store.verify(place) == []
        assert not place.exists() or store.read_summary(place)["title"] in titles
        assert place.exists() or not existing
        assert store.verify(store.write(newer, root)) == []
        assert [path.name for path in place.parent.iterdir()] == [place.name]
        if not faults.fired:
            break
    assert not faults.fired
    assert fail_at > 40


def test_crash_between_the_two_renames_is_mended(result: RunResult, tmp_path: Path) -> None:
    """If a crash left the old result aside, the next writer that fails still gives it back."""
    folder = store.write(result, tmp_path)
    folder.rename(folder.with_name(f".{folder.name}.old"))
    with pytest.raises(ValueError, match="JSON"):
        store.write(dataclasses.replace(result, window_s=math.nan), tmp_path)
    assert store.verify(folder) == []
