"""The conditions in which a question is asked: who attacks, and what stands before the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from earnest.registry import Spec, parse_spec

UNDEFENDED = "undefended"
"""What an attack was crafted on that does not know the defences of the system that it is tried on."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The condition of a question.

    Parameters
    ----------
    attack : str or None
        Specification; None: no attack.
    crafted_on : str or None
        What the attack was built on: None, the system that is asked; "undefended", its model alone; else the
        specification of another model.
    defences : tuple of str
        Specifications, in order.
    """

    attack: str | None = None
    crafted_on: str | None = None
    defences: tuple[str, ...] = ()

    @property
    def stack(self) -> str:
        """The defences as they are shown: `codec+refusal_guard`; never to be taken apart again."""
        return "+".join(self.defences)

    @property
    def transferred(self) -> bool:
        """Whether the attack was built on something else than the system that is asked."""
        return self.crafted_on is not None

    @property
    def shown_attack(self) -> str:
        """The attack as it is shown, with what it was built on: `pgd:steps=40,transfer=true`."""
        if self.attack is None or self.crafted_on is None:
            return self.attack or ""
        spec = parse_spec(self.attack)
        built = {"transfer": True} if self.crafted_on == UNDEFENDED else {"crafted_on": self.crafted_on}
        return str(Spec(spec.name, {**spec.parameters, **built}))

    @property
    def suffix(self) -> str:
        """What is put behind an id to tell the arms apart: `""`, `"@pgd"`, `"@pgd+codec"`, `"@+codec"`."""
        if self == Arm():
            return ""
        return "@" + self.shown_attack + (f"+{self.stack}" if self.defences else "")

    @property
    def unattacked(self) -> Arm:
        """The same system without an attack."""
        return Arm(defences=self.defences)

    @property
    def undefended(self) -> Arm:
        """The same attack on the model alone, where it is what the attack was built on too."""
        return Arm(attack=self.attack, crafted_on=None if self.crafted_on == UNDEFENDED else self.crafted_on)


def old_attack(attack: Any) -> dict[str, Any]:
    """The attack of a plan or line of a version before 0.3, what it was built on being no parameter of it any more."""
    if not isinstance(attack, str):
        return {"attack": attack}
    spec = parse_spec(attack)
    if not spec.parameters.get("transfer"):
        return {"attack": attack}
    rest = {name: value for name, value in spec.parameters.items() if name != "transfer"}
    return {"attack": str(Spec(spec.name, rest)), "crafted_on": UNDEFENDED}
