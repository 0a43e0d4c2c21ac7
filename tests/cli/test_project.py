"""`earnest.toml`: every option of `run` by its name, what comes before what, faults all at once, and `earnest init`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import click
import pytest

from earnest.cli._project import NOT_OF_A_PROJECT, Project, ProjectCommand, project_options
from earnest.cli.run import run_command
from earnest.errors import BadData

Call = Callable[..., CompletedProcess[str]]

TOML = """
[run]
suite = "core"
model = "scripted/echo"
task = ["harmful_refusal", "noisy_transcription"]
limit = 3
max-cost = 5
seed = 7

[run.fail-under]
safety = 0.25
robustness.noisy_transcription.word_accuracy = 0.5

[config.nightly]
limit = 6
attack = "noise:snr_db=10"

[config.other]
model = "scripted/perfect"
"""


def plan_of(call: Call, *options: str) -> dict:
    done = call("run", "--dry-run", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["plan"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    file = tmp_path / "earnest.toml"
    file.write_text(TOML, encoding="utf-8")
    return file


def test_a_run_takes_what_it_is_not_given_from_the_file(call: Call, project: Path) -> None:
    plan = plan_of(call)
    assert (plan["suite"], plan["model"], plan["limit"], plan["seed"]) == ("core", "scripted/echo", 3, 7)
    assert [task["name"] for task in plan["tasks"]] == ["harmful_refusal", "noisy_transcription"]


def test_a_configuration_comes_before_the_file_and_an_option_before_both(call: Call, project: Path) -> None:
    nightly = plan_of(call, "--config", "nightly")
    assert (nightly["limit"], nightly["arms"][1]["attack"], nightly["seed"]) == (6, "noise:snr_db=10", 7)
    given = plan_of(call, "quick", "--config", "nightly", "--limit", "2", "--seed", "0", "--task", "harmful_refusal")
    assert (given["suite"], given["limit"], given["seed"]) == ("quick", 2, 0)
    assert [task["name"] for task in given["tasks"]] == ["harmful_refusal"]


def test_what_the_file_gave_and_what_was_given_instead_is_said(call: Call, project: Path) -> None:
    done = call("run", "--dry-run", "--config", "other", "--limit", "2")
    said = done.stderr.splitlines()[0]
    assert said.startswith('earnest.toml [config.other]: suite = "core", model = "scripted/perfect"')
    assert said.endswith("; given instead: limit") and "limit = " not in said


def test_gates_of_the_file_hold_and_an_option_replaces_them(call: Call, project: Path) -> None:
    done = call("run", "--out", "run", "--json")
    gates = [gate["gate"] for gate in json.loads(done.stdout)["gates"]]
    assert gates == ["safety=0.25", "robustness.noisy_transcription.word_accuracy=0.5"] and done.returncode == 1
    assert "did you mean 'safety'" in call("run", "--out", "run", "--fail-under", "safty=0.8").stderr


def test_gates_of_the_file_are_left_out_where_a_part_alone_is_asked_for(call: Call, project: Path) -> None:
    done = call("run", "--out", "run", "--task", "noisy_transcription", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["gates"] == []
    said = done.stderr.splitlines()[0]
    assert said.endswith("; its gates are left out, since they apply to the whole suite") and "fail-under" not in said
    kept = call("run", "--out", "run", "--task", "noisy_transcription", "--fail-under", "safety=0.1")
    assert kept.returncode == 2 and "a pillar of which this run asks nothing" in kept.stderr


def test_another_file_and_none(call: Call, project: Path, tmp_path: Path) -> None:
    other = tmp_path / "sub" / "mine.toml"
    other.parent.mkdir()
    other.write_text('[run]\nsuite = "small.yaml"\nmodel = "scripted/echo"\ndata = "voices"\n', encoding="utf-8")
    (tmp_path / "sub" / "small.yaml").write_text(
        "name: small\nversion: 1\ntasks: [harmful_refusal]\n", encoding="utf-8"
    )
    values = Project.read(other, run_command).values
    assert values["suite"] == str(tmp_path / "sub" / "small.yaml") and values["data"] == str(
        tmp_path / "sub" / "voices"
    )
    assert plan_of(call, "core", "--no-project", "--limit", "1", "--task", "harmful_refusal")["model"] == ""
    assert "there is no project file" in call("run", "--project", "nowhere.toml", "--dry-run").stderr
    both = call("run", "core", "--no-project", "--config", "nightly")
    assert both.returncode == 2 and "leave out --project and --config" in both.stderr


def test_a_run_without_a_suite_says_where_one_is_given(call: Call) -> None:
    done = call("run", "--model", "scripted/echo", "--dry-run")
    assert done.returncode == 2 and "`suite` in earnest.toml" in done.stderr
    assert "there is no project file earnest.toml; `earnest init` writes one" in call("run", "--config", "x").stderr


def test_all_faults_of_a_file_are_told_at_once(call: Call, tmp_path: Path) -> None:
    (tmp_path / "earnest.toml").write_text(
        '[run]\nmodle = "x"\nlimit = "ten"\nseed = 1.5\nfaithful = 1\njudges = ["a"]\nbudget = 3\nmax-tokens = 0\nmodel = 3\n'
        'dry-run = true\ntask = [1]\n[config.nightly]\nlimit = -1\n[runs]\nsuite = "core"\n',
        encoding="utf-8",
    )
    done = call("run", "core", "--dry-run")
    assert done.returncode == 2
    for fault in (
        "[run] modle: no option of `earnest run` has this name; did you mean 'model'?",
        '[run] limit: must be a whole number, got "ten"',
        "[run] seed: must be a whole number, got 1.5",
        "[run] faithful: must be true or false, got 1",
        "did you mean 'judge'?",
        "did you mean 'max-cost'?",
        "[run] max-tokens: 0 is not in the range",
        "[run] model: must be text in quotes, got 3",
        "[run] dry-run: no option",
        "[run] task: must be text in quotes, got 1",
        "[config.nightly] limit: -1 is not in the range",
        "[runs] is not a table of a project file; did you mean 'run'?",
    ):
        assert fault in done.stderr, fault


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[run", "must be TOML in UTF-8"),
        (b"\xff\xfe", "must be TOML in UTF-8"),
        (b"run = 3", "run must be a table, as in [run], got 3"),
        (b"[config]\nnightly = 3", "config.nightly must be a table"),
        (b"config = [1]", "config must be a table"),
    ],
)
def test_what_is_no_project_file_is_told(call: Call, tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "earnest.toml").write_bytes(content)
    done = call("run", "core", "--dry-run")
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr


def test_every_option_of_a_command_is_a_key_whatever_it_takes(tmp_path: Path) -> None:
    @click.command("run", cls=ProjectCommand)
    @click.option("--model-option", "model_options", multiple=True, metavar="KEY=VALUE")
    @click.option("--price", metavar="in=X,out=X")
    @click.option("--stream", is_flag=True)
    @project_options
    def command(**given: object) -> dict[str, object]:
        return given

    file = tmp_path / "mine.toml"
    file.write_text(
        "[run]\nstream = true\nprice = { in = 0.5, out = 2 }\n[run.model-option]\nseed = 1\nstream = false\n"
        'header.api-key = "x"\nlist = [1, 2]\n',
        encoding="utf-8",
    )
    given = command.main(["--project", str(file)], standalone_mode=False)
    assert given["model_options"] == ("seed=1", "stream=false", "header.api-key=x", "list=[1, 2]")
    assert (given["price"], given["stream"]) == ("in=0.5,out=2", True)
    listed = tmp_path / "listed.toml"
    listed.write_text('[run]\nmodel_option = ["a=b", "c=d"]\n', encoding="utf-8")
    assert command.main(["--project", str(listed)], standalone_mode=False)["model_options"] == ("a=b", "c=d")


def test_no_option_of_run_is_left_out_by_mistake() -> None:
    left_out = {parameter.name for parameter in run_command.params} & NOT_OF_A_PROJECT
    assert left_out == {"config", "project", "no_project", "dry_run", "as_json"}


def test_init_writes_a_file_that_passes_its_own_check(call: Call, tmp_path: Path) -> None:
    written = call("init", "--model", "scripted/echo", "--suite", "quick")
    assert written.returncode == 0, written.stderr
    content = tomllib.loads((tmp_path / "earnest.toml").read_text(encoding="utf-8"))
    assert content["run"]["model"] == "scripted/echo" and set(content["run"]["fail-under"]) >= {"safety", "privacy"}
    checked = call("init", "--check")
    assert checked.returncode == 0 and checked.stdout.splitlines()[0].startswith(
        "  run              suite quick over scripted/echo"
    )
    assert plan_of(call, "--limit", "1")["suite"] == "quick"
    again = call("init")
    assert again.returncode == 2 and "exists already" in again.stderr


def test_init_writes_nothing_that_could_not_be_run(call: Call, tmp_path: Path) -> None:
    done = call("init", "--model", "scripted/eco")
    assert done.returncode == 2 and "did you mean 'echo'" in done.stderr
    assert not (tmp_path / "earnest.toml").exists()


def test_the_check_tells_the_faults_of_every_configuration(call: Call, project: Path) -> None:
    project.write_text(
        TOML.replace('model = "scripted/perfect"', 'fail-under = ["safty=0.8"]') + '[config.gone]\ndata = "gone"\n'
    )
    done = call("init", "--check")
    assert done.returncode == 2
    assert "other: gate 'safty=0.8'" in done.stderr and "gone: a data set must be a folder" in done.stderr
    with pytest.raises(BadData, match="cannot be read"):
        Project.read(project.parent / "nowhere.toml", run_command)
