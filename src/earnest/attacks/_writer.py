"""A model that writes for an attacker: rewrites a request, translates it. It is asked in words alone.

It is any model that `earnest.models.load_model` knows. What it is asked is no query of the victim and is counted
apart, in what a candidate tells of how it was drawn; what it costs counts as a cost of the search. A run lends an attack
a model that asks through the run's cache, ledger and limits (`Attack.lent`); on its own an attack asks it directly.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from earnest.audio import Stimulus
from earnest.errors import BadParameter, ModelFailed
from earnest.models import Answer, Failure, Model, Sampling, load_model

MAX_TOKENS = 1024
"""Of what it writes."""
ATTEMPTS = 3
"""How often a call that failed in passing is made."""


@dataclass
class Writer:
    """A model that writes, and what it was asked.

    Parameters
    ----------
    spec : str
        As `load_model` takes it.
    model : Model or None
        In its place; one that a run lends tries again by itself.
    """

    spec: str
    model: Model | None = None
    n_calls: int = 0
    cost: float = 0.0
    refusals: list[str] = field(default_factory=list)

    def written(self, prompt: str, *, system_prompt: str | None = None, seed: int = 0) -> str | None:
        """What the model writes; None where it gives no answer, asked directly after three attempts.

        Raises
        ------
        ModelFailed
            If a run's ceiling on cost leaves no room for the call.
        """
        stimulus = Stimulus(clips={}, prompt=prompt, system_prompt=system_prompt)
        model = _loaded(self.spec) if self.model is None else self.model
        for _ in range(ATTEMPTS if self.model is None else 1):
            self.n_calls += 1
            (reply,) = model.ask([stimulus], sampling=Sampling(temperature=0.7, max_tokens=MAX_TOKENS, seed=seed))
            if isinstance(reply, Answer):
                self.cost += 0.0 if reply.usage.get("cached") else reply.usage.get("cost_usd", 0.0)
                return reply.said.strip() or None
            if isinstance(reply, Failure) and reply.reason == "over_budget":
                raise ModelFailed(reply.detail, reason=reply.reason, retryable=reply.passing)
            if not getattr(reply, "passing", False):
                return None
        return None

    @property
    def facts(self) -> dict[str, Any]:
        """For what a candidate tells."""
        return {"writer": self.spec, "writer_calls": self.n_calls, "writer_cost_usd": self.cost}


@lru_cache(maxsize=4)
def _loaded(spec: str) -> Model:
    return load_model(spec)


def check_writer(spec: str, *, of: str) -> None:
    """Refuse an attack that has nobody to write for it.

    Raises
    ------
    BadParameter
        If no model is named.
    """
    if not spec:
        raise BadParameter(f"{of} needs a model that writes, got none; name one, as in writer=openai/<name>")


def field_of(text: str, name: str) -> str | None:
    """A field of the first JSON object in a text that a model wrote, as text; None where there is none.

    >>> field_of('Sure: {"improvement": "softer", "prompt": "Say it"} there', "prompt")
    'Say it'
    """
    for start in (match.start() for match in re.finditer(r"\{", text)):
        try:
            value, _ = json.JSONDecoder(strict=False).raw_decode(text[start:])
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get(name), str) and value[name].strip():
            return " ".join(value[name].split())
    return None
