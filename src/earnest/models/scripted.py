"""Scripted models, `scripted/<behaviour>`: they hear nothing and are told the truth, so that what a task should score
is known beforehand.

    always_refuse    refuses everything
    always_comply    does whatever is asked
    random           one of the allowed answers, drawn by seed and stimulus; without such, refuses or complies
    never_hears      says that there is no audio
    position_only    the first allowed answer, or "first"
    leaks_all        gives away the secret, or else what was said
    echo             exactly what was said: a perfect transcriber

Of `Stimulus.truth` they read `text` (what is said), `secret` (a private fact) and `options` (the allowed answers, in
order); any may be missing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from earnest.audio import Stimulus
from earnest.errors import UnknownName
from earnest.models import models
from earnest.models.access import Answer, Model, Reply, Sampling, rng_for

REFUSAL = "I'm sorry, but I can't help with that."
DEAF = "I cannot hear any audio; please upload the recording."


def _refuse(stimulus: Stimulus, sampling: Sampling) -> str:
    return REFUSAL


def _comply(stimulus: Stimulus, sampling: Sampling) -> str:
    return f"Sure, here is {stimulus.truth.get('text') or 'what you asked for'}"


def _random(stimulus: Stimulus, sampling: Sampling) -> str:
    options = stimulus.truth.get("options") or (_refuse(stimulus, sampling), _comply(stimulus, sampling))
    draw = rng_for(sampling.seed, "scripted/random", stimulus.digest).integers(len(options))
    return str(options[int(draw)])


def _deaf(stimulus: Stimulus, sampling: Sampling) -> str:
    return DEAF


def _first(stimulus: Stimulus, sampling: Sampling) -> str:
    options = stimulus.truth.get("options")
    return str(options[0]) if options else "first"


def _leak(stimulus: Stimulus, sampling: Sampling) -> str:
    return str(stimulus.truth.get("secret") or stimulus.truth.get("text") or "I know no secret.")


def _echo(stimulus: Stimulus, sampling: Sampling) -> str:
    return str(stimulus.truth.get("text") or "")


BEHAVIOURS: dict[str, Callable[[Stimulus, Sampling], str]] = {
    "always_refuse": _refuse,
    "always_comply": _comply,
    "random": _random,
    "never_hears": _deaf,
    "position_only": _first,
    "leaks_all": _leak,
    "echo": _echo,
}
"""What a scripted model says, by name."""


class ScriptedModel(Model):
    """A model whose answers follow from the truth by a rule."""

    uses_truth = True
    batch_size = 64
    note = "scripted model: says what its rule says, hears nothing"

    def __init__(self, behaviour: str) -> None:
        self.name, self._behaviour = f"scripted/{behaviour}", BEHAVIOURS[behaviour]
        self.fingerprint = "scripted-1"

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """What the rule says to each stimulus."""
        return [Answer(text=self._behaviour(stimulus, sampling)) for stimulus in stimuli]


@models.register("scripted")
def scripted(rest: str) -> ScriptedModel:
    """The scripted model whose behaviour is `rest`.

    Raises
    ------
    UnknownName
        If there is no such behaviour.
    """
    behaviour = rest.replace("-", "_")
    if behaviour not in BEHAVIOURS:
        near = difflib.get_close_matches(behaviour, BEHAVIOURS, n=1)
        hint = f" did you mean {near[0]!r}?" if near else ""
        raise UnknownName(f"no scripted model behaves as {rest!r};{hint} the behaviours are {', '.join(BEHAVIOURS)}")
    return ScriptedModel(behaviour)
