"""What the hand traces of conditions are played on."""

from __future__ import annotations

from functools import partial
from typing import Any

import naive
import pytest
from traces import Row, Trace, laid_out, rows

from sim.engine import ENGINES
from sim.engine import play as play_on


@pytest.fixture(params=["naive", *sorted(ENGINES)])
def trace(request: pytest.FixtureRequest) -> Trace:
    """Each engine and the naive twin in turn: play requests and give the log as rows."""
    play = naive.play if request.param == "naive" else partial(play_on, engine=request.param)

    def played(servers: list[int], *requests: Any, **shared: Any) -> list[Row]:
        plan = laid_out(servers, *requests, **shared)
        plan.check()
        return rows(play(plan))

    return played
