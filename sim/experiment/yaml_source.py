"""The door for YAML: a path or some bytes in, data with positions out, or every problem at once.

Nothing is included, fetched or executed, and no input may take more than a moment: files over 1 MB, nesting over 40 and
more than 50,000 nodes are refused before they are built.
"""

from __future__ import annotations

import codecs
import errno
import itertools
import os
import re
import stat
from pathlib import Path
from typing import Any, Final

from sim.errors import InvalidInput, Issue
from sim.experiment.document import Document, Mark, did_you_mean
from sim.experiment.yaml_tree import build

__all__ = ["MOST_BYTES", "Document", "Mark", "parse_yaml", "parse_yaml_list", "read_yaml"]

MOST_BYTES: Final = 1_000_000
"""Size of the largest file that is read."""

_MOST_NEIGHBOURS = 10_000
_FOREIGN_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SAVE_AS_UTF8 = "save the file as UTF-8"
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_yaml(path: Path) -> Document:
    """Read a YAML file. InvalidInput for a path without a readable file, and for all that `parse_yaml` refuses."""
    file = _printable(str(path))
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise InvalidInput([_not_a_file(path, file, mode)])
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InvalidInput([_unreadable(path, file, error)]) from error
    return parse_yaml(content, file)


def parse_yaml(text: str | bytes, file: str) -> Document:
    """Read YAML from text or UTF-8 bytes; `file` is the name to report. InvalidInput carries all problems found."""
    return build(_checked(text, file), file)


def parse_yaml_list(text: str, file: str) -> list[Any]:
    """Read values as they stand inside brackets, separated by commas. InvalidInput as for `parse_yaml`."""
    values: list[Any] = build(f"[{_checked(text, file)}\n]", file, root="list").data
    return values


def _checked(text: str | bytes, file: str) -> str:
    """Text of a size and in characters that YAML may have."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise InvalidInput([Issue(f"the file is larger than {MOST_BYTES:,} bytes", file)])
    decoded = _decode(text, file) if isinstance(text, bytes) else text
    decoded = decoded.removeprefix("\ufeff")
    bad = _UNPRINTABLE.search(decoded)
    if bad:
        line, col = _position(decoded, bad.start())
        hint = (
            f"{_SAVE_AS_UTF8}, not UTF-16" if bad.group() == "\0" else "remove it, or write it as an escape in quotes"
        )
        raise InvalidInput(
            [Issue(f"the character U+{ord(bad.group()):04X} is not allowed", file, line, col, hint=hint)]
        )
    return decoded


def _decode(content: bytes, file: str) -> str:
    for mark, name in _FOREIGN_MARKS:
        if content.startswith(mark):
            raise InvalidInput([Issue(f"the file is encoded as {name}", file, 1, 1, hint=_SAVE_AS_UTF8)])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8").removeprefix("\ufeff")
        line, col = _position(before, len(before))
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        raise InvalidInput([Issue(message, file, line, col, hint=f"{_SAVE_AS_UTF8}, not Latin-1")]) from error


def _position(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _not_a_file(path: Path, file: str, mode: int) -> Issue:
    if not stat.S_ISDIR(mode):
        return Issue("is not a regular file", file, hint="copy its content to a file first")
    inside = sorted(name for name in _names(path) if name.endswith((".yaml", ".yml")))
    return Issue("is a folder, expected a YAML file", file, hint=f"it holds {', '.join(inside[:5])}" if inside else "")


def _unreadable(path: Path, file: str, error: OSError | ValueError) -> Issue:
    number = error.errno if isinstance(error, OSError) else errno.ENOENT
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return Issue("no such file", file, hint=_near_path(path))
    if number == errno.ELOOP:
        return Issue("the symbolic links of this path lead in a circle", file)
    if number in {errno.EACCES, errno.EPERM}:
        return Issue("permission denied", file, hint="make the file readable")
    return Issue(f"cannot be read: {os.strerror(number or 0)}", file)


def _near_path(path: Path) -> str:
    """Hint for the first part of a path that does not exist."""
    try:
        missing = path
        while not missing.parent.exists():
            missing = missing.parent
        return did_you_mean(_printable(missing.name), [_printable(name) for name in _names(missing.parent)])
    except (OSError, ValueError):  # a path that cannot even be asked for has no neighbours
        return ""


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in itertools.islice(entries, _MOST_NEIGHBOURS))
    except OSError:  # a folder that cannot be listed has no names to suggest
        return []


def _printable(text: str) -> str:
    """Name of a file as it can be written to a terminal: names need not be valid text."""
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f]", "?", shown)
