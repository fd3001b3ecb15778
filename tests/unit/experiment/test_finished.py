"""What a run has finished is kept, and the next one goes on from it to the same bytes, at other prices too."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from scenes import text_of

import sim
from sim.experiment import finished as room
from sim.experiment import scene as scene_room
from sim.experiment import workers
from sim.experiment.finished import Finished
from sim.experiment.places import finished_folder, finished_folders
from sim.experiment.replication import play_replication
from sim.experiment.scene import Scene
from sim.experiment.summary import summary_bytes
from sim.outcome.outcomes import Outcome
from sim.outcome.samples import Counted

EXPERIMENT = Path(__file__).resolve().parents[3] / "experiments" / "quickstart.yaml"
SHORT = ["run.duration=20s", "run.replications=4"]
HASH = "0123" * 16


def outcomes_of(replication: int) -> list[Outcome]:
    """Play one replication."""
    experiment = sim.load(EXPERIMENT, SHORT)
    return play_replication(Scene(experiment.spec, experiment.line_up, experiment.inputs()), replication, "reference")


def shown(outcomes: Sequence[Outcome]) -> list[str]:
    """Write outcomes as text that differs if anything in them does."""
    return [text_of(outcome) for outcome in outcomes]


def interrupt_after(count: int) -> Callable[[int, int], None]:
    """Give a progress report that presses Ctrl-C once so many replications are done."""

    def report(done: int, total: int) -> None:
        if done == count:
            raise KeyboardInterrupt(total)

    return report


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    """If replications are saved, another process with the same experiment reads them, equal in every part."""
    kept = Finished(tmp_path / "f", HASH)
    kept.add(3, outcomes_of(3))
    assert Finished(tmp_path / "f", HASH).load() == {}  # too early to be worth the disk
    kept.save()
    found = Finished(tmp_path / "f", HASH).load()
    assert list(found) == [3]
    assert shown(found[3]) == shown(outcomes_of(3))


def test_histograms_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a replication is too long to keep every observation, its histograms are read back, equal in every part."""
    monkeypatch.setattr(scene_room, "MOST_EXACT", 40)
    outcomes = outcomes_of(1)
    assert all(isinstance(outcome.durations, Counted) for outcome in outcomes)
    kept = Finished(tmp_path, HASH)
    kept.add(1, outcomes)
    kept.save()
    assert shown(Finished(tmp_path, HASH).load()[1]) == shown(outcomes)


def test_names_are_read_back_whatever_is_in_them(tmp_path: Path) -> None:
    """If names end in NUL or hold anything else, they are read back as they were, and apart from each other."""
    names = ("a\0", "a", "", "b/c", "d\ne", "\N{SNOWMAN}")
    kept = Finished(tmp_path, HASH)
    kept.add(0, [dataclasses.replace(outcome, tasks=names) for outcome in outcomes_of(0)])
    kept.save()
    assert {outcome.tasks for outcome in Finished(tmp_path, HASH).load()[0]} == {names}


def test_a_long_run_saves_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a run has lasted a while, what it finishes is on the disk at once, what it had finished before too."""
    kept = Finished(tmp_path, HASH)
    kept.add(0, outcomes_of(0))
    monkeypatch.setattr(room, "PATIENCE_S", 0.0)
    kept.add(1, outcomes_of(1))
    assert sorted(Finished(tmp_path, HASH).load()) == [0, 1]


def test_nothing_of_another_experiment_or_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the hash or the version of tiercast is another, the files count as not there."""
    kept = Finished(tmp_path, HASH)
    kept.add(0, outcomes_of(0))
    kept.save()
    assert Finished(tmp_path, HASH[::-1]).load() == {}
    monkeypatch.setattr(room, "__version__", "9.9.9")
    assert Finished(tmp_path, HASH).load() == {}


