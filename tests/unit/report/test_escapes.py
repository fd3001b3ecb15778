"""Text of users in each format."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sim.report.escapes import clipped, escaped, one_line, printable, utf8, xml_text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", "a\\|b"),
        ("<script>", "&lt;script&gt;"),
        ("a&lt;", "a&amp;lt;"),
        ("[x](y)\n# z", "\\[x\\](y) \\#<!-- --> z"),
        ("a\\|b", "a\\\\\\|b"),
        ("~~x~~ *y* _z_ `q` @me", "\\~\\~x\\~\\~ \\*y\\* \\_z\\_ \\`q\\` \\@<!-- -->me"),
        ("$x$", "\\$x\\$"),
        ("http://a www.b", "http:<!-- -->//a www<!-- -->.b"),
    ],
)
def test_text_of_users_cannot_break_markdown(text: str, safe: str) -> None:
    """Whatever a name contains, it is shown and not obeyed."""
    assert escaped(text) == safe


@given(st.text())
def test_markdown_shows_any_text_in_one_cell(text: str) -> None:
    """Any text in a cell of a table is read back as that text in one line, in a table of two cells."""
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(f"| a | b |\n| --- | --- |\n| {escaped(text)} | x |\n")
    row = ET.fromstring(rendered.replace("<!-- -->", "")).findall(".//td")  # noqa: S314 - our own text
    assert ["".join(cell.itertext()) for cell in row] == [utf8(one_line(text)), "x"]
    assert [list(cell) for cell in row] == [[], []]


@given(st.text())
def test_any_text_is_made_fit_for_xml(text: str) -> None:
    """Any text has a form that XML can hold, as content and as an attribute."""
    element = ET.Element("a", b=xml_text(text))
    element.text = xml_text(text)
    read = ET.fromstring(ET.tostring(element, encoding="utf-8"))  # noqa: S314 - the same
    assert (read.get("b"), read.text or "") == (
        xml_text(text),
        xml_text(text).replace("\r\n", "\n").replace("\r", "\n"),
    )


def test_what_xml_cannot_hold_is_marked() -> None:
    """Control characters and undecodable bytes do not vanish."""
    assert xml_text("a\x00\x1b\x9b\ud800\ufffeb") == "a���\\ud800�b"


def test_what_does_not_print_is_marked() -> None:
    """Escape sequences and what turns the direction of writing are shown as marks; line breaks stay."""
    assert printable("a\x1b[31m\u202eb\r\n\tc\ud800") == "a�[31m�b\r\n\tc�"


def test_clipping_says_so() -> None:
    """A text that is cut ends in dots, within its length."""
    assert (clipped("abcdef", 6), clipped("abcdefg", 6)) == ("abcdef", "abc...")
