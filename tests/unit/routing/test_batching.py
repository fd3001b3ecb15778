"""What plans make of replicas: columns of stations, prompts to be read, and lots."""

from __future__ import annotations

from typing import Any

import numpy as np
from scenes import FLEET, setting

from sim.experiment.scene import Scene
from sim.outcome.outcomes import Window
from sim.routing.replicas import FULL_SPEED, LOT_BITS, Balance, Replicas

SECOND = 10**9


def planned(window: Window | None = None, **batching: Any) -> tuple[Replicas, Any]:
    """Plan calls to a model on replicas; give what the engine sees of these, and the plan."""
    own = {**FLEET["small"], "capacity": {"batching": {"slots": 2, "speed": {"2": 0.8}, **batching}}}
    scene: Scene = setting(fleet={**FLEET, "small": own}).scene
    requests = scene.requests(0, most=2_000)
    pattern = next(one for one in scene.line_up.patterns if one.name == "cheap-only")
    plan = scene.plan(pattern, scene.answers(requests), window)
    assert plan.itinerary.replicas is not None
    plan.itinerary.check()
    return plan.itinerary.replicas, plan


def test_the_prompt_is_read_until_the_first_token() -> None:
    """A call prefills for its time to first token, and decodes for the rest of its service."""
    replicas, plan = planned()
    assert np.array_equal(replicas.prefill_ns, plan.leg_ttft_ns)
    assert replicas.slots.tolist() == [0, 2, 0, 0]
    assert replicas.lot.any() == 0


def test_speeds_are_in_parts_of_full_speed() -> None:
    """Two calls decode at 0.8 of their pace, prompts at a half, and beside a prompt calls decode at a half of that."""
    replicas, _ = planned()
    assert replicas.decode_speed.tolist() == [FULL_SPEED, round(0.8 * FULL_SPEED)]
    assert replicas.prefill_speed.tolist() == [FULL_SPEED, FULL_SPEED // 2]
    assert replicas.beside_speed.tolist() == [FULL_SPEED // 2, round(0.4 * FULL_SPEED)]


def test_lots_are_uniform_where_they_are_needed() -> None:
    """If calls are sent at random, each has a lot of its own, uniform to within its standard error."""
    replicas, _ = planned(replicas=3, balance="random")
    assert replicas.balance[1] == Balance.RANDOM
    lots = replicas.lot / 2**LOT_BITS
    assert len(set(replicas.lot.tolist())) == len(lots)
    assert abs(lots.mean() - 0.5) <= 4 / np.sqrt(12 * len(lots))


def test_targets_and_windows_reach_the_engine() -> None:
    """Half of two slots, looked at every 30 s, is a load of 30 s; schedules are laid out to the end of the window."""
    window = Window(SECOND, 30 * 3_600 * SECOND)
    target = {"utilisation": 0.5, "most": 4, "startup": "90s", "cooldown": "1m"}
    replicas, _ = planned(window, autoscale=target)
    one = {name: getattr(replicas, name)[1] for name in ("every_ns", "load_ns", "most", "startup_ns", "cooldown_ns")}
    assert one == {
        "every_ns": 30 * SECOND,
        "load_ns": 30 * SECOND,
        "most": 4,
        "startup_ns": 90 * SECOND,
        "cooldown_ns": 60 * SECOND,
    }
    assert replicas.window_ns.tolist() == [window.start_ns, window.end_ns]
    replicas, _ = planned(window, autoscale={"schedule": [{"at": "8h", "replicas": 3}], "repeat": "1d"})
    assert (replicas.plan_at_ns // (3_600 * SECOND)).tolist() == [8, 32]
    assert replicas.plan_replicas.tolist() == [3, 3]
