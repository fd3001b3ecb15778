"""What CI reads of `check` and `validate`: files, annotations, summary, outputs."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from cli.commands import TINY, invoke

from sim.report.check_schema import check_schema

TOLD = f"""\
{TINY.replace("requests: 40", "requests: 300")}
thresholds:
  latency{{pattern:cascade}}:
  - mean<1m
  - p(50)<1ms
"""
ODD = "::set-output name=verdict::pass"
"""A title that GitHub's runner would obey at the start of a line, which is where titles stand."""

FILES = {
    "r.md": b"<!-- tiercast check: tiny ",
    "r.xml": b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites ",
    "r.json": b'{\n  "schema": 1',
    "r.sarif": b'{\n  "$schema": "https://json.schemastore.org/sarif-2.1.0.json"',
    "gl.codequality.json": b'[\n  {\n    "description": "fail: cascade latency.p50: p(50)<1ms: ',
    "r.om.txt": b"# TYPE tiercast_run info\n",
    "bench.json": b'[\n  {\n    "name": "tiny / ',
    "r.csv": b"pattern,metric,value,",
    "r.parquet": b"PAR1",
}


@pytest.fixture
def step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a step of GitHub Actions, in a folder of the repository; give that folder."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(folder / name))
    inner = folder / "inner"
    inner.mkdir()
    (inner / "told.yaml").write_text(TOLD, encoding="utf-8")
    monkeypatch.chdir(inner)
    return inner


def test_check_writes_every_format_alike_each_time() -> None:
    """If outputs are named, each has its format and place, also when the check fails; and the same bytes each time."""
    Path("told.yaml").write_text(TOLD, encoding="utf-8")
    options = [part for name in FILES for part in ("-o", f"out/{name}")]
    assert invoke("check", "told.yaml", *options).code == 99
    written = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert {name: content[: len(FILES[name])] for name, content in written.items()} == FILES
    invoke("check", "told.yaml", *options)
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == written
    jsonschema.validate(json.loads(written["r.json"]), check_schema())
    case = ET.fromstring(written["r.xml"]).find(".//testcase[failure]")  # noqa: S314 - our own text
    assert case is not None
    line = TOLD.splitlines().index("  - p(50)<1ms") + 1
    assert f"\ntold.yaml:{line}:5: thresholds.latency{{pattern:cascade}}.1" in "".join(case.itertext())


def test_files_agree_with_the_exit_code() -> None:
    """If open verdicts break the check, the files say so."""
    few = TINY + "thresholds: {'latency{pattern:cascade}': ['p(50)<1ms']}\n"
    Path("few.yaml").write_text(few, encoding="utf-8")
    assert invoke("check", "few.yaml", "-o", "a.xml").code == 0
    assert invoke("check", "few.yaml", "-o", "b.xml", "--fail-on", "inconclusive").code == 97
    assert [b"<failure" in Path(name).read_bytes() for name in ("a.xml", "b.xml")] == [False, True]


def test_a_format_nobody_writes_is_refused_before_the_run() -> None:
    """If an output has an unknown extension, nothing is played."""
    Path("told.yaml").write_text(TOLD, encoding="utf-8")
    answer = invoke("check", "told.yaml", "-o", "a.txt", "-o", "b")
    assert (answer.code, answer.err.count(": error: ")) == (2, 2)
    assert not Path("results").exists()


def test_a_step_is_annotated_summarised_and_handed_on(step: Path) -> None:
    """If this is a step of GitHub Actions, the threshold's line is annotated from the root of the repository.

    The summary has the verdict, and the outputs have it for later steps.
    """
    line = TOLD.splitlines().index("  - p(50)<1ms") + 1
    answer = invoke("check", "told.yaml", "--quiet", "-o", "r.md")
    (annotation,) = [one for one in answer.err.splitlines() if one.startswith("::")]
    place, title = f"file=inner/told.yaml,line={line},col=5", "tiercast%3A fail%3A cascade latency.p50%3A p(50)<1ms"
    assert annotation.startswith(f"::error {place},title={title}::")
    assert "### ❌ tiercast, tiny: a promise is broken" in (step.parent / "GITHUB_STEP_SUMMARY").read_text("utf-8")
    outputs = (step.parent / "GITHUB_OUTPUT").read_text("utf-8").splitlines()
    assert [*zip(outputs[::3], outputs[1::3], strict=True)] == [
        (f"{name}<<{end}", value)
        for name, end, value in zip(("verdict", "failed", "report"), outputs[2::3], ("fail", "1", "r.md"), strict=True)
    ]


