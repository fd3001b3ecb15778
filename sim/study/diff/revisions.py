"""Files of a git revision: ``main:experiments/support-chat.yaml``, with whatever else they read.

The whole revision is written out to a temporary folder, because an experiment names its workload, traces and tables by
paths relative to itself. Nothing in the repository is touched.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sim.errors import InvalidInput, Issue

HEAD = "HEAD"
_SHORT = "write for example main:experiments/support-chat.yaml"


def split_revision(text: str) -> tuple[str, str]:
    """Split ``REVISION:PATH``; the revision is empty where there is none, or a file has this very name."""
    if Path(text).exists():
        return "", text
    revision, colon, path = text.partition(":")
    # A single letter before a colon is a drive.
    return (revision, path) if colon and path and len(revision) > 1 else ("", text)


@contextlib.contextmanager
def checked_out(revision: str, path: str) -> Iterator[Path]:
    """Write out a revision of the repository around the working folder; give where the file is, until the block ends.

    `path` is relative to the working folder, as it is typed. InvalidInput if there is no git, no repository, no such
    revision, or no such file in it.
    """
    text = f"{revision}:{path}"
    root = Path(_git(text, "rev-parse", "--show-toplevel"))
    commit = _git(text, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    inside = _inside(text, root, path)
    _git(text, "cat-file", "-e", f"{commit}:{inside}")
    with tempfile.TemporaryDirectory(prefix="tiercast-") as folder:
        packed, tree = Path(folder) / "revision.zip", Path(folder) / "tree"
        _git(text, "-C", str(root), "archive", "--format=zip", f"--output={packed}", commit)
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(tree)
        packed.unlink()
        with _told_of(f"{revision}:", tree):
            yield tree / inside


def _inside(text: str, root: Path, path: str) -> PurePosixPath:
    """Give the way from the root of the repository to a file that may be gone from the working folder."""
    try:
        return PurePosixPath(Path(path).absolute().resolve().relative_to(root.resolve()).as_posix())
    except ValueError:
        raise InvalidInput([Issue("the file lies outside the repository", file=text, hint=_SHORT)]) from None


def _git(text: str, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        raise InvalidInput([Issue("git is not installed, so that no revision can be read", file=text)])
    done = subprocess.run(  # noqa: S603 - a fixed program and arguments that are no options
        [program, *arguments], capture_output=True, check=False, text=True, encoding="utf-8", errors="replace"
    )
    if done.returncode == 0:
        return done.stdout.strip()
    raise InvalidInput([Issue(_reason(arguments, done.stderr), file=text, hint=_SHORT)])


def _reason(arguments: tuple[str, ...], told: str) -> str:
    """Say what git could not do, in words that name what was typed."""
    if "--show-toplevel" in arguments:
        return "the working folder is in no git repository"
    if "--verify" in arguments:
        return "git knows no such revision"
    if "cat-file" in arguments:
        return "the revision has no such file"
    return f"git cannot write out the revision: {told.strip().splitlines()[-1] if told.strip() else 'no reason given'}"


@contextlib.contextmanager
def _told_of(revision: str, tree: Path) -> Iterator[None]:
    """Say of every mistake in a file of the revision where it stands there, and not in the temporary folder."""
    try:
        yield
    except InvalidInput as error:
        front = f"{tree}/"
        issues = [
            Issue(
                found.message.replace(front, revision),
                found.file.replace(front, revision),
                found.line,
                found.col,
                found.path,
                found.hint.replace(front, revision),
            )
            for found in error.issues
        ]
        raise InvalidInput(issues) from error
