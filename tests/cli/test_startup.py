"""What a command must not load: the help answers at once, and validation in an editor waits for no data library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli.commands import TINY, environment

PROGRAM = """
import json, sys
from sim.cli import main
sys.argv = ["tiercast", *sys.argv[1:]]
try:
    main()
except SystemExit as leaving:
    roots = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps({"code": leaving.code or 0, "modules": roots}), file=sys.stderr)
"""
FOR_NUMBERS = {"numpy", "pydantic"}
FOR_DATA = {"pandas", "pyarrow", "numba", "llvmlite", "simpy", "scipy", "rich"}


@pytest.mark.parametrize(
    ("arguments", "code", "not_loaded"),
    [
        (["--help"], 0, FOR_NUMBERS | FOR_DATA | {"yaml"}),
        (["--version"], 0, FOR_NUMBERS | FOR_DATA | {"yaml"}),
        (["validate", "tiny.yaml"], 0, FOR_DATA),
        (["validate", "tiny.yaml", "--annotate", "-o", "a.xml", "-o", "a.sarif"], 0, FOR_DATA),
        (["schema"], 0, FOR_DATA),
        (["init", "begun"], 0, FOR_DATA | FOR_NUMBERS),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_loads_no_more_than_it_needs(arguments: list[str], code: int, not_loaded: set[str]) -> None:
    """If a command needs no numbers, or no data, the libraries for them are not imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, check=True, text=True, env=environment()
    )
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["code"] == code
    assert not_loaded.intersection(told["modules"]) == set()


def test_a_kept_answer_waits_for_nothing_that_plays() -> None:
    """If a check is answered from what was kept, neither the compiler nor what reads experiments is loaded."""
    Path("told.yaml").write_text(TINY + "thresholds: {latency: ['mean<1m']}\n", encoding="utf-8")
    words = [sys.executable, "-c", PROGRAM, "check", "told.yaml", "--quiet"]
    for not_loaded in ((), ("pydantic", "numba", "simpy", "pandas", "pyarrow", "yaml")):
        done = subprocess.run(words, capture_output=True, check=True, text=True, env=environment())
        told = json.loads(done.stderr.splitlines()[-1])
        assert told["code"] == 0
        assert set(not_loaded).intersection(told["modules"]) == set()
