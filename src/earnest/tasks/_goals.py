"""What an attacker wants of answers that a task reads as one of a few: shared by the tasks whose items have goals.

An item that already is what an attacker would want, or of which nobody wants anything, has no goal; it is asked in the
attacked arms all the same, as it is, so that the task's measures there are over both of its sides.
"""

from __future__ import annotations

from collections.abc import Callable

from earnest.audio import Goal


def said_to_be(label: str, *, read: Callable[[str], str | None], description: str) -> Goal:
    """That the answer be `label`, as the task reads answers; an answer that cannot be read leaves it open."""

    def reached(text: str) -> bool | None:
        found = read(text)
        return None if found is None else found == label

    return Goal(target=label, reached=reached, description=description)
