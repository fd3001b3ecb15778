"""`tiercast plan`: which pattern, which signals, which thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from sim.cli.answer import Verb, say
from sim.cli.outputs import output_option, writers
from sim.cli.paper import drawn
from sim.cli.progress import shown
from sim.errors import InvalidInput, Issue
from sim.experiment.conditions import limit_in
from sim.experiment.durable import replace_file
from sim.experiment.resolve import load
from sim.experiment.selectors import BadSelector
from sim.report.plan import plan_json, render_plan, writer_for_plan
from sim.study.plan.goal import FULL, OBJECTIVES, QUICK, Goal
from sim.study.plan.plan import plan
from sim.study.until import parse_untils

_WRITTEN = (Path("router-plan.md"), Path("router-plan.json"))


@click.command("plan", cls=Verb)
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--quality-budget",
    "budget",
    metavar="POINTS",
    help="Points of acceptance that may be lost against frontier-only, such as 1%; 1% if left out, unless quality is "
    "the objective.",
)
@click.option(
    "--segment-budget",
    "own",
    multiple=True,
    metavar="SEGMENT=POINTS",
    help="Points that requests of a segment may lose, such as enterprise=0.5%; repeatable. Rules may then go by the "
    "segment, and there is no budget for all unless --quality-budget gives one.",
)
@click.option("--spend-cap", "cap", metavar="USD", help="Most to be spent in 30 days, such as 25000usd.")
@click.option(
    "--until",
    "untils",
    multiple=True,
    metavar="METRIC<LIMIT",
    help="Another condition, such as 'latency.p95<4s'; repeatable.",
)
@click.option(
    "--minimise",
    type=click.Choice(OBJECTIVES),
    default="cost",
    show_default=True,
    help="What is to be least: cost, P95 latency, or the quality lost.",
)
@click.option(
    "--signal",
    "signals",
    multiple=True,
    metavar="NAME",
    help="Signals that rules may use; repeatable. Those that the experiment declares or uses, and prompt_tokens, if "
    "left out.",
)
@click.option(
    "--utilisation",
    type=click.FloatRange(min=0.01, max=1),
    default=0.95,
    show_default=True,
    help="Largest share of the time that servers may be busy.",
)
@click.option(
    "--indifference",
    type=click.FloatRange(min=0, max=1),
    default=0.01,
    show_default=True,
    help="Differences below this share are taken for none.",
)
@click.option("--full", is_flag=True, help="Look at four times as many requests on a four times finer grid.")
@click.option(
    "--requests",
    type=click.IntRange(min=1_000, max=100_000_000),
    help="Requests to be drawn for the search, and as many again to confirm it; 1,400,000 if left out.",
)
@click.option("--set", "overrides", multiple=True, metavar="A.B=V", help="Change one value first; repeatable.")
@click.option(
    "--replications",
    type=click.IntRange(min=2, max=100_000),
    help="Replications played to confirm the plan; those of the experiment if left out.",
)
@click.option("--workers", type=click.IntRange(min=1, max=1024), help="Cores to use; the answer does not depend on it.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "reference", "compiled"]),
    default="auto",
    show_default=True,
    help="What plays the requests; the answer does not depend on it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_option(".md, .json")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def command(
    experiment: Path,
    *,
    budget: str | None,
    own: tuple[str, ...],
    cap: str | None,
    untils: tuple[str, ...],
    minimise: str,
    signals: tuple[str, ...],
    utilisation: float,
    indifference: float,
    full: bool,
    requests: int | None,
    overrides: tuple[str, ...],
    replications: int | None,
    workers: int | None,
    engine: str,
    as_json: bool,
    outputs: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Find the best way to route EXPERIMENT within a quality budget.

    Writes router-plan.md and router-plan.json here, unless -o names other files.
    """
    written = writers(outputs or _WRITTEN, writer_for_plan)
    points = _limit("points", budget, "--quality-budget")
    own_points = _by_segment(own)
    if points is None and not own_points and minimise != "quality":
        points = 1.0
    goal = Goal(
        minimise=next(one for one in OBJECTIVES if one == minimise),
        quality_budget=points,
        segment_budgets=own_points,
        spend_cap=_limit("usd", cap, "--spend-cap"),
        others=tuple(parse_untils(untils)),
        utilisation=utilisation,
        indifference=indifference,
        signals=signals or None,
    )
    effort = replace(FULL if full else QUICK, replications=replications, workers=workers, engine=engine)
    if requests is not None:
        effort = replace(effort, requests=requests)
    loaded = load(experiment, overrides)
    with shown(str(experiment), wanted=not quiet and not as_json) as report:
        found = plan(loaded, goal, effort, report)
    found = replace(found, command=_command(experiment))
    for output, write in written.items():
        replace_file(output, write(found))
    say(plan_json(found) if as_json else drawn(lambda console: render_plan(found, console)))


def _limit(unit: str, text: str | None, option: str) -> float | None:
    """Read a limit of an option. Raises InvalidInput for what is none."""
    if text is None:
        return None
    try:
        found = limit_in(unit, text)
    except BadSelector as error:
        raise InvalidInput([Issue(str(error), option, hint=error.hint)]) from None
    if found < 0:
        raise InvalidInput([Issue(f"{text} is below 0", option)])
    return found


def _by_segment(texts: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """Read budgets of segments. Raises InvalidInput for what is none, and for a segment that has two."""
    found: dict[str, float] = {}
    for text in texts:
        name, _, points = text.rpartition("=")
        limit = _limit("points", points, "--segment-budget") if name else None
        if limit is None or name in found:
            message = f"{name!r} has two budgets" if name in found else f"{text!r} names no segment"
            raise InvalidInput([Issue(message, "--segment-budget", hint="write for example enterprise=0.5%")])
        found[name] = limit
    return tuple(found.items())


def _command(experiment: Path) -> str:
    """Give the command as it was typed, without what does not change the answer."""
    context = click.get_current_context()
    parts = ["tiercast", "plan", _quoted(str(experiment))]
    for param in context.command.params:
        name = param.name or ""
        typed = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if isinstance(param, click.Option) and typed and name not in _WITHOUT_EFFECT:
            parts += _typed(param, context.params[name])
    return " ".join(parts)


_WITHOUT_EFFECT = ("workers", "engine", "as_json", "outputs", "quiet")


def _typed(param: click.Option, value: object) -> list[str]:
    name = param.opts[-1]
    if param.is_flag:
        return [name] if value else []
    values = value if isinstance(value, tuple) else (value,)
    return [f"{name} {_quoted(str(one))}" for one in values]


def _quoted(text: str) -> str:
    return f"'{text}'" if any(letter in text for letter in " <>|&;()$*?") else text