def test_a_damaged_file_is_not_read(tmp_path: Path) -> None:
    """If a file is cut short, empty, or has any byte flipped, its replication is played again."""
    kept = Finished(tmp_path, HASH)
    kept.add(0, outcomes_of(0))
    kept.save()
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    damaged = [b"", content[:10], content[:-1], content + b"x"]
    damaged += [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in range(0, len(content), 997)]
    for wrong in damaged:
        file.write_bytes(wrong)
        assert Finished(tmp_path, HASH).load() == {}
    (tmp_path / "replication-x.npz").write_bytes(content)
    file.unlink()
    assert Finished(tmp_path, HASH).load() == {}


@pytest.mark.parametrize("count", [1, 2])
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """If a run is interrupted after two replications, the next plays only the others, and the summary is the same."""
    experiment = sim.load(EXPERIMENT, SHORT)
    whole = summary_bytes(experiment.run(workers=1).result)
    with pytest.raises(sim.InterruptedRun, match=r"[23] of 4 replications are kept; the same command goes on"):
        experiment.run(workers=count, results=tmp_path, progress=interrupt_after(2))
    folder = finished_folder(experiment.name, experiment.plays_hash, tmp_path)
    kept = len(list(folder.iterdir()))
    assert kept >= 2
    told: list[tuple[int, int]] = []
    again = experiment.run(workers=1, results=tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (kept, 4)
    assert summary_bytes(again.result) == whole
    monkeypatch.setattr(workers, "_done", lambda *_: iter(()))  # a run that has all plays none
    folder_of_all = Finished(folder, experiment.plays_hash)
    for replication in range(4):
        folder_of_all.add(replication, outcomes_of(replication))
    folder_of_all.save()
    assert summary_bytes(experiment.run(workers=1, results=tmp_path).result) == whole


DEARER = ["fleet.large.price.output_mtok=77", "fleet.small.price.input_mtok=0.9"]


def test_other_prices_are_paid_for_what_was_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If only prices have changed, nothing is played again, and the answer has the bytes of a run at these prices."""
    monkeypatch.setattr(room, "PATIENCE_S", 0.0)
    before = sim.load(EXPERIMENT, SHORT)
    before.run(workers=1, results=tmp_path)
    after = sim.load(EXPERIMENT, [*SHORT, *DEARER])
    whole = after.run(workers=1).result
    monkeypatch.setattr(workers, "_done", lambda *_: iter(()))  # whoever needs to play gets nothing
    assert summary_bytes(after.run(workers=1, results=tmp_path).result) == summary_bytes(whole)
    assert whole.hash != before.hash
    assert whole.patterns["cascade"].estimates["cost.per_1k"].value > 1


def test_prices_that_steer_are_part_of_what_is_played() -> None:
    """If a pattern routes by price, or the cheap model becomes the dear one, other prices make other replications."""
    experiment = sim.load(EXPERIMENT, SHORT)
    assert experiment.set(*DEARER).plays_hash == experiment.plays_hash
    least = {"name": "least", "kind": "least_cost_within_latency", "models": ["small", "large"], "within": "9s"}
    steered = experiment.set(f"patterns={json.dumps([least])}")
    assert steered.set(*DEARER).plays_hash != steered.plays_hash
    untold = experiment.set("fleet.small.tier=null", "fleet.large.tier=null")
    assert untold.set("fleet.small.price.output_mtok=99").plays_hash != untold.plays_hash


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If finished replications take too much room, those of the experiments played the longest ago go."""
    sizes = []
    for number, name in enumerate(("oldest", "old", "new")):
        folder = finished_folder(name, HASH, tmp_path)
        kept = Finished(folder, HASH)
        kept.add(0, outcomes_of(0))
        kept.save()
        os.utime(folder, (number, number))
        sizes.append(sum(file.stat().st_size for file in folder.iterdir()))
    monkeypatch.setattr(room, "MOST_BYTES", sizes[1] + sizes[2])
    room.trim(tmp_path)
    assert [folder.parent.name for folder in finished_folders(tmp_path)] == ["new", "old"]
