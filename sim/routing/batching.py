"""The replicas of a fleet as engines see them: slots, speeds, and what is drawn to balance calls between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.chance import Purpose
from sim.columns import Floats, Ints
from sim.fleet import Model
from sim.fleet.autoscale import Schedule, Target
from sim.fleet.batching import Batching
from sim.fleet.capacity import batching_of
from sim.routing.replicas import FULL_SPEED, LOT_BITS, STATION_COLUMNS, Balance
from sim.units import as_int64
from sim.workload.requests import Requests

_CHANCE = (Balance.RANDOM, Balance.POWER_OF_TWO)


def replica_columns(
    fleet: Mapping[str, Model], models: tuple[str, ...], window_ns: tuple[int, int]
) -> dict[str, NDArray[Any]] | None:
    """Give the columns of `Replicas` that belong to stations, or None if none has replicas; station 0 is of steps."""
    found = [None, *(batching_of(fleet[name].capacity) for name in models)]
    batched = [one for one in found if one is not None]
    if not batched:
        return None
    return {
        **_per_station(found),
        **_plan(found, window_ns[1]),
        "prefill_speed": _in_parts([one.prefill_speeds() for one in batched]),
        "decode_speed": _in_parts([one.decode_speeds() for one in batched]),
        "beside_speed": _in_parts([one.decode_speeds() * one.beside() for one in batched]),
        "window_ns": np.array(window_ns, dtype=np.int64),
    }


def _per_station(found: Sequence[Batching | None]) -> dict[str, NDArray[Any]]:
    """Give what each station has; nothing where it has no replicas."""
    rows = [dict.fromkeys(STATION_COLUMNS, 0) if one is None else _station(one) for one in found]
    return {name: np.array([row[name] for row in rows], dtype=np.int64) for name in STATION_COLUMNS}


def _station(one: Batching) -> dict[str, int]:
    scale = one.autoscale
    target = scale if isinstance(scale, Target) else None
    return {
        "slots": one.slots,
        "number": one.replicas,
        "balance": Balance[one.balance.upper()],
        "most": one.most_replicas(),
        "startup_ns": 0 if scale is None else scale.startup,
        "every_ns": 0 if target is None else target.every,
        "load_ns": 1 if target is None else max(round(target.utilisation * one.slots * target.every), 1),
        "least": 1 if target is None else target.least,
        "cooldown_ns": 0 if target is None else target.cooldown,
    }


def _plan(found: Sequence[Batching | None], end_ns: int) -> dict[str, NDArray[Any]]:
    """Give what schedules say until the end of a run."""
    rows = [
        (station, at, replicas)
        for station, one in enumerate(found)
        if one is not None and isinstance(one.autoscale, Schedule)
        for at, replicas in one.autoscale.times(end_ns)
    ]
    station, at, replicas = np.array(rows, dtype=np.int64).reshape(-1, 3).T.copy()
    return {"plan_station": station, "plan_at_ns": at, "plan_replicas": replicas}


def lots(requests: Requests, model: Model, name: str, attempt: tuple[str, ...] = ()) -> Ints | int:
    """Give what is drawn to pick a replica, int64, for an attempt of this name; 0 where nothing is."""
    batching = batching_of(model.capacity)
    if batching is None or Balance[batching.balance.upper()] not in _CHANCE:
        return 0
    return as_int64(np.floor(requests.uniform(Purpose.BALANCE, name, *attempt) * 2**LOT_BITS))


def _in_parts(speeds: list[Floats]) -> Ints:
    return np.maximum(np.rint(np.concatenate(speeds) * FULL_SPEED), 1).astype(np.int64)
