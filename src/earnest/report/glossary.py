"""The words of a report: each defined once, shown where it is used, and listed at the end of the page."""

from __future__ import annotations

import re

from markupsafe import Markup

TERMS = {
    "pillar": "One side of trust, such as safety. Its score is the unweighted mean of its tasks’ headlines when nobody attacks.",
    "task": "One way of asking about a pillar, with its own data, prompts and scoring.",
    "headline": "The one rate of a task that its pillar averages.",
    "sub-task": "What is varied within a pillar: one of the 26 of the field’s reference benchmark.",
    "item": "One question to the model: a recording or several, a prompt, and what is true of them.",
    "condition": "Who attacks and what defends while an item is asked: clean, attacked, defended, or both.",
    "clean": "Nobody attacks and nothing defends.",
    "score": "Share of the answers that are as they should be, or a mean of such shares; more is better unless ↓ says otherwise.",
    "chance level": "What guessing would give, or doing nothing. A score whose interval holds it shows no ability.",
    "95 % interval": "Drawn again and again, such an interval holds the value of the whole population 19 times in 20.",
    "n": "Scored items that a number rests on.",
    "unscored": "Neither right nor wrong: the call failed, or no rule could read the answer. Counted with every number, part of none.",
    "thin": "Fewer than 20 scored items: the interval is wide, and the number may change.",
    "attack success": "Of the items that the system withstands when nobody attacks, the share on which the attack reaches its goal.",
    "control": "The same disturbance without the art: noise of the same size, or the same number of plain tries.",
    "score lost": "The task’s score without the attack minus with it. It counts every answer that went wrong, whatever the attack’s goal.",
    "transfer": "An attack that was made against the bare model and is then tried on the defended one.",
    "canary": "A clip that holds something the prompt does not give away: who names it has heard the audio.",
    "baseline": "Another run that this one is compared with.",
}
"""Definitions by term."""


def anchor(term: str) -> str:
    """The id of a term's definition."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def term(name: str, text: str = "") -> Markup:
    """A link to the definition of `name`, shown as `text`; a script shows the definition when it is pointed at or focused."""
    assert name in TERMS, f"{name!r} is no term of the glossary"
    return Markup('<a class="term" href="#{0}" aria-describedby="{0}">{1}</a>').format(anchor(name), text or name)
