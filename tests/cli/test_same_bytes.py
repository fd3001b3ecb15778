"""The same experiment and seed give the same bytes, whoever computes them and wherever."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.commands import TINY, Answer, invoke, process

EVERYTHING = TINY.replace(
    "patterns:\n",
    """\
patterns:
- {name: ahead, kind: pre_route, rules: [{when: {prompt_tokens: ">1500"}, to: large}], otherwise: small}
- {name: both, kind: ensemble, models: [small, large], sample: 40%, reward_model: {accuracy: 90%, time: 120ms}}
- {name: halves, kind: split, shares: {small: 50%, large: 50%}}
""",
)
"""One pattern of each kind, on a profile of the day in a time zone of its own."""
LOCAL = f"{{kind: profile, rate_per_s: 5, hour_of_day: {[*range(1, 25)]}, time_zone: Asia/Tokyo}}"


@pytest.fixture
def alone(folder: Path) -> Answer:
    """Give the answer of one worker within this process."""
    text = EVERYTHING.replace("    kind: poisson\n    rate_per_s: 5\n", "").replace("arrivals:", f"arrivals: {LOCAL}")
    (folder / "every.yaml").write_text(text, encoding="utf-8")
    return invoke("run", "every.yaml", "--json", "--workers", "1", "--quiet")


@pytest.mark.parametrize(
    ("workers", "variables"),
    [
        ("1", {"PYTHONHASHSEED": "0", "TZ": "Pacific/Apia", "LC_ALL": "C"}),
        ("2", {"PYTHONHASHSEED": "1", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8"}),
        ("3", {"PYTHONHASHSEED": "2", "TZ": "UTC", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}),
    ],
    ids=["1 worker", "2 workers", "3 workers"],
)
def test_neither_workers_nor_surroundings_change_a_byte(alone: Answer, workers: str, variables: dict[str, str]) -> None:
    """If workers, hash seed, time zone and language of the process differ, stdout is the same, byte by byte."""
    assert alone.code == 0
    assert process("run", "every.yaml", "--json", "--workers", workers, "--quiet", **variables) == alone


def test_place_and_name_of_the_file_change_no_byte(alone: Answer, folder: Path) -> None:
    """If the file lies elsewhere, under another name and with other spaces, the answer and its hash are the same."""
    other = folder / "wo ander s" / "größe.yml"
    other.parent.mkdir()
    text = (folder / "every.yaml").read_text(encoding="utf-8")
    other.write_text(text.replace(": ", ":   ").replace("\n", "  # as it was\r\n"), encoding="utf-8", newline="")
    assert invoke("run", str(other), "--json", "--workers", "1", "--quiet") == alone


def test_another_seed_changes_the_answer_and_the_hash(alone: Answer) -> None:
    """If the seed differs, so do hash and numbers: the same bytes come from the same seed, not from no seed at all."""
    other = invoke("run", "every.yaml", "--json", "--workers", "1", "--quiet", "--seed", "4")
    same, changed = alone.out.splitlines(), other.out.splitlines()
    differing = [line for line, now in zip(same, changed, strict=False) if line != now]
    assert len(differing) > 50
    assert any('"hash"' in line for line in differing)
