"""The door for YAML: every hazard of the format is either read as its author meant it or refused where it stands."""

from __future__ import annotations

import time

import pytest
import yaml

from sim.errors import InvalidInput, Issue
from sim.experiment import yaml_tree
from sim.experiment.document import Mark, did_you_mean
from sim.experiment.yaml_source import MOST_BYTES, parse_yaml

FILE = "bad.yaml"


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers of PyYAML: the C library is not there on every platform."""
    loaders = {"C": getattr(yaml, "CSafeLoader", yaml.SafeLoader), "Python": yaml.SafeLoader}
    monkeypatch.setattr(yaml_tree, "_LOADER", loaders[request.param])
    return str(request.param)


def refused(text: str | bytes) -> tuple[Issue, ...]:
    """Issues of a text that must be refused."""
    with pytest.raises(InvalidInput) as caught:
        parse_yaml(text, FILE)
    assert all(issue.file == FILE for issue in caught.value.issues)
    return caught.value.issues


def bomb() -> str:
    """Nine aliases of nine aliases, nine levels deep: 341 bytes that stand for 9**9 nodes."""
    lines = [f"a: &a [{', '.join('x' * 9)}]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    return "\n".join(lines)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("off", "off"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("True", True),
        ("false", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("'null'", "null"),
        ("None", "None"),
        ("010", 10),
        ("-0", 0),
        ("+7", 7),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("0b1", "0b1"),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("1e3", 1000.0),
        ("1.0e3", 1000.0),
        ("-2.5E-1", -0.25),
        (".5", 0.5),
        ("3.", 3.0),
        ("1e-400x", "1e-400x"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("30%", "30%"),
        ("340ms", "340ms"),
        ("\N{ARABIC-INDIC DIGIT FIVE}", "\N{ARABIC-INDIC DIGIT FIVE}"),
        ("9" * 100, int("9" * 100)),
        ("|\n  1\n", "1\n"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5", 5.0),
        ("!!bool true", True),
        ("!!null ''", None),
        ("! 5", "5"),
        ("!!seq [1]", [1]),
        ("!!map {a: 1}", {"a": 1}),
    ],
)
def test_word_means_what_yaml_1_2_says(word: str, value: object) -> None:
    """A word is nothing, a boolean, a decimal number or text, and nothing else."""
    read = parse_yaml(f"key: {word}\n", FILE).data["key"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("word", "message"),
    [
        (".nan", "infinity and NaN are not allowed"),
        (".inf", "infinity and NaN are not allowed"),
        ("-.INF", "infinity and NaN are not allowed"),
        ("1e400", "1e400 is too large for a number"),
        ("-1e400", "-1e400 is too large for a number"),
        ("1e-400", "1e-400 is too close to zero"),
        ("9" * 5_000, "a number of 5,000 characters is not allowed"),
        ("0." + "1" * 5_000, "a number of 5,002 characters is not allowed"),
        ("!!set {a, b}", "the tag !!set is not allowed"),
        ("!!binary aGk=", "the tag !!binary is not allowed"),
        ("!!timestamp 2026-01-01", "the tag !!timestamp is not allowed"),
        ("!!omap [a: 1]", "the tag !!omap is not allowed"),
        ("!!python/object/apply:os.system [ls]", "the tag !!python/object/apply:os.system is not allowed"),
        ("!!python/name:os.system ''", "the tag !!python/name:os.system is not allowed"),
        ("!env HOME", "the tag !env is not allowed"),
        ("!!seq {a: 1}", "the tag !!seq is not allowed"),
        ("!!map [1]", "the tag !!map is not allowed"),
        ("!!int 1.5", "'1.5' is not what the tag !!int says"),
        ("!!int true", "'true' is not what the tag !!int says"),
        ("*nowhere", "the alias *nowhere has no anchor &nowhere before it"),
    ],
)
def test_value_is_refused_where_it_stands(word: str, message: str) -> None:
    """A value that cannot be used is refused with its place in the file and in the document."""
    (issue,) = refused(f"top:\n  key: {word}\n")
    assert (issue.line, issue.col, issue.path) == (2, 8, "top.key")
    assert message in issue.message
    assert len(str(issue)) < 200


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "line", "col", "path", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "", "duplicate key 'a' (first set at line 1)"),
        ("x:\n  - {name: one, k: 1, k: 2}\n", 2, 23, "x.one", "duplicate key 'k' (first set at line 2)"),
        ("a: 1\n'a': 2\n", 2, 1, "", "duplicate key 'a' (first set at line 1)"),
        ("a:\n  <<: {b: 1}\n", 2, 3, "a", "merge keys (<<) are not supported"),
        ("? [a]\n: 1\n", 1, 3, "", "a key must be text, found a list"),
        ("? {a: 1}\n: 1\n", 1, 3, "", "a key must be text, found a mapping"),
        ("a: 1\n'': 5\n", 2, 1, "", "a key is missing before the colon"),
        ("a: 1\n!!binary b: 2\n", 2, 1, "", "the tag !!binary is not allowed"),
        ("a: 1\n---\nb: 2\n", 2, 1, "", "a second document starts here"),
        ("a: &x [*x]\n", 1, 8, "a.0", "the alias *x stands inside its own anchor"),
        ("a: &x {b: *x}\n", 1, 11, "a.b", "the alias *x stands inside its own anchor"),
        ("- 1\n- 2\n", 1, 1, "", "the file is a list; expected a mapping"),
        ("plain text\n", 1, 1, "", "the file is a single value; expected a mapping"),
        ("", 0, 0, "", "the file is empty; expected a mapping"),
        ("# only a comment\n", 0, 0, "", "the file is empty; expected a mapping"),
        ("---\n", 0, 0, "", "the file is empty; expected a mapping"),
        ("null\n", 0, 0, "", "the file is empty; expected a mapping"),
        ("a: \x00\n", 1, 4, "", "the character U+0000 is not allowed"),
        ("a: 1\nb: '\x07'\n", 2, 5, "", "the character U+0007 is not allowed"),
        ("a: '\ud800'\n", 1, 5, "", "the character U+D800 is not allowed"),
        ("a: " + "[" * 41, 1, 43, "", "nested more than 40 deep"),
    ],
)
def test_document_is_refused_where_it_goes_wrong(text: str, line: int, col: int, path: str, message: str) -> None:
    """A document that cannot be used is refused with the line and column of the fault."""
    (issue,) = refused(text)
    assert (issue.line, issue.col, issue.path) == (line, col, path)
    assert message in issue.message


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a:\n\tb: 1\n", 2, "a tab is used for indentation"),
        ("a: 1\n\tb: 2\n", 2, "a tab is used for indentation"),
        ("a: [1, 2\nb: 3\n", 2, "YAML syntax: "),
        ("a: 1\nb: c: d\n", 2, "YAML syntax: mapping values are not allowed"),
        ("a: 1\nb: @x\n", 2, "YAML syntax: found character"),
        ("a: 'x\n", 2, "YAML syntax: found unexpected end of stream"),
        ("a: 1\n]\n", 2, "YAML syntax: "),
        ("a: 1\n...\nb\n", 3, "YAML syntax: "),
    ],
)
def test_syntax_error_is_one_issue(text: str, line: int, message: str) -> None:
    """What is no YAML is refused with one issue, at the line where the parser gave up."""
    (issue,) = refused(text)
    assert issue.line == line
    assert issue.col >= 1
    assert issue.message.startswith(message)
    assert "\n" not in issue.message


def test_tab_is_pointed_at() -> None:
    """A tab in the indentation is reported at its own column, with what to use instead."""
    (issue,) = refused("a:\n  \tb: 1\n  c: 2\n")
    assert (issue.line, issue.col, issue.hint) == (2, 3, "use two spaces")


@pytest.mark.parametrize(
    ("content", "line", "col", "message"),
    [
        ("a: 1\n".encode("utf-16"), 1, 1, "the file is encoded as UTF-16"),
        ("a: 1\n".encode("utf-32"), 1, 1, "the file is encoded as UTF-32"),
        ("a: 1\n".encode("utf-16-be"), 1, 1, "the character U+0000 is not allowed"),
        ("x: é\ncafé: 1\n".encode("latin-1"), 1, 4, "the byte 0xe9 is not UTF-8"),
        ("x: é\n".encode() + b"y: \xff\n", 2, 4, "the byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbfa: \xff", 1, 4, "the byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbfa: \x07", 1, 4, "the character U+0007 is not allowed"),
        (b"a: " + b"x" * MOST_BYTES, 0, 0, "the file is larger than 1,000,000 bytes"),
    ],
)
def test_bytes_that_are_no_text_are_refused(content: bytes, line: int, col: int, message: str) -> None:
    """A file in another encoding, or too large, is refused with one issue that says so."""
    (issue,) = refused(content)
    assert (issue.line, issue.col) == (line, col)
    assert message in issue.message


def test_byte_order_mark_is_accepted() -> None:
    """A UTF-8 file may start with a byte order mark, which moves no column."""
    document = parse_yaml(b"\xef\xbb\xbfa: \xc3\xa9\r\nb: 2\r\n", FILE)
    assert document.data == {"a": "é", "b": 2}
    assert document.mark(("a",)) == Mark(FILE, 1, 4, f"{FILE}:1")
    assert document.mark(("b",)) == Mark(FILE, 2, 4, f"{FILE}:2")


def test_every_value_and_key_has_its_position() -> None:
    """Each value is marked where it starts and each key where it is written, in characters and not bytes."""
    document = parse_yaml("fleet:\n  häiku: {price: 0.25}\nladder:\n- 'x'\n- y\n", FILE)
    positions = {place: (mark.line, mark.col) for place, mark in document.marks.items()}
    assert positions == {
        (): (1, 1),
        ("fleet",): (2, 3),
        ("fleet", "häiku"): (2, 10),
        ("fleet", "häiku", "price"): (2, 18),
        ("ladder",): (4, 1),
        ("ladder", 0): (4, 3),
        ("ladder", 1): (5, 3),
    }
    keys = {place: (mark.line, mark.col) for place, mark in document.key_marks.items()}
    assert keys == {
        ("fleet",): (1, 1),
        ("fleet", "häiku"): (2, 3),
        ("fleet", "häiku", "price"): (2, 11),
        ("ladder",): (3, 1),
    }
    assert document.mark(("fleet", "absent", "deeper")).line == 2
    assert document.key_mark(("ladder", 1)).line == 5


def test_keys_are_always_text() -> None:
    """A key is the text that was written, whatever YAML would make of it as a value."""
    assert parse_yaml("on: 1\n010: 2\n.inf: 3\n~: 4\n1.50: 5\n", FILE).data == {
        "on": 1,
        "010": 2,
        ".inf": 3,
        "~": 4,
        "1.50": 5,
    }


def test_aliases_are_copies() -> None:
    """An alias stands for a copy: its own position, the positions of its definition inside, and no shared object."""
    document = parse_yaml("a: &x {b: [1]}\nc: *x\nd: *x\n*x2 : 3\n".replace("*x2 ", "e"), FILE)
    assert document.data == {"a": {"b": [1]}, "c": {"b": [1]}, "d": {"b": [1]}, "e": 3}
    assert document.data["a"] is not document.data["c"]
    assert document.data["c"]["b"] is not document.data["d"]["b"]
    assert (document.mark(("c",)).line, document.mark(("c", "b", 0)).line) == (2, 1)


def test_forty_levels_are_allowed() -> None:
    """Nesting of exactly forty is read, also when an alias supplies half of it; one more is refused."""
    assert parse_yaml("a: " + "[" * 39 + "]" * 39, FILE).data["a"]
    half = "a: &x " + "[" * 20 + "]" * 20
    assert parse_yaml(f"{half}\nb: {'[' * 19}*x{']' * 19}", FILE).data["b"]
    (issue,) = refused(f"{half}\nb: {'[' * 20}*x{']' * 20}")
    assert "the alias *x nests more than 40 deep" in issue.message


def test_number_of_nodes_is_limited_exactly() -> None:
    """Fifty thousand keys and values are read, and one more is refused; the root counts as one."""
    assert len(parse_yaml("a: [" + "1," * 49_997 + "]", FILE).data["a"]) == 49_997
    (issue,) = refused("a: [" + "1," * 49_998 + "]")
    assert "more than 50,000 keys and values" in issue.message
    thousand = "a: &x [" + "1," * 999 + "]\nb: ["
    assert len(parse_yaml(thousand + "*x," * 48 + "]", FILE).data["b"]) == 48
    assert "aliases counted" in refused(thousand + "*x," * 49 + "]")[0].message


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{a: " * 100_000,
        "- " * 400_000,
        "? " * 400_000,
        bomb(),
        "a: [" + "1," * 498_000 + "]",
        "".join(f"k{i}: {i}\n" for i in range(80_000)),
        "a: 1\n" * 24_000,
        "a: '" + "x" * 999_000 + "'",
        "a: " + "x " * 499_000,
        "&" + "a" * 999_000,
        "#" * 999_000,
        "!" * 999_000,
        "a: |\n" + " x\n" * 300_000,
        "\n" * 999_999,
    ],
    ids=lambda text: f"{text[:8]!r}",
)
def test_no_text_takes_long(text: str) -> None:
    """Any text of up to a megabyte is read or refused in less than two seconds of processor time."""
    start = time.process_time()  # not the clock on the wall, which other programs on the machine advance
    try:
        parse_yaml(text, FILE)
    except InvalidInput as error:
        assert error.issues  # noqa: PT017 - either outcome is right, a third is not
    assert time.process_time() - start < 2


def test_all_problems_are_reported_at_once_in_order() -> None:
    """Everything wrong with values, keys and tags is reported together, in the order of the file."""
    text = "b: .inf\na: 1\na: 2\nc: !!set {x}\nd: {<<: {}, e: 1e400}\nf: *g\nh: [1\n"
    found = [(issue.line, issue.col, issue.message.split()[0]) for issue in refused(text)]
    assert found == [
        (1, 4, ".inf"),
        (3, 1, "duplicate"),
        (4, 4, "the"),
        (5, 5, "merge"),
        (5, 16, "1e400"),
        (6, 4, "the"),
        (8, 1, "YAML"),
    ]


def test_error_reads_as_editors_expect() -> None:
    """The text of an error is one line per issue, `file:line:col: error: path: message`."""
    with pytest.raises(InvalidInput) as caught:
        parse_yaml("a: 1\na: {b: .nan}\na: 2\n", "dup.yaml")
    first, second, third = str(caught.value).splitlines()
    assert first == "dup.yaml:2:1: error: duplicate key 'a' (first set at line 1)"
    assert second.startswith("dup.yaml:2:8: error: ")
    assert third == "dup.yaml:3:1: error: duplicate key 'a' (first set at line 1)"


@pytest.mark.parametrize(
    ("word", "hint"),
    [("treshold", "did you mean 'threshold'?"), ("Pre-Route", "did you mean 'pre_route'?"), ("xyz", "")],
)
def test_nearest_word_is_suggested(word: str, hint: str) -> None:
    """A slip of the pen is recognised, also one of capitals or hyphens, and nothing is suggested for another word."""
    assert did_you_mean(word, ["threshold", "pre_route", "cascade"]) == hint
