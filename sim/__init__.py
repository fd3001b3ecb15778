"""tiercast: simulate LLM model routing before rollout.

import sim
run = sim.load("experiments/support-chat.yaml").run()
run.summary          # one row per pattern and metric, with its interval
run.requests()       # the request log
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.errors import InterruptedRun, InvalidInput, Issue, RunError, TiercastError
from sim.version import __version__

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment, from_mapping, load
    from sim.experiment.result import RunResult
    from sim.experiment.simulate import Run
    from sim.study.verdict import CheckResult

__all__ = [
    "CheckResult",
    "Experiment",
    "InterruptedRun",
    "InvalidInput",
    "Issue",
    "Run",
    "RunError",
    "RunResult",
    "TiercastError",
    "__version__",
    "from_mapping",
    "load",
]

_LATE = {
    "Experiment": "sim.experiment.resolve",
    "from_mapping": "sim.experiment.resolve",
    "load": "sim.experiment.resolve",
    "RunResult": "sim.experiment.result",
    "Run": "sim.experiment.simulate",
    "CheckResult": "sim.study.verdict",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `tiercast --help` stays instant."""
    if name not in _LATE:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only needed here

    return getattr(importlib.import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
