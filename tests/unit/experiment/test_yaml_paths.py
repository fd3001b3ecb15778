"""Paths that lead to no readable YAML file."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from sim.errors import InvalidInput
from sim.experiment.yaml_source import parse_yaml, read_yaml


def test_file_is_read(tmp_path: Path) -> None:
    """A file gives the same document as its content, under the name it was asked for."""
    path = tmp_path / "sp ace \N{SNOWMAN}.yaml"
    path.write_bytes(b"a: 1\n")
    assert read_yaml(path) == parse_yaml("a: 1\n", str(path))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders and guards its links")
@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("suport.yaml", "no such file", "did you mean 'support.yaml'?"),
        ("support.yml", "no such file", "did you mean 'support.yaml'?"),
        ("foldr/support.yaml", "no such file", "did you mean 'folder'?"),
        ("support.yaml/x", "no such file", ""),
        ("zzz", "no such file", ""),
        ("folder", "is a folder, expected a YAML file", "it holds inner.yaml"),
        ("circle.yaml", "the symbolic links of this path lead in a circle", ""),
        ("pipe", "is not a regular file", "copy its content to a file first"),
        ("x" * 300, "cannot be read: File name too long", ""),
        ("\0", "no such file", ""),
        ("\udcff.yaml", "no such file", ""),
    ],
)
def test_path_without_a_file_is_refused(tmp_path: Path, name: str, message: str, hint: str) -> None:
    """A path that leads to no readable file is one issue with the file, and the nearest name if one is near."""
    (tmp_path / "support.yaml").write_text("a: 1\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner.yaml").write_text("a: 1\n")
    (tmp_path / "circle.yaml").symlink_to(tmp_path / "circle.yaml")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput) as caught:
        read_yaml(tmp_path / name)
    (issue,) = caught.value.issues
    assert issue.file.startswith(str(tmp_path))
    assert issue.file.isprintable()
    assert (issue.message, issue.hint, issue.line) == (message, hint, 0)


@pytest.mark.parametrize(
    ("number", "message"), [(errno.EACCES, "permission denied"), (errno.EIO, "cannot be read: Input/output error")]
)
def test_file_that_cannot_be_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    """If the system refuses to open a file, the issue says why; root could read it, so the refusal is simulated."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InvalidInput) as caught:
        read_yaml(path)
    assert caught.value.issues[0].message == message
