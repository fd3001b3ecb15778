"""Where results lie below their folder."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

_SHORT_HASH = 12
_FINISHED = ".finished"


def result_folder(experiment: str, experiment_hash: str, root: Path) -> Path:
    """Give the folder of a result: ``<experiment>/<hash[:12]>``."""
    return root / safe_name(experiment) / experiment_hash[:_SHORT_HASH]


def finished_folder(experiment: str, experiment_hash: str, root: Path) -> Path:
    """Give the folder that keeps the finished replications of a run."""
    place = result_folder(experiment, experiment_hash, root)
    return place.parent / f".{place.name}{_FINISHED}"


def finished_folders(root: Path) -> list[Path]:
    """Give every folder of finished replications below a folder of results."""
    return sorted(root.glob(f"*/.*{_FINISHED}"))


def safe_name(name: str) -> str:
    """Return `name` as one path component: what may be trouble there is written as in a URL, a leading dot too."""
    quoted = quote(name, safe=" ()+,;=@")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted
