"""Columns of flags."""

from __future__ import annotations

import itertools

import numpy as np

from sim.columns import either


def test_one_of_two_flags_is_chosen_by_a_third() -> None:
    """If a flag is chosen by another, it is the one that `np.where` chooses, in all eight cases."""
    choice, yes, no = np.array(list(itertools.product((False, True), repeat=3))).T
    assert either(choice, yes, no).tolist() == np.where(choice, yes, no).tolist()
