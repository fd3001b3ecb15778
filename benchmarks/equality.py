"""Both engines give the same: the same log for random itineraries, whole and in parts, and the same summary bytes.

`python benchmarks/equality.py` plays 5,000 random scenarios and every shipped experiment and ends with exit code 1 if a
single nanosecond or byte differs. A scenario is drawn from its number alone, so one that fails can be played again:
`--first NUMBER --scenarios 1`. Every other scenario takes its times from a handful, so that many are tied: most
mistakes in the order of events show only there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from systems import Part, parts_of

import sim
from sim.engine import ENGINES, LegLog, play
from sim.experiment.summary import summary_bytes
from sim.routing.itinerary import UNLIMITED, Itinerary

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
SHORTER = {"six-months": ("run.duration=6h",)}
"""What would take the reference engine a day."""
SCENARIOS = 5_000

_TIED = np.arange(0, 60, 10)
_LARGE_EVERY = 50
"""One scenario in so many is large enough for heaps to outgrow the room they begin with."""


@dataclass(slots=True)
class Tally:
    """What was compared, and what differed."""

    scenarios: int = 0
    legs: int = 0
    plays: int = 0
    differences: int = 0


def scenario(number: int) -> tuple[Itinerary, list[int]]:
    """Draw an itinerary, and the request numbers at which it is cut into parts.

    Up to 12 requests (or 400) with none to three stages of one to three legs each, at one to four stations with none
    (unlimited) to four servers (or up to 200). A leg that holds a server lasts at least a nanosecond.
    """
    chance = np.random.default_rng([2, number])
    large, tied = number % _LARGE_EVERY == 0, number % 2 == 1
    servers = chance.integers(0, 5, size=chance.integers(1, 5))
    if large:
        servers = np.where(chance.random(len(servers)) < 0.5, chance.integers(60, 200, len(servers)), servers)
    requests = int(chance.integers(0, 400 if large else 13))

    def times(size: int) -> NDArray[np.int64]:
        return chance.choice(_TIED, size) if tied else chance.integers(0, 10**6, size, endpoint=True)

    arrival = np.sort(times(requests))
    stages = chance.integers(0, 4, requests)
    width = chance.integers(1, 4, int(stages.sum()))  # legs of each stage of each request
    stage = np.arange(len(width)) - np.repeat(np.cumsum(stages) - stages, stages)
    station = chance.integers(0, len(servers), int(width.sum()))
    service = times(len(station))
    itinerary = Itinerary(
        arrival_ns=arrival.astype(np.int64),
        servers=servers.astype(np.int64),
        leg_request=np.repeat(np.repeat(np.arange(requests, dtype=np.int64), stages), width),
        leg_stage=np.repeat(stage, width).astype(np.int64),
        leg_station=station.astype(np.int64),
        leg_service_ns=np.where(servers[station] == UNLIMITED, service, np.maximum(service, 1)).astype(np.int64),
    )
    cuts = sorted(set(chance.integers(0, requests, size=chance.integers(0, 5), endpoint=True).tolist()))
    return itinerary, cuts


def in_parts(engine: str, parts: list[Part]) -> LegLog:
    """Hand a run over in parts; give the log of the whole."""
    player = ENGINES[engine]()
    logs = [log for part, until_ns in parts for log in player.advance(part, until_ns)]
    outcomes = [log.outcome for log in logs if log.outcome is not None]
    return LegLog(
        *(np.concatenate([getattr(log, column) for log in logs]) for column in ("joined_ns", "started_ns", "ended_ns")),
        np.concatenate(outcomes) if outcomes else None,
    )


def compare(numbers: range) -> Tally:
    """Play scenarios on both engines, whole and in parts; the reference engine's whole log is what all must equal."""
    tally = Tally(scenarios=len(numbers))
    for number in numbers:
        itinerary, cuts = scenario(number)
        parts = parts_of(itinerary, cuts)
        expected = play(itinerary, "reference")
        tally.legs += itinerary.legs
        for name, found in (
            ("compiled, whole", play(itinerary, "compiled")),
            ("compiled, in parts", in_parts("compiled", parts)),
            ("reference, in parts", in_parts("reference", parts)),
        ):
            tally.plays += 1
            if not same(found, expected):
                tally.differences += 1
                print(f"scenario {number}: {name} differs from the reference engine", file=sys.stderr)
    return tally


def same(one: LegLog, other: LegLog) -> bool:
    """Say whether two logs are equal on every column."""
    return all(np.array_equal(getattr(one, column), getattr(other, column)) for column in LegLog.__slots__)


def experiments(replications: int = 2) -> Iterator[tuple[str, str]]:
    """Run every shipped experiment on both engines; yield its name and `equal`, `DIFFERENT` or why it is left out."""
    for path in sorted(EXPERIMENTS.glob("*.yaml")):
        experiment = sim.load(path, SHORTER.get(path.stem, ()))
        missing = [file.name for file in experiment.input_paths().values() if not file.is_file()]
        if missing:
            yield path.stem, f"left out: {', '.join(missing)} is not here"
            continue
        summaries = {
            summary_bytes(experiment.run(workers=1, engine=name, replications=replications).result) for name in ENGINES
        }
        yield path.stem, "equal" if len(summaries) == 1 else "DIFFERENT"


def main() -> int:
    """Compare; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenarios", type=int, default=SCENARIOS, help="random itineraries to play")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--no-experiments", action="store_true", help="leave out the shipped experiments")
    wanted = parser.parse_args()
    tally = compare(range(wanted.first, wanted.first + wanted.scenarios))
    print(
        f"{tally.scenarios:,} scenarios, half with tied times, {tally.legs:,} legs, {tally.plays:,} comparisons: "
        f"{tally.differences} differences"
    )
    different = tally.differences > 0
    if not wanted.no_experiments:
        for name, found in experiments():
            print(f"{name}: summary bytes {found}")
            different |= found == "DIFFERENT"
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
