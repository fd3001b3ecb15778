"""From files to an experiment: hashes, origins, overrides, and a resolved form that is the experiment itself."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import sim
from sim.experiment.summary import summary_of

WRITTEN = """\
version: 1                      # of the format
name: small
seed: 3
workload: {workload}
fleet:
  small:
    tier: cheap
    price: {input_mtok: 0.2, output_mtok: 0.8}
    service: {ttft: 300ms, inter_token: {p50: 8ms, p95: 12ms}}
  large: {tier: frontier, price: {input_mtok: 2.5}, service: 2s}
quality: {acceptance: {chat: {small: 0.8, large: 95%}}, right_when_cheap_wrong: 0.85}
patterns:
  - name: cascade
    kind: cascade
    ladder: [small, large]
    verify: {time: 60ms}
    escalate_when: {confidence_below: 0.72}
run: {duration: 20s, replications: 2}
"""
WORKLOAD = """\
arrivals: {kind: poisson, rate_per_s: 5}
tasks:
  chat: {input_tokens: 100, output_tokens: {p50: 20, p95: 60}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write an experiment into one folder and its workload into another."""

    def written(text: str = WRITTEN, workload: str = WORKLOAD, name: str = "small.yaml") -> Path:
        for folder in ("experiments", "workloads"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "workloads" / "chat.yaml").write_text(workload, encoding="utf-8")
        path = tmp_path / "experiments" / name
        path.write_text(text.replace("{workload}", "../workloads/chat.yaml"), encoding="utf-8")
        return path

    return written


def reordered(value: Any) -> Any:
    """Turn the order of all keys around; lists stay as they are."""
    if isinstance(value, dict):
        return {key: reordered(inner) for key, inner in reversed(value.items())}
    return [reordered(inner) for inner in value] if isinstance(value, list) else value


def leaves(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """List the places of all single values."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    return [place] if inner is None else [leaf for key, item in inner for leaf in leaves(item, (*place, key))]


def with_another_number(resolved: dict[str, Any]) -> Iterator[sim.Experiment]:
    """Yield the experiments in which one number of the resolved form is another, where that is allowed."""
    for place in leaves(resolved):
        changed = copy.deepcopy(resolved)
        around: Any = functools.reduce(lambda inner, part: inner[part], place[:-1], changed)
        value = around[place[-1]]
        if isinstance(value, int | float) and not isinstance(value, bool):
            around[place[-1]] = value + 1 if isinstance(value, int) else 0.99 * value + 0.001
            with contextlib.suppress(sim.InvalidInput):
                yield sim.from_mapping(changed)


# ---- the resolved form


def test_the_resolved_form_is_the_experiment(write: Callable[..., Path]) -> None:
    """If the resolved form is loaded again, it resolves to itself, with the same hash and the same results."""
    first = sim.load(write())
    again = sim.from_mapping(first.resolved)
    assert again.resolved == first.resolved
    assert list(again.resolved) == list(first.resolved)
    assert again.hash == first.hash
    assert summary_of(again.run(workers=1).result) == summary_of(first.run(workers=1).result)


def test_the_resolved_form_is_plain_data(write: Callable[..., Path]) -> None:
    """If the resolved form is written as JSON or YAML and read back, nothing is lost."""
    resolved = sim.load(write()).resolved
    assert json.loads(json.dumps(resolved)) == resolved
    assert yaml.safe_load(yaml.safe_dump(resolved)) == resolved


def test_every_default_is_filled_in(write: Callable[..., Path]) -> None:
    """If something was not written, the resolved form says what is used: level, baseline, baselines' patterns."""
    resolved = sim.load(write()).resolved
    assert resolved["run"]["level"] == 0.95
    assert resolved["baseline"] == "frontier-only"
    assert [pattern["name"] for pattern in resolved["patterns"]] == ["cheap-only", "frontier-only", "cascade"]
    assert resolved["workload"]["tasks"]["chat"]["input_tokens"] == {"law": "constant", "value": 100.0}


# ---- the hash


def test_comments_and_layout_do_not_change_the_hash(write: Callable[..., Path]) -> None:
    """If comments, blank lines, quotes or spellings of the same value differ, the hash is the same."""
    other = WRITTEN.replace("# of the format", "\n# another remark\n").replace("95%", "0.95").replace("60ms", "'0.06s'")
    assert other != WRITTEN
    assert sim.load(write()).hash == sim.load(write(other, name="other.yaml")).hash


def test_the_order_of_keys_does_not_change_the_hash(write: Callable[..., Path]) -> None:
    """If all keys stand in another order, the hash is the same, and so is every estimate."""
    path = write()
    inline = {**yaml.safe_load(path.read_text(encoding="utf-8")), "workload": yaml.safe_load(WORKLOAD)}
    one, other = sim.from_mapping(inline), sim.from_mapping(reordered(inline))
    assert one.hash == other.hash
    results = [experiment.run(workers=1).result.patterns for experiment in (one, other)]
    for name, pattern in results[0].items():
        assert dict(results[1][name].estimates) == dict(pattern.estimates)


def test_every_value_is_in_the_hash(write: Callable[..., Path]) -> None:
    """If any number of the resolved form changes, the hash does, and no two changes give the same one."""
    experiment = sim.load(write())
    hashes = [other.hash for other in with_another_number(experiment.resolved)]
    assert len(hashes) >= 20
    assert len({experiment.hash, *hashes}) == len(hashes) + 1


def test_input_files_are_in_the_hash(tmp_path: Path) -> None:
    """If a trace changes by one byte, the hash of the experiment does, although the YAML stayed the same."""
    trace = tmp_path / "log.csv"
    trace.write_text("t,i,o\n0,5,5\n1,5,5\n", encoding="utf-8")
    columns = {"arrival": "t", "input_tokens": "i", "output_tokens": "o"}
    source = {"format": "columns", "file": "log.csv", "time_unit": "s", "columns": columns}
    written = {
        "version": 1,
        "name": "t",
        "workload": {"arrivals": {"kind": "trace", "source": source}, "tasks": {"chat": {}}},
        "fleet": {"m": {"price": {"input_mtok": 1.0}, "service": "1s"}},
        "quality": {"acceptance": {"chat": {"m": 0.9}}},
    }
    experiment = sim.from_mapping(written, tmp_path)
    before = experiment.hash
    assert list(experiment.files) == ["log.csv"]
    trace.write_text("t,i,o\n0,5,5\n1,5,6\n", encoding="utf-8")
    assert experiment.hash != before


# ---- origins


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("seed", "small.yaml:3"),
        ("fleet.large.service.value", "small.yaml:10"),
        ("fleet.small.service.ttft.value", "small.yaml:9"),
        ("fleet.small.service.inter_token.p95", "small.yaml:9"),
        ("fleet.small.service.inter_token.law", "default"),
        ("quality.acceptance.chat.large", "small.yaml:11"),
        ("patterns.cascade.verify.time.value", "small.yaml:16"),
        ("patterns.cascade.verify.time.law", "small.yaml:16"),
        ("patterns.cascade.escalate_when.confidence_below", "small.yaml:17"),
        ("patterns.cheap-only", "added as a baseline"),
        ("workload.arrivals.rate_per_s", "chat.yaml:1"),
        ("workload.tasks.chat.input_tokens.value", "chat.yaml:3"),
        ("run.level", "default"),
        ("baseline", "default"),
    ],
)
def test_every_value_knows_where_it_was_written(write: Callable[..., Path], path: str, origin: str) -> None:
    """If a value stands in a file, its origin is file and line, in shorthands too; else it is a default."""
    found = sim.load(write()).origins[path]
    assert found.endswith(origin)
    assert (found == origin) == (":" not in origin)


