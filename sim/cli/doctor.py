"""`tiercast doctor`: is this installation whole? Prints what a bug report needs."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import tempfile
import zoneinfo
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import click

import sim
from sim.cli.answer import Verb, say
from sim.errors import TiercastError
from sim.version import __version__

DEPENDENCIES = {
    "click": "click",
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "PyYAML": "yaml",
    "rich": "rich",
    "scipy": "scipy.special",
    "simpy": "simpy",
    "tzdata": "tzdata",
}
"""Distribution and the module of it that must import."""


@click.command("doctor", cls=Verb)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder that keeps results.",
)
@click.pass_context
def command(context: click.Context, results: Path) -> None:
    """Check this installation: versions, time zones, examples, a results folder that can be written."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("tiercast", lambda: __version__),
        ("python", _python),
        ("imported from", _origin),
        *((name, _importing(name, module)) for name, module in DEPENDENCIES.items()),
        ("time zones", _time_zones),
        ("examples", _examples),
        ("results", lambda: _writable(results)),
    ]
    broken = 0
    for label, check in checks:
        try:
            found = f"ok       {label:<14} {check()}"
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the installation is what we came for
            found = f"PROBLEM  {label:<14} {type(error).__name__}: {' '.join(str(error).split())}"
            broken += 1
        say(found)
    if broken:
        context.exit(1)


def _python() -> str:
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        raise TiercastError(f"{platform.python_version()} is not supported; use 3.11, 3.12 or 3.13")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _origin() -> str:
    """Where `sim` came from: the name is common, and another folder of that name may stand in front of ours."""
    found = Path(str(sim.__file__)).resolve().parent
    if found != Path(__file__).resolve().parents[1]:
        raise TiercastError(f"another package called sim hides tiercast: {found}")
    return str(found)


def _importing(name: str, module: str) -> Callable[[], str]:
    def check() -> str:
        importlib.import_module(module)
        return metadata.version(name)

    return check


def _time_zones() -> str:
    return f"{len(zoneinfo.available_timezones())} known, Europe/Berlin is {zoneinfo.ZoneInfo('Europe/Berlin')}"


def _examples() -> str:
    from sim.experiment.examples import examples_dir, starter  # noqa: PLC0415 - broken dependencies must not stop doctor

    found = examples_dir()
    return str(found / starter(found)[0])


def _writable(results: Path) -> str:
    """Write and remove a file where results will be, or where their folder would be made."""
    folder = results.absolute()
    while not folder.exists():
        folder = folder.parent
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
    from sim.experiment.places import finished_folders  # noqa: PLC0415 - as above
    from sim.study.kept import kept  # noqa: PLC0415

    answers = kept(results)
    files = [*answers, *(file for one in finished_folders(results) for file in one.iterdir())]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    return f"{results}; kept answers: {len(answers)}, with replications {megabytes:.1f} MB"
