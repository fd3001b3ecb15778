"""What only the whole experiment shows: names that lead nowhere, numbers that are missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from sim.errors import InvalidInput, Issue
from sim.experiment.ahead import drift_issues
from sim.experiment.document import Place, did_you_mean, dotted
from sim.experiment.expectations import threshold_issues
from sim.experiment.forecast_names import forecast_issues
from sim.experiment.inputs import trace_places, written_files
from sim.experiment.mean_service import service_issues
from sim.experiment.measured import lengths_are_measured, unfit_lengths
from sim.experiment.objectives import objective_issues
from sim.experiment.priced import left_out
from sim.experiment.segment_names import idle_orders, segment_issues
from sim.experiment.spec import MOST_REQUESTS
from sim.experiment.spend_limits import spend_limit_issues
from sim.experiment.targets import target_issues
from sim.routing.dependence import out_of_reach
from sim.routing.patterns.cascade import Cascade
from sim.routing.patterns.least_cost_within_latency import LeastCostWithinLatency
from sim.routing.rules import BUILT_IN
from sim.routing.signals import Signal
from sim.routing.signals.segment import SegmentOfRequest
from sim.workload.arrivals.process import END
from sim.workload.arrivals.trace import TraceReplay
from sim.workload.sources import processes_of
from sim.workload.traces.opening import check_file, is_url

if TYPE_CHECKING:
    from sim.experiment.resolve import Experiment
    from sim.routing.patterns import Pattern
    from sim.workload.arrivals import ArrivalProcess


_NS: Final = 1e9
_CLOCK_YEARS: Final = 146  # of END nanoseconds
_STEPS: Final = 100


_BLIND = 0.5


def cross_check(experiment: Experiment) -> list[Issue]:
    """Collect every issue that shows only when the parts are held against each other."""
    return [
        *_files(experiment),
        *_models(experiment),
        *_fleet(experiment),
        *idle_orders(experiment),
        *_lanes(experiment),
        *_roles(experiment),
        *_patterns(experiment),
        *_baseline(experiment),
        *_quality(experiment),
        *_tokens(experiment),
        *_unfit_lengths(experiment),
        *_length(experiment),
        *threshold_issues(experiment),
        *target_issues(experiment),
        *objective_issues(experiment),
        *spend_limit_issues(experiment),
        *forecast_issues(experiment),
        *drift_issues(experiment),
    ]


def _issue(experiment: Experiment, place: Place, message: str, hint: str = "") -> Issue:
    document = experiment.document
    mark = document.mark(place)
    return Issue(message, mark.file, mark.line, mark.col, dotted(document.data, place), hint)


def _files(experiment: Experiment) -> Iterator[Issue]:
    sources = {place: process.source for _, place, process in trace_places(experiment.spec)}
    for place, written in written_files(experiment.spec):
        path, source = experiment.folder_of(place) / written, sources.get(place)
        try:
            check_file(path, written, source.SOURCE if source is not None else "")
        except InvalidInput as error:
            looked = "" if is_url(written) else f" (looked at {path})"
            for found in error.issues:
                yield _issue(experiment, place, f"{found.message}{looked}", found.hint)


def _fleet(experiment: Experiment) -> Iterator[Issue]:
    """Find models that fall back to nobody or belong to nobody, and limits that do not go together."""
    fleet, providers = experiment.spec.fleet, experiment.spec.providers
    for name, model in fleet.items():
        place: Place = ("fleet", name)
        for other in model.client.fallback:
            if other not in fleet:
                hint = did_you_mean(other, fleet) or f"models of the fleet: {', '.join(fleet)}"
                yield _issue(experiment, (*place, "client", "fallback"), f"there is no model {other!r}", hint)
        if name in model.client.fallback or len(set(model.client.fallback)) < len(model.client.fallback):
            message = "a model falls back to others, each once"
            yield _issue(experiment, (*place, "client", "fallback"), message)
        hedge = model.client.hedge
        if hedge is not None and hedge.model is not None and hedge.model not in fleet:
            hint = did_you_mean(hedge.model, fleet) or f"models of the fleet: {', '.join(fleet)}"
            yield _issue(experiment, (*place, "client", "hedge", "model"), f"there is no model {hedge.model!r}", hint)
        if model.provider is None:
            continue
        if model.provider not in providers:
            hint = did_you_mean(model.provider, providers) or "write providers: {" + model.provider + ": {limits: ...}}"
            yield _issue(experiment, (*place, "provider"), f"there is no provider {model.provider!r}", hint)
            continue
        shared = providers[model.provider].limits
        if model.limits is not None and shared is not None and model.limits.on_limit != shared.on_limit:
            message = f"on_limit is {model.limits.on_limit} here and {shared.on_limit} at the provider"
            yield _issue(experiment, (*place, "limits"), message, "one call cannot be rejected and queued: choose one")
        counted = [
            limits.reserved_output_tokens for limits in (model.limits, shared) if limits and limits.counts_tokens
        ]
        if len(set(counted)) > 1:
            message = "reserved_output_tokens differ between the model and its provider"
            yield _issue(experiment, (*place, "limits"), message, "a call counts for the same number of tokens at both")


def _models(experiment: Experiment) -> Iterator[Issue]:
    fleet = experiment.spec.fleet
    for index, pattern in enumerate(experiment.spec.patterns):
        for model in pattern.all_models():
            if model not in fleet:
                yield _issue(
                    experiment,
                    ("patterns", index),
                    f"calls the model {model!r}, which the fleet does not have",
                    did_you_mean(model, fleet) or f"models of the fleet: {', '.join(fleet)}",
                )
    for section in ("confidence", "refusal", "hedging"):
        for model in getattr(experiment.spec.quality, section):
            if model not in fleet:
                yield _unknown(experiment, ("quality", section, model), "model", model, fleet)


def _roles(experiment: Experiment) -> Iterator[Issue]:
    """Yield fleets in which it cannot be told which model is cheap: a price by the hour depends on the traffic."""
    fleet = experiment.spec.fleet
    hourly = [name for name, model in fleet.items() if model.price.replica_hour_usd]
    tiers = {model.tier for model in fleet.values()}
    if hourly and len(fleet) > 1 and not {"cheap", "frontier"} <= tiers:
        yield _issue(
            experiment,
            ("fleet", hourly[0]),
            "is paid by the hour, so prices do not tell which model is cheap and which is frontier",
            "write tier: cheap at one model of the fleet and tier: frontier at another",
        )


def _unknown(experiment: Experiment, place: Place, what: str, name: str, known: Iterable[str]) -> Issue:
    names = list(known)
    hint = did_you_mean(name, names) or (f"there are: {', '.join(names)}" if names else "")
    return _issue(experiment, place, f"there is no {what} {name!r}", hint)


def _patterns(experiment: Experiment) -> Iterator[Issue]:
    spec = experiment.spec
    tasks = tuple(spec.workload.tasks)
    names = [pattern.name for pattern in spec.patterns]
    for index, pattern in enumerate(spec.patterns):
        if pattern.name in names[:index]:
            yield _issue(experiment, ("patterns", index, "name"), f"two patterns are called {pattern.name!r}")
        try:
            pattern.check(spec.signals, tasks)
        except ValueError as error:
            yield _issue(experiment, ("patterns", index), str(error))
        yield from _segments(experiment, ("patterns", index, "rules"), pattern)
        if isinstance(pattern, LeastCostWithinLatency):
            yield from service_issues(experiment, ("patterns", index), pattern)


def _segments(experiment: Experiment, place: Place, pattern: Pattern) -> Iterator[Issue]:
    """Yield segments in rules that no request can ever be of; those that a trace brings are not known yet."""
    workload = experiment.spec.workload
    known = list(workload.segments) or ["all"]
    if not workload.segments and _all_traces(experiment):
        return
    signals: dict[str, Signal] = {**BUILT_IN, **experiment.spec.signals, **pattern.signals}
    for number, rule in enumerate(pattern.rules):
        for name in [name for name in rule.when if isinstance(signals.get(name), SegmentOfRequest)]:
            for label in [label for label in rule.when[name] if label not in known]:
                yield _unknown(experiment, (*place, number, "when", name), "segment", label, known)


def _lanes(experiment: Experiment) -> Iterator[Issue]:
    """Yield what is wrong with segments in the fleet, where they are known before traces are read."""
    segments = list(experiment.spec.workload.segments)
    if segments or not _all_traces(experiment):
        yield from segment_issues(experiment, segments or ["all"])


def _baseline(experiment: Experiment) -> Iterator[Issue]:
    names = [pattern.name for pattern in experiment.line_up.patterns]
    if experiment.line_up.baseline not in names:
        yield _unknown(experiment, ("baseline",), "pattern", experiment.line_up.baseline, names)


def _quality(experiment: Experiment) -> Iterator[Issue]:
    yield from _outcomes(experiment) if experiment.spec.outcomes is not None else _acceptance(experiment)


def _outcomes(experiment: Experiment) -> Iterator[Issue]:
    """Yield what does not fit when an outcome table says who would answer acceptably."""
    spec = experiment.spec
    columns = {} if spec.outcomes is None else spec.outcomes.models
    for model in [name for name in spec.fleet if name not in columns]:
        yield _issue(experiment, ("outcomes", "models"), f"the outcome table has no column for {model!r}")
    for model in [name for name in columns if name not in spec.fleet]:
        yield _unknown(experiment, ("outcomes", "models", model), "model", model, spec.fleet)
    for key in ("acceptance", "dependence", "right_when_cheap_wrong"):
        if getattr(spec.quality, key):
            yield _issue(experiment, ("quality", key), "stands beside an outcome table, which says it already")
    if spec.quality.outcomes == "fit" and not spec.workload.tasks:
        yield _issue(experiment, ("quality", "outcomes"), "a fitted table needs task classes in the workload")


def _acceptance(experiment: Experiment) -> Iterator[Issue]:
    """Yield what is missing or unknown among the acceptance probabilities, or cannot be."""
    spec = experiment.spec
    quality, tasks = spec.quality, spec.workload.tasks
    for task, row in quality.acceptance.items():
        place: Place = ("quality", "acceptance", task)
        if task not in tasks:
            yield _unknown(experiment, place, "task class", task, tasks)
        for model in [name for name in row if name not in spec.fleet]:
            yield _unknown(experiment, (*place, model), "model", model, spec.fleet)
    gaps = [(task, model) for task in tasks for model in spec.fleet if model not in quality.acceptance.get(task, {})]
    for task, model in gaps:
        message = f"no acceptance probability of {model!r} for task class {task!r}"
        hint = f"write quality.acceptance.{task}: {{{model}: 0.9}}"
        yield _issue(experiment, ("quality", "acceptance", task), message, hint)
    yield from _by_task(experiment)
    if not gaps:
        yield from _dependence(experiment)


def _by_task(experiment: Experiment) -> Iterator[Issue]:
    """Yield unknown task classes among numbers that may be given per task class."""
    quality, tasks = experiment.spec.quality, experiment.spec.workload.tasks
    numbers: dict[Place, object] = {
        ("quality", "dependence"): quality.dependence,
        ("quality", "right_when_cheap_wrong"): quality.right_when_cheap_wrong,
        **{("quality", "confidence", model, "auroc"): known.auroc for model, known in quality.confidence.items()},
    }
    for place, number in numbers.items():
        for task in number if isinstance(number, dict) else ():
            if task not in tasks:
                yield _unknown(experiment, (*place, task), "task class", task, tasks)


def _dependence(experiment: Experiment) -> Iterator[Issue]:
    """Yield every P(frontier right | cheap wrong) that no dependence of the two models gives."""
    quality, up = experiment.spec.quality, experiment.line_up
    stated = quality.right_when_cheap_wrong
    for task in experiment.spec.workload.tasks:
        target = stated.get(task) if isinstance(stated, dict) else stated
        if target is None:
            continue
        message = out_of_reach(target, *(quality.acceptance[task][model] for model in (up.cheap, up.frontier)))
        if message:
            place: Place = ("quality", "right_when_cheap_wrong", *([task] if isinstance(stated, dict) else []))
            yield _issue(experiment, place, f"task class {task!r}: {message}")


def _tokens(experiment: Experiment) -> Iterator[Issue]:
    spec = experiment.spec
    workload = spec.workload
    if not workload.tasks and spec.outcomes is None:
        yield _issue(
            experiment,
            ("workload",),
            "has no task classes",
            "write tasks: {chat: {input_tokens: {p50: 800, p95: 3500}, output_tokens: {p50: 130, p95: 450}}}",
        )
    from_trace, measured = _all_traces(experiment), lengths_are_measured(spec)
    for name, task in workload.tasks.items():
        for column in ("input_tokens",) if measured else ("input_tokens", "output_tokens"):
            if getattr(task, column) is None and not from_trace:
                place = ("workload", "tasks", name)
                yield _issue(experiment, place, f"{column} is missing", f"write {column}: {{p50: 800, p95: 3500}}")


def _unfit_lengths(experiment: Experiment) -> Iterator[Issue]:
    for place, message in unfit_lengths(experiment.spec):
        yield _issue(experiment, place, message)


def _length(experiment: Experiment) -> Iterator[Issue]:
    run = experiment.spec.run
    if run.duration is None and run.requests is None:
        endless = any(process.bootstrap is not None for _, _, process in trace_places(experiment.spec))
        if endless or not _all_traces(experiment):
            yield _issue(
                experiment, ("run",), "does not say when it ends", "write run: {duration: 1h} or run: {requests: 10000}"
            )
    elif run.duration is not None and run.duration > END:
        yield _issue(experiment, ("run", "duration"), f"a run may last {_CLOCK_YEARS} years at most")
    elif run.duration is not None:
        expected = sum(_expected(process, run.duration / _NS) for process in _drawn(experiment))
        if expected > MOST_REQUESTS:
            message = f"about {expected:.2g} requests would arrive in it; {MOST_REQUESTS:,} at most are played"
            yield _issue(experiment, ("run", "duration"), message, "shorten the run or lower the rate")
    elif run.requests is not None and not list(trace_places(experiment.spec)):
        expected = sum(_expected(process, END / _NS) for process in _drawn(experiment))
        if expected < run.requests:
            message = f"so many requests would take more than {_CLOCK_YEARS} years, the longest a run may last"
            yield _issue(experiment, ("run", "requests"), message, "play fewer requests or raise the rate")


def _drawn(experiment: Experiment) -> list[ArrivalProcess]:
    """Give the sources that are no traces: how many requests those bring is not known before they are read."""
    processes = processes_of(experiment.spec.workload).values()
    return [process for process in processes if not isinstance(process, TraceReplay)]


def _expected(process: ArrivalProcess, duration_s: float) -> float:
    """Give the mean number of arrivals in so many seconds, infinite beyond floats; growth is followed in steps."""
    try:
        rates = [process.mean_rate_per_s((step + 0.5) / _STEPS * duration_s) for step in range(_STEPS)]
    except OverflowError:
        return math.inf
    return sum(rates) / _STEPS * duration_s


def _all_traces(experiment: Experiment) -> bool:
    """Say whether every source of requests is a trace: only then tokens and end of the run may come from there."""
    return all(isinstance(process, TraceReplay) for process in processes_of(experiment.spec.workload).values())


def warnings_of(experiment: Experiment) -> list[str]:
    """Give what is allowed but probably not meant."""
    spec, found = experiment.spec, list[str]()
    for pattern in spec.patterns:
        if isinstance(pattern, Cascade):
            prices = [spec.fleet[model].price.blended_mtok() for model in pattern.ladder]
            if prices[0] > prices[-1]:
                found.append(
                    f"{pattern.name}: {pattern.ladder[0]} is dearer than {pattern.ladder[-1]}, which it spares"
                )
            found += _odd_thresholds(pattern, measured=spec.outcomes is not None)
            found += _blind_checks(experiment, pattern)
            found += _selected(pattern)
    return [*found, *left_out(experiment), *_unused_signals(experiment)]


def _unused_signals(experiment: Experiment) -> list[str]:
    """Name the signals that no rule asks for; confidence in an answer is read by a cascade without being declared."""
    spec = experiment.spec
    used = {name for pattern in spec.patterns for rule in pattern.rules for name in rule.when}
    own = [
        f"{pattern.name}: the signal {name!r}" for pattern in spec.patterns for name in pattern.signals.keys() - used
    ]
    return [f"the signal {name!r} is used by no rule" for name in spec.signals if name not in used] + [
        f"{what} is used by no rule" for what in sorted(own)
    ]


def _blind_checks(experiment: Experiment, pattern: Cascade) -> Iterator[str]:
    """Yield rungs that escalate a share by a score that cannot tell any two answers apart."""
    rules = pattern.escalate_when if isinstance(pattern.escalate_when, list) else [pattern.escalate_when]
    confidence = experiment.spec.quality.confidence
    for model, rule in zip(pattern.ladder[:-1], itertools.cycle(rules), strict=False):
        own = confidence[model].auroc if model in confidence else None
        auroc = pattern.verify.auroc if pattern.verify is not None and pattern.verify.auroc is not None else own
        if rule.lowest and auroc == _BLIND:
            yield f"{pattern.name}: AUROC 0.5 says nothing of {model}'s answers: all tie, so lowest escalates them all"


def _selected(pattern: Cascade) -> Iterator[str]:
    """Yield rungs at which `lowest` is not the share of those who get there."""
    rules = pattern.escalate_when if isinstance(pattern.escalate_when, list) else [pattern.escalate_when]
    for rung, (model, rule) in enumerate(zip(pattern.ladder[:-1], itertools.cycle(rules), strict=False)):
        if rule.lowest and (rung or pattern.rules):
            before = "earlier rungs" if rung else "the rules in front"
            yield (
                f"{pattern.name}: lowest {rule.lowest:.0%} is a share of the answers that {model} would give to all "
                f"requests; {before} decide who gets there, so that another share of those escalates"
            )


def _odd_thresholds(pattern: Cascade, *, measured: bool) -> Iterator[str]:
    """Yield thresholds outside the range of a probability; a measured score may have any range."""
    rules = pattern.escalate_when if isinstance(pattern.escalate_when, list) else [pattern.escalate_when]
    for rule in rules:
        below = rule.confidence_below
        for bound in below.values() if isinstance(below, dict) else [] if below is None else [below]:
            if not measured and not 0 < bound < 1:
                verdict = "nothing" if bound <= 0 else "everything"
                yield f"{pattern.name}: confidence_below {bound:g} escalates {verdict}: confidence lies between 0 and 1"
