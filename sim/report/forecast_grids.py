"""The tables of a forecast of spend: what stands where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.report.forecast_words import chance, money, percent, share_cell, usd_cell
from sim.report.grids import ABSENT, Grid, Row
from sim.report.numbers import Written
from sim.study.forecast import REQUESTS, TOGETHER
from sim.study.spend.futures import FACTORS

if TYPE_CHECKING:
    from sim.study.spend.answers import PatternForecast, Range, SpendForecast
    from sim.study.spend.quotes import PriceChange


def grids(found: SpendForecast) -> Iterator[Grid]:
    """Give the tables: spend by month and up to it, unit costs, savings, parts, what was asked about, drivers."""
    patterns = list(found.patterns.values())
    yield from _spend(found, patterns)
    yield _unit_costs(found, patterns)
    if len(patterns) > 1:
        yield _savings(found, patterns)
    yield _parts("By model, mean of all months in USD", patterns, "models")
    yield _parts("By cause, mean of all months in USD", patterns, "causes")
    if found.budgets:
        yield _budgets(found)
    if found.projects:
        yield _projects(found)
    if found.commitments:
        yield from _commitments(found)
    if found.price_changes:
        yield _price_changes(found)
    if any(pattern.drivers for pattern in patterns):
        yield _drivers(patterns)


def _spend(found: SpendForecast, patterns: list[PatternForecast]) -> Iterator[Grid]:
    names, level, told = tuple(pattern.name for pattern in patterns), found.level, _interval(found)
    months = [month.month for month in patterns[0].months]
    rows = [
        Row((month,), tuple(usd_cell(pattern.months[number].spend, level) for pattern in patterns))
        for number, month in enumerate(months)
    ]
    rows.append(Row(("all",), tuple(usd_cell(pattern.total, level) for pattern in patterns)))
    rows.append(Row(("all, mean",), tuple(Written(money(pattern.total.mean)) for pattern in patterns)))
    yield Grid(f"Spend by month, USD: median {told}", ("month",), names, rows)
    rows = [
        Row((month,), tuple(usd_cell(pattern.months[number].cumulative, level) for pattern in patterns))
        for number, month in enumerate(months)
    ]
    if len(months) > 1:
        yield Grid(f"Spend up to the end of a month, USD: median {told}", ("month",), names, rows)


def _unit_costs(found: SpendForecast, patterns: list[PatternForecast]) -> Grid:
    ends = tuple(dict.fromkeys(patterns[0].months[place].month for place in (0, -1)))
    segments = list(patterns[0].months[0].users)
    headings = [*(f"per 1k\n{month}" for month in ends), "per 1k\nall months"]
    headings += [f"per user of\n{segment}, {month}" for segment in segments for month in ends]
    rows = []
    for pattern in patterns:
        shown = [month for month in pattern.months if month.month in ends]
        costs: list[Range | None] = [*(month.per_1k for month in shown), pattern.per_1k]
        costs += [month.users[segment] for segment in segments for month in shown]
        rows.append(Row((pattern.name,), tuple(_cost(cost, found.level) for cost in costs)))
    title = (
        f"Unit costs, USD per 1,000 requests{' and per user and month' if segments else ''}: median {_interval(found)}"
    )
    return Grid(title, ("pattern",), tuple(headings), rows)


def _cost(cost: Range | None, level: float) -> Written:
    return Written(ABSENT) if cost is None else usd_cell(cost, level)


def _savings(found: SpendForecast, patterns: list[PatternForecast]) -> Grid:
    rows = []
    for pattern in patterns:
        for other, (usd, share) in pattern.savings.items():
            if other == found.baseline:
                cells = (share_cell(share, found.level), usd_cell(usd, found.level), Written(money(usd.mean)))
                rows.append(Row((pattern.name,), cells))
    title = f"Saving against {found.baseline}, all months: median {_interval(found)}"
    return Grid(title, ("pattern",), ("share", "USD", "USD, mean"), rows)


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


def _budgets(found: SpendForecast) -> Grid:
    """Show in each month the probability of being above a budget, and of having been by then."""
    columns = tuple(f"{one.budget},\n{one.pattern}" for one in found.budgets)
    been = [0.0] * len(found.budgets)
    rows = []
    for month in found.budgets[0].over:
        been = [before + one.first[month] for before, one in zip(been, found.budgets, strict=True)]
        cells = [
            Written(chance(one.over[month], found.draws), f"[{chance(min(sum_, 1.0), found.draws)}]")
            for sum_, one in zip(been, found.budgets, strict=True)
        ]
        rows.append(Row((month,), tuple(cells)))
    return Grid("Budgets: probability of being above it in a month [in any up to then]", ("month",), columns, rows)


def _projects(found: SpendForecast) -> Grid:
    """Show at the end of each month the probability of being paid for, and what is left over."""
    columns = tuple(
        text for one in found.projects for text in (f"{one.project},\npaid for", f"{one.project},\nnet USD")
    )
    rows = []
    for month in found.projects[0].by:
        cells = [
            cell
            for one in found.projects
            for cell in (Written(chance(one.by[month], found.draws)), usd_cell(one.nets[month], found.level))
        ]
        rows.append(Row((month,), tuple(cells)))
    title = f"Projects at the end of a month: probability of being paid for; net, median {_interval(found)}"
    return Grid(title, ("month",), columns, rows)


def _commitments(found: SpendForecast) -> Iterator[Grid]:
    """Show from where on each purchase ahead pays and how full it is, then how likely it pays and what it saves."""
    months, told = found.commitments[0].months, _interval(found)
    ends = tuple(dict.fromkeys((0, len(months) - 1)))
    names = [months[end].month for end in ends]
    begins, pays = [], []
    for one in found.commitments:
        at, share = one.break_even_usd, one.break_even_utilisation
        cells = [Written(ABSENT if at is None else money(at))]
        cells += [Written(ABSENT) if share is None else share_cell(share, found.level)]
        cells += [share_cell(one.months[end].utilisation, found.level) for end in ends]
        begins.append(Row((one.commitment, one.pattern), tuple(cells)))
        cells = [Written(chance(one.months[end].pays, found.draws)) for end in ends]
        cells += [Written(chance(one.whole.pays, found.draws)), usd_cell(one.whole.saving, found.level)]
        pays.append(Row((one.commitment, one.pattern), (*cells, Written(money(one.whole.saving.mean)))))
    headings = ["pays from,\na month", "pays from,\nused", *(f"used\n{name}" for name in names)]
    title = f"Bought ahead: from which cost by use on it pays, and how much of it is used, median {told}"
    yield Grid(title, ("commitment", "pattern"), tuple(headings), begins)
    headings = [*(f"pays\n{name}" for name in names), "pays,\nall months", "saving, all months", "saving,\nmean"]
    title = f"Bought ahead, against paying by use: probability that it pays; saving in USD, median {told}"
    yield Grid(title, ("commitment", "pattern"), tuple(headings), pays)


_PRICES = {
    "input_mtok": "input, per M",
    "output_mtok": "output, per M",
    "cache_read_mtok": "cached, per M",
    "cache_write_mtok": "cache write, per M",
    "per_call_usd": "per call",
}


def _price_changes(found: SpendForecast) -> Grid:
    shown = [name for name in _PRICES if any(_says_more(one, name) for one in found.price_changes)]
    rows = []
    for change in found.price_changes:
        cells = []
        for name in shown:
            before, after = _both(change, name)
            cells.append(Written(f"{money(before)} to {money(after)}" if before != after else money(after)))
        model = f"{change.model}, prompts > {change.above_tokens:,}" if change.above_tokens else change.model
        rows.append(Row((change.at, model), (*cells, Written(change.answering or ABSENT))))
    headings = (*(_PRICES[name] for name in shown), "priced as")
    return Grid("Dated changes of prices in these months", ("from", "model"), headings, rows)


def _says_more(change: PriceChange, name: str) -> bool:
    """Say whether a price tells what others do not: where there is one per call, and one of cache writes apart."""
    if name == "per_call_usd":
        return any(_both(change, name))
    return name != "cache_write_mtok" or _both(change, name) != _both(change, "input_mtok")


def _both(change: PriceChange, name: str) -> tuple[float, float]:
    return getattr(change.before, name), getattr(change.after, name)


def _drivers(patterns: list[PatternForecast]) -> Grid:
    drawn = {name for pattern in patterns for name in pattern.drivers}
    names = [name for name in (*FACTORS, REQUESTS, TOGETHER) if name in drawn]
    rows = [Row((name,), tuple(_share(pattern, name) for pattern in patterns)) for name in names]
    title = "What makes the whole uncertain: share of its variance, and its standard error in points"
    return Grid(title, ("factor",), tuple(pattern.name for pattern in patterns), rows)


def _share(pattern: PatternForecast, factor: str) -> Written:
    if factor not in pattern.drivers:
        return Written(ABSENT)
    error = 100 * pattern.drivers_error[factor]
    least = 0.05  # reads as 0.1
    return Written(percent(pattern.drivers[factor]), f"\N{PLUS-MINUS SIGN}{error:.1f}" if error >= least else "")


def _interval(found: SpendForecast) -> str:
    return f"[{100 * found.level:g} % prediction]"
