"""A forecast of spend in tables, in words, and as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.text import Text

from sim.experiment.parquet_files import write_parquet
from sim.experiment.summary import json_bytes
from sim.report.escapes import escaped
from sim.report.focus import focus_csv, focus_parquet
from sim.report.grids import ABSENT, Grid, Row
from sim.report.layout import fitted
from sim.report.naming import named
from sim.report.numbers import Written, plural
from sim.report.tables import grid_lines
from sim.report.terminal import Encodable, remarks

if TYPE_CHECKING:
    from sim.study.spend.answers import (
        BudgetAnswer,
        CommitmentAnswer,
        PatternForecast,
        ProjectAnswer,
        Range,
        SpendForecast,
    )

SCHEMA = 1
"""Version of the layout of the JSON."""

_LIKELY = 0.995
_NAMED_DRIVERS = 0.02


def render_forecast(found: SpendForecast, console: Console) -> None:
    """Print the months, what they are made of, then the answer in words."""
    head = Text(found.title, style="bold").append(f"\n{_facts(found)}", style="not bold")
    blocks = [head, *(fitted(grid, console.width) for grid in grids(found))]
    blocks += [remarks("In words", in_words(found), ""), remarks("Notes", found.notes, "")]  # type: ignore[list-item]
    spaced = [part for block in blocks for part in (block, Text(""))][:-1]
    console.print(Encodable(Group(*spaced)), highlight=False)


def grids(found: SpendForecast) -> list[Grid]:
    """Give the tables: spend by month, the whole, the parts by model and by cause, drivers."""
    patterns = list(found.patterns.values())
    first = patterns[0]
    months = [
        Row((month.month,), tuple(usd_cell(pattern.months[number].spend, found.level) for pattern in patterns))
        for number, month in enumerate(first.months)
    ]
    names = tuple(pattern.name for pattern in patterns)
    whole = Row(("all",), tuple(usd_cell(pattern.total, found.level) for pattern in patterns))
    tables = [Grid(f"Spend by month, USD [{found.level:.0%} prediction]", ("month",), names, [*months, whole])]
    tables.append(_unit_costs(found))
    tables.append(_parts("By model, all months", patterns, "models"))
    tables.append(_parts("By cause, all months", patterns, "causes"))
    if found.commitments:
        tables.append(_commitments(found))
    if found.price_changes:
        tables.append(_price_changes(found))
    drivers = list(dict.fromkeys(name for pattern in patterns for name in pattern.drivers))
    if drivers:
        rows = [
            Row((name,), tuple(Written(_percent(pattern.drivers.get(name, 0.0))) for pattern in patterns))
            for name in drivers
        ]
        tables.append(Grid("What makes the whole uncertain: share of its variance", ("factor",), names, rows))
    return tables


def _unit_costs(found: SpendForecast) -> Grid:
    first, last = (found.patterns[found.baseline].months[place].month for place in (0, -1))
    headings = [f"per 1k\n{first}", f"per 1k\n{last}", "saving", "saving, USD"]
    segments = list(next(iter(found.patterns.values())).months[0].users)
    headings += [f"{segment}, per user\n{month}" for segment in segments for month in (first, last)]
    rows = []
    for pattern in found.patterns.values():
        begin, end = pattern.months[0], pattern.months[-1]
        saved = pattern.savings.get(found.baseline)
        cells = [Written(money(begin.per_1k)), Written(money(end.per_1k))]
        cells += (
            [Written("baseline"), Written(ABSENT)]
            if saved is None
            else [_share(saved[1], found), usd_cell(saved[0], found.level)]
        )
        cells += [Written(money(month.users[segment])) for segment in segments for month in (begin, end)]
        rows.append(Row((pattern.name,), tuple(cells)))
    return Grid(f"Unit costs, and saving against {found.baseline}", ("pattern",), tuple(headings), rows)


def _price_changes(found: SpendForecast) -> Grid:
    rows = []
    for change in found.price_changes:
        prices = zip(change.before, change.after, strict=True)
        cells = [
            Written(f"{money(before)} to {money(after)}" if before != after else money(after))
            for before, after in prices
        ]
        rows.append(Row((change.at, change.model), (*cells, Written(change.answering))))
    headings = ("input, per M", "output, per M", "priced as")
    return Grid("Dated changes of prices in these months", ("from", "model"), headings, rows)


def _parts(title: str, patterns: list[PatternForecast], of: str) -> Grid:
    sums: dict[str, dict[str, float]] = {}
    for pattern in patterns:
        for month in pattern.months:
            for name, usd in getattr(month, of).items():
                row = sums.setdefault(name.replace("_", " ") if of == "causes" else name, {})
                row[pattern.name] = row.get(pattern.name, 0.0) + usd
    rows = [
        Row((name,), tuple(Written(money(by[one.name]) if one.name in by else ABSENT) for one in patterns))
        for name, by in sums.items()
    ]
    return Grid(title, (of[:-1],), tuple(one.name for one in patterns), rows)


def in_words(found: SpendForecast) -> list[str]:
    """Say what the whole costs, which budgets are crossed when, and when projects have paid for themselves."""
    lines = []
    for pattern in found.patterns.values():
        words = f"{pattern.name}: {usd_cell(pattern.total, found.level)} in {plural(len(pattern.months), 'month')}"
        saved = pattern.savings.get(found.baseline)
        words += "" if saved is None else f", saving {_share(saved[1], found)} against {found.baseline}"
        top = max(pattern.drivers, key=lambda name: pattern.drivers[name], default="")
        if top:
            words += f"; to know it better, measure {top} first ({_percent(pattern.drivers[top])} of the variance)"
        lines.append(f"{words}.")
    lines += map(_budget_words, found.budgets)
    lines += (_project_words(one, found.level) for one in found.projects)
    return [*lines, *(_commitment_words(one, found.level) for one in found.commitments)]


def _commitments(found: SpendForecast) -> Grid:
    """Show where each purchase ahead begins to pay, and how likely it does."""
    names = list(found.commitments[0].pays)
    ends = tuple(dict.fromkeys((names[0], names[-1])))
    headings = ["pays from,\na month", "pays from,\nused", *(f"used\n{month}" for month in ends)]
    headings += [*(f"pays\n{month}" for month in ends), "pays\nin all", "saving"]
    rows = []
    for one in found.commitments:
        at, share = one.break_even_usd, one.break_even_utilisation
        cells = [Written(ABSENT if at is None else money(at)), Written(ABSENT if share is None else _percent(share))]
        cells += [Written(_percent(of[month])) for of in (one.utilisation, one.pays) for month in ends]
        cells += [Written(_percent(one.pays_in_all)), usd_cell(one.saving, found.level)]
        rows.append(Row((one.commitment, one.pattern), tuple(cells)))
    return Grid("Bought ahead, against paying by use", ("commitment", "pattern"), tuple(headings), rows)


def _commitment_words(answer: CommitmentAnswer, level: float) -> str:
    name = f"Commitment {answer.commitment} of {money(answer.usd_per_month)} a month under {answer.pattern}"
    if answer.break_even_usd is None or answer.break_even_utilisation is None:
        return f"{name}: no use makes it pay; all that it can serve would cost less by use."
    when = (
        f"in half of the futures or more it does so from {answer.from_month} on"
        if answer.from_month
        else "in half of the futures or more it does not in the last month"
    )
    last = list(answer.by_use)[-1]
    return (
        f"{name}: pays where its calls would cost {money(answer.break_even_usd)} by use, "
        f"{_percent(answer.break_even_utilisation)} of what is bought (in {last} they cost "
        f"{money(answer.by_use[last])} in the mean); {when}. Over all months it pays with a probability of "
        f"{_percent(answer.pays_in_all)}, saving {usd_cell(answer.saving, level)}."
    )


def _budget_words(answer: BudgetAnswer) -> str:
    name = f"{answer.pattern} and budget {answer.budget} of {money(answer.usd)} a month"
    if answer.never > _LIKELY:
        return f"{name}: not crossed in {_percent(answer.never)} of the futures."
    likely = max(answer.first, key=lambda month: answer.first[month])
    expected = "the mean stays below it" if answer.expected is None else f"the mean crosses it in {answer.expected}"
    return (
        f"{name}: {expected}; it is crossed within these months with a probability of {_percent(1 - answer.never)}, "
        f"most likely first in {likely} ({_percent(answer.first[likely])})."
    )


def _project_words(answer: ProjectAnswer, level: float) -> str:
    last = list(answer.by)[-1]
    name = f"Project {answer.project} ({answer.pattern} instead of {answer.instead_of}, {money(answer.usd)})"
    when = (
        f"paid for by the end of {answer.median} in half of the futures or more"
        if answer.median
        else "not paid for in half of the futures"
    )
    return (
        f"{name}: {when}; by the end of {last} with a probability of {_percent(answer.by[last])}, net "
        f"{usd_cell(answer.net, level)}."
    )


def forecast_json(found: SpendForecast) -> bytes:
    """Give all of it as one JSON object."""
    content = {"schema": SCHEMA, **asdict(found)}
    return json_bytes(levels_as_names(content))


def writer_for_forecast(path: Path) -> Callable[[SpendForecast], bytes]:
    """Return what writes the bytes of `path`. InvalidInput naming the extensions there are."""
    return named(path, _WRITERS)


def levels_as_names(value: Any) -> Any:
    """Turn levels that are keys into names such as p80: JSON knows only text as keys."""
    if isinstance(value, dict):
        return {
            f"p{100 * key:.4g}" if isinstance(key, float) else key: levels_as_names(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [levels_as_names(inner) for inner in value]
    return value


def _rows(found: SpendForecast) -> Iterator[dict[str, Any]]:
    for pattern in found.patterns.values():
        for month in pattern.months:
            row: dict[str, Any] = {"pattern": pattern.name, "month": month.month, "requests": month.requests}
            for what, of in (("spend", month.spend), ("cumulative", month.cumulative)):
                row |= {f"{what}_usd": of.mean, f"{what}_error_usd": of.error}
                for name, level in (("", found.level), ("_95", 0.95)):
                    row[f"{what}_lower{name}_usd"], row[f"{what}_upper{name}_usd"] = of.intervals[level]
            row |= {"level": found.level, "per_1k_usd": month.per_1k}
            row |= {f"model_{name}_usd": month.models.get(name, 0.0) for name in _keys(found, "models")}
            row |= {f"cause_{name}_usd": month.causes.get(name, 0.0) for name in _keys(found, "causes")}
            yield row


def _keys(found: SpendForecast, of: str) -> list[str]:
    every = (getattr(month, of) for pattern in found.patterns.values() for month in pattern.months)
    return list(dict.fromkeys(name for one in every for name in one))


def _csv(found: SpendForecast) -> bytes:
    text, rows = io.StringIO(), list(_rows(found))
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(found: SpendForecast) -> bytes:
    file, rows = io.BytesIO(), list(_rows(found))
    write_parquet(file, {name: [row[name] for row in rows] for name in rows[0]})
    return file.getvalue()


def _markdown(found: SpendForecast) -> bytes:
    parts = [[f"## {escaped(found.title)}"], [escaped(_facts(found))]]
    parts += [list(grid_lines(grid)) for grid in grids(found)]
    parts += [[f"- {escaped(line)}" for line in in_words(found)], [f"{escaped(line)}<br>" for line in found.notes]]
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode()


def _facts(found: SpendForecast) -> str:
    played = f"{plural(found.requests, 'request')} in {plural(found.replications, 'replication')}"
    return f"{plural(found.draws, 'future')} from {played}, seed {found.seed}, hash {found.hash[:12]}"


def usd_cell(found: Range, level: float) -> Written:
    """Write a mean with its prediction interval."""
    low, high = found.intervals[level]
    interval = "" if low == high else f"[{money(low)}, {money(high)}]"
    return Written(money(found.mean), interval)


def _share(found: Range, whole: SpendForecast) -> Written:
    low, high = (_percent(end) for end in found.intervals[whole.level])
    return Written(_percent(found.mean), "" if low == high else f"[{low}, {high}]")


def money(usd: float) -> str:
    """Write dollars with as many digits as matter at their size."""
    size = abs(usd)
    digits = 0 if size >= 1000 else 2 if size >= 1 else 4  # noqa: PLR2004 - cents matter below a thousand dollars
    return f"{'-' if usd < 0 else ''}${size:,.{digits}f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


_WRITERS: dict[str, Callable[[SpendForecast], bytes]] = {
    ".json": forecast_json,
    ".csv": _csv,
    ".focus.csv": focus_csv,
    ".focus.parquet": focus_parquet,
    ".parquet": _parquet,
    ".md": _markdown,
}