def test_every_resolved_value_has_an_origin(write: Callable[..., Path]) -> None:
    """If a value is in the resolved form, some origin covers it."""
    experiment = sim.load(write(), ["run.replications=3"])
    origins = experiment.origins
    resolved = experiment.resolved
    for place in leaves(resolved):
        parts = [str(part) for part in place]
        if place[0] == "patterns" and isinstance(place[1], int):
            parts[1] = resolved["patterns"][place[1]]["name"]
        dotted = ".".join(parts)
        assert dotted in origins or origins.get(".".join(parts[:2])) == "added as a baseline", dotted


# ---- overrides


def test_set_replaces_a_value_and_says_so(write: Callable[..., Path]) -> None:
    """If a value is set from outside, it is used, its origin is --set, and the hash is that of a file saying so."""
    experiment = sim.load(write(), ["patterns.cascade.escalate_when.confidence_below=0.5", "run.duration=30s"])
    assert experiment.resolved["run"]["duration"] == "30s"
    assert experiment.origins["run.duration"] == "--set"
    assert experiment.origins["patterns.cascade.escalate_when.confidence_below"] == "--set"
    assert experiment.origins["run.replications"].endswith("small.yaml:18")
    other = WRITTEN.replace("0.72", "0.5").replace("duration: 20s", "duration: 30s")
    assert sim.load(write(other, name="other.yaml")).hash == experiment.hash


