"""What a user names, and the arms that follow."""

from __future__ import annotations

from pathlib import Path

import pytest

import earnest
from earnest.arms import UNDEFENDED, Arm
from earnest.cli import main
from earnest.errors import BadParameter
from earnest.results.build import read_lines
from earnest.runs.arms import built_on_others, composed, stack_of


def ended(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    return int(ending.value.code or 0)


@pytest.mark.parametrize(
    ("text", "stack"),
    [
        ("codec", ("codec",)),
        ("codec:format=mu_law+refusal_guard", ("codec:format=mu_law", "refusal_guard")),
        (" codec + smoothing ", ("codec", "smoothing")),
        ('a:k="x+y"+b', ('a:k="x+y"', "b")),
        (r'a:k="x\"+y"+b:k="+"', (r'a:k="x\"+y"', 'b:k="+"')),
    ],
)
def test_a_stack_is_taken_apart_outside_quotes(text: str, stack: tuple[str, ...]) -> None:
    assert stack_of(text) == stack


@pytest.mark.parametrize("text", ["", "codec+", "+codec", "codec++smoothing", 'a:k="x+b', " + "])
def test_a_stack_with_a_hole_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="a stack must be written"):
        stack_of(text)


def test_two_attacks_and_two_stacks_make_thirteen_arms_once_each() -> None:
    a, b = "pgd:steps=2", "pgd:steps=3"
    x, y = ("codec",), ("smoothing",)
    arms = composed([a, b, a], [x, y, x, ()])
    assert len(arms) == 13 == len(set(arms))
    assert arms[:3] == (Arm(), Arm(attack=a), Arm(attack=b))
    assert arms[3:8] == (
        Arm(defences=x),
        Arm(attack=a, defences=x),
        Arm(attack=b, defences=x),
        Arm(attack=a, crafted_on=UNDEFENDED, defences=x),
        Arm(attack=b, crafted_on=UNDEFENDED, defences=x),
    )
    assert {arm.defences for arm in arms[8:]} == {y}


def test_who_is_given_as_knowing_nothing_has_no_arm_that_knows() -> None:
    arms = composed(["pgd:steps=2,transfer=true"], [("codec",)])
    assert arms == (
        Arm(),
        Arm(attack="pgd:steps=2"),
        Arm(defences=("codec",)),
        Arm(attack="pgd:steps=2", crafted_on=UNDEFENDED, defences=("codec",)),
    )


def test_an_attack_that_looks_at_answers_alone_has_no_arm_of_its_own_for_who_knows_nothing() -> None:
    assert [arm.crafted_on for arm in composed(["best_of_n:n=2"], [("codec",)])] == [None] * 4


def test_an_attack_may_be_built_on_another_model() -> None:
    arms = composed(["noise:crafted_on=earnest/reference,snr_db=5"], [("codec",)])
    assert arms[1] == Arm(attack="noise:snr_db=5", crafted_on="earnest/reference")
    assert arms[1].suffix == "@noise:crafted_on=earnest/reference,snr_db=5"
    assert built_on_others(arms) == ("earnest/reference",)
    with pytest.raises(BadParameter, match="transfer=true, or crafted_on=SPEC"):
        composed(["noise:crafted_on=earnest/reference,transfer=true"], [])


def test_the_counterpart_without_a_defence_is_built_on_the_same() -> None:
    assert Arm(attack="a", crafted_on="m", defences=("d",)).undefended == Arm(attack="a", crafted_on="m")
    assert Arm(attack="a", crafted_on=UNDEFENDED, defences=("d",)).undefended == Arm(attack="a")
    assert Arm(attack="a", crafted_on="m", defences=("d",)).unattacked == Arm(defences=("d",))


def test_all_that_cannot_be_built_is_told_at_once() -> None:
    with pytest.raises(BadParameter) as told:
        composed(["nosuch", "noise:nope=1"], [("codex",)])
    assert all(word in str(told.value) for word in ("nosuch", "nope", "codex"))


def test_suffixes_are_those_of_earlier_versions() -> None:
    stack = ("codec:bit_rate=16000,format=opus", "smoothing")
    assert Arm().suffix == ""
    assert Arm(attack="pgd:steps=1").suffix == "@pgd:steps=1"
    assert Arm(defences=stack).suffix == "@+codec:bit_rate=16000,format=opus+smoothing"
    assert (
        Arm(attack="pgd:steps=1", crafted_on=UNDEFENDED, defences=("codec",)).suffix
        == "@pgd:steps=1,transfer=true+codec"
    )


def test_a_matrix_is_one_folder_with_each_cell_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    arguments = (
        "matrix core --model scripted/always_comply --task harmful_refusal --limit 2 --attack best_of_n:n=2 "
        "--attack noise:snr_db=10 --defence codec:format=mu_law --defence refusal_guard --stack codec:format=mu_law+refusal_guard"
    )
    more = ["--task", "benign_compliance", "--no-verify", "--no-cache", "--out", str(out)]
    assert ended([*arguments.split(), *more]) == 0
    lines = [line for line in read_lines(out) if line.kind == "item"]
    # clean, best_of_n and noise on four columns, best_of_n as made on the model on three; help without an attack
    assert len(lines) == len({line.item for line in lines}) == 2 * (3 * 4 + 3) + 2 * 4
    told = capsys.readouterr().out
    assert "no defence" in told and "codec:format=mu_law + refusal_guard" in told
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("Attack success by defence") >= 1 and "2 tasks in 15 conditions" in page
    (grid,) = earnest.Run.open(out).grids
    assert grid.columns == ((), ("codec:format=mu_law",), ("refusal_guard",), ("codec:format=mu_law", "refusal_guard"))
    assert grid.rows == ("", "best_of_n:n=2", "noise:snr_db=10", "best_of_n:n=2,transfer=true")
    assert [cell and cell.id.partition(".harmful_refusal.")[2] for cell in grid.cells[1]] == [
        "attack_on_target_rate@best_of_n:n=2",
        "attack_on_target_rate@best_of_n:n=2+codec:format=mu_law",
        "attack_on_target_rate@best_of_n:n=2+refusal_guard",
        "attack_on_target_rate@best_of_n:n=2+codec:format=mu_law+refusal_guard",
    ]


@pytest.mark.parametrize(
    ("left_out", "says"), [("--attack", "a matrix needs an attack"), ("--defence", "a matrix needs a defence")]
)
def test_a_matrix_of_one_side_is_refused(left_out: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"--attack": "best_of_n:n=2", "--defence": "codec"}
    options.pop(left_out)
    given = [part for pair in options.items() for part in pair]
    assert ended(["matrix", "core", "--model", "scripted/echo", "--dry-run", *given]) == 2
    assert says in capsys.readouterr().err
