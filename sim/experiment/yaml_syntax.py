"""Say in plain words what the YAML parser stumbled over, and where."""

from __future__ import annotations

from typing import Final

import yaml

from sim.errors import Issue

DEEPEST: Final = 40
"""Mappings and lists within each other, aliases followed."""
TOO_DEEP: Final = f"mappings and lists are nested more than {DEEPEST} deep"

_ADVICE = (
    ("cannot start any token", "put the value in quotes"),
    ("mapping values are not allowed", "put text that contains ': ' in quotes, or mend the indentation"),
    ("could not find expected ':'", "write key: value, with a space after the colon"),
    ("did not find expected key", "mend the indentation: keys of one mapping start in one column"),
    ("expected <block end>", "mend the indentation: keys of one mapping start in one column"),
    ("did not find expected ',' or", "close the bracket, or put a comma between the items"),
    ("expected ',' or", "close the bracket, or put a comma between the items"),
    ("unexpected end of stream", "close the quote"),
)


def syntax_issue(error: yaml.YAMLError, text: str, file: str) -> Issue:
    """Issue for an error of the parser; `text` is what it was reading."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # the reader complains of a character, and gives no line
        return Issue(f"YAML cannot be read: {_one_line(str(error))}", file)
    line, col = mark.line + 1, mark.column + 1
    tab = _tab_in_indent(text, mark.line)
    if tab:
        return Issue("a tab is used for indentation; YAML allows spaces only", file, line, tab, hint="use two spaces")
    problem = _one_line(getattr(error, "problem", None) or "it cannot be parsed")
    context = _one_line(getattr(error, "context", None) or "")
    if "maximum nesting depth" in problem:  # the parser reads ahead, and may hit its own limit before we see ours
        return Issue(TOO_DEEP, file, line, col)
    opened = getattr(error, "context_mark", None)
    since = f" that starts at line {opened.line + 1}" if opened is not None and opened.line != mark.line else ""
    message = f"YAML syntax: {problem}" + (f" ({context}{since})" if context else "")
    hint = next((advice for words, advice in _ADVICE if words in problem), "")
    return Issue(message, file, line, col, hint=hint)


def _tab_in_indent(text: str, line: int) -> int:
    """Column of a tab before the first word of a line counted from 0; 0 where there is none."""
    lines = text.split("\n")
    if line >= len(lines):
        return 0
    indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
    return indent.find("\t") + 1


def _one_line(text: str) -> str:
    return " ".join(text.split())
