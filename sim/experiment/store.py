"""Results on the disk: a folder that is complete or no result at all.

    results/<experiment>/<hash[:12]>/
        summary.json      the answer; same bytes on any machine
        resolved.json     the experiment with every default filled in
        metrics.parquet   the answer as a long table
        requests/         one row per request, when asked for: pattern=<name>/replication-<k>.parquet
        manifest.json     who wrote it, when, and the SHA-256 of each file

Finished replications of a long run lie beside it in .<hash[:12]>.finished/: an interrupted run goes on from them, and
so does one of which only prices or the number of replications have changed. A result is written to a folder beside it,
the manifest last, and renamed into place. A folder without a manifest is no result.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim.errors import InvalidInput, Issue
from sim.experiment import durable
from sim.experiment.finished import trim
from sim.experiment.lock import only_writer
from sim.experiment.parquet_files import ParquetFile, write_parquet
from sim.experiment.places import result_folder, safe_name
from sim.experiment.result import RunResult
from sim.experiment.summary import json_bytes, metric_columns, parse_summary, summary_bytes
from sim.version import __version__

RequestsPart: TypeAlias = tuple[str, int, Mapping[str, NDArray[Any]], Mapping[str, str]]
"""Pattern, replication, columns and their units: some requests of one replication, in order of arrival."""

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = 1
SUMMARY = "summary.json"
RESOLVED = "resolved.json"

_NAMED_VERSIONS = ("numpy", "pandas", "pyarrow", "pydantic", "scipy", "simpy")


def write(result: RunResult, root: Path, requests: Iterable[RequestsPart] | None = None) -> Path:
    """Write `result` below `root` and return its folder; an older result of the same experiment is replaced.

    RunError if the disk refuses, InvalidInput if another process writes the same folder. Either way, and whatever
    interrupts it, the folder holds the older result, the new one, or nothing that counts as a result.
    """
    place = folder_of(result, root)
    parent, name = place.parent, place.name
    new, aside = parent / f".{name}.new", parent / f".{name}.old"
    with durable.failing_as_run_error(place):
        parent.mkdir(parents=True, exist_ok=True)
        with only_writer(parent / f".{name}.lock", place):
            durable.restore_folder(place, aside)
            durable.remove_folder(new)
            try:
                new.mkdir()
                _fill(new, result, requests)
                durable.replace_folder(new, place, aside)
                trim(root)
            finally:
                durable.remove_folder(new)
    return place


def folder_of(result: RunResult, root: Path) -> Path:
    """Where `write` puts the result."""
    return result_folder(result.experiment, result.hash, root)


def read_summary(path: Path) -> dict[str, Any]:
    """Read the summary in a results folder, or a summary file by itself (a committed baseline).

    InvalidInput if there is none, it is of another version, or it differs from what the manifest of the folder says.
    """
    source = path / SUMMARY if path.is_dir() else path
    try:
        content = source.read_bytes()
    except OSError as error:
        hint = "a results folder, or the summary.json in one, written by `tiercast run`"
        raise InvalidInput([Issue(f"cannot be read: {error.strerror}", file=str(source), hint=hint)]) from error
    if path.is_dir() and (problems := verify(path, only=SUMMARY)):
        raise InvalidInput([Issue(problem, file=str(path), hint="run the experiment again") for problem in problems])
    return parse_summary(content, source)


def verify(path: Path, *, only: str = "") -> list[str]:
    """Compare the folder with its manifest: each file's size and SHA-256, none missing and none too many.

    Returns the problems in words, none if all is well. `only` restricts the check to one file.
    """
    try:
        named = json.loads((path / MANIFEST).read_bytes())["files"]
        entries = {str(name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in named.items()}
    except FileNotFoundError:
        return [f"{MANIFEST} is missing: this is not a complete result"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [f"{MANIFEST} cannot be read"]
    if only and only not in entries:
        return [f"{only} is not named by {MANIFEST}"]
    checked = {only: entries[only]} if only else entries
    found = [problem for name, entry in checked.items() for problem in _problems(path, name, *entry)]
    if only:
        return found
    present = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    extra = sorted(present - entries.keys() - {MANIFEST})
    return found + [f"{name} is not named by {MANIFEST}" for name in extra]


def _problems(folder: Path, name: str, size: int, digest: str) -> Iterator[str]:
    parts = PurePosixPath(name)
    file = folder / parts
    if parts.is_absolute() or ".." in parts.parts:
        yield f"{name} lies outside the folder"
        return
    try:
        if file.stat().st_size != size:
            yield f"{name} has {file.stat().st_size} bytes, {MANIFEST} says {size}"
        elif durable.sha256_of(file) != digest:
            yield f"{name} was changed after it was written"
    except FileNotFoundError:
        yield f"{name} is missing"
    except OSError as error:
        yield f"{name} cannot be read: {error.strerror}"


def _fill(folder: Path, result: RunResult, requests: Iterable[RequestsPart] | None) -> None:
    """Write every file of a result into the empty `folder`, the manifest last."""
    _put(folder / SUMMARY, summary_bytes(result))
    _put(folder / RESOLVED, json_bytes(result.resolved))
    rows = {}
    with durable.new_file(folder / "metrics.parquet") as file:
        rows["metrics.parquet"] = write_parquet(file, metric_columns(result))
    rows |= _fill_requests(folder, requests or ())
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    entries = {file.relative_to(folder).as_posix(): _entry(file) for file in files}
    for name, count in rows.items():
        entries[name]["rows"] = count
    _put(folder / MANIFEST, json_bytes(_manifest(result, entries)))
    for inside in sorted(inside for inside in folder.rglob("*") if inside.is_dir()):
        durable.sync_folder(inside)
    durable.sync_folder(folder)


def _fill_requests(folder: Path, parts: Iterable[RequestsPart]) -> dict[str, int]:
    """Write each pattern's replications to a file each, part by part as they come; give their numbers of rows."""
    rows: dict[str, int] = {}
    for _, group in itertools.groupby(parts, key=lambda part: part[1]):
        with contextlib.ExitStack() as to_close:
            files: dict[str, ParquetFile] = {}
            for pattern, replication, columns, units in group:
                name = f"requests/pattern={safe_name(pattern)}/replication-{replication}.parquet"
                if name not in files:
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    file = to_close.enter_context(durable.new_file(folder / name))
                    files[name] = to_close.enter_context(ParquetFile(file, units))
                rows[name] = rows.get(name, 0) + files[name].add(_numbered(columns, replication))
    return rows


def _numbered(columns: Mapping[str, NDArray[Any]], replication: int) -> dict[str, NDArray[Any]]:
    """Put the replication in front of its columns: whoever reads the dataset as a whole cannot see file names."""
    count = len(next(iter(columns.values()), ()))
    return {"replication": np.full(count, replication, dtype=np.int64), **columns}


def _put(path: Path, content: bytes) -> None:
    with durable.new_file(path) as file:
        file.write(content)


def _entry(file: Path) -> dict[str, Any]:
    return {"sha256": durable.sha256_of(file), "bytes": file.stat().st_size}


def _manifest(result: RunResult, files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "schema": MANIFEST_SCHEMA,
        "experiment": result.experiment,
        "hash": result.hash,
        "seed": int(result.seed),
        "engine": result.engine,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"tiercast": __version__, "python": platform.python_version(), **_versions()},
        "inputs": dict(result.files),
        "files": dict(files),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _NAMED_VERSIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
