"""Bad YAML: exit code 2, the message at file, line and column, the caret under it, and nothing written.

A row says what is replaced in the small experiment, by what, at which path of the document, and what the message says.
`§` stands where the message must point to. What each word of YAML means is tested where YAML is read.
"""

from __future__ import annotations

import pytest
from cli.commands import TINY, edited, process, refusal

MISTAKES = [
    ("seed: 3", "seed: §1e3", "seed", "expected a whole number, found 1000.0"),
    ("seed: 3", "seed: §0x1F", "seed", "expected a whole number, found '0x1F'"),
    ("rate_per_s: 5", "rate_per_s: §1_000", "workload.arrivals.rate_per_s", "expected a number, found '1_000'"),
    ("rate_per_s: 5", "rate_per_s: §1:30", "workload.arrivals.rate_per_s", "expected a number, found '1:30'"),
    ("0.72}", "0.72, refusal: §yes}", "patterns.cascade.escalate_when.refusal", "expected true or false, found 'yes'"),
    ("seed: 3", "seed: §~", "seed", "expected a whole number, found nothing"),
    ("seed: 3", "seed:§", "seed", "expected a whole number, found nothing"),
    (
        "name: tiny",
        "name: §2026-01-01x/y",
        "name",
        "must match the pattern ^[A-Za-z0-9][A-Za-z0-9_.-]*$, found '2026-01-01x/y'",
    ),
    (
        "rate_per_s: 5",
        "rate_per_s: §.nan",
        "workload.arrivals.rate_per_s",
        ".nan is not a number that can be used; infinity and NaN are not allowed",
    ),
    (
        "concurrency: 4",
        "concurrency: §.inf",
        "fleet.small.capacity.concurrency",
        ".inf is not a number that can be used; infinity and NaN are not allowed",
    ),
    (
        "rate_per_s: 5",
        "rate_per_s: §1e999",
        "workload.arrivals.rate_per_s",
        "1e999 is too large for a number; the largest is about 1.8e308",
    ),
    (
        "rate_per_s: 5",
        "rate_per_s: §1e-999",
        "workload.arrivals.rate_per_s",
        "1e-999 is too close to zero for a number; write 0",
    ),
    ("seed: 3", "seed: 3\n§seed: 4", "", "duplicate key 'seed' (first set at line 3)"),
    (
        "concurrency: 4",
        "concurrency: 4, §concurrency: 5",
        "fleet.small.capacity",
        "duplicate key 'concurrency' (first set at line 17)",
    ),
    ("seed: 3", "seed: 3\n§<<: {title: x}", "", "merge keys (<<) are not supported"),
    ("seed: 3", "seed: 3\n§[a, b]: 1", "", "a key must be text, found a list"),
    ("run:\n", "§---\nrun:\n", "", "a second document starts here; a file holds one"),
    ("service: 900ms", "service: §*fast", "fleet.large.service", "the alias *fast has no anchor &fast before it"),
    ("seed: 3", "seed: 3\ntitle: &x [§*x]", "title.0", "the alias *x stands inside its own anchor"),
    (
        "seed: 3",
        "seed: §!!python/object/apply:os.system [ls]",
        "seed",
        "the tag !!python/object/apply:os.system is not allowed",
    ),
    ("seed: 3", "seed: §!!python/name:os.system ''", "seed", "the tag !!python/name:os.system is not allowed"),
    (
        "ladder: [small, large]",
        "ladder: §!!set {small, large}",
        "patterns.cascade.ladder",
        "the tag !!set is not allowed",
    ),
    ("seed: 3", "seed: §!!binary Mw==", "seed", "the tag !!binary is not allowed"),
    ("seed: 3", "seed: §!env SEED", "seed", "the tag !env is not allowed"),
    ("    kind: poisson", "§\t kind: poisson", "", "a tab is used for indentation; YAML allows spaces only"),
    ("    kind: poisson", "   §\tkind: poisson", "", "a tab is used for indentation; YAML allows spaces only"),
    (
        "seed: 3",
        "seed: §@3",
        "",
        "YAML syntax: found character that cannot start any token (while scanning for the next token)",
    ),
    ("name: tiny", "name: ti§\x00ny", "", "the character U+0000 is not allowed"),
    ("name: tiny", "name: ti§\x07ny", "", "the character U+0007 is not allowed"),
]

