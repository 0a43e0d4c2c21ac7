"""Models that stand for another one: whatever they do not do otherwise is the other's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Stimulus
from earnest.errors import AccessDenied
from earnest.models.access import Answer, Learnt, Model, Reply, Sampling, TokenScores
from earnest.models.edits import Edit, Position

if TYPE_CHECKING:
    from earnest.models.learner import Learner

ATTRIBUTES: tuple[str, ...] = tuple(name for name in Model.__annotations__ if not name.startswith("_"))
"""What a model says of itself, each of which a delegate says of its model."""


class Delegate(Model):
    """A model that stands for another, `model`: every attribute and method that it does not define is the other's.

    That holds for attributes that this package knows nothing of, too.
    """

    model: Model

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or "model" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.model, name)

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """As `Model.ask`."""
        return self.model.ask(stimuli, sampling=sampling)

    def ask_each(self, stimuli: Sequence[Stimulus], *, samplings: Sequence[Sampling]) -> list[Reply]:
        """As `Model.ask_each`."""
        return self.model.ask_each(stimuli, samplings=samplings)

    async def ask_one(self, stimulus: Stimulus, *, sampling: Sampling = Sampling(), **held: Any) -> Answer:  # noqa: B008
        """As `Model.ask_one`."""
        return await self.model.ask_one(stimulus, sampling=sampling, **held)

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`."""
        return self.model.loss_and_gradient(stimuli, targets=targets)

    def aimed(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """As `Model.aimed`."""
        return self.model.aimed(stimuli, targets=targets)

    def aims(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str], n: int) -> list[list[str]]:
        """As `Model.aims`."""
        return self.model.aims(stimuli, targets=targets, n=n)

    def aimed_together(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """As `Model.aimed_together`."""
        return self.model.aimed_together(stimuli, targets=targets)

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> NDArray[np.float64]:
        """As `Model.score`."""
        return self.model.score(stimuli, texts)

    def token_scores(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> list[TokenScores]:
        """As `Model.token_scores`."""
        return self.model.token_scores(stimuli, texts)

    def activations(
        self, stimuli: Sequence[Stimulus], *, sites: Sequence[str] | None = None, at: Position | None = None
    ) -> list[dict[str, NDArray[np.float32]]]:
        """As `Model.activations`."""
        return self.model.activations(stimuli, **_where(sites, at))

    def hooked(self, edits: Sequence[Edit]) -> AbstractContextManager[Model]:
        """As `Model.hooked`."""
        return self.model.hooked(edits)

    def lens(self, states: NDArray[Any], *, site: str) -> NDArray[np.float32]:
        """As `Model.lens`."""
        return self.model.lens(states, site=site)

    def token_texts(self, tokens: Sequence[int]) -> list[str]:
        """As `Model.token_texts`."""
        return self.model.token_texts(tokens)

    def first_token(self, text: str) -> int:
        """As `Model.first_token`."""
        return self.model.first_token(text)

    def word_times(self, clip: AudioClip, words: Sequence[str]) -> list[tuple[float, float]]:
        """As `Model.word_times`."""
        return self.model.word_times(clip, words)

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> Model:
        """As `Model.with_weights`."""
        return self.model.with_weights(weights)

    def learner(self) -> Learner:
        """As `Model.learner`."""
        return self.model.learner()

    def beyond(self, prompt: str) -> str | None:
        """As `Model.beyond`."""
        return self.model.beyond(prompt)

    def recall(self, learnt: Mapping[str, Learnt]) -> None:
        """As `Model.recall`."""
        self.model.recall(learnt)

    async def aclose(self) -> None:
        """As `Model.aclose`."""
        await self.model.aclose()


def _of_the_model(name: str) -> property:
    return property(lambda self: getattr(self.model, name), doc=f"As `Model.{name}`.")


for _name in ATTRIBUTES:
    setattr(Delegate, _name, _of_the_model(_name))


class Within(Delegate):
    """A model inside a context that is entered for each of its calls; see `Model.within`."""

    def __init__(self, model: Model, enter: Callable[[], AbstractContextManager[Any]], *, key: str) -> None:
        self.model, self._enter, self._key = model, enter, key

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        """That of the model, changed by the key."""
        return hashlib.sha256(f"{self.model.fingerprint}\x1fwithin\x1f{self._key}".encode()).hexdigest()

    @property
    def _own_thread(self) -> ThreadPoolExecutor:  # type: ignore[override]
        return self.model._own_thread

    @contextmanager
    def _inside(self) -> Iterator[Model]:
        """The model to ask: the one that the context gives, as `Model.hooked` does, or the same one."""
        with self._enter() as given:
            yield given if isinstance(given, Model) else self.model

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """As `Model.ask`, inside the context."""
        with self._inside() as model:
            return model.ask(stimuli, sampling=sampling)

    def ask_each(self, stimuli: Sequence[Stimulus], *, samplings: Sequence[Sampling]) -> list[Reply]:
        """As `Model.ask_each`, inside the context."""
        with self._inside() as model:
            return model.ask_each(stimuli, samplings=samplings)

    async def ask_one(self, stimulus: Stimulus, *, sampling: Sampling = Sampling(), **held: Any) -> Answer:  # noqa: B008
        """As `Model.ask_one`, inside the context.

        Raises
        ------
        AccessDenied
            Of a model that is asked by requests.
        """
        if self.batch_size is None:
            raise AccessDenied(
                f"{self.name!r} is asked by requests, and no context reaches into it; leave out the defence"
            )
        return await Model.ask_one(self, stimulus, sampling=sampling)  # by `ask`, in the model's own thread

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`, inside the context."""
        with self._inside() as model:
            return model.loss_and_gradient(stimuli, targets=targets)

    def aimed(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """As `Model.aimed`, inside the context."""
        with self._inside() as model:
            return model.aimed(stimuli, targets=targets)

    def aims(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str], n: int) -> list[list[str]]:
        """As `Model.aims`, inside the context."""
        with self._inside() as model:
            return model.aims(stimuli, targets=targets, n=n)

    def aimed_together(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """As `Model.aimed_together`, inside the context."""
        with self._inside() as model:
            return model.aimed_together(stimuli, targets=targets)

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> NDArray[np.float64]:
        """As `Model.score`, inside the context."""
        with self._inside() as model:
            return model.score(stimuli, texts)

    def token_scores(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> list[TokenScores]:
        """As `Model.token_scores`, inside the context."""
        with self._inside() as model:
            return model.token_scores(stimuli, texts)

    def activations(
        self, stimuli: Sequence[Stimulus], *, sites: Sequence[str] | None = None, at: Position | None = None
    ) -> list[dict[str, NDArray[np.float32]]]:
        """As `Model.activations`, inside the context."""
        with self._inside() as model:
            return model.activations(stimuli, **_where(sites, at))

    def hooked(self, edits: Sequence[Edit]) -> AbstractContextManager[Model]:
        """Not of a model inside a context.

        Raises
        ------
        AccessDenied
            Always: edit the model, and put the edited one into the context.
        """
        raise AccessDenied(
            f"{self.name!r} is inside a context; edit the model itself, and then put that into the context"
        )

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> Model:
        """Not of a model inside a context, which was made for the network that it has.

        Raises
        ------
        AccessDenied
            Always: the weights come first.
        """
        raise AccessDenied(
            f"{self.name!r} is inside a context, which was made for the weights that it has; name the defence that "
            "changes weights last, so that the others stand around what it gives"
        )

    def learner(self) -> Learner:
        """Not of a model inside a context.

        Raises
        ------
        AccessDenied
            Always: train the model itself.
        """
        raise AccessDenied(f"{self.name!r} is inside a context; train the model itself")


def _where(sites: Sequence[str] | None, at: Position | None) -> dict[str, Any]:
    """What of `activations` was said, so that models without a parameter for the rest can be asked."""
    return {name: value for name, value in (("sites", sites), ("at", at)) if value is not None}
