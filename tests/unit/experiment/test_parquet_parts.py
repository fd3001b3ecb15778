"""Parquet files that are written part by part: one schema, whatever the first part holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from sim.experiment.parquet_files import ParquetFile


def test_a_first_part_without_rows_knows_its_types(tmp_path: Path) -> None:
    """If the first part is empty, as where a whole chunk lies in the warm-up, text of later parts still fits."""
    with (tmp_path / "log.parquet").open("wb") as file, ParquetFile(file, {"n_ns": "ns"}) as parquet:
        for names in ([], ["a", "b"], [], ["c"]):
            columns = {"name": np.array(names, dtype=object), "n_ns": np.arange(len(names))}
            assert parquet.add(columns) == len(names)
    table = pq.read_table(tmp_path / "log.parquet")
    assert table.column("name").to_pylist() == ["a", "b", "c"]
    assert str(table.schema.field("name").type) == "string"
    assert table.schema.field("n_ns").metadata == {b"unit": b"ns"}
