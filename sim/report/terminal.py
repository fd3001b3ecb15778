"""The answer on a terminal, for somebody who was woken up: the table first, the sentence last, nothing to decode."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from sim.experiment.result import RunResult
from sim.report.grids import (
    Footnotes,
    cause_grid,
    escalation_grid,
    failure_grid,
    main_grid,
    model_grid,
    refusal_grid,
    replica_grid,
    segment_grid,
)
from sim.report.layout import RULE, fitted, tidy
from sim.report.numbers import duration, plural
from sim.report.sentences import BARS, backlog_lines, in_words

_ASCII = str.maketrans(
    {
        **dict(zip(BARS, "_.:-=+*#", strict=True)),
        "\N{EN DASH}": "-",
        "\N{MICRO SIGN}": "u",
        "\N{BULLET}": "*",
        RULE: "-",
    }
)


def render(result: RunResult, console: Console) -> None:
    """Print `result` in the width of `console`; plain text where the console has neither colour nor Unicode."""
    notes = Footnotes()
    grids = (
        main_grid(result, notes),
        escalation_grid(result, notes),
        segment_grid(result, notes),
        failure_grid(result, notes),
        refusal_grid(result, notes),
        model_grid(result, notes),
        replica_grid(result, notes),
        cause_grid(result, notes),
    )
    blocks: list[RenderableType] = [header(result)]
    blocks += [fitted(grid, console.width) for grid in grids if grid.rows]
    if storms := backlog_lines(result):
        blocks.append(
            remarks("Requests in the system over time: means of sixtieths of the window", storms, "", bullets=False)
        )
    blocks.append(remarks("", notes.lines(result), "dim"))
    warnings = [f"{pattern.name}: {text}" for pattern in result.patterns.values() for text in pattern.warnings]
    if warnings:
        blocks.append(remarks("Warnings", warnings, "yellow"))
    if result.notes:
        blocks.append(remarks("Notes", result.notes, ""))
    if words := in_words(result):
        blocks.append(remarks("In words", words, ""))
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)


def header(result: RunResult) -> Text:
    """Give the title of a run and the facts about it."""
    facts = (
        f"{result.requests:,} requests in {plural(result.replications, 'replication')}",
        f"window {duration(result.window_s)}",
        f"seed {result.seed}",
        f"hash {result.hash[:12]}",
        f"engine {result.engine}",
    )
    title = tidy(result.title or result.experiment)
    return Text(title, style="bold").append(f"\n{', '.join(facts)}", style="not bold")


def remarks(heading: str, lines: Iterable[str], style: str, *, bullets: bool = True) -> RenderableType:
    """Give lines of the user's or the program's text, each with a bullet where they have a heading."""
    text = Text(f"{heading}\n", style="bold") if heading else Text("")
    bullet = "\N{BULLET} " if heading and bullets else ""
    return text.append("\n".join(f"{bullet}{tidy(line)}" for line in lines), style=f"not bold {style}".strip())


class Encodable:
    """Draws its content with only those characters that the console can encode."""

    def __init__(self, content: RenderableType) -> None:
        self.content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.content, options):
            text = segment.text.translate(_ASCII) if options.ascii_only else segment.text
            encodable = text.encode(options.encoding, "replace").decode(options.encoding)
            yield Segment(encodable, segment.style, segment.control)
