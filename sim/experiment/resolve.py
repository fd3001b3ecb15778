"""From files to an experiment: read, put together, check everything, fill every default."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sim.errors import InvalidInput, Issue
from sim.experiment.crosscheck import cross_check
from sim.experiment.document import Document, Mark, Place, child, dotted
from sim.experiment.inputs import written_files
from sim.experiment.issues import issues_from_validation
from sim.experiment.judged import JUDGED, NUMBERED
from sim.experiment.lineup import LineUp, line_up
from sim.experiment.overrides import ORIGIN, places_in, set_value
from sim.experiment.priced import RATE_CARD, with_prices, with_stand_ins
from sim.experiment.spec import ExperimentSpec
from sim.experiment.yaml_source import read_yaml
from sim.fleet.prices import price_starts
from sim.workload.traces.opening import A_URL, is_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.experiment.inputs import Files
    from sim.experiment.playing import Playing
    from sim.experiment.simulate import Run

_WORKLOAD = "workload"
_MAPPING = Mark("<mapping>", 0, 0, "<mapping>")


class Experiment:
    """An experiment that can be run: valid, with every default filled in."""

    def __init__(self, spec: ExperimentSpec, document: Document, folders: Mapping[str, Path]) -> None:
        self.spec = spec
        self.document = document
        self.line_up: LineUp = line_up(spec.patterns, spec.fleet, spec.baseline)
        self._folders = dict(folders)

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.spec.name

    @property
    def resolved(self) -> dict[str, Any]:
        """Every value that the run uses, in the form of the YAML, baselines included."""
        filled = self.spec.model_copy(
            update={"patterns": list(self.line_up.patterns), "baseline": self.line_up.baseline}
        )
        dumped: dict[str, Any] = filled.model_dump(mode="json", exclude_none=True)
        return dumped

    @property
    def simulated(self) -> dict[str, Any]:
        """The part of `resolved` that the answer depends on: all but what judges it."""
        return {key: value for key, value in self.resolved.items() if key not in JUDGED}

    @property
    def origins(self) -> dict[str, str]:
        """Where each resolved value comes from: ``file:line``, ``--set`` or ``default``, by dotted path."""
        places: dict[str, str] = {}
        _collect_origins(self.resolved, self.document, (), places)
        return places

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of every input file that the run reads, by the path written in the YAML."""
        return {written: _sha256(path) for written, path in self.input_paths().items()}

    @property
    def hash(self) -> str:
        """Content hash of what is simulated and its input files; comments, key order, thresholds do not change it."""
        content = {"resolved": self.simulated, "files": self.files}
        return _digest(content)

    @property
    def plays_hash(self) -> str:
        """Content hash of what a single replication depends on.

        That is neither how many there are nor when to stop; nor prices of models, unless somebody routes by them or
        they say which model is the cheap one: what was bought is counted, by the lengths of prompts at which prices
        change, and paid for afterwards.
        """
        resolved, up = self.simulated, self.line_up
        played: dict[str, Any] = {
            **resolved,
            "run": {key: value for key, value in resolved["run"].items() if key not in NUMBERED},
        }
        if not any(pattern.follows_prices() for pattern in up.patterns):
            fleet = resolved["fleet"].items()
            unpriced = {name: {key: value for key, value in model.items() if key != "price"} for name, model in fleet}
            roles = [up.baseline, up.cheap, up.frontier, *(pattern.name for pattern in up.patterns)]
            starts = price_starts(model.price for model in self.spec.fleet.values())
            played |= {"fleet": unpriced, "roles": roles, "price_starts": starts}
        sections = self.spec.run.replications == 1
        return _digest({"resolved": played, "files": self.files, "sections": sections})

    def input_paths(self) -> dict[str, Path]:
        """Give the input files by the path written in the YAML."""
        return {written: self.folder_of(place) / written for place, written in written_files(self.spec)}

    def read_paths(self) -> list[Path]:
        """Give every file that the answer depends on: the experiment, its workload file, its input files."""
        sources = [Path(name) for name in self._folders if name not in {ORIGIN, _MAPPING.file}]
        card = self.spec.rate_card
        books = [] if card is None else [self.folder_of(("rate_card", "book")) / card.book]
        return [*sources, *books, *self.input_paths().values()]

    def folder_of(self, place: Place) -> Path:
        """Give the folder that a path written at this place is relative to: that of the file it stands in."""
        mark = self.document.mark(place)
        return self._folders.get(mark.file, self._folders[self.document.file])

    def inputs(self) -> Files:
        """Read the traces, the outcome table and the measured calls. Raises InvalidInput with every problem in them."""
        from sim.experiment.inputs import load_inputs  # noqa: PLC0415 - `validate` must not load readers

        return load_inputs(self)

    def run(
        self,
        *,
        workers: int | None = None,
        seed: int | None = None,
        replications: int | None = None,
        engine: str = "auto",
        progress: Callable[[float, int], None] | None = None,
        results: Path | None = None,
    ) -> Run:
        """Play the experiment. The same seed gives the same result on any number of workers.

        `workers` are cores to use: all where not given, or fewer where there is little to play. `engine` is ``auto``,
        ``reference`` or ``compiled``, which give the same answer. Where `results` is given, an interrupted run goes on
        from what it had finished. `progress` is called with (replications done, replications in all), the one in play
        counted by its share.
        """
        from sim.experiment.stopping import run_to_precision  # noqa: PLC0415 - the engine is loaded when it is used

        wanted = self.with_(seed=seed, replications=replications)
        playing = wanted.playing(workers=workers, engine=engine, progress=progress, results=results)
        return run_to_precision(wanted, playing)

    def playing(
        self,
        *,
        workers: int | None = None,
        engine: str = "auto",
        progress: Callable[[float, int], None] | None = None,
        results: Path | None = None,
    ) -> Playing:
        """Prepare to play as many replications as somebody will ask for; options are those of `run`."""
        from sim.experiment.places import finished_folder  # noqa: PLC0415 - as below
        from sim.experiment.playing import Playing  # noqa: PLC0415 - the engine is loaded when it is used

        finished = None if results is None else finished_folder(self.name, self.plays_hash, results)
        return Playing(self, workers=workers, engine=engine, progress=progress, finished=finished)

    def check(self, **options: Any) -> Any:
        """Run the experiment and hold it against its thresholds; takes what `sim.study.check.check` takes."""
        # The one way up in the house: a shorthand for people, who have an experiment in hand and not a study.
        return importlib.import_module("sim.study.check").check(self, **options)

    def with_(self, *, seed: int | None = None, replications: int | None = None) -> Experiment:
        """Give the experiment with another seed or number of replications."""
        wanted = {"seed": seed, "run.replications": replications}
        document = self.document
        for path, value in wanted.items():
            if value is not None:
                document = set_value(document, f"{path}={value}")
        if document is self.document:
            return self
        return Experiment(_validated(document), document, self._folders)

    def set(self, *assignments: str) -> Experiment:
        """Give the experiment with values replaced: ``experiment.set("run.duration=1h")``."""
        document, folders = self.document, dict(self._folders)
        for assignment in assignments:
            document = _with_workload(set_value(document, assignment), folders)
        return _checked(_priced(document, folders, again=True), folders)


