"""`tiercast fit`: typed as a user types it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.commands import invoke


def completion(logprob: float, correct: bool, **changes: Any) -> dict[str, Any]:
    """Give a chat completion in the shape of the OpenAI API, with its label beside it."""
    tokens = [{"token": "a", "logprob": logprob, "bytes": [97], "top_logprobs": []}, {"token": "b", "logprob": -0.01}]
    choice = {"index": 0, "message": {"role": "assistant", "content": "It is 4."}, "logprobs": {"content": tokens}}
    return {"response": {"body": {"object": "chat.completion", "choices": [choice]}}, "correct": correct, **changes}


def write_lines(lines: list[Any]) -> None:
    """Write `answers.jsonl`; what is no text yet becomes JSON."""
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    Path("answers.jsonl").write_text(text + "\n", encoding="utf-8")


def write_scores(count: int = 400) -> None:
    """Write `scores.csv`: score, correct, strong, task; the score is worth something."""
    rng = np.random.Generator(np.random.Philox(7))
    right = rng.random(count) < 0.7
    score = rng.random(count) * 0.5 + 0.3 * right
    with Path("scores.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["score", "correct", "strong", "task"])
        rows = zip(score.tolist(), right.tolist(), (rng.random(count) < 0.9).tolist(), strict=True)
        writer.writerows([f"{s:.6f}", r, t, "code" if k % 3 else "chat"] for k, (s, r, t) in enumerate(rows))


def test_a_score_of_a_csv_file_gets_thresholds() -> None:
    """If scores and labels are in a CSV file, AUROC, reliability and thresholds are told, by class too."""
    write_scores()
    asked = (
        "--escalate",
        "25%",
        "--kept",
        "80%",
        "--quality",
        "80%",
        "--cost",
        "2",
        "--weak-usd",
        "0.5",
        "--strong-usd",
        "4",
    )
    answer = invoke(
        "fit", "confidence", "scores.csv", "--score", "score", "--strong", "strong", "--task", "task", *asked
    )
    assert (answer.code, answer.err) == (0, "")
    for text in ("AUROC 0.", "Reliability in code", "Thresholds in chat", "80 % of what is kept acceptable"):
        assert text in answer.out
    outputs = ("-o", "fit.json", "-o", "fit.csv")
    again = invoke("fit", "confidence", "scores.csv", "--score", "score", "--json", *outputs)
    found = json.loads(again.out)
    assert Path("fit.json").read_text(encoding="utf-8") == again.out
    assert 0.6 < found["groups"]["all"]["auroc"]["lower"] < found["groups"]["all"]["auroc"]["value"] < 1
    assert Path("fit.csv").read_text(encoding="utf-8").startswith("task,score,for,usd_per_1k,threshold.value")


def test_log_probabilities_are_read_as_the_api_gives_them() -> None:
    """If a file holds completions with log-probabilities, their mean is a score, and batch files are read as well."""
    rng = np.random.Generator(np.random.Philox(2))
    right = rng.random(200) < 0.6
    lines: list[Any] = [completion(-0.2 - 1.5 * float(rng.random()) * (not r), bool(r)) for r in right]
    lines[0] = {**lines[0]["response"]["body"], "correct": lines[0]["correct"]}
    write_lines(lines)
    answer = invoke("fit", "confidence", "answers.jsonl", "--score", "mean_logprob", "--json")
    assert (answer.code, answer.err) == (0, "")
    found = json.loads(answer.out)["groups"]["all"]
    assert found["answers"] == 200
    assert found["auroc"]["value"] > 0.9
    assert found["thresholds"][0]["threshold"]["value"] < 0


def test_texts_and_choices_are_scores_too() -> None:
    """If an API gives no log-probabilities, hedging, refusals and the agreement of several choices are scores."""
    lines = []
    for number in range(60):
        good = number % 3 > 0
        texts = ["It is 4.", "it is 4", "It is 4!"] if good else ["I think it might be 5.", "It is 4.", "6"]
        choices = [{"message": {"content": text}} for text in texts]
        lines.append({"choices": choices, "correct": good})
    write_lines(list(lines))
    for score in ("agreement", "no_hedging"):
        found = json.loads(invoke("fit", "confidence", "answers.jsonl", "--score", score, "--json").out)
        assert found["groups"]["all"]["auroc"]["value"] == 1.0


def test_bad_lines_are_named() -> None:
    """If lines of completions cannot be used, each is named with what is wrong, and nothing is told of the others."""
    good = completion(-0.5, True)
    no_logprobs = json.loads(json.dumps(good))
    no_logprobs["response"]["body"]["choices"][0]["logprobs"] = None
    write_lines([good, "{oops", no_logprobs, completion(0.5, True), {**good, "correct": "yes"}, {"correct": True}])
    answer = invoke("fit", "confidence", "answers.jsonl", "--score", "mean_logprob")
    assert (answer.code, answer.out) == (2, "")
    for line, message in (
        (2, "this is no JSON object in one line"),
        (3, "the choice has no `logprobs.content`; ask with logprobs: true"),
        (4, "logprobs.content[0].logprob is '0.5', no log-probability"),
        (5, "correct is 'yes', not true, false or a number"),
        (6, "there are no `choices` in it"),
    ):
        assert f"answers.jsonl:{line}:1: error: {message}" in answer.err


def test_bad_rows_are_named() -> None:
    """If rows of a CSV file cannot be used, each is named by line and column."""
    Path("bad.csv").write_text("score,correct\n0.5,true\nhigh,true\n0.7,maybe\n,false\n", encoding="utf-8")
    answer = invoke("fit", "confidence", "bad.csv", "--score", "score")
    assert answer.code == 2
    for place in ("bad.csv:3:1: error: score: ", "bad.csv:4:", "bad.csv:5:1: error: score: the value is missing"):
        assert place in answer.err


def test_routers_are_measured() -> None:
    """If outcomes of two models are in a file, routers by score, class and number stand between random and oracle."""
    write_scores()
    columns = ("--weak", "correct", "--strong", "strong", "--score", "-score", "--class", "task", "--number", "score")
    answer = invoke("fit", "router", "scores.csv", *columns, "--weak-usd", "0.3", "--strong-usd", "3", "--json")
    assert (answer.code, answer.err) == (0, "")
    routers = json.loads(answer.out)["routers"]
    assert list(routers) == ["random", "-score", "by task", "by score", "oracle"]
    assert routers["random"]["apgr"]["value"] == pytest.approx(0.5)
    assert 0.5 < routers["-score"]["apgr"]["value"] < routers["oracle"]["apgr"]["value"]
    outputs = ("-o", "r.md", "-o", "r.csv")
    told = invoke("fit", "router", "scores.csv", *columns, "--weak-usd", "0.3", "--strong-usd", "3", *outputs)
    assert "APGR: its mean over shares of strong calls" in " ".join(told.out.split())
    assert "| router | APGR | CPT(50) % |" in Path("r.md").read_text(encoding="utf-8")
    assert "by task,apgr," in Path("r.csv").read_text(encoding="utf-8")


def test_the_floor_of_a_cascade_is_told() -> None:
    """If outcomes and costs are given, the floor is told in closed form and as played, from a file or from shares."""
    bills = ("--weak-usd", "0.5", "--strong-usd", "4", "--value", "0.05", "--requests", "2000")
    answer = invoke(
        "fit", "break-even", "--outcomes", "55%,25%,5%", *bills, "-o", "b.json", "-o", "b.csv", "-o", "b.md"
    )
    assert (answer.code, answer.err) == (0, "")
    assert "a cascade is worth more from a verifier on that is right on" in " ".join(answer.out.split())
    found = json.loads(Path("b.json").read_text(encoding="utf-8"))
    root, low, high = found["played"]
    assert low < found["classifier"]["verifier"] < high
    assert low < root < high
    assert len(Path("b.csv").read_text(encoding="utf-8").splitlines()) == 1 + 11 * 11
    write_scores()
    columns = ("--weak", "correct", "--strong", "strong", "--classifier", "99%")
    told = json.loads(invoke("fit", "break-even", "scores.csv", *columns, *bills, "--json").out)
    assert told["kinds"]["both"] + told["kinds"]["only_weak"] == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("break-even", "--outcomes", "80%,30%,5%", "--weak-usd", "1", "--strong-usd", "2", "--value", "1"),
            "are no three shares",
        ),
        (("break-even", "--weak-usd", "1", "--strong-usd", "2", "--value", "1"), "outcomes come from a file"),
        (("router", "scores.csv", "--weak", "correct", "--strong", "stong"), "did you mean 'strong'?"),
        (("router", "scores.csv", "--weak", "strong", "--strong", "correct"), "there is no gap to recover"),
        (("router", "scores.csv", "--weak", "correct", "--strong", "strong", "--weak-usd", "1"), "of both models"),
        (("confidence", "scores.csv", "--score", "score", "--kept", "most"), "--kept: error: 'most'"),
        (("confidence", "scores.csv", "--score", "score", "--where", "task"), "is no column with a value"),
        (("confidence", "scores.csv", "--score", "score", "--quality", "80%"), "which answers of the strong model"),
        (("confidence", "none.jsonl", "--score", "sureness"), "no score 'sureness' can be made"),
        (("confidence", "none.csv", "--score", "score"), "none.csv"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    """If file or command line cannot be used, the code is 2 and stderr says why."""
    write_scores()
    answer = invoke("fit", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_a_change_is_taken_apart(tmp_path: Path) -> None:
    """If two logs differ in their mix alone, the table says so; files hold it, and a bad row is named by its line."""
    before, after = tmp_path / "a.csv", tmp_path / "b.csv"
    head = "task,tokens,escalated\n"
    before.write_text(head + "chat,300,false\n" * 90 + "math,900,true\n" * 10, encoding="utf-8")
    after.write_text(head + "chat,300,false\n" * 70 + "math,900,true\n" * 30, encoding="utf-8")
    words = ("fit", "change", str(before), str(after), "--of", "escalated", "--class", "task", "--number", "tokens")
    answer = invoke(*words, "-o", str(tmp_path / "c.csv"), "-o", str(tmp_path / "c.md"))
    assert answer.code == 0, answer.err
    assert "chat / 256 to 512" in answer.out
    told = json.loads(invoke(*words, "--json").out)
    assert told["mix"]["value"] == pytest.approx(0.2)
    assert told["within"]["value"] == pytest.approx(0.0)
    assert len((tmp_path / "c.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert (tmp_path / "c.md").read_text(encoding="utf-8").startswith("## Rate of escalated by task, tokens")
    assert invoke(*words[:6]).code == 2
    after.write_text(head + "chat,300,perhaps\n", encoding="utf-8")
    assert ":2:" in invoke(*words).err
