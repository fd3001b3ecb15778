"""The GitHub action and the pre-commit hooks: what they promise, and that no input of theirs becomes code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from cli.commands import ROOT

from sim.cli import cli

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SCRIPTS = [step for step in STEPS if "run" in step]
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
NASTY = "$(touch pwned) `touch pwned`; touch pwned && \"'\\ *"

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="this machine has no bash")


def script_of(word: str) -> str:
    """Give the one script of the action with this word in it."""
    (script,) = [step["run"] for step in SCRIPTS if word in step["run"]]
    return str(script)


def stub(path: Path, lines: str = "") -> None:
    """Write a program that tells its arguments, one a line, and does `lines`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >> "$TOLD"\n{lines}\n', encoding="utf-8")
    path.chmod(0o755)


def play(script: str, folder: Path, **variables: str) -> tuple[int, list[str], str]:
    """Run a script as a runner does; give its exit code, what a stub was told, and stdout."""
    told = folder / "told"
    environment = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", "TOLD": str(told), **variables}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],  # noqa: S607 - as the runner starts it
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (folder / "pwned").exists()
    return done.returncode, told.read_text("utf-8").splitlines() if told.exists() else [], done.stdout


def test_no_expression_stands_in_a_script() -> None:
    """If an input holds shell code, it never becomes part of a script: scripts read variables of the environment."""
    assert [step["run"] for step in SCRIPTS if "${{" in step["run"]] == []
    assert {step["shell"] for step in SCRIPTS} == {"bash"}


def test_inputs_and_outputs_are_described_and_used() -> None:
    """Every input has a description and something that reads it; every output has a step behind it."""
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"inputs\.([a-z-]+)", text))
    assert used == set(ACTION["inputs"])
    assert all(one["description"] for one in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))
    steps = {step.get("id") for step in STEPS}
    assert set(re.findall(r"steps\.([a-z]+)\.", text)) <= steps


def test_other_actions_are_pinned() -> None:
    """Another action is named by its commit: a tag can be moved to other code."""
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert len(used) == 3
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", one) for one in used)


@needs_bash
def test_the_check_gets_its_arguments_as_they_are(tmp_path: Path) -> None:
    """If inputs hold spaces, quotes and commands, each line reaches the check as one argument; its exit code counts."""
    stub(tmp_path / "venv" / "bin" / "tiercast", "exit 99")
    places = {name: str(tmp_path / name.lower()) for name in ("REPORTS", "RESULTS", "VENV")}
    inputs = {"ARGS": f"--set\n{NASTY}", "EXPERIMENT": f"--{NASTY}", "FAIL_ON": "warn\ninconclusive\n"}
    code, told, _ = play(script_of('tiercast" check'), tmp_path, **inputs, **places)
    assert code == 99
    assert told[0] == "check"
    assert told[-8:] == ["--fail-on", "warn", "--fail-on", "inconclusive", "--set", NASTY, "--", f"--{NASTY}"]
    verb = click.Context(cli)
    command = cli.get_command(verb, "check")
    assert command is not None
    context = command.make_context("check", [*told[1:-4], "--", "a.yaml"], parent=verb)  # what it names, there is
    assert [path.name for path in context.params["outputs"]] == [
        *("report.md", "junit.xml", "check.json", "check.sarif", "metrics.om.txt", "bench.json")
    ]


@needs_bash
@pytest.mark.parametrize(("found", "method"), [("", "POST"), ("echo 7; echo 9", "PATCH")])
def test_a_comment_is_replaced_by_its_marker(tmp_path: Path, found: str, method: str) -> None:
    """If a bot has commented with the marker of this report that comment is replaced, else there is a new one."""
    (tmp_path / "r.md").write_text(f"<!-- m -->\n{NASTY}\n", encoding="utf-8")
    seen = f'echo "$MARKER" >> "$TOLD"; {found or ":"}'
    stub(tmp_path / "bin" / "gh", f'if [[ "$*" == *--paginate* ]]; then {seen}; fi')
    places = {"GITHUB_REPOSITORY": "o/r", "NUMBER": "3", "REPORT": str(tmp_path / "r.md")}
    code, told, out = play(script_of("gh api"), tmp_path, **places)
    assert (code, out) == (0, "")
    assert "<!-- m -->" in told
    place = "repos/o/r/issues/comments/7" if method == "PATCH" else "repos/o/r/issues/3/comments"
    assert told[-7:] == ["api", "--method", method, place, "--field", f"body=@{tmp_path / 'r.md'}", "--silent"]


@needs_bash
@pytest.mark.parametrize("fails_at", ["--paginate", "--method"])
def test_a_comment_that_is_not_allowed_does_not_fail_the_step(tmp_path: Path, fails_at: str) -> None:
    """If the token may not comment, as on a pull request of a fork, the step warns and the verdict stands."""
    (tmp_path / "r.md").write_text("<!-- m -->\n", encoding="utf-8")
    stub(tmp_path / "bin" / "gh", f'[[ "$*" != *{fails_at}* ]]')
    places = {"GITHUB_REPOSITORY": "o/r", "NUMBER": "3", "REPORT": str(tmp_path / "r.md")}
    code, _, out = play(script_of("gh api"), tmp_path, **places)
    assert code == 0
    assert out.startswith("::warning title=tiercast::")


@needs_bash
def test_what_is_installed_is_known_by_its_source(tmp_path: Path) -> None:
    """The key of the cache is that of the source of the action, or of the version that is asked for."""
    keys = []
    for version, content in (("", "a"), ("", "b"), ("1.0", "b"), ("1.0", "c")):
        action = tmp_path / "action"
        (action / "sim").mkdir(parents=True, exist_ok=True)
        (action / "sim" / "x.py").write_text(content, encoding="utf-8")
        (action / "pyproject.toml").write_text("", encoding="utf-8")
        output = tmp_path / "output"
        output.unlink(missing_ok=True)
        places = {"GITHUB_ACTION_PATH": str(action), "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(output)}
        assert play(script_of("git hash-object"), tmp_path, TIERCAST_VERSION=version, **places)[0] == 0
        keys.append(output.read_text("utf-8").splitlines()[-1])
    assert len({*keys[:3]}) == 3
    assert keys[2] == keys[3]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_hooks_call_what_there_is(hook: dict[str, Any]) -> None:
    """A hook names a verb and options that there are, and looks at the experiments of the repository."""
    program, verb, *options = hook["entry"].split()
    context = click.Context(cli)
    command = cli.get_command(context, verb)
    assert command is not None
    assert command.make_context(verb, [*options, "experiments/quickstart.yaml"], parent=context)
    assert (program, hook["language"]) == ("tiercast", "python")
    assert re.search(hook["files"], "experiments/quickstart.yaml")
    assert not re.search(hook["files"], "docs/examples.yaml")