def test_a_summary_keeps_what_was_there_and_its_size(step: Path) -> None:
    """If the summary of the step is nearly full, what no longer fits is left out and the rest stays."""
    summary = step.parent / "GITHUB_STEP_SUMMARY"
    summary.write_text("x" * ((1 << 20) - 17_000), encoding="utf-8")
    invoke("check", "told.yaml", "--quiet")
    assert (1 << 20) - 17_000 < summary.stat().st_size <= 1 << 20
    full = summary.read_bytes()
    invoke("check", "told.yaml", "--quiet")
    assert summary.read_bytes() == full


def test_outside_of_github_nothing_is_annotated(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """If this is no step, stderr has no commands and no file is appended to; --annotate asks for the commands alone."""
    Path("told.yaml").write_text(TOLD, encoding="utf-8")
    monkeypatch.setenv("GITHUB_OUTPUT", str(folder / "GITHUB_OUTPUT"))
    assert "::" not in invoke("check", "told.yaml", "--quiet").err
    assert "::error file=told.yaml," in invoke("check", "told.yaml", "--quiet", "--annotate").err
    assert not (folder / "GITHUB_OUTPUT").exists()


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("verb", ["check", "run", "validate"])
def test_mistakes_are_annotated_whatever_the_verb(verb: str) -> None:
    """If the file cannot be used, its mistakes stand at their lines."""
    Path("bad.yaml").write_text(TINY.replace("seed: 3", "sead: 3"), encoding="utf-8")
    answer = invoke(verb, "bad.yaml")
    assert (answer.code, answer.out) == (2, "")
    place = "file=inner/bad.yaml,line=3,col=1"
    assert f"::error {place},title=tiercast%3A invalid experiment::sead: unknown key" in answer.err
    assert "::" not in invoke("validate", "bad.yaml", "--no-annotate").err


@pytest.mark.usefixtures("step")
@pytest.mark.parametrize("verb", ["check", "run", "validate", "explain"])
def test_no_name_in_the_log_is_a_command(verb: str) -> None:
    """If a name looks like a workflow command, no line of the log is one that we did not write."""
    titled = TOLD.replace("name: tiny", f"name: tiny\ntitle: '{ODD}'")
    for name, text in (("odd.yaml", titled), ("bad.yaml", f"{titled}'{ODD}': 1\n  {ODD}: 1\n")):
        Path(name).write_text(text, encoding="utf-8")
        answer = invoke(verb, name)
        lines = [line.strip() for line in f"{answer.out}\n{answer.err}".splitlines()]
        assert [line for line in lines if line.startswith("::set-output")] == []


def test_validate_writes_what_it_finds() -> None:
    """If outputs are named, they are written whether there are mistakes or not, and warnings are among the remarks."""
    Path("bad.yaml").write_text(TINY.replace("seed: 3", "sead: 3"), encoding="utf-8")
    odd = TINY.replace("output_mtok: 1.25", "output_mtok: 125").replace("input_mtok: 0.25", "input_mtok: 25")
    Path("odd.yaml").write_text(odd, encoding="utf-8")
    options = ("-o", "v.sarif", "-o", "v.xml", "-o", "v.codequality.json", "--annotate")
    answer = invoke("validate", "tiny.yaml", "odd.yaml", "bad.yaml", *options)
    assert answer.code == 2
    assert [line.split(",")[0] for line in answer.err.splitlines() if line.startswith("::")] == [
        "::warning file=odd.yaml",
        "::error file=bad.yaml",
    ]
    results = json.loads(Path("v.sarif").read_bytes())["runs"][0]["results"]
    assert [(one["level"], one["ruleId"]) for one in results] == [
        ("error", "invalid-experiment"),
        ("warning", "doubtful-experiment"),
    ]
    assert len(json.loads(Path("v.codequality.json").read_bytes())) == 2
    cases = ET.parse("v.xml").findall(".//testcase")  # noqa: S314 - our own text
    assert [(case.get("name"), len(case)) for case in cases] == [("tiny.yaml", 0), ("odd.yaml", 0), ("bad.yaml", 1)]


@pytest.mark.parametrize("name", ["m.om.txt", "bench.json"])
def test_run_writes_metrics_too(name: str) -> None:
    """If metrics are all that is wanted, `run` writes them without any thresholds."""
    assert invoke("run", "tiny.yaml", "-o", name).code == 0
    assert Path(name).read_bytes().startswith(FILES.get(name, FILES["r.om.txt"]))
