"""The examples that come with tiercast: packaged in an installed wheel, in the repository otherwise."""

from __future__ import annotations

from pathlib import Path

import yaml

from sim.errors import RunError

STARTER = Path("experiments") / "quickstart.yaml"
"""The experiment that `tiercast init` copies, below the folder of examples."""


def examples_dir() -> Path:
    """Return the folder that holds `experiments` and `workloads`.

    A wheel carries it as ``sim/_data``; an editable install does not build that, and the folders lie beside ``sim``.
    RunError if neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_data", package.parent):
        if (folder / STARTER).is_file():
            return folder
    raise RunError(f"no examples beside {package}: neither packaged nor in a repository; install tiercast again")


def starter(folder: Path) -> list[Path]:
    """Name the files of the quick experiment, relative to `folder`: itself first, then the workload it names."""
    found = [STARTER]
    content = yaml.safe_load((folder / STARTER).read_text(encoding="utf-8"))
    workload = content.get("workload")
    if isinstance(workload, str):
        path = (folder / STARTER.parent / workload).resolve()
        found.append(path.relative_to(folder.resolve()))
    return found