def load(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and its workload file, apply ``--set`` assignments and check everything.

    Raises InvalidInput with every issue of every file.
    """
    with _no_garbage_collection():
        return _load(Path(path), overrides)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Hold back the search for cycles: a file becomes many small objects that all stay, looked through in vain.

    Files are bounded, so that nothing piles up. (20,000 mistakes in a file: 1.27 s of CPU with it, 1.05 s without.)
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _load(source: Path, overrides: Sequence[str]) -> Experiment:
    document = read_yaml(source)
    folders = {document.file: source.parent, ORIGIN: Path()}  # a path typed after --set is relative to the shell's
    for assignment in overrides:
        if assignment.partition("=")[0].strip() == _WORKLOAD:
            document = set_value(document, assignment)
    document = _with_workload(document, folders)
    for assignment in overrides:
        if assignment.partition("=")[0].strip() != _WORKLOAD:
            document = set_value(document, assignment)
    return _checked(_priced(document, folders), folders)


def from_mapping(data: Mapping[str, Any], folder: str | Path = ".") -> Experiment:
    """Make an experiment from a mapping as YAML would give it; relative paths are relative to `folder`."""
    plain = json.loads(json.dumps(data))
    # every value has its mark, so that a path keeps the mapping's folder when a value beside it is replaced
    document = Document(plain, dict.fromkeys(places_in(plain), _MAPPING), {}, _MAPPING.file)
    folders = {document.file: Path(folder), ORIGIN: Path()}
    return _checked(_priced(_with_workload(document, folders), folders), folders)


def from_resolved(resolved: Mapping[str, Any], folders: Mapping[str, Path], origin: Path) -> Experiment:
    """Make an experiment from its resolved form; `folders` says, by path as written, what each input is relative to."""
    file = str(origin)
    data = json.loads(json.dumps(resolved))
    by_file = {file: origin.parent, ORIGIN: Path()}
    spec = _validated(Document(data, {}, {}, file))
    marks: dict[Place, Mark] = {}
    for place, written in written_files(spec):
        marks[place] = Mark(f"{file}#{written}", 0, 0, file)
        by_file[marks[place].file] = folders.get(written, origin.parent)
    return _checked(Document(data, marks, {}, file), by_file)


def _with_workload(document: Document, folders: dict[str, Path]) -> Document:
    """Put the workload file in the place of its path, with the positions of its own file."""
    written = document.data.get(_WORKLOAD) if isinstance(document.data, dict) else None
    if not isinstance(written, str):
        return document
    mark = document.mark((_WORKLOAD,))
    if is_url(written):
        raise InvalidInput([Issue(A_URL, mark.file, mark.line, mark.col, _WORKLOAD)])
    path = folders[mark.file] / written
    try:
        inner = read_yaml(path)
    except InvalidInput as error:
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file fails for a name that is too long
            raise
        issue = error.issues[0]
        raise InvalidInput(
            [Issue(issue.message, mark.file, mark.line, mark.col, _WORKLOAD, issue.hint or f"looked at {path}")]
        ) from error
    folders[inner.file] = path.parent
    data = {**document.data, _WORKLOAD: inner.data}
    marks = {**document.marks, **{(_WORKLOAD, *place): mark for place, mark in inner.marks.items()}}
    key_marks = {**document.key_marks, **{(_WORKLOAD, *place): mark for place, mark in inner.key_marks.items()}}
    return Document(data, marks, key_marks, document.file)


def _priced(document: Document, folders: Mapping[str, Path], *, again: bool = False) -> Document:
    """Fill in prices by name; where they lead nowhere, the other mistakes of the file are told with them."""
    try:
        return with_prices(document, folders, again=again)
    except InvalidInput as error:
        issues = list(error.issues)
        try:
            _validated(with_stand_ins(document))
        except InvalidInput as others:
            issues += [issue for issue in others.issues if not issue.path.startswith(RATE_CARD)]
        raise InvalidInput(sorted(issues, key=lambda issue: (issue.file, issue.line, issue.col))) from error


def _validated(document: Document) -> ExperimentSpec:
    try:
        return ExperimentSpec.model_validate(document.data)
    except ValidationError as error:
        raise InvalidInput(issues_from_validation(error, document, model=ExperimentSpec)) from error


def _checked(document: Document, folders: Mapping[str, Path]) -> Experiment:
    experiment = Experiment(_validated(document), document, folders)
    issues = cross_check(experiment)
    if issues:
        raise InvalidInput(sorted(issues, key=lambda issue: (issue.file, issue.line, issue.col)))
    return experiment


def _collect_origins(value: Any, document: Document, place: Place, found: dict[str, str]) -> None:
    """Walk the resolved values; a value that stands nowhere in the files is a default."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _collect_origins(inner, document, (*place, key), found)
    elif isinstance(value, list) and value:
        added = _added_patterns(value, document) if place == ("patterns",) else 0
        found.update({f"patterns.{baseline['name']}": "added as a baseline" for baseline in value[:added]})
        for index, inner in enumerate(value[added:]):
            _collect_origins(inner, document, (*place, index), found)
    else:
        found[dotted(document.data, place)] = _origin(document, place)


def _origin(document: Document, place: Place) -> str:
    """Say where a resolved value was written; what a shorthand stands for (``verify.time: 60ms``) was written too."""
    for length in range(len(place), 0, -1):
        mark = document.marks.get(place[:length])
        if mark is not None:
            written = functools.reduce(child, place[:length], document.data)
            inside = length < len(place) and isinstance(written, dict | list)
            return "default" if inside else mark.origin
    return "default"


def _added_patterns(patterns: list[Any], document: Document) -> int:
    """Give the number of baselines that stand in front of the user's own patterns."""
    written = document.data.get("patterns")
    return len(patterns) - (len(written) if isinstance(written, list) else 0)


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
