"""`tiercast diff` as people type it: files, git revisions, baselines and results."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cli.commands import TINY, invoke

from sim.experiment.yaml_source import read_yaml

MORE = TINY.replace("requests: 40", "requests: 400")


@pytest.fixture
def more() -> None:
    """Write the small experiment with enough requests to tell something."""
    Path("more.yaml").write_text(MORE, encoding="utf-8")


def git(*arguments: str) -> None:
    """Run git as somebody."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run([shutil.which("git") or "git", *who, *arguments], check=True, capture_output=True)


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.mark.usefixtures("more")
def test_an_edit_and_what_it_does_are_told() -> None:
    """If one value is changed, the report names it, and the change of each pattern with its interval."""
    answer = invoke("diff", "more.yaml", *PRICE)
    assert answer.code == 0, answer.err
    assert "~ fleet.small.price.output_mtok: " in answer.out
    assert "= unchanged: frontier-only" in answer.out
    told = json.loads(invoke("diff", "more.yaml", *PRICE, "--json").out)
    cost = told["patterns"]["cheap-only"]["metrics"]["cost.per_1k"]
    assert (cost["direction"], cost["change_is"]) == ("worse", "share of before")
    assert cost["change"]["lower"] <= cost["change"]["value"] <= cost["change"]["upper"]
    assert told["patterns"]["cheap-only"]["metrics"]["latency.p95"]["change"] == {"value": 0, "lower": 0, "upper": 0}
    assert told["patterns"]["frontier-only"]["state"] == "same"
    assert told["paired"]


PRICE = ("--set", "fleet.small.price.output_mtok=40")


@pytest.mark.usefixtures("more")
def test_patterns_that_come_and_go_are_told() -> None:
    """If a pattern is on one side alone, its numbers are shown and nothing is compared."""
    Path("other.yaml").write_text(MORE.replace("name: cascade", "name: stairs"), encoding="utf-8")
    answer = invoke("diff", "more.yaml", "other.yaml")
    assert "+ stairs (new)" in answer.out
    assert "- cascade (gone)" in answer.out


@pytest.mark.usefixtures("more")
def test_metrics_may_be_chosen() -> None:
    """If metrics are named, they are compared and no other; one that nobody has, or no metric, is exit code 2."""
    told = json.loads(invoke("diff", "more.yaml", *PRICE, "--metric", "latency.p90", "--json").out)
    assert list(told["patterns"]["cascade"]["metrics"]) == ["latency.p90"]
    one = json.loads(invoke("diff", "more.yaml", *PRICE, "--metric", "cost.per_1k{pattern:cascade}", "--json").out)
    assert list(one["patterns"]["cascade"]["metrics"]) == ["cost.per_1k"]
    assert one["patterns"]["cheap-only"]["metrics"] == {}
    both = invoke("diff", "more.yaml", *PRICE, "--metric", "latency.p9x", "--metric", "cost.per_1k{pattern:nobody}")
    assert both.code == 2
    assert "latency.p9x" in both.err
    assert "there is no pattern 'nobody'" in both.err
    every = json.loads(invoke("diff", "more.yaml", *PRICE, "--all", "--json").out)
    assert len(every["patterns"]["cascade"]["metrics"]) > 20


@pytest.mark.usefixtures("more")
def test_results_are_compared_as_numbers() -> None:
    """If a side is the folder of a result, its numbers are held against the other's as independent ones."""
    assert invoke("run", "more.yaml").code == 0
    (folder,) = Path("results/tiny").glob("[0-9a-f]*")
    same = json.loads(invoke("diff", str(folder), str(folder / "summary.json"), "--json").out)
    assert {pattern["state"] for pattern in same["patterns"].values()} == {"same"}
    assert not same["paired"]
    told = json.loads(invoke("diff", str(folder), "more.yaml", *PRICE, "--json").out)
    assert [one["path"] for one in told["edits"]] == ["fleet.small.price.output_mtok"]
    cost = told["patterns"]["cheap-only"]["metrics"]["cost.per_1k"]
    paired = json.loads(invoke("diff", "more.yaml", *PRICE, "--json").out)["patterns"]["cheap-only"]["metrics"]
    assert cost["change"]["value"] == pytest.approx(paired["cost.per_1k"]["change"]["value"])
    assert cost["change"]["upper"] > paired["cost.per_1k"]["change"]["upper"]
    refused = invoke("diff", "more.yaml", str(folder), *PRICE)
    assert (refused.code, "no values to change" in refused.err) == (2, True)


@needs_git
@pytest.mark.usefixtures("more")
def test_a_file_alone_is_compared_with_what_was_committed() -> None:
    """If a file is edited after a commit, the two are compared, with the workload that the revision had."""
    whole = read_yaml(Path("more.yaml")).data
    Path("part").mkdir()
    Path("part/work.yaml").write_text(json.dumps(whole["workload"]), encoding="utf-8")
    Path("more.yaml").write_text(json.dumps({**whole, "workload": "part/work.yaml"}, indent=1), encoding="utf-8")
    git("init", "-q")
    git("add", "more.yaml", "part")
    git("commit", "-qm", "first")
    before = Path("more.yaml").read_text(encoding="utf-8")
    Path("more.yaml").write_text(before.replace('"name": "cascade"', '"name": "stairs"'), encoding="utf-8")
    answer = invoke("diff", "more.yaml")
    assert answer.code == 0, answer.err
    assert "HEAD:more.yaml -> more.yaml" in answer.out
    assert "+ stairs (new)" in answer.out
    shutil.rmtree("part")
    assert invoke("diff", "HEAD:more.yaml", "HEAD:more.yaml", "--set", "run.replications=4").code == 0


