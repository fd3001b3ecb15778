"""Gates over what they have counted already: the alarms they would have raised at other settings, had nobody acted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sim.columns import Ints
from sim.experiment.ahead import Ahead
from sim.gates.kinds import Gate
from sim.study.drift.play import Play, PlayRecord
from sim.study.drift.watch import Alarm, Watch

FACTORS: Final = (0.125, 0.5, 1.0, 4.0)
"""What the mean time between false alarms is multiplied with for a curve of delay against false alarms."""


def with_replays(ahead: Ahead, play: Play, record: PlayRecord) -> PlayRecord:
    """Add the alarms of each gate alone at each setting: of plays on which nobody acts, and gates that have charts."""
    if play.acts:
        return record
    found = {}
    for gate in ahead.experiment.spec.gates:
        own = {name: some for (of, name), some in record.counts.items() if of == gate.name}
        if not own or any(gate.beyond_limit(some[0]) is not None for some in own.values()):
            continue
        for factor in FACTORS:
            every = round(gate.false_alarm_every * factor)
            if every > 2 * ahead.drift.epoch:
                tuned = gate.model_copy(update={"false_alarm_every": every})
                found[gate.name, factor] = tuple(replayed(ahead, tuned, own))
    return replace(record, replays=found)


def replayed(ahead: Ahead, gate: Gate, counts: Mapping[str, Ints]) -> list[Alarm]:
    """Give the alarms that a gate would have raised on what each of its charts counted, int64[epochs, bins]."""
    watch, epochs = Watch(gate, ahead.drift.epoch, ahead.drift.thin), ahead.epochs
    found: list[Alarm] = []
    anew = [next((epoch.number for epoch in epochs if epoch.begin >= at), len(epochs)) for at in ahead.retrained]
    for coming in range(1, len(epochs) + 1):
        number = coming - watch.lag
        now = epochs[coming].begin if coming < len(epochs) else epochs[-1].end
        if number >= 0:
            found += watch.look(number, {name: some[number] for name, some in counts.items()}, max(len(counts), 1), now)
        if coming in anew:
            watch.learn_anew(coming)
    return found
