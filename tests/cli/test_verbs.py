"""The other verbs: `validate`, `explain`, `schema`, `init`, `doctor`, and what stands above them all."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import click
import pytest
import yaml
from cli.commands import ROOT, invoke

from sim.cli import VERBS, cli
from sim.cli.answer import Verb
from sim.version import __version__

BAD = "version: 1\nname: bad\nsead: 7\nworkload: nowhere.yaml\n"


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_verb(option: str) -> None:
    """If help is asked for, each verb stands there with what it does, and the code is 0."""
    answer = invoke(option)
    assert (answer.code, answer.err) == (0, "")
    assert [verb for verb, line in VERBS.items() if f"{verb}" not in answer.out or line not in answer.out] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    """If help for a verb is asked for, stdout has its usage; and its command writes help as it writes answers."""
    answer = invoke(verb, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: tiercast {verb} [OPTIONS]")
    assert isinstance(cli.get_command(click.Context(cli), verb), Verb)


def test_version() -> None:
    """If the version is asked for, it is one line."""
    assert invoke("--version").out == f"tiercast {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage: tiercast [OPTIONS] COMMAND [ARGS]..."),
        (["simulate"], "No such command 'simulate'"),
        (["run"], "Missing argument 'EXPERIMENT'"),
        (["run", "tiny.yaml", "more.yaml"], "unexpected extra argument"),
        (["validate"], "Missing argument 'FILES...'"),
        (["run", "tiny.yaml", "--workers", "0"], "0 is not in the range 1<=x<=1024"),
        (["run", "tiny.yaml", "--workers", "-3"], "-3 is not in the range"),
        (["run", "tiny.yaml", "--workers", "10000"], "10000 is not in the range"),
        (["run", "tiny.yaml", "--workers", "two"], "'two' is not a valid integer"),
        (["run", "tiny.yaml", "--seed", "-1"], "-1 is not in the range"),
        (["run", "tiny.yaml", "--seed", str(2**128)], "is not in the range"),
        (["run", "tiny.yaml", "--seed", "abc"], "'abc' is not a valid integer"),
        (["run", "tiny.yaml", "--replications", "0"], "0 is not in the range"),
        (["run", "tiny.yaml", "--engine", "warp"], "'warp' is not "),
        (["run", "tiny.yaml", "--jsn"], "No such option '--jsn'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_that_is_wrong_is_exit_code_2(arguments: list[str], message: str) -> None:
    """If the command line cannot be used, the code is 2, stderr says why, stdout is empty and nothing is written."""
    answer = invoke(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


@pytest.mark.parametrize("verb", ["run", "explain", "validate"])
@pytest.mark.parametrize(
    ("assignment", "line"),
    [
        ("run.replications", "--set: error: 'run.replications' is not an assignment"),
        ("=3", "--set: error: '=3' is not an assignment"),
        ("run.replicatons=3", "--set: error: run.replicatons: unknown key 'replicatons'"),
        ("run.replications=three", "--set: error: run.replications: expected a whole number, found 'three'"),
        ("run.replications=[", "--set: error: run.replications: YAML syntax: "),
        ("patterns.cascad.ladder=[small]", "--set: error: patterns: no item 'cascad'"),
        ("patterns.cascade.ladder=small, large", "--set: error: patterns.cascade.ladder: found 2 values"),
        ("name.first=x", "--set: error: name: is a single value, and has no first to set"),
        ("workload=nowhere.yaml", "--set: error: workload: no such file"),
    ],
)
def test_a_bad_assignment_is_refused_everywhere(verb: str, assignment: str, line: str) -> None:
    """If a value cannot be set, the code is 2, the message names --set as its place, and nothing is written."""
    answer = invoke(verb, "tiny.yaml", "--set", assignment)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(line)
    assert not Path("results").exists()


def test_validate_says_ok_for_each_file() -> None:
    """If files are fine, stdout has a line for each with the hash, which --set changes and another name does not."""
    Path("same.yaml").write_text(Path("tiny.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    first, second = invoke("validate", "tiny.yaml", "same.yaml").out.splitlines()
    assert first.startswith("tiny.yaml: ok, hash ")
    assert second == first.replace("tiny", "same")
    assert invoke("validate", "tiny.yaml", "--set", "seed=4").out.splitlines()[0] != first


def test_validate_names_the_mistakes_of_all_files() -> None:
    """If some files are bad, the good are told on stdout, every mistake of the others on stderr, and the code is 2."""
    for name in ("one.yaml", "two.yaml"):
        Path(name).write_text(BAD, encoding="utf-8")
    answer = invoke("validate", "one.yaml", "tiny.yaml", "two.yaml", "three.yaml")
    assert answer.code == 2
    assert answer.out.startswith("tiny.yaml: ok, hash ")
    assert [line for line in answer.err.splitlines() if ": error: " in line] == [
        "one.yaml:4:11: error: workload: no such file",
        "two.yaml:4:11: error: workload: no such file",
        "three.yaml: error: no such file",
    ]
    assert answer.err.endswith("3 errors in 3 files\n")


@pytest.mark.parametrize(
    ("sets", "warning"),
    [
        (["patterns.cascade.ladder=[large, small]"], "cascade: large is dearer than small, which it spares"),
        (
            ["patterns.cascade.escalate_when.confidence_below=1.5"],
            "cascade: confidence_below 1.5 escalates everything: confidence lies between 0 and 1",
        ),
        (
            ["patterns.cascade.escalate_when.confidence_below=-1"],
            "cascade: confidence_below -1 escalates nothing: confidence lies between 0 and 1",
        ),
    ],
)
def test_what_is_allowed_but_odd_is_warned_of(sets: list[str], warning: str) -> None:
    """If something is probably not meant, validate warns on stderr, explain and run in their answer; the code is 0."""
    assignments = [word for assignment in sets for word in ("--set", assignment)]
    validated = invoke("validate", "tiny.yaml", *assignments)
    assert (validated.code, validated.err) == (0, f"tiny.yaml: warning: {warning}\n")
    explained = invoke("explain", "tiny.yaml", "--json", *assignments)
    assert warning in json.loads(explained.out)["warnings"]
    ran = invoke("run", "tiny.yaml", "--workers", "1", "--json", *assignments)
    assert warning in json.loads(ran.out)["notes"]


def test_explain_says_where_each_value_comes_from() -> None:
    """If an experiment is explained, values stand with file and line, --set or default, and loads with each model."""
    answer = invoke("explain", "tiny.yaml", "--set", "seed=9")
    assert (answer.code, answer.err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in answer.out.splitlines() if line.startswith("  ")}
    assert rows["workload.arrivals.rate_per_s"] == ["5.0", "tiny.yaml:7"]
    assert rows["seed"] == ["9", "--set"]
    assert rows["run.level"] == ["0.95", "default"]
    assert rows["cheap-only"][0] == "small"


@pytest.mark.parametrize(
    ("old", "new", "path", "value"),
    [
        ("rate_per_s: 5", "rate_per_s: 1e3", "workload.arrivals.rate_per_s", 1000.0),
        ("concurrency: 4", "concurrency: 010", "fleet.small.capacity.concurrency", 10),
        ("small: 0.84", "small: '84%'", "quality.acceptance.chat.small", 0.84),
        ("small: 0.84", "small: -0", "quality.acceptance.chat.small", 0.0),
        ("service: 400ms", "service: 0.4 s", "fleet.small.service.law", "constant"),
        ("seed: 3", "seed: 3\ntitle: NO", "title", "NO"),
        ("seed: 3", "seed: 3\ntitle: '1:30'", "title", "1:30"),
        ("requests: 40", "requests: 40\n  start: 2026-01-01", "run.start", "2026-01-01"),
        ("version: 1\n", "\N{ZERO WIDTH NO-BREAK SPACE}version: 1\r\n", "version", 1),
    ],
)
def test_words_mean_what_their_author_meant(old: str, new: str, path: str, value: object) -> None:
    """If YAML 1.1 would garble a word, it is read as written: decimal numbers, text, a byte order mark."""
    text = Path("tiny.yaml").read_text(encoding="utf-8")
    Path("tiny.yaml").write_text(text.replace(old, new), encoding="utf-8", newline="")
    values = {
        entry["path"]: entry["value"] for entry in json.loads(invoke("explain", "tiny.yaml", "--json").out)["values"]
    }
    assert values[path] == value


def test_schema_is_json_on_stdout_or_in_a_file() -> None:
    """If the schema is asked for, stdout holds it alone; with --output a file does, and stdout nothing."""
    printed = invoke("schema")
    assert (printed.code, printed.err) == (0, "")
    assert json.loads(printed.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    written = invoke("schema", "--output", "new/schema.json")
    assert (written.code, written.out, written.err) == (0, "", "wrote new/schema.json\n")
    assert Path("new/schema.json").read_text(encoding="utf-8") == printed.out


def test_init_gives_something_that_runs() -> None:
    """If a folder is begun, stdout is the next command to type, and what it names can be run."""
    answer = invoke("init", "begun")
    assert (answer.code, answer.out) == (0, "tiercast run begun/experiments/quickstart.yaml\n")
    assert answer.err.count("wrote ") == 2
    assert invoke("validate", "begun/experiments/quickstart.yaml").code == 0
    for file in ("experiments/quickstart.yaml", "workloads/support_chat.yaml"):
        assert Path("begun", file).read_bytes() == (ROOT / file).read_bytes()


def test_init_overwrites_only_by_force() -> None:
    """If a file is there already, init refuses with code 2 and touches nothing; with --force it writes all."""
    mine = Path("experiments/quickstart.yaml")
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    answer = invoke("init")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[0] == "experiments/quickstart.yaml: error: this file exists already"
    assert mine.read_text(encoding="utf-8") == "mine"
    assert not Path("workloads").exists()
    assert invoke("init", "--force").code == 0
    assert yaml.safe_load(mine.read_text(encoding="utf-8"))["name"] == "quickstart"


def test_doctor_finds_this_installation_whole() -> None:
    """If nothing is wrong, every line of doctor says ok, the code is 0 and no file is left behind."""
    answer = invoke("doctor")
    assert (answer.code, answer.err) == (0, "")
    assert [line for line in answer.out.splitlines() if not line.startswith("ok ")] == []
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


def test_doctor_names_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a library is missing and the results folder is a file, both are told, the rest too, and the code is 1."""
    monkeypatch.setitem(importlib.import_module("sim.cli.doctor").DEPENDENCIES, "simpy", "simpy_is_not_here")
    answer = invoke("doctor", "--results", "tiny.yaml")
    assert answer.code == 1
    problems = [line.split()[1] for line in answer.out.splitlines() if line.startswith("PROBLEM ")]
    assert problems == ["simpy", "results"]
    assert "ok       numpy" in answer.out
