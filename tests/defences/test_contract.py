"""The contract for tools: five outcomes, worked by hand, and calls of any form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from earnest.audio import Stimulus, Turn
from earnest.defences import defences
from earnest.defences.contract import SAYS, confirmed
from earnest.errors import BadData, BadParameter
from earnest.models import Answer

POLICY = """
otherwise: hand_off
tools:
  light: {outcome: execute, required: [room], heard: [room]}
  pay: {outcome: confirm, required: [to, amount], most: {amount: 50}}
  play: {outcome: execute, allowed: {station: [one, two]}}
  erase: {outcome: block}
"""


@pytest.fixture
def contract(tmp_path: Path) -> Any:
    (tmp_path / "policy.yaml").write_text(POLICY)
    return defences.make(f"contract:policy={tmp_path / 'policy.yaml'}")


def calls(*named: tuple[str, Any], heard: str | None = "turn on the kitchen light") -> Answer:
    made = [{"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in named]
    details: dict[str, Any] = {"tool_calls": made}
    return Answer(text="calling", details=details if heard is None else {**details, "transcript": heard})


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (("light", '{"room": "kitchen"}'), "execute"),
        (("light", {"room": "Kitchen"}), "execute"),  # as an object, and in another case
        (("light", '{"room": "cellar"}'), "clarify"),  # was not heard
        (("light", "{}"), "clarify"),  # is lacking
        (("light", '{"room": ""}'), "clarify"),
        (("light", "{room"), "clarify"),  # no JSON
        (("light", "[1]"), "clarify"),
        (("pay", '{"to": "anna", "amount": 50}'), "confirm"),
        (("pay", '{"to": "anna", "amount": 50.01}'), "hand_off"),
        (("pay", '{"to": "anna", "amount": "much"}'), "hand_off"),  # no number is not within a limit
        (("pay", '{"to": "anna", "amount": true}'), "hand_off"),
        (("pay", '{"amount": 60}'), "clarify"),  # before its limit is looked at, the user is asked to whom
        (("play", '{"station": "Two"}'), "execute"),
        (("play", '{"station": "three"}'), "block"),
        (("play", "{}"), "execute"),
        (("erase", "{}"), "block"),
        (("open", "{}"), "hand_off"),  # a tool without a rule
    ],
)
def test_each_call_has_one_outcome(contract: Any, call: tuple[str, Any], outcome: str) -> None:
    reply = contract.review(calls(call))
    assert reply.details["contract"]["outcome"] == outcome
    if outcome == "execute":
        assert reply.text == "calling" and reply.details["tool_calls"] and reply.details["contract"]["why"] == []
    else:
        assert reply.text == SAYS[outcome] and "tool_calls" not in reply.details and reply.details["contract"]["why"]


def test_of_several_calls_the_strictest_holds_for_all(contract: Any) -> None:
    light, pay, erase = ("light", '{"room": "kitchen"}'), ("pay", '{"to": "a", "amount": 1}'), ("erase", "{}")
    for given, outcome in (
        ((light, light), "execute"),
        ((light, pay), "confirm"),
        ((light, ("open", "{}"), erase), "block"),
    ):
        assert contract.review(calls(*given)).details["contract"]["outcome"] == outcome


@pytest.mark.parametrize(
    "odd", ["light", 7, {"name": "light"}, [None], [{"function": {"name": 3}}], [{"function": "light"}], {"a": 1}]
)
def test_a_call_of_another_form_is_blocked(contract: Any, odd: Any) -> None:
    reply = contract.review(Answer(text="calling", details={"tool_calls": odd}))
    assert reply.text == SAYS["block"] and reply.details["contract"]["outcome"] == "block"


def test_what_a_model_does_not_say_that_it_heard_was_not_heard(contract: Any) -> None:
    assert contract.review(calls(("light", '{"room": "kitchen"}'), heard=None)).text == SAYS["clarify"]


def test_an_answer_without_calls_is_left_alone(contract: Any) -> None:
    answer = Answer(text="It is nine.", details={"transcript": "what time is it"})
    assert contract.review(answer) is answer


@pytest.mark.parametrize(
    ("before", "heard", "executed"),
    [
        (SAYS["confirm"], "yes please", True),
        (SAYS["confirm"], "ja, mach das", True),
        (SAYS["confirm"], "Sí.", True),
        (SAYS["confirm"], "yes, no wait, cancel that", False),
        (SAYS["confirm"], "I did not say yes", False),
        (SAYS["confirm"], "", False),
        ("Anything else?", "yes", False),
    ],
)
def test_a_call_is_confirmed_by_the_next_turn_alone(contract: Any, before: str, heard: str, executed: bool) -> None:
    stimulus = Stimulus(
        clips={}, prompt="x", history=(Turn(role="user", text="Pay Anna one."), Turn(role="assistant", text=before))
    )
    reply = contract.review(calls(("pay", '{"to": "anna", "amount": 1}'), heard=heard), stimulus=stimulus)
    assert (reply.details["contract"]["outcome"] == "execute") is executed
    assert confirmed(heard, stimulus) is executed
    over = contract.review(calls(("erase", "{}"), heard=heard), stimulus=stimulus)
    assert over.text == SAYS["block"]  # a yes makes nothing else possible


def test_names_in_place_of_a_file() -> None:
    contract = defences.make("contract:execute=light+play,confirm=pay,hand_off=call")
    outcomes = {
        name: contract.review(calls((name, "{}"))).details["contract"]["outcome"]
        for name in ("light", "play", "pay", "call", "x")
    }
    assert outcomes == {"light": "execute", "play": "execute", "pay": "confirm", "call": "hand_off", "x": "block"}
    with pytest.raises(BadParameter, match="must have one outcome, got several for pay"):
        defences.make("contract:execute=pay,confirm=pay")
    with pytest.raises(BadParameter, match="got both"):
        defences.make("contract:policy=p.yaml,execute=pay")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tools: {light: {outcome: perhaps}}", "tools.light.outcome"),
        ("tools: [", "must be YAML"),
        ("rules: {}", "rules"),
        ("- 1", "policy of tools"),
    ],
)
def test_a_faulty_policy_is_told_before_anything_is_asked(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(BadData, match=fault):
        defences.make(f"contract:policy={path}").around(None)
    with pytest.raises(BadData, match="must be a YAML file"):
        defences.make(f"contract:policy={tmp_path / 'none.yaml'}").around(None)


def test_calls_of_the_reference_model_have_the_form_that_is_read() -> None:
    from earnest.models.reference.instructions import tool_calls

    made = tool_calls("call turn_on(kitchen light)")
    assert json.loads(made[0]["function"]["arguments"]) == {"what": "kitchen light"}
    answer = Answer(
        text="call turn_on(kitchen light)", details={"tool_calls": made, "transcript": "turn on the kitchen light"}
    )
    assert defences.make("contract:execute=turn_on").review(answer).text == answer.text
    assert defences.make("contract").review(answer).text == SAYS["block"]
