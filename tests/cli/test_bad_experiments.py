"""Bad experiments: exit code 2, where and what and what is allowed, and nothing written.

A row says what is replaced in the small experiment, by what, at which path of the document, and how the message begins.
`§` stands where the message must point to.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from cli.commands import TINY, edited, refusal

LONG = "x" * 300

MISTAKES = [
    ("rate_per_s: 5", "rate_per_s: §0", "workload.arrivals.rate_per_s", "must be greater than 0, found 0"),
    ("rate_per_s: 5", "rate_per_s: §-1", "workload.arrivals.rate_per_s", "must be greater than 0, found -1"),
    (
        "rate_per_s: 5",
        "rate_per_s: §1e12",
        "workload.arrivals.rate_per_s",
        "must be at most 1000000000, found 1000000000000.0",
    ),
    ("rate_per_s: 5", "rate_per_s: §fast", "workload.arrivals.rate_per_s", "expected a number, found 'fast'"),
    ("concurrency: 4", "concurrency: §0", "fleet.small.capacity.concurrency", "must be at least 1, found 0"),
    ("concurrency: 4", "concurrency: §-1", "fleet.small.capacity.concurrency", "must be at least 1, found -1"),
    ("concurrency: 4", "concurrency: §1.5", "fleet.small.capacity.concurrency", "expected a whole number, found 1.5"),
    ("concurrency: 4", "concurrency: §inf", "fleet.small.capacity.concurrency", "expected a whole number, found 'inf'"),
    ("concurrency: 4", "batching: {slots: §0}", "fleet.small.capacity.batching.slots", "must be at least 1, found 0"),
    (
        "concurrency: 4",
        "batching: §{slots: 8}",
        "fleet.small.capacity.batching",
        "how a batch slows its calls is not given; write speed: {1: 1.0, 32: 0.55} or a preset",
    ),
    (
        "concurrency: 4",
        "batching: {slots: 8, §sped: {8: 0.5}}",
        "fleet.small.capacity.batching.sped",
        "unknown key 'sped'",
    ),
    (
        "concurrency: 4",
        "batching: {slots: 8, speed: {§eight: 0.5}}",
        "fleet.small.capacity.batching.speed.eight",
        "must match the pattern",
    ),
    (
        "concurrency: 4",
        "batching: {slots: 8, preset: §llama2}",
        "fleet.small.capacity.batching.preset",
        "'llama2' is not allowed; one of: ",
    ),
    (
        "small: 0.84",
        "small: §1.0000001",
        "quality.acceptance.chat.small",
        "1.0000001 is above 1; write 1.0000001% if a percentage is meant, or a number from 0 to 1",
    ),
    (
        "small: 0.84",
        "small: §-0.1",
        "quality.acceptance.chat.small",
        "-0.1 is not between 0 and 1; write a number such as 0.3 or a percentage such as 30%",
    ),
    (
        "small: 0.84",
        "small: §101%",
        "quality.acceptance.chat.small",
        "101% is above 100%; write a percentage from 0% to 100%",
    ),
    ("auroc: 0.8", "auroc: §0.3", "quality.confidence.small.auroc", "must be at least 0.5, found 0.3"),
    ("auroc: 0.8", "auroc: §1.1", "quality.confidence.small.auroc", "must be at most 1, found 1.1"),
    (
        "  tasks:\n",
        "  mix: §{chat: 90%}\n  tasks:\n",
        "workload.mix",
        "the shares of the task mix add up to 0.9, not to 1",
    ),
    (
        "workload:\n  arrivals",
        "workload:\n  §segments: {a: {share: 30%}, b: {share: 60%}}\n  arrivals",
        "workload",
        "the shares of the segments add up to 0.9, not to 1",
    ),
    (
        "price: {input_mtok: 0.25",
        "price: {input_mtok: §-0.25",
        "fleet.small.price.input_mtok",
        "must be at least 0, found -0.25",
    ),
    ("{input_mtok: 0.25", "{§input: 0.25", "fleet.small.price.input", "unknown key 'input'"),
    (
        "price: {input_mtok: 2.5, output_mtok: 10}",
        "price: §2.5",
        "fleet.large.price",
        "expected a mapping of keys and values, found 2.5",
    ),
    (
        "price: {input_mtok: 2.5, output_mtok: 10}",
        "price: {input_mtok: §$2.50}",
        "fleet.large.price.input_mtok",
        "expected a number, found '$2.50'",
    ),
    (
        "service: 900ms",
        "service: §10 mss",
        "fleet.large.service",
        "10 mss has the unknown unit mss; did you mean 10ms? Units are ns, us, ms, s, m, h, d, w",
    ),
    (
        "service: 900ms",
        "service: §-5 s",
        "fleet.large.service",
        "-5 s is negative; write a duration of zero or more, such as 5s",
    ),
    (
        "service: 900ms",
        "service: §\N{MINUS SIGN}5 s",
        "fleet.large.service",
        "\N{MINUS SIGN}5 s is negative; write a duration of zero or more, such as 5s",
    ),
    (
        "service: 900ms",
        "service: §900",
        "fleet.large.service",
        "900 has no unit; write a duration such as 900ms or 900s",
    ),
    ("{p50: 800, p95: 3500}", "§-1", "workload.tasks.chat.input_tokens", "must be at least 0, found -1"),
    (
        "{p50: 800, p95: 3500}",
        "§1e9",
        "workload.tasks.chat.input_tokens",
        "must be at most 100000000, found 1000000000.0",
    ),
    (
        "{p50: 800, p95: 3500}",
        "{law: gamma, mean: 800, scv: §-1}",
        "workload.tasks.chat.input_tokens.scv",
        "must be at least 1e-08, found -1",
    ),
    ("kind: cascade", "kind: §cascad", "patterns.cascade.kind", "unknown kind 'cascad'; one of: "),
    ("kind: cascade", "kind: §../x", "patterns.cascade.kind", "unknown kind '../x'; one of: "),
    ("ladder: [small, large]", "ladder: §[small]", "patterns.cascade.ladder", "needs at least 2 items, found 1"),
    (
        "- name: cascade\n  kind: cascade\n  ladder: [small, large]",
        "- §name: cascade\n  kind: cascade\n  ladder: [small, small]",
        "patterns.cascade",
        "the ladder names small twice",
    ),
    (
        "- name: cascade\n  kind: cascade\n  ladder: [small, large]",
        "- §name: cascade\n  kind: cascade\n  ladder: [small, huge]",
        "patterns.cascade",
        "calls the model 'huge', which the fleet does not have",
    ),
    (
        "{confidence_below: 0.72}",
        "§{}",
        "patterns.cascade.escalate_when",
        "never escalates; write for example {confidence_below: 0.72} or {lowest: 20%}",
    ),
    (
        "confidence_below: 0.72",
        "§confidence_belo: 0.72",
        "patterns.cascade.escalate_when.confidence_belo",
        "unknown key 'confidence_belo'",
    ),
    (
        "run:\n",
        "- {name: §cascade, kind: single, model: small}\nrun:\n",
        "patterns.cascade.name",
        "two patterns are called 'cascade'",
    ),
    (
        "- name: cascade",
        "- name: §../x",
        "patterns.../x.name",
        "must match the pattern ^[A-Za-z0-9][A-Za-z0-9_.-]*$, found '../x'",
    ),
    ("seed: 3", "seed: 3\nbaseline: §nobody", "baseline", "there is no pattern 'nobody'"),
    ("requests: 40", "duration: §0", "run.duration", "must be longer than 0; write a duration such as 250ms"),
    (
        "  requests: 40",
        "  §duration: 1m\n  warm_up: 1m",
        "run",
        "the warm-up is as long as the run; nothing would be measured",
    ),
    (
        "requests: 40",
        "duration: §36500d",
        "run.duration",
        "about 1.6e+10 requests would arrive in it; 1,000,000,000 at most are played",
    ),
    ("requests: 40", "duration: §60000d", "run.duration", "a run may last 146 years at most"),
    (
        "requests: 40",
        "duration: §1000y",
        "run.duration",
        "1000y has the unknown unit y; write one such as 1000ms or 1000s",
    ),
    ("requests: 40", "requests: §0", "run.requests", "must be at least 1, found 0"),
    ("requests: 40", "requests: §2000000000", "run.requests", "must be at most 1000000000, found 2000000000"),
    (
        "  requests: 40",
        "  requests: 40\n  start: §yesterday",
        "run.start",
        "'yesterday' is no date or time; write for example 2026-01-05 or 2026-01-05T08:00",
    ),
    (
        "  requests: 40",
        "  requests: 40\n  time_zone: §../../etc/passwd",
        "run.time_zone",
        "there is no time zone '../../etc/passwd'; write for example Europe/Berlin or UTC",
    ),
    ("seed: 3", "seed: §-1", "seed", "must be at least 0, found -1"),
    (
        "seed: 3",
        "seed: §340282366920938463463374607431768211456",
        "seed",
        "must be at most 9223372036854775807, found 340282366920938463463374607431768211456",
    ),
    ("seed: 3", "seed: §abc", "seed", "expected a whole number, found 'abc'"),
    ("version: 1", "version: §2", "version", "must be at most 1, found 2"),
    ("name: tiny", "name: §../tiny", "name", "must match the pattern ^[A-Za-z0-9][A-Za-z0-9_.-]*$, found '../tiny'"),
    ("name: tiny", f"name: §{LONG}", "name", "may have at most 60 characters, found 'xxxx"),
    (
        "kind: poisson\n    rate_per_s: 5",
        "kind: renewal\n    rate_per_s: 5\n    cv: §-1",
        "workload.arrivals.cv",
        "must be at least 0.01, found -1",
    ),
    (
        "kind: poisson\n    rate_per_s: 5",
        "kind: renewal\n    rate_per_s: 5\n    cv: §1e9",
        "workload.arrivals.cv",
        "must be at most 100, found 1000000000.0",
    ),
    (
        "{p50: 800, p95: 3500}",
        "{law: gamma, mean: 800, scv: §1e9}",
        "workload.tasks.chat.input_tokens.scv",
        "must be at most 10000, found 1000000000.0",
    ),
    (
        "{p50: 800, p95: 3500}",
        "§{p50: 800, p95: 700}",
        "workload.tasks.chat.input_tokens",
        "p95 must be above p50; write for example {p50: 340, p95: 680}, or one bare value for a constant",
    ),
    (
        "{p50: 800, p95: 3500}",
        "{p50: 800, §p95.0000001: 3500}",
        "workload.tasks.chat.input_tokens.p95.0000001",
        "unknown key 'p95.0000001'",
    ),
    (
        "{p50: 800, p95: 3500}",
        "{quantiles: §{0: 1, 101: 85}}",
        "workload.tasks.chat.input_tokens.quantiles",
        "'101' is not a percentage from 0 to 100; write quantiles such as 0, 50, 99.9 and 100",
    ),
    (
        "    kind: poisson\n    rate_per_s: 5\n",
        "    kind: profile\n    rate_per_s: 5\n    weekday: §[1, 1]\n",
        "workload.arrivals.weekday",
        "needs at least 7 items, found 2",
    ),
    ("    kind: poisson", "    kind: §poison", "workload.arrivals.kind", "unknown kind 'poison'; one of: "),
    ("version: 1\nname", "§name", "version", "version is required"),
    ("  requests: 40\n  replications: 3\n", "  §replications: 3\n", "run", "does not say when it ends"),
    ("  requests: 40", "  requests: 40\n  §levl: 0.9", "run.levl", "unknown key 'levl'"),
    (
        "chat: {small: 0.84, large: 0.93}",
        "chat: §{small: 0.84}",
        "quality.acceptance.chat",
        "no acceptance probability of 'large' for task class 'chat'",
    ),
    (
        "service: 900ms",
        "service: §200000w",
        "fleet.large.service",
        "200000w is more than 292 years, the longest the clock can hold; write one such as 26w",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "message"), MISTAKES)
def test_a_mistake_is_refused_where_it_stands(old: str, new: str, path: str, message: str) -> None:
    """If a value cannot be used, one message says where, what and what to write, and nothing is written."""
    text, line, col = edited(old, new)
    lines = refusal("bad.yaml", text)
    assert lines[0].startswith(f"bad.yaml:{line}:{col}: error: {path}: {message}")
    assert lines[-1] == "1 error"


@pytest.mark.parametrize("verb", ["run", "explain", "validate"])
def test_all_mistakes_of_a_file_come_at_once(verb: str) -> None:
    """If a file has mistakes of many kinds, each verb tells all of them, in the order of the file, and counts them."""
    text = TINY.replace("seed: 3", "sead: 3").replace("rate_per_s: 5", "rate_per_s: 0").replace("900ms", "900")
    text = text.replace("    price: {input_mtok: 2.5, output_mtok: 10}\n", "").replace("auroc: 0.8", "auroc: 2")
    assert [line for line in refusal("bad.yaml", text, verb) if "error" in line] == [
        "bad.yaml:3:1: error: sead: unknown key 'sead'",
        "bad.yaml:7:17: error: workload.arrivals.rate_per_s: must be greater than 0, found 0",
        "bad.yaml:18:3: error: fleet.large.price: price is required",
        "bad.yaml:20:14: error: fleet.large.service: 900 has no unit; write a duration such as 900ms or 900s",
        "bad.yaml:25:20: error: quality.confidence.small.auroc: must be at most 1, found 2",
        "5 errors",
    ]


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("sead: 3", "did you mean 'seed'?"),
        ("fleit: {}", "keys here are version, name, title, "),
        ("Seed: 3", "did you mean 'seed'?"),
    ],
)
def test_a_slip_is_answered_with_the_word_that_was_meant(word: str, hint: str) -> None:
    """If a key is misspelled, a hint names the nearest key that is not there yet, or else the keys there are."""
    text = TINY.replace("seed: 3", word)
    assert any(line.startswith(f"  hint: {hint}") for line in refusal("bad.yaml", text))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.yaml", "no such file"),
        (".", "is a folder, expected a YAML file"),
        ("w.yaml/x", "no such file"),
        ("loop.yaml", "the symbolic links of this path lead in a circle"),
        (LONG, "cannot be read: File name too long"),
        ("https://example.org/w.yaml", "this is a URL, and files are not fetched from the network"),
        ("/dev/null", "is not a regular file"),
    ],
)
def test_a_workload_file_that_is_none_is_refused_where_it_is_named(path: str, message: str) -> None:
    """If the workload is to be read from what is no file, the message stands at its path in the experiment."""
    Path("w.yaml").write_text("", encoding="utf-8")
    Path("loop.yaml").symlink_to("loop.yaml")
    own, _, rest = TINY.partition("workload:\n")
    text = f"{own}workload: {path}\n{rest[rest.index('fleet:') :]}"
    assert refusal("bad.yaml", text)[0].startswith(f"bad.yaml:4:11: error: workload: {message}")


def test_mistakes_of_a_workload_file_are_told_there() -> None:
    """If the mistake is in the workload file, the message has its line there and its path through the experiment."""
    own, _, rest = TINY.partition("workload:\n")
    workload, fleet = rest.split("fleet:")
    Path("w.yaml").write_text(textwrap.dedent(workload).replace("rate_per_s: 5", "rate_per_s: none"), encoding="utf-8")
    lines = refusal("bad.yaml", f"{own}workload: w.yaml\nfleet:{fleet}")
    assert lines[:2] == [
        "w.yaml:3:15: error: workload.arrivals.rate_per_s: expected a number, found 'none'",
        "    rate_per_s: none",
    ]