FILES = [
    (b"", "bad.yaml: error: the file is empty; expected a mapping"),
    (b"# nothing\n\n", "bad.yaml: error: the file is empty; expected a mapping"),
    (b"~\n", "bad.yaml: error: the file is empty; expected a mapping"),
    (b"- version: 1\n", "bad.yaml:1:1: error: the file is a list; expected a mapping"),
    (b"an experiment\n", "bad.yaml:1:1: error: the file is a single value; expected a mapping"),
    (b"- " + TINY.encode(), "bad.yaml:2:1: error: YAML syntax: did not find expected '-' indicator"),
    (TINY.encode("utf-16"), "bad.yaml:1:1: error: the file is encoded as UTF-16"),
    (TINY.encode("utf-16-le"), "bad.yaml:1:2: error: the character U+0000 is not allowed"),
    (b"title: caf\xe9\n" + TINY.encode(), "bad.yaml:1:11: error: the byte 0xe9 is not UTF-8"),
    (b"\x1f\x8b\x08\x00", "bad.yaml:1:2: error: the byte 0x8b is not UTF-8"),
    (TINY.encode() + b"#" * 1_000_000, "bad.yaml: error: the file is larger than 1,000,000 bytes"),
]


@pytest.mark.parametrize(("old", "new", "path", "message"), MISTAKES)
def test_a_mistake_is_refused_where_it_stands(old: str, new: str, path: str, message: str) -> None:
    """If YAML cannot be used, one message says where and what, with a caret under the place, and nothing is written."""
    text, line, col = edited(old, new)
    place = f"{path}: " if path else ""
    first, source, caret, *_, count = refusal("bad.yaml", text)
    assert first == f"bad.yaml:{line}:{col}: error: {place}{message}"
    assert source[2:] == text.splitlines()[line - 1].replace("\0", "\N{REPLACEMENT CHARACTER}").replace(
        "\a", "\N{REPLACEMENT CHARACTER}"
    )
    assert caret.expandtabs(1).index("^") == col + 1
    assert count == "1 error"


@pytest.mark.parametrize(("content", "message"), FILES, ids=[message for _, message in FILES])
def test_a_file_of_another_kind_is_refused(content: bytes, message: str) -> None:
    """If a file is no YAML mapping in UTF-8, or too large, one message says so, and nothing is written."""
    lines = refusal("bad.yaml", content)
    assert lines[0].startswith(message)
    assert lines[-1] == "1 error"


@pytest.mark.parametrize("verb", ["run", "explain", "validate"])
def test_all_mistakes_of_a_file_come_at_once(verb: str) -> None:
    """If a file has mistakes of YAML, each verb tells all of them, in the order of the file, and counts them."""
    text = (
        TINY.replace("seed: 3", "seed: .nan\nseed: 4")
        .replace("[small, large]", "!!set {a}")
        .replace("requests: 40", "requests: [1")
    )
    lines = refusal("bad.yaml", text, verb)
    assert [line.split(": error: ")[0] for line in lines if ": error: " in line] == [
        "bad.yaml:3:7",
        "bad.yaml:4:1",
        "bad.yaml:31:11",
        "bad.yaml:35:15",
    ]
    assert lines[-1] == "4 errors"


def test_a_process_of_its_own_refuses_them_all_alike() -> None:
    """If one process validates all these files, it says of each what is said within this one, and leaves with 2."""
    texts = [edited(old, new)[0].encode() for old, new, _, _ in MISTAKES] + [content for content, _ in FILES]
    names = [f"{number}.yaml" for number in range(len(texts))]
    told = [line for name, text in zip(names, texts, strict=True) for line in refusal(name, text, "validate")[:-1]]
    answer = process("validate", *names)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines() == [*told, f"{len(names)} errors in {len(names)} files"]
