"""`tiercast plan`: typed as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.commands import invoke, process

FEW = ("--requests", "1000", "--replications", "2", "--quiet", "--set", "run.requests=150")
_TWINS = tuple(
    f"--set={change}"
    for change in (
        "fleet.small.price={input_mtok: 2.5, output_mtok: 10}",
        "fleet.small.service=900ms",
        "quality.acceptance.chat.small=0.93",
    )
)
BUDGET = ("--quality-budget", "3%")


def run_as_planned(found: dict[str, Any]) -> None:
    """Put pattern and gates of a plan into the experiment, and see that a run gives the latencies that it expects."""
    chosen = found["options"][found["chosen"]]
    text = Path("tiny.yaml").read_text(encoding="utf-8").partition("patterns:")[0]
    own = f"patterns: {json.dumps([chosen['pattern']])}\nrun: {{requests: 150, replications: 2}}\n"
    own += f"gates: {json.dumps([one['settings'] for one in found['gates']])}\n"
    Path("new.yaml").write_text(text + own, encoding="utf-8")
    run = json.loads(invoke("run", "new.yaml", "--json", "--quiet").out)["patterns"][found["chosen"]]
    assert run["latency.p95"] == chosen["metrics"]["latency.p95"]


def test_the_plan_is_told_and_written() -> None:
    """If a plan is found, stdout recommends it, document and JSON lie in this folder, and the pattern runs."""
    answer = invoke("plan", "tiny.yaml", *FEW, *BUDGET)
    assert (answer.code, answer.err) == (0, "")
    assert "Ask small first and go on to large with the " in answer.out
    assert "This saves " in answer.out
    document = Path("router-plan.md").read_text(encoding="utf-8")
    headings = [line for line in document.splitlines() if line.startswith("#")]
    assert headings == [
        "# Router plan: tiny",
        "## The pattern",
        "## What to expect",
        "## Alternatives",
        "## Is it worth it",
        "## Capacity",
        "## Gates to install",
        "## When it stops being right",
        "## What would change the decision",
        "## How it was computed",
    ]
    typed = "tiercast plan tiny.yaml --quality-budget 3% --requests 1000 --set run.requests=150 --replications 2"
    assert f"Command: {typed}" in document
    found = json.loads(Path("router-plan.json").read_text(encoding="utf-8"))
    assert found["chosen"] in found["options"]
    assert found["options"][found["chosen"]]["standing"] == "meets"
    assert " ".join(found["recommendation"]) in " ".join(answer.out.split())
    run_as_planned(found)


def test_a_budget_of_a_segment_is_a_condition_of_its_own() -> None:
    """If a segment has a budget, it is held to it and told by name; a segment that is not there is refused."""
    Path("halves.yaml").write_text(
        Path("tiny.yaml")
        .read_text(encoding="utf-8")
        .replace("workload:\n", "workload:\n  segments: SEGMENTS\n", 1)
        .replace("SEGMENTS", "{paid: {share: 50%}, free: {share: 50%}}"),
        encoding="utf-8",
    )
    own = ("--segment-budget", "paid=0%", "--segment-budget", "free=90%")
    found = json.loads(invoke("plan", "halves.yaml", *FEW, *own, "--json", "-o", "plan.json").out)
    assert found["conditions"] == ["quality.loss{segment:paid}<=0%", "quality.loss{segment:free}<=90%"]
    chosen = found["options"][found["chosen"]]
    assert chosen["pattern"]["rules"] == [{"when": {"segment": ["paid"]}, "to": "large"}]
    assert chosen["metrics"]["quality.loss.segment.paid"]["value"] == 0
    assert "(paid 0.00 of 0, free " in " ".join(found["recommendation"])
    for wrong, message in (("gold=1%", "there is no segment 'gold'"), ("1%", "names no segment")):
        answer = invoke("plan", "halves.yaml", *FEW, "--segment-budget", wrong)
        assert (answer.code, message in answer.err) == (2, True)


def test_the_plan_is_the_same_everywhere() -> None:
    """If other workers in another process make the plan, it is the same, byte by byte."""
    arguments = ("plan", "tiny.yaml", *FEW, *BUDGET, "--until", "escalation.rate<60%", "--json")
    here = invoke(*arguments)
    assert json.loads(here.out)["conditions"] == ["quality.loss<=3%", "escalation.rate<60%"]
    assert process(*arguments, "--workers", "2", PYTHONHASHSEED="2").out == here.out


def test_nothing_that_meets_the_limits_is_no_plan() -> None:
    """If no candidate can meet the conditions, none is recommended, and it is said what is nearest."""
    answer = invoke(
        "plan", "tiny.yaml", *FEW, *BUDGET, "--until", "latency.p95<10ms", "--requests", "1000", "-o", "none.md"
    )
    assert answer.code == 0
    assert "No plan is recommended: nothing that was looked at is sure to meet quality.loss<=3% and" in " ".join(
        answer.out.split()
    )
    assert [path.name for path in Path().glob("*.md")] == ["none.md"]
    assert "## The pattern" not in Path("none.md").read_text(encoding="utf-8")


def test_a_frontier_that_is_overloaded_is_no_yardstick() -> None:
    """If the frontier is overloaded itself, loss is held against its answers as if each had come, and so said."""
    full = ("--set", "fleet.large.capacity={concurrency: 2}", "--set", "fleet.large.client={timeout: 4s}")
    answer = invoke("plan", "tiny.yaml", *FEW, "--quality-budget", "6%", *full)
    assert answer.code == 0
    found = json.loads(Path("router-plan.json").read_text(encoding="utf-8"))
    assert "yardstick, is no working system at this load: it leaves" in " ".join(answer.out.split())
    base, chosen = (found["options"][name] for name in ("frontier-only", found["chosen"]))
    assert base["breaks"] == ["quality.loss<=6%"]
    assert base["metrics"]["quality.loss"]["value"] > 6
    assert 0 < chosen["metrics"]["quality.loss"]["value"] < 6
    assert found["yardstick"]["unanswered"] > 0.1
    parts = ("--set", "workload.segments={a: {share: 0.5}, b: {share: 0.5}}", "--segment-budget", "a=5%")
    refused = invoke("plan", "tiny.yaml", *FEW, *full, *parts)
    assert (refused.code, refused.out) == (2, "")
    assert "--segment-budget: error: frontier-only does not serve this load" in refused.err
    strict = invoke("plan", "tiny.yaml", *FEW, "--quality-budget", "0.1%", *full)
    said = " ".join(strict.out.split())
    assert "No plan is recommended" in said
    assert "large would need" in said
    assert "of its 2 servers, of which 95 % may be busy" in said
    told = json.loads(Path("router-plan.json").read_text(encoding="utf-8"))
    assert told["beyond"]["short"][0]["owner"] == "large"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--quality-budget", "much"), "--quality-budget: error: 'much' is no limit of this metric"),
        (("--quality-budget", "-1%"), "--quality-budget: error: -1% is below 0"),
        (("--spend-cap", "5s"), "--spend-cap: error: '5s' has the wrong unit"),
        (("--signal", "promt_tokens"), "--signal: error: there is no signal 'promt_tokens'"),
        (("--until", "latncy.p95<4s"), "did you mean 'latency.p95'?"),
        (("-o", "plan.csv"), "the extension names the format: .json, .md"),
        (("--requests", "10"), "10 is not in the range"),
        (_TWINS, "tiny.yaml:12:1: error: fleet: there is nothing to route between: all models answer alike"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    """If the command line cannot be used, the code is 2, stderr says why, and nothing is written."""
    answer = invoke("plan", "tiny.yaml", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]