def test_set_on_the_experiment_is_set_on_loading(write: Callable[..., Path]) -> None:
    """If values are set on a loaded experiment, it is the same as loading with them; the first one stays as it was."""
    path = write()
    first = sim.load(path)
    before = first.hash
    assert first.set("run.duration=30s", "seed=9").hash == sim.load(path, ["run.duration=30s", "seed=9"]).hash
    assert first.hash == before


def test_seed_and_replications_of_a_run(write: Callable[..., Path]) -> None:
    """If a run is asked for with a seed and a number of replications, it is that of the experiment saying so."""
    experiment = sim.load(write())
    assert experiment.with_() is experiment
    asked = experiment.run(workers=1, seed=9, replications=3).result
    said = experiment.set("seed=9", "run.replications=3").run(workers=1).result
    assert (asked.seed, asked.replications) == (9, 3)
    assert summary_of(asked) == summary_of(said)


def test_a_set_value_is_checked(write: Callable[..., Path]) -> None:
    """If a value set from outside is wrong, the issue says --set and the path."""
    with pytest.raises(sim.InvalidInput) as caught:
        sim.load(write(), ["quality.acceptance.chat.small=1.2"])
    (issue,) = caught.value.issues
    assert (issue.file, issue.path) == ("--set", "quality.acceptance.chat.small")


def test_a_workload_typed_after_set_is_relative_to_the_shell(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another workload is set from outside, its path is relative to where the command is typed."""
    path = write()
    (tmp_path / "quick.yaml").write_text(WORKLOAD.replace("rate_per_s: 5", "rate_per_s: 8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    loaded = sim.load(path, ["workload.arrivals.rate_per_s=9", "workload=quick.yaml"])
    assert loaded.resolved["workload"]["arrivals"]["rate_per_s"] == 9
    changed = sim.load(path).set("workload=quick.yaml")
    assert changed.resolved["workload"]["arrivals"]["rate_per_s"] == 8
    assert changed.origins["workload.arrivals.rate_per_s"] == "quick.yaml:1"


# ---- files


def test_mistakes_in_the_workload_file_point_there(write: Callable[..., Path]) -> None:
    """If the workload file has a mistake, the issue names that file and line, and the path through the experiment."""
    with pytest.raises(sim.InvalidInput) as caught:
        sim.load(write(workload=WORKLOAD.replace("input_tokens: 100", "input_token: 100")))
    (issue,) = caught.value.issues
    assert issue.file.endswith("chat.yaml")
    assert (issue.line, issue.path, issue.hint) == (
        3,
        "workload.tasks.chat.input_token",
        "did you mean 'input_tokens'?",
    )


def test_a_missing_workload_file_points_at_its_path(write: Callable[..., Path]) -> None:
    """If the workload file is not there, the issue stands where the experiment names it, and says where one looked."""
    path = write(WRITTEN.replace("{workload}", "nowhere.yaml"))
    with pytest.raises(sim.InvalidInput) as caught:
        sim.load(path)
    (issue,) = caught.value.issues
    assert (issue.file, issue.line, issue.path) == (str(path), 4, "workload")
    assert "nowhere.yaml" in issue.hint


def test_a_mapping_is_not_kept(write: Callable[..., Path]) -> None:
    """If the mapping an experiment was made from changes later, the experiment does not."""
    data = sim.load(write()).resolved
    experiment = sim.from_mapping(data)
    before = experiment.hash
    data["seed"] = 99
    assert experiment.hash == before
