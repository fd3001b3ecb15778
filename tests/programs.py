"""Programs in processes of their own, for what must not touch the process of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def printed(code: str, **environment: str) -> str:
    """Run Python code in a fresh process, warnings being errors; give what it prints."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "benchmarks", ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
