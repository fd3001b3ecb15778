"""The limit of the engine: `limit.c`, compiled when it is needed, on the same columns, writing the same log."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sim.engine import LegLog
from sim.routing.itinerary import Itinerary

SOURCE = Path(__file__).with_name("limit.c")
FLAGS = ("-O2", "-ffp-contract=off", "-shared", "-fPIC")

_NUMBER_OF_COLUMNS = 9


def limit() -> Callable[[Itinerary], LegLog] | None:
    """Compile the loop and give a function that plays an itinerary with it; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "limit.so"
        subprocess.run([compiler, *FLAGS, str(SOURCE), "-o", str(library)], check=True)
        loop = ctypes.CDLL(str(library)).play  # stays loaded after the file is gone
    loop.argtypes = [ctypes.c_int64] * 3 + [ctypes.c_void_p] * _NUMBER_OF_COLUMNS

    def play(itinerary: Itinerary) -> LegLog:
        log = LegLog(*(np.empty(itinerary.legs, dtype=np.int64) for _ in range(3)))
        columns = (
            itinerary.arrival_ns,
            itinerary.servers,
            itinerary.leg_request,
            itinerary.leg_stage,
            itinerary.leg_station,
            itinerary.leg_service_ns,
        )
        plain = [np.ascontiguousarray(column) for column in columns]
        times = (log.joined_ns, log.started_ns, log.ended_ns)
        sizes = (itinerary.requests, itinerary.legs, len(itinerary.servers))
        if loop(*sizes, *(column.ctypes.data for column in (*plain, *times))):
            raise MemoryError("the C loop found no memory")
        return log

    return play
