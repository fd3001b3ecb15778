"""Which rows of a file to use: those whose columns have the values that `where` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np

from sim.columns import Bools
from sim.workload.traces.findings import refuse
from sim.workload.traces.tables import Batch
from sim.workload.traces.values import exact_number, text_of


def chosen(batch: Batch, where: Mapping[str, str | float]) -> Bools:
    """Say which rows have these values; each distinct value is compared once, and a missing one is an empty text."""
    from pyarrow import compute  # noqa: PLC0415 - `validate` imports no pyarrow

    found = np.ones(batch.rows, dtype=np.bool_)
    for name, wanted in where.items():
        encoded = compute.dictionary_encode(batch.columns[name])
        fits = np.array([*(_equals(text_of(value), wanted) for value in encoded.dictionary), _equals("", wanted)])
        found &= fits[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return found


def refuse_empty(file: str, rows: int, where: Mapping[str, str | float], what: str) -> NoReturn:
    """Raise InvalidInput: none of the rows has the values."""
    wanted = ", ".join(f"{name} = {value!r}" for name, value in where.items())
    refuse(file, f"none of the {rows:,} rows has {wanted}", f"see `where` of {what}")


def _equals(text: str, wanted: str | float) -> bool:
    """Compare a value with one of `where`: text as written, numbers by value, true and false in any case."""
    if isinstance(wanted, str):
        return text == wanted
    if isinstance(wanted, bool):
        return text.strip().lower() in (("true", "1") if wanted else ("false", "0"))
    try:
        return exact_number(text) == exact_number(repr(wanted))
    except ValueError:
        return False
