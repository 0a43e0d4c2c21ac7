"""From what a user names, attacks and stacks of defences, to the arms of a plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from earnest.arms import UNDEFENDED, Arm
from earnest.errors import BadParameter, EarnestError
from earnest.registry import Spec, parse_spec, registry
from earnest.runs.artefacts import canonical

T = TypeVar("T")

_PARTS = re.compile(r'(?:[^+"]|"(?:[^"\\]|\\.)*")+')


def stack_of(text: str) -> tuple[str, ...]:
    """The specifications of a stack of defences, written with a `+` between them; one inside a value is quoted.

    >>> stack_of('codec:kind=mp3+refusal_guard')
    ('codec:kind=mp3', 'refusal_guard')
    >>> stack_of('codec:kind="a+b"')
    ('codec:kind="a+b"',)

    Raises
    ------
    BadParameter
        If a part of it is empty, or a quote is left open.
    """
    parts = [part.strip() for part in _PARTS.findall(text)]
    if not parts or not all(parts) or "+".join(_PARTS.findall(text)) != text:
        raise BadParameter(
            f'a stack must be written NAME[:k=v]+NAME, a + inside a value in quotes (k="a+b"), got {text!r}'
        )
    return tuple(parts)


def composed(attacks: Sequence[str], stacks: Sequence[Sequence[str]], *, transfers: bool = False) -> tuple[Arm, ...]:
    """Every arm once: for no defence and each stack the clean one, each attack, and each attack that knows no defence.

    The last are white-box attacks alone, which differ much where they do not know the defence, or with `transfers` every
    attack that searches: what one makes that looks at no system is the same whatever it knows.

    Parameters
    ----------
    attacks : sequence of str
        Specifications. `transfer=true` builds an attack on the undefended model, `crafted_on=SPEC` on another one.
    stacks : sequence of sequence of str
        Specifications of defences, in order.
    transfers : bool
        Whether every attack that searches is also asked as made by who knows no defence.

    Raises
    ------
    BadParameter
        If a specification is none; all are told at once.
    """
    faults: list[str] = []
    crafted = _each(attacks, _crafted, faults)
    checked = [tuple(_each(stack, _checked_defence, faults)) for stack in stacks]
    if faults:
        raise BadParameter("; ".join(faults))
    arms: list[Arm] = []
    for stack in dict.fromkeys(((), *checked)):
        arms.append(Arm(defences=stack))
        arms += [_on(arm, stack) for arm in crafted]
        arms += [
            Arm(attack=a.attack, crafted_on=UNDEFENDED, defences=stack)
            for a in crafted
            if stack and _differs(a, every=transfers)
        ]
    return tuple(dict.fromkeys(arms))


def built_on_others(arms: Sequence[Arm]) -> tuple[str, ...]:
    """The specifications of the models that attacks are built on in place of the one that is asked."""
    return tuple(dict.fromkeys(arm.crafted_on for arm in arms if arm.crafted_on not in (None, UNDEFENDED)))  # type: ignore[misc]


def writers_of(arms: Sequence[Arm]) -> tuple[str, ...]:
    """The specifications of the models that write for attacks."""
    specs = dict.fromkeys(arm.attack for arm in arms if arm.attack is not None)
    made = [registry("attacks").make(spec) for spec in specs]
    return tuple(dict.fromkeys(spec for attack in made for spec in getattr(attack, "writers", ())))


def _on(arm: Arm, stack: tuple[str, ...]) -> Arm:
    """The attack on a stack; where there is none, to know no defence is to know all."""
    on = None if arm.crafted_on == UNDEFENDED and not stack else arm.crafted_on
    return Arm(attack=arm.attack, crafted_on=on, defences=stack)


def _differs(arm: Arm, *, every: bool) -> bool:
    """Whether an attack is asked in an arm of its own as who does not know the defences makes it."""
    assert arm.attack is not None
    if arm.crafted_on is not None:
        return False
    return searches(arm.attack) if every else registry("attacks").make(arm.attack).needs == "gradients"


def searches(attack: str) -> bool:
    """Whether what an attack makes depends on the system that it is made on: it asks it, or needs more than answers."""
    made = registry("attacks").make(attack)
    return made.needs != "responses" or getattr(made, "most_queries", None) != 0


def _crafted(text: str) -> Arm:
    """The attack of a specification, and what it says that it is built on."""
    spec = parse_spec(text)
    own = dict(spec.parameters)
    transfer, other = own.pop("transfer", False), own.pop("crafted_on", None)
    if not isinstance(transfer, bool) or (transfer and other):
        raise BadParameter(f"an attack has transfer=true, or crafted_on=SPEC for another model, got {text!r}")
    attack = parse_spec(canonical(str(Spec(spec.name, own))))
    registry("attacks").make(str(attack))
    return Arm(attack=str(attack), crafted_on=UNDEFENDED if transfer else other and str(other))


def _checked_defence(text: str) -> str:
    spec = canonical(text)
    registry("defences").make(spec)
    return spec


def _each(texts: Sequence[str], read: Callable[[str], T], faults: list[str]) -> list[T]:
    """What each text is read as; what cannot be is told."""
    made = []
    for text in texts:
        try:
            made.append(read(text))
        except EarnestError as error:
            faults.append(str(error))
    return made
