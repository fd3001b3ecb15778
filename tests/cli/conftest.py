"""Every command is typed in an empty folder that holds one small experiment."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.commands import OUTER, TINY


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with `tiny.yaml` in it; nothing of the terminal that runs the tests is left."""
    monkeypatch.chdir(tmp_path)
    for name in OUTER:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return tmp_path
