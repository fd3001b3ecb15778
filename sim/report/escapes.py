"""Text of users (names, paths, messages about them) made fit for a format: shown there, never obeyed."""

from __future__ import annotations

import re

UNSHOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands for a character that a format cannot hold."""

_NOTHING = "<!-- -->"
_SEEN_LATE = re.compile(r"([#@]|:(?=//)|\bwww(?=\.))", re.IGNORECASE)
"""Begin an issue, a mention or a link even where Markdown was told that they do not."""

_AVOIDED = frozenset((*range(0x7F, 0xA0), 0xFFFE, 0xFFFF))
"""Beyond the space: what XML 1.0 has not, and C1 controls, which it discourages (section 2.2)."""


def utf8(text: str) -> str:
    """Return `text` with what UTF-8 cannot say, the undecodable bytes of a path, in the notation of Python."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def one_line(text: str) -> str:
    """Return `text` in one line: white space is single spaces, and what does not print is one too."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def printable(text: str) -> str:
    """Return `text` with line breaks and tabs, and a mark for whatever else does not print: escapes, turned writing."""
    return "".join(letter if letter.isprintable() or letter in "\n\r\t" else UNSHOWN for letter in text)


def clipped(text: str, most: int) -> str:
    """Return `text`, or as much of it as `most` characters hold, with dots for the rest."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def escaped(text: str) -> str:
    """Return `text` so that Markdown shows it and does not obey it: no cell, tag, link or emphasis begins in it.

    Nor a mention or a reference to an issue: GitHub looks for those in what is shown, where a backslash is gone already
    and only a comment still stands between.
    """
    safe = utf8(one_line(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = "".join(f"\\{letter}" if letter in "\\|`*_[]~#@$" else letter for letter in safe)
    return _SEEN_LATE.sub(rf"\1{_NOTHING}", safe)


def xml_text(text: str) -> str:
    """Return `text` with only those characters that XML 1.0 can hold; mark-up is escaped by whoever writes the XML."""
    return "".join(letter if _in_xml(ord(letter)) else UNSHOWN for letter in utf8(text))


def _in_xml(code: int) -> bool:
    """Say whether XML 1.0 has this character, and a reader of it is not told to avoid it (C1 controls)."""
    if code < ord(" "):
        return code in {0x9, 0xA, 0xD}
    return code not in _AVOIDED
