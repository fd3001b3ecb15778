"""What the documentation says is true: links lead somewhere, YAML is valid, code runs, commands exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner

import sim
from sim.cli import cli
from sim.experiment.yaml_source import parse_yaml, read_yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
SCHEMA = DOCS / "schema" / "experiment.schema.json"
DATA = [*sorted((ROOT / "experiments").glob("*.yaml")), *sorted((ROOT / "workloads").glob("*.yaml"))]

_FENCE = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_OUR_PATH = re.compile(r"`((?:sim|tests|docs|experiments|workloads|benchmarks)/[\w./-]+)`")
_REFUSED = "[smal, large]"
"""In the one command line that the tutorial shows to fail."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `file` is the path it is to be written to, if any."""

    page: str
    number: int
    info: str
    text: str
    file: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def blocks_of(name: str) -> list[Block]:
    """Give the fenced blocks of a page."""
    found = _FENCE.finditer((ROOT / name).read_text(encoding="utf-8"))
    return [
        Block(name, at, one["info"].strip(), one["text"], one["file"] or "") for at, one in enumerate(found, start=1)
    ]


BLOCKS = [block for name in NAMES for block in blocks_of(name)]
YAML = [block for block in BLOCKS if block.info == "yaml"]
FRAGMENTS = [block for block in BLOCKS if block.info == "yaml fragment"]
PYTHON = sorted({block.page for block in BLOCKS if block.info == "python"})
SHELLS = {"console": "$ tiercast ", "sh": "tiercast "}
LINES = sorted(
    {
        line.removeprefix("$ ")
        for block in BLOCKS
        for line in block.text.splitlines()
        if block.info in SHELLS and line.startswith(SHELLS[block.info])
    }
)


def without_code(text: str) -> str:
    """Leave out fenced blocks, whose brackets are no links."""
    return _FENCE.sub("", text)


def anchors(path: Path) -> set[str]:
    """Give the anchors of a page as GitHub makes them: lower case, hyphens for spaces, other signs dropped."""
    found: list[str] = []
    for heading in _HEADING.finditer(without_code(path.read_text(encoding="utf-8"))):
        plain = "".join(letter for letter in heading["title"].lower() if letter.isalnum() or letter in "-_ ")
        slug = plain.replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with the shipped examples, the quick one made small, as the working folder of one worker."""
    for name in ("experiments", "workloads"):
        shutil.copytree(ROOT / name, tmp_path / name)
    quick = tmp_path / "experiments" / "quickstart.yaml"
    text = re.sub(r"^run: .*$", "run: {duration: 20s, replications: 3}", quick.read_text("utf-8"), flags=re.MULTILINE)
    quick.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sim.experiment.effort._cores", lambda: 1)
    return tmp_path


def write_files(folder: Path, page: str) -> None:
    """Write the files that a page gives the content of."""
    for block in blocks_of(page):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")


# ---- links and paths


def links() -> Iterator[tuple[str, str]]:
    """Yield (page, target) of every relative link."""
    for name in NAMES:
        for match in _LINK.finditer(without_code((ROOT / name).read_text(encoding="utf-8"))):
            if "://" not in match["target"]:
                yield name, match["target"]


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    """If a page links to a file or a heading, it is there."""
    broken = []
    for page, target in links():
        path, _, anchor = target.partition("#")
        aim = (ROOT / page).parent / path if path else ROOT / page
        if page == name and (not aim.exists() or (anchor and anchor not in anchors(aim))):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", NAMES)
def test_paths_exist(name: str) -> None:
    """If a page mentions a path of the repository, it exists; and it mentions none of somebody's machine."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert [path for path in _OUR_PATH.findall(text) if not (ROOT / path).exists()] == []
    assert re.findall(r"(?<![\w.])/(?:home|root|tmp|work|opt|Users)/", text) == []


def test_every_page_is_in_the_index() -> None:
    """If there is a page, the index leads to it."""
    linked = {(DOCS / target.partition("#")[0]).resolve() for page, target in links() if page == "docs/README.md"}
    pages = {path for path in DOCS.rglob("*.md") if "reviews" not in path.parts} - {DOCS / "README.md"}
    assert pages - linked == set()


# ---- YAML


