"""What holds for each class, brought to the rows."""

from __future__ import annotations

import numpy as np

from sim.workload.by_class import of_class, rows_by

CODES = np.array([2, 0, 1, 1, 2, 0], dtype=np.int64)


def test_classes_that_agree_are_one_slice() -> None:
    """If all classes have equal parameters, these come once, with all rows as they are."""
    assert list(rows_by([("a", 1), ("a", 1), ("a", 1)], CODES)) == [(("a", 1), slice(None))]


def test_a_single_class_has_all_rows() -> None:
    """Of one class there is nothing to choose."""
    assert list(rows_by(["a"], np.zeros(3, dtype=np.int64))) == [("a", slice(None))]


def test_rows_go_with_their_class() -> None:
    """Where classes differ each comes with its own rows in ascending order, one without rows with none."""
    found = [(name, np.arange(6)[rows].tolist()) for name, rows in rows_by(["a", "b", "a", "c"], CODES)]
    assert found == [("a", [1, 5]), ("b", [2, 3]), ("a", [0, 4]), ("c", [])]


def test_each_row_gets_the_value_of_its_class() -> None:
    """Different values are looked up by code; equal ones are one number for all rows."""
    assert of_class(np.array([0.5, 1.5, 2.5]), CODES).tolist() == [2.5, 0.5, 1.5, 1.5, 2.5, 0.5]
    assert of_class(np.array([0.5, 0.5, 0.5]), CODES).shape == ()
    assert (of_class(np.array([0.5, 0.5, 0.5]), CODES) * np.ones(6)).tolist() == [0.5] * 6
