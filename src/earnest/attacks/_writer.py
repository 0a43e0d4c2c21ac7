"""A model that writes for an attacker: rewrites a request, translates it. It is asked in words alone.

It is any model that `earnest.models.load_model` knows. What it is asked is no query of the victim and is counted
apart, in what a candidate tells of how it was drawn. It is asked directly: neither a run's cache nor its limit on cost
knows of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from earnest.audio import Stimulus
from earnest.errors import BadParameter
from earnest.models import Answer, Model, Sampling, load_model

ATTEMPTS = 3
"""How often a call that failed in passing is made."""


@dataclass
class Writer:
    """A model that writes, and what it was asked.

    Parameters
    ----------
    spec : str
        As `load_model` takes it.
    """

    spec: str
    n_calls: int = 0
    cost: float = 0.0
    refusals: list[str] = field(default_factory=list)

    def written(self, prompt: str, *, system_prompt: str | None = None, seed: int = 0) -> str | None:
        """What the model writes; None where it gives no answer after three attempts."""
        stimulus = Stimulus(clips={}, prompt=prompt, system_prompt=system_prompt)
        for _ in range(ATTEMPTS):
            self.n_calls += 1
            (reply,) = _loaded(self.spec).ask(
                [stimulus], sampling=Sampling(temperature=0.7, max_tokens=1024, seed=seed)
            )
            if isinstance(reply, Answer):
                self.cost += reply.usage.get("cost_usd", 0.0)
                return reply.said.strip() or None
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
