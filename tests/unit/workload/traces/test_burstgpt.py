"""BurstGPT traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import InvalidInput
from sim.workload.traces import BurstGptTrace, Trace

SIX = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
EIGHT = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"


def read(folder: Path, text: str, **options: object) -> Trace:
    """Write a file and read it."""
    (folder / "burst.csv").write_text(text)
    return BurstGptTrace.model_validate({"format": "burstgpt", "file": "burst.csv", **options}).load(folder)


def test_both_layouts_are_read_by_name(tmp_path: Path) -> None:
    """The file with six columns and the one with eight give the same requests."""
    six = read(tmp_path, SIX + "5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,9,4,13,API log\n")
    eight = read(
        tmp_path,
        EIGHT
        + "19440110.0,1722ac82-0a46-4bf0-aa08-89794e7a2b3f,43,ChatGPT,472,18,490,Conversation log\n"
        + "19440150.0,,,GPT-4,9,4,13,API log\n",
    )
    for trace in (six, eight):
        assert trace.arrival_ns.tolist() == [0, 40 * 10**9]
        assert trace.input_tokens is not None
        assert trace.input_tokens.tolist() == [472, 9]
        assert trace.segment is not None
        assert trace.segment.names == ("Conversation log", "API log")
        assert trace.segment.codes.tolist() == [0, 1]
        assert trace.origin == ""


def test_segments_may_be_the_models_or_none(tmp_path: Path) -> None:
    """`segment_by` chooses the column that names the segments."""
    text = SIX + "5,ChatGPT,472,18,490,API log\n45,GPT-4,9,4,13,API log\n"
    by_model = read(tmp_path, text, segment_by="model").segment
    assert by_model is not None
    assert by_model.names == ("ChatGPT", "GPT-4")
    assert read(tmp_path, text, segment_by=None).segment is None


def test_failures_are_kept_and_counted(tmp_path: Path) -> None:
    """0 response tokens mark a failed request, which still arrives."""
    trace = read(tmp_path, SIX + "1,GPT-4,0,0,0,API log\n2,GPT-4,5,6,11,API log\n3,GPT-4,0,0,0,API log\n")
    assert trace.failed is not None
    assert trace.failed.tolist() == [True, False, True]
    assert trace.notes == ()


def test_ties_are_spread_within_their_second(tmp_path: Path) -> None:
    """The k-th of m requests in one second arrives k/m of a second later, in file order, and a note says so."""
    seconds = [7, 7, 7, 8, 10, 10]
    trace = read(tmp_path, SIX + "".join(f"{s},GPT-4,{k},6,11,API log\n" for k, s in enumerate(seconds)))
    third = 10**9 // 3
    expected = [0, third, 2 * 10**9 // 3, 10**9, 3 * 10**9, 3 * 10**9 + 10**9 // 2]
    assert trace.arrival_ns.tolist() == expected
    assert trace.input_tokens is not None
    assert trace.input_tokens.tolist() == list(range(6))
    assert trace.notes == ("5 requests share their second with others: spread evenly within it",)


def test_finer_times_are_left_alone(tmp_path: Path) -> None:
    """If times have fractions of a second, ties are real and stay."""
    trace = read(tmp_path, SIX + "".join(f"{t},GPT-4,1,6,11,API log\n" for t in ("7.0", "7.25", "7.25")))
    assert trace.arrival_ns.tolist() == [0, 250_000_000, 250_000_000]
    assert trace.notes == ()


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("-1", "is negative"),
        ("nan", "finite"),
        ("inf", "finite"),
        ("soon", "not a number"),
        ("1e10", "2262"),
        ("", "missing"),
    ],
)
def test_bad_times_are_refused(tmp_path: Path, time: str, words: str) -> None:
    """A time that no clock shows is an issue with its line."""
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path, SIX + f"5,GPT-4,1,1,2,API log\n{time},GPT-4,1,1,2,API log\n")
    (issue,) = caught.value.issues
    assert (issue.line, issue.col, issue.path) == (3, 1, "Timestamp")
    assert words in issue.message
