"""What was edited between two experiments."""

from __future__ import annotations

from sim.study.diff.edits import Edit, edits

BEFORE = {
    "name": "a",
    "patterns": [{"name": "cascade", "ladder": ["small", "large"], "below": 0.6}, {"name": "old", "kind": "single"}],
    "thresholds": {"latency": "p(95)<1s"},
    "run": {"seed": 1, "precision": None},
}
AFTER = {
    "name": "b",
    "patterns": [{"name": "new", "kind": "single"}, {"name": "cascade", "ladder": ["small", "huge"], "below": 0.6}],
    "thresholds": {},
    "run": {"seed": 1, "level": 0.9, "precision": None},
}


def test_values_are_compared_by_their_dotted_path() -> None:
    """If a value differs it is named once, items of lists by their name; lists of plain values are one value."""
    assert edits(BEFORE, AFTER) == [
        Edit("patterns.new.name", None, '"new"'),
        Edit("patterns.new.kind", None, '"single"'),
        Edit("patterns.cascade.ladder", '["small", "large"]', '["small", "huge"]'),
        Edit("run.level", None, "0.9"),
        Edit("patterns.old.name", '"old"', None),
        Edit("patterns.old.kind", '"single"', None),
    ]


def test_an_unchanged_experiment_has_no_edits() -> None:
    """If only its name or what judges it has changed, nothing that is played has."""
    assert edits(BEFORE, {**BEFORE, "name": "c", "thresholds": {}}) == []
