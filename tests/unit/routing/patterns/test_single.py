"""One model for everything."""

from __future__ import annotations

import numpy as np
from scenes import FLEET, setting

from sim.routing.plan import Cause


def test_everything_goes_to_the_model() -> None:
    """One call per request, nothing else, shown as it streams."""
    plan = setting({"name": "s", "kind": "single", "model": "large"}).plan()
    assert set(plan.leg_model.tolist()) == {list(FLEET).index("large")}
    assert plan.itinerary.legs == plan.itinerary.requests
    assert set(plan.leg_cause.tolist()) == {Cause.ANSWER}
    assert not plan.escalated.any()
    assert not plan.answer_held.any()
    assert plan.routes == ("large",)


def test_the_baselines_are_singles() -> None:
    """Cheap-only and frontier-only run beside any pattern and call the cheapest and the dearest model."""
    scene = setting({"name": "s", "kind": "single", "model": "middle"})
    models = {name: np.unique(scene.plan(name).answer_model).tolist() for name in ("cheap-only", "frontier-only")}
    assert models == {"cheap-only": [0], "frontier-only": [2]}