@pytest.mark.parametrize("block", YAML, ids=str)
def test_yaml_is_valid(block: Block, folder: Path) -> None:
    """A block of YAML is an experiment, or sections that make one when laid over the quick experiment."""
    write_files(folder, block.page)
    written: dict[str, Any] = parse_yaml(block.text, str(block)).data
    base = {} if "version" in written else read_yaml(folder / "experiments" / "quickstart.yaml").data
    assert sim.from_mapping({**base, **written}, folder / "experiments").hash


@pytest.mark.parametrize("block", FRAGMENTS, ids=str)
def test_fragments_are_yaml(block: Block) -> None:
    """A fragment is YAML as the program reads it."""
    assert parse_yaml(f"x:\n  {block.text.strip().replace(chr(10), chr(10) + '  ')}\n", str(block)).data


def test_whole_experiments_are_many() -> None:
    """If blocks were not found, the tests above would pass for nothing."""
    assert len(YAML) >= 8
    assert len(FRAGMENTS) >= 40
    assert len(LINES) >= 8


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.name)
def test_shipped_files_meet_the_json_schema(path: Path) -> None:
    """If a file is shipped, the JSON Schema that editors use accepts it."""
    schema = parse_yaml(SCHEMA.read_text(encoding="utf-8"), SCHEMA.name).data
    whole = schema if path.parent.name == "experiments" else {"$defs": schema["$defs"], "$ref": "#/$defs/Workload"}
    errors = jsonschema.Draft202012Validator(whole).iter_errors(read_yaml(path).data)
    assert [f"{error.json_path}: {error.message[:200]}" for error in errors] == []


def test_shipped_experiments_name_the_schema() -> None:
    """If an editor opens a shipped experiment, its first line leads to the JSON Schema."""
    for path in (ROOT / "experiments").glob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        named = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / named).resolve() == SCHEMA


# ---- code and commands


@pytest.mark.parametrize("page", PYTHON)
def test_python_runs(page: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python blocks of a page run one after the other, beside the examples."""
    write_files(folder, page)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.info == "python":
            exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - our own pages, which is the point
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("line", LINES)
def test_commands_exist(line: str) -> None:
    """A command line names a verb and options that there are."""
    verb, *arguments = shlex.split(line)[1:]
    context = click.Context(cli, info_name="tiercast")
    command = cli.get_command(context, verb)
    assert command is not None
    command.make_context(verb, arguments, parent=context)


def commit_everything() -> None:
    """Make the working folder a git repository whose branch `main` holds all of it."""
    if (git := shutil.which("git")) is None:
        pytest.skip("git is not installed")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    for arguments in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-qm", "all")):
        subprocess.run([git, *who, *arguments], check=True, capture_output=True)


_PLAYED = {"run": "20s", "capacity": "4s", "plan": "60s"}
"""How long runs of a verb are made; a search makes many."""


@pytest.mark.parametrize("line", LINES)
def test_commands_run(line: str, folder: Path) -> None:
    """A command line does what it is shown to do; runs are made small."""
    verb, *arguments = shlex.split(line)[1:]
    for page in NAMES:
        if line in (ROOT / page).read_text(encoding="utf-8"):
            write_files(folder, page)
    short = ["--set", f"run.duration={_PLAYED.get(verb, '')}", "--set", "run.warm_up=0s", "--workers", "1"]
    few = ["--replications", "2", "--quiet", "--engine", "compiled" if verb == "drift" else "reference"]
    few += ["--requests", "1000"] if verb == "plan" else []
    small = [*short, *few] if verb in _PLAYED else []
    if verb == "drift":
        shorter = (
            ["drift.thin=20", "drift.epoch=7d"] if "--diagnose" in arguments else ["drift.thin=1000", "drift.months=1"]
        )
        small = [word for one in shorter for word in ("--set", one)] + ["--workers", "1", *few]
    if verb == "diff":
        commit_everything()
        small = few
    result = CliRunner().invoke(cli, [verb, *arguments, *small])
    assert (result.exit_code, folder.is_dir()) == (2 if _REFUSED in line else 0, True), result.output


# ---- what is generated


def test_generated_parts_are_fresh() -> None:
    """If a key, an option, a metric or an output has changed, `python docs/generate.py` has been run."""
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_schema_is_the_one_the_program_prints() -> None:
    """The committed JSON Schema is what `tiercast schema` prints."""
    assert CliRunner().invoke(cli, ["schema"]).stdout == SCHEMA.read_text(encoding="utf-8")