@needs_git
@pytest.mark.usefixtures("more")
def test_what_a_revision_lacks_is_told() -> None:
    """If there is no repository, revision or file, or the file of the revision is wrong, the exit code is 2."""
    assert "is in no git repository" in invoke("diff", "HEAD:more.yaml", "more.yaml").err
    git("init", "-q")
    Path("broken.yaml").write_text("version: 1\nname: 5x\nrun: {wat: 3}\n", encoding="utf-8")
    git("add", "broken.yaml")
    git("commit", "-qm", "first")
    assert "git knows no such revision" in invoke("diff", "never:more.yaml", "more.yaml").err
    assert "the revision has no such file" in invoke("diff", "HEAD:more.yaml", "more.yaml").err
    broken = invoke("diff", "HEAD:broken.yaml", "more.yaml")
    assert broken.code == 2
    assert "HEAD:broken.yaml:3:" in broken.err


@pytest.mark.usefixtures("more")
def test_files_hold_the_comparison() -> None:
    """If files are asked for, Markdown begins with its marker and CSV has a row per pattern and metric."""
    answer = invoke("diff", "more.yaml", *PRICE, "-o", "d.md", "-o", "d.csv", "-o", "d.json")
    assert answer.code == 0, answer.err
    text = Path("d.md").read_text(encoding="utf-8")
    assert text.startswith("<!-- tiercast diff: tiny -->\n")
    assert "| cost.per\\_1k |" in text or "| cost.per_1k |" in text
    rows = list(csv.DictReader(Path("d.csv").read_text(encoding="utf-8").splitlines()))
    told = json.loads(Path("d.json").read_bytes())
    assert len(rows) == sum(len(pattern["metrics"]) for pattern in told["patterns"].values())
    assert {row["direction"] for row in rows} >= {"same", "worse"}


FORECAST = "forecast: {start: 2027-01, months: 3, draws: 50, traffic: {growth_per_month: {p10: 0%, p90: 5%}}}\n"


def test_spend_is_compared_in_the_same_futures() -> None:
    """If one price doubles, every future of what pays it alone costs twice as much, and others what they did."""
    Path("spend.yaml").write_text(TINY + FORECAST, encoding="utf-8")
    twice = ("--set", "fleet.small.price.input_mtok=0.5", "--set", "fleet.small.price.output_mtok=2.5")
    told = json.loads(invoke("diff", "spend.yaml", *twice, "--forecast", "--json").out)["patterns"]
    cheap = told["cheap-only"]
    assert cheap["total"]["after"]["mean"] == pytest.approx(2 * cheap["total"]["before"]["mean"])
    assert cheap["total"]["change"]["intervals"]["p80"] == pytest.approx(cheap["total"]["before"]["intervals"]["p80"])
    assert told["frontier-only"]["state"] == "same"
    assert (cheap["total"]["dearer"], told["frontier-only"]["total"]["dearer"]) == (1.0, 0.0)
    assert list(told["cascade"]["months"]) == ["2027-01", "2027-02", "2027-03"]
    answer = invoke("diff", "spend.yaml", *twice, "--forecast", "-o", "d.csv", "-o", "d.md")
    assert answer.code == 0, answer.err
    assert "~ fleet.small.price.input_mtok: 0.25 -> 0.5" in answer.out
    assert "What it was: frontier-only." in answer.out
    assert "; it costs more in more than 94 % of the futures." in " ".join(answer.out.split())
    rows = list(csv.DictReader(Path("d.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 3 * 4
    assert Path("d.md").read_text(encoding="utf-8").startswith("<!-- tiercast diff --forecast: tiny -->\n")


def test_forecasts_that_cannot_be_compared_are_refused() -> None:
    """If a side asks for none, for other months, or is a result, the command line is wrong, and each is told."""
    Path("spend.yaml").write_text(TINY + FORECAST, encoding="utf-8")
    assert "asks for no forecast" in invoke("diff", "spend.yaml", "tiny.yaml", "--forecast").err
    later = invoke("diff", "spend.yaml", "--set", "forecast.start=2027-02", "--forecast")
    assert "different months: 2027-01 to 2027-03 and 2027-02 to 2027-04" in later.err
    assert invoke("run", "spend.yaml", "--results", "kept").code == 0
    (folder,) = Path("kept/tiny").glob("[0-9a-f]*")
    assert "a result holds no forecast" in invoke("diff", str(folder), "spend.yaml", "--forecast").err
    assert invoke("diff", "tiny.yaml", "spend.yaml", "--forecast", "--quiet").code == 0  # asks as the second does


def test_options_that_contradict_each_other_are_refused() -> None:
    """If every metric is asked for and some, the command line is wrong."""
    assert invoke("diff", "tiny.yaml", "--all", "--metric", "latency.p95").code == 2
