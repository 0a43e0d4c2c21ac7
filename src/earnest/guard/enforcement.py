"""What a rule can do on a route: prevent, contain, detect, or nothing.

prevent
    What met the rule does not pass.
contain
    The action begins when the rule decides; what came before has passed.
detect
    The decision is recorded.
not enforceable
    The route has no means for the action.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from earnest.errors import BadParameter
from earnest.guard.policy import BLOCK_S, HOLDING, Policy, Rule

NONE, DETECT, CONTAIN, PREVENT = ORDER = ("not enforceable", "detect", "contain", "prevent")
SIDES = ("caller", "agent")

_RECORDED = {"observe": DETECT, "annotate": DETECT, "flag": DETECT}
_STREAM = _RECORDED | {"redact": PREVENT, "mute": CONTAIN, "end": CONTAIN}
_SPEECH = _STREAM | {"challenge": CONTAIN, "gate_tools": PREVENT, "replace_response": CONTAIN}
_WHOLE = _RECORDED | {"redact": PREVENT, "mute": PREVENT, "end": PREVENT}
_CHAT = _WHOLE | {"challenge": PREVENT, "gate_tools": PREVENT, "hold_turn": PREVENT, "replace_response": PREVENT}

ROUTES: dict[str, dict[str, dict[str, str]]] = {
    "realtime": {"caller": _SPEECH | {"hold_turn": PREVENT}, "agent": _SPEECH},
    "gemini": {"caller": _SPEECH, "agent": _SPEECH},
    "twilio": {"caller": _STREAM | {"transfer": CONTAIN}, "agent": _STREAM | {"transfer": CONTAIN}},
    "vllm": {"caller": _STREAM, "agent": {}},
    "chat": {"caller": _CHAT, "agent": _WHOLE | {"gate_tools": PREVENT, "replace_response": PREVENT}},
    "transcriptions": {"caller": _WHOLE, "agent": {}},
}
"""The strongest that an action gives on a route of the gateway, by the side of the call that is heard.

A side without entries carries no audio there. `transcriptions` and `vllm` give text alone, so nobody is spoken to.
"""


def strength(rule: Rule, route: str) -> str:
    """What the rule gives on a route of the gateway when it is enforced; the weaker of the sides that it hears."""
    sides = [side for side in SIDES if rule.hears_side(side) and ROUTES[route][side]]
    if not sides:
        return NONE
    given = []
    for side in sides:
        best = ROUTES[route][side].get(rule.action, NONE)
        held = rule.strength == PREVENT and rule.action in HOLDING
        given.append(PREVENT if best == CONTAIN and held else best)
    return min(given, key=ORDER.index)


def held_s(policy: Policy, side: str) -> float:
    """Seconds of audio by which a side of a call is held back, so that a rule decides before its span passes."""
    return max(
        (
            rule.for_s + BLOCK_S
            for rule in policy.rules
            if rule.hears_side(side)
            and (rule.action == "redact" or (rule.strength == PREVENT and rule.action in HOLDING))
        ),
        default=0.0,
    )


def enforcement(policy: Policy, routes: Iterable[str] = tuple(ROUTES)) -> list[dict[str, str]]:
    """One row a rule: its action, and what the policy's mode gives on each route.

    `file` and `frames` are audio handed over by a program, which alone can apply the decisions that come back.
    """
    rows, acting = [], policy.mode in {"enforce", "canary"}
    for rule in policy.rules:
        row = {"rule": rule.name, "action": rule.action}
        row |= {"file": DETECT, "frames": CONTAIN if acting and rule.action in {"mute", "end"} else DETECT}
        for route in routes:
            best = strength(rule, route)
            row[route] = best if acting else DETECT if best != NONE else NONE
        rows.append(row)
    return rows if policy.mode != "off" else [row | dict.fromkeys(list(row)[2:], "off") for row in rows]


def unenforceable(policy: Policy, routes: Iterable[str]) -> list[str]:
    """A line on each rule that a route cannot enforce as the policy asks; empty where the gateway may start."""
    faults = []
    for number, rule in enumerate(policy.rules):
        for route in routes:
            best, asked = strength(rule, route), rule.strength or DETECT
            if ORDER.index(best) < ORDER.index(asked):
                line = f"line {policy.lines[number]}, " if policy.lines else ""
                faults.append(f"{line}{rule.name}: {rule.action} on {route} is {best}; the rule asks for {asked}")
    return faults


def check_routes(routes: Iterable[str]) -> tuple[str, ...]:
    unknown = [route for route in routes if route not in ROUTES]
    if unknown:
        raise BadParameter(f"no route is called {unknown[0]!r}; choose from {', '.join(ROUTES)}")
    return tuple(dict.fromkeys(routes))


def table(rows: list[dict[str, str]]) -> str:
    """The rows as aligned text."""
    columns = list(rows[0])
    lines: list[list[Any]] = [columns, *([row[name] for name in columns] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
