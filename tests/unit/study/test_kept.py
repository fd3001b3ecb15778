"""Answers of checks that are kept: the same in every part, and only while nothing has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli.commands import TINY

import sim
from sim.study import kept as room
from sim.study.check import check, files_read
from sim.study.kept import Question, answered, digests, keep, kept
from sim.study.verdict import CheckResult

PROMISES = """
thresholds:
  latency{pattern:cascade}: [p(95)<1h, {threshold: 'p(50)<1ms', level: warn}]
  quality.acceptance: ['value>1%']
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CheckResult]:
    """Make a check of a small experiment; give its file and its answer."""
    path = tmp_path_factory.mktemp("made") / "small.yaml"
    path.write_text(TINY + PROMISES, encoding="utf-8")
    return path, check(sim.load(path), workers=1, engine="reference", results=path.parent / "results")


def question(path: Path, **changes: object) -> Question:
    """Ask about a file."""
    asked: dict[str, object] = {
        "experiment": str(path),
        "overrides": (),
        "seed": None,
        "replications": None,
        "until_decided": False,
        "budget": None,
        "engine": "auto",
    }
    return Question(**{**asked, **changes})  # type: ignore[arg-type]


def kept_answer(made: tuple[Path, CheckResult]) -> tuple[Question, Path, CheckResult]:
    """Keep the answer; give what was asked, where it is kept, and itself."""
    path, answer = made
    asked, root = question(path), path.parent / "results"
    keep(asked, root, answer, digests(files_read(sim.load(path))))
    return asked, root, answer


def test_an_answer_comes_back_equal_in_every_part(made: tuple[Path, CheckResult]) -> None:
    """If nothing has changed, the answer is the one that was kept: every number, interval, note and sentence."""
    asked, root, answer = kept_answer(made)
    assert answered(asked, root) == answer
    assert {finding.verdict for finding in answer.findings} > {"pass"}


def test_another_question_has_another_answer(made: tuple[Path, CheckResult]) -> None:
    """If any option is another, or the program itself, nothing that is kept is its answer."""
    asked, root, _ = kept_answer(made)
    others = [
        question(made[0], seed=1),
        question(made[0], replications=4),
        question(made[0], overrides=("run.level=0.9",)),
        question(made[0], until_decided=True),
        question(made[0], engine="compiled"),
    ]
    assert len({asked.key(), *(other.key() for other in others)}) == 6
    assert [answered(other, root) for other in others] == [None] * 5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "made_by", lambda: "by somebody else")
        assert answered(asked, root) is None


def test_a_changed_file_is_looked_at_anew(made: tuple[Path, CheckResult]) -> None:
    """If a file that was read has another content, or is gone, the answer no longer counts; put back, it does."""
    asked, root, answer = kept_answer(made)
    path = made[0]
    before = path.read_bytes()
    path.write_bytes(before + b"# a remark\n")
    assert answered(asked, root) is None
    path.unlink()
    assert answered(asked, root) is None
    path.write_bytes(before)
    assert answered(asked, root) == answer


def test_what_is_damaged_counts_as_not_there(made: tuple[Path, CheckResult]) -> None:
    """If a kept answer is cut short, has a byte flipped or holds something else, there is none."""
    asked, root, answer = kept_answer(made)
    (file,) = kept(root)
    content = file.read_bytes()
    places = range(0, len(content), 4999)
    damaged = [b"", content[:70], content[:-1], content + b" ", b"{}"]
    damaged += [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in places]
    for wrong in damaged:
        file.write_bytes(wrong)
        assert answered(asked, root) is None
    file.write_bytes(content)
    assert answered(asked, root) == answer


def test_an_answer_goes_with_its_result(made: tuple[Path, CheckResult]) -> None:
    """If the result that an answer rests on was deleted, the check is made again, which writes it again."""
    asked, root, _ = kept_answer(made)
    (manifest,) = root.glob("*/*/manifest.json")
    aside = manifest.rename(manifest.with_name("aside"))
    assert answered(asked, root) is None
    aside.rename(manifest)
    assert answered(asked, root) is not None


def test_answers_do_not_pile_up(made: tuple[Path, CheckResult], monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are more answers than are kept, those not asked for the longest go."""
    asked, root, answer = kept_answer(made)
    monkeypatch.setattr(room, "MOST", 2)
    old = question(made[0], seed=5)
    keep(old, root, answer, {})
    for file in kept(root):
        os.utime(file, (1, 1))
    assert answered(asked, root) is not None  # asked for: no longer the oldest
    keep(question(made[0], seed=6), root, answer, {})
    assert len(kept(root)) == 2
    assert answered(old, root) is None
    assert answered(asked, root) is not None


def test_a_disk_that_refuses_is_no_failure(made: tuple[Path, CheckResult], tmp_path: Path) -> None:
    """If the folder of answers cannot be made, nothing is kept and nothing fails."""
    (tmp_path / ".answers").write_text("a file", encoding="utf-8")
    keep(question(made[0]), tmp_path, made[1], {})
    assert answered(question(made[0]), tmp_path) is None


def test_an_answer_that_may_only_be_read_is_one(
    made: tuple[Path, CheckResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the folder may only be read, an answer in it counts, though nobody can note that it was asked for."""
    asked, root, answer = kept_answer(made)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    assert answered(asked, root) == answer


def test_every_file_that_is_read_counts(tmp_path: Path) -> None:
    """If an experiment has a workload file, a trace or a baseline, each of them is one that the answer depends on."""
    chat = sim.load(Path(__file__).resolve().parents[3] / "experiments" / "support-chat.yaml")
    assert {file.name for file in files_read(chat)} == {"support-chat.yaml", "support_chat.yaml", "support-chat.json"}
    columns = "{arrival: at, input_tokens: prompt, output_tokens: answer}"
    source = f"{{format: columns, file: t.csv, time_unit: s, columns: {columns}}}"
    (tmp_path / "t.csv").write_text("at,prompt,answer\n0,10,10\n1,10,10\n", encoding="utf-8")
    traced = TINY.replace("kind: poisson\n    rate_per_s: 5", f"kind: trace\n    source: {source}")
    (tmp_path / "traced.yaml").write_text(traced.replace("  requests: 40", "  duration: 1s"), encoding="utf-8")
    assert {file.name for file in files_read(sim.load(tmp_path / "traced.yaml"))} == {"traced.yaml", "t.csv"}
