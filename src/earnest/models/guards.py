"""Whom the defences of a system ask, and what that took: a guard model, another recogniser, or the system's own model.

A defence that asks names its models in `asks`, and has a parameter `guards` in its `screen` or `review`. What it asks goes
through the callers of a run, so that it is cached, counted, paid for and kept under the ceiling like every other call. A
call that gave no answer is an error and never a verdict: the item fails as that call did, and counts as unscored.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from earnest.errors import ModelFailed

if TYPE_CHECKING:
    from earnest.audio import Stimulus
    from earnest.models.access import Answer, Model, Sampling

SUBJECT = ""
"""What a defence names in `asks` that asks the system's own model."""


class Guards:
    """The models that defences may ask about one stimulus, and the account of it.

    Parameters
    ----------
    subject : Model
        The system's own model, with what defences do inside it.
    models : mapping of str to Model
        By specification, as a run holds them; others are loaded when they are first asked.
    """

    def __init__(self, subject: Model, models: Mapping[str, Model]) -> None:
        self._subject, self._models = subject, models
        self._used: Counter[str] = Counter()
        self._waited_s = self._answered_ms = 0.0

    def model(self, spec: str) -> Model:
        """The model of a specification; the system's own of an empty one."""
        if spec == SUBJECT:
            return self._subject
        return self._models[spec] if spec in self._models else _loaded(spec)

    def ask(self, spec: str, stimulus: Stimulus, *, by: str, sampling: Sampling) -> Answer:
        """The answer of a model to a stimulus; its tokens, its cost and its own time are put to the account.

        Parameters
        ----------
        spec : str
            Specification; empty asks the system's own model.
        by : str
            The defence that asks, for the message.

        Raises
        ------
        ModelFailed
            If there is none, with the reason of the call.
        """
        from earnest.models.access import Answer

        model, begun = self.model(spec), time.perf_counter()
        try:
            (reply,) = model.ask([stimulus], sampling=sampling)
        finally:
            passed_s = time.perf_counter() - begun
            self._waited_s += passed_s
        self._used["calls"] += 1
        if not isinstance(reply, Answer):
            self._answered_ms += 1e3 * passed_s
            raise ModelFailed(
                f"{by} asked {model.name}, which gave no answer ({reply.reason}): {getattr(reply, 'detail', '')}",
                reason=getattr(reply, "reason", "model_error"),
                retryable=getattr(reply, "passing", False),
            )
        self._answered_ms += reply.duration_ms or 1e3 * passed_s
        self._used.update({key: n for key, n in reply.usage.items() if key != "cached"})
        return reply

    def score(self, stimulus: Stimulus, texts: Sequence[str]) -> list[float]:
        """Log-probability of each text as the system's own model's answer (`Model.score`); one call of the account."""
        begun = time.perf_counter()
        scores = self._subject.score([stimulus] * len(texts), list(texts))
        self._used["calls"] += 1
        self._answered_ms += 1e3 * (time.perf_counter() - begun)
        self._waited_s += time.perf_counter() - begun
        return [float(score) for score in scores]

    def took_ms(self, passed_s: float) -> float:
        """Milliseconds that defences took, of the seconds that passed meanwhile.

        Waiting for an answer counts as the time of the call itself: neither a queue nor the cache is in it.
        """
        return 1e3 * max(0.0, passed_s - self._waited_s) + self._answered_ms

    @property
    def usage(self) -> dict[str, float]:
        """Calls, tokens and US dollars of what was asked; empty where nothing was."""
        return dict(self._used)


@functools.lru_cache(maxsize=8)
def _loaded(spec: str) -> Model:
    from earnest.models.loading import load_model

    return load_model(spec)
