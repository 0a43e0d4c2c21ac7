"""What a mitigation is, and what it is given: rows of a data set, a recipe of a model, and one small training loop.

A method acts before training (it changes the rows or their weights), in training (it gives another loss), or after
training (it changes what is made of the model's outputs, by rows that the model was not trained on). It knows nothing
of audio or of a network but what `Recipe` offers, so that it serves any module of torch.

Every method has a strength in [0, 1]. At 0 it changes nothing, to the last bit; at 1 it is the method of its work.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Entry
from earnest.errors import BadData, BadParameter
from earnest.registry import Registry, Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

mitigation = Registry("mitigation", nested=False)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Stage = Literal["before", "in", "after"]
Loss = Callable[[Ints, float], "Tensor"]
"""Of the places of a batch's rows and the share of the training that is done, the scalar that is made small."""

CLASSES, WORDS = "classes", "words"
"""What a recipe gives: a class, or words."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Rows that are trained on, calibrated on or tested on.

    Parameters
    ----------
    inputs : tuple
        What the recipe's network takes, a value a row.
    labels, groups : int array, shape (n_rows,)
        Places in `classes` and `names`; labels are 0 where the recipe gives words.
    weights : float64 array, shape (n_rows,)
        In the loss.
    speakers, texts : tuple of str
        A text is empty where it is not known.
    classes, names : tuple of str
        Labels and groups.
    entries : tuple of Entry
        Where the rows come from, for methods that change the sound; empty where there is no sound.
    positive : int
        Place of the favourable class, for methods and measures that need one.
    """

    inputs: tuple[Any, ...]
    labels: Ints
    groups: Ints
    weights: Floats
    speakers: tuple[str, ...]
    texts: tuple[str, ...]
    classes: tuple[str, ...]
    names: tuple[str, ...]
    entries: tuple[Entry, ...] = ()
    positive: int = 1

    def __len__(self) -> int:
        return len(self.inputs)

    def taken(self, places: Ints | Sequence[int]) -> Rows:
        """Rows at some places, in that order; a place may come several times."""
        chosen = np.asarray(places, dtype=np.int64)
        return replace(
            self,
            inputs=tuple(self.inputs[k] for k in chosen),
            labels=self.labels[chosen],
            groups=self.groups[chosen],
            weights=self.weights[chosen],
            speakers=tuple(self.speakers[k] for k in chosen),
            texts=tuple(self.texts[k] for k in chosen),
            entries=tuple(self.entries[k] for k in chosen) if self.entries else (),
        )

    def with_weights(self, weights: Floats) -> Rows:
        """The same rows with other weights in the loss."""
        return replace(self, weights=np.asarray(weights, dtype=np.float64))

    def joined(self, other: Rows) -> Rows:
        """These rows and then the other ones."""
        return replace(
            self,
            inputs=self.inputs + other.inputs,
            labels=np.concatenate([self.labels, other.labels]),
            groups=np.concatenate([self.groups, other.groups]),
            weights=np.concatenate([self.weights, other.weights]),
            speakers=self.speakers + other.speakers,
            texts=self.texts + other.texts,
            entries=self.entries + other.entries,
        )

    @property
    def cells(self) -> Ints:
        """Group and label of each row as one number."""
        return self.groups * len(self.classes) + self.labels


class Recipe(abc.ABC):
    """How a model is made of recordings: what is taken of a clip, the network, and its losses and outputs.

    Subclasses are anything that torch can train. `states` must be what the last layers decide from: an adversary reads it.
    """

    gives: ClassVar[str] = CLASSES
    n_steps: int
    batch_size: int
    learning_rate: float

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The recipe with its parameters, as it is asked for."""

    @abc.abstractmethod
    def input_of(self, clip: AudioClip, text: str) -> Any:
        """What the network takes of a clip, and what it is to give where that is words."""

    @abc.abstractmethod
    def network(self, rows: Rows) -> nn.Module:
        """A network that was not trained; the random numbers of torch are the caller's affair."""

    @abc.abstractmethod
    def losses(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """Loss of each row at `places`, shape (n_places,)."""

    @abc.abstractmethod
    def states(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """What the last layers decide from, shape (n_places, width)."""

    @abc.abstractmethod
    def logits(self, network: nn.Module, rows: Rows, places: Ints) -> Tensor:
        """Logits of the classes, shape (n_places, n_classes), or of the tokens, shape (n_places, n_frames, n_tokens)."""

    @abc.abstractmethod
    def outputs(self, network: nn.Module, rows: Rows) -> Any:
        """What the trained network gives for rows: `Scores`, or `Frames`."""

    def losses_and_states(self, network: nn.Module, rows: Rows, places: Ints) -> tuple[Tensor, Tensor]:
        """Both of one pass, where that saves one."""
        return self.losses(network, rows, places), self.states(network, rows, places)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Outputs of a classifier.

    Parameters
    ----------
    scores : float64 array, shape (n_rows, n_classes)
        Probabilities.
    decisions : float64 array, shape (n_rows, n_classes)
        With what probability each class is decided on; a 1 and zeros unless the decision is drawn.
    """

    scores: Floats
    decisions: Floats

    @staticmethod
    def of(scores: Floats) -> Scores:
        """With the likeliest class decided on."""
        return Scores(scores=scores, decisions=np.eye(scores.shape[1])[scores.argmax(axis=1)])


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """Outputs of a recogniser: log-probabilities of tokens by frame, and how they are read as words.

    Parameters
    ----------
    log_probabilities : tuple of float array, shape (n_frames, n_tokens)
        One a row; token 0 is the blank.
    read : callable
        Of tokens, the words.
    """

    log_probabilities: tuple[NDArray[np.float32], ...]
    read: Callable[[Sequence[int]], str]

    def texts(self) -> list[str]:
        """Greedy reading: the likeliest token of each frame, repeated ones once, without blanks."""
        return [self.read(collapsed(each.argmax(axis=1))) for each in self.log_probabilities]


def collapsed(tokens: Ints) -> list[int]:
    """Tokens of frames without repetition, then without blanks (0)."""
    kept = np.append(True, tokens[1:] != tokens[:-1])[: len(tokens)]
    return [int(token) for token in tokens[kept] if token != 0]


Rule = Callable[[Any, Rows], Any]
"""Of a network's outputs and their rows, other outputs of the same form."""


@dataclass(frozen=True, kw_only=True)
class Mitigation(abc.ABC):
    """Base of all methods; subclasses state `source` and `stage` and implement the hook of their stage.

    Parameters
    ----------
    strength : float in [0, 1]
        0 changes nothing, 1 is the method as published.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    stage: ClassVar[Stage]
    needs: ClassVar[tuple[str, ...]] = (CLASSES, WORDS)
    """What a recipe may give: `CLASSES`, `WORDS`, or both."""
    measure: ClassVar[str] = ""
    """The measure that the method is about, where it is not the recipe's first."""
    two_classes: ClassVar[bool] = False

    strength: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.strength, bool) or not 0 <= self.strength <= 1:
            raise BadParameter(f"strength of {self.name} must be in [0, 1], got {self.strength!r}")

    @property
    def spec(self) -> Spec:
        """Name and parameters."""
        return Spec.of(self)

    def at(self, strength: float) -> Mitigation:
        """The same method at another strength."""
        return replace(self, strength=strength)

    def prepared(self, rows: Rows, recipe: Recipe, rng: np.random.Generator) -> Rows:
        """Rows to train on in place of these."""
        return rows

    def loss(self, rows: Rows, recipe: Recipe, network: nn.Module) -> tuple[Loss, Sequence[nn.Parameter]]:
        """The loss of a batch of rows, and parameters of the method's own that are trained along."""
        return plain_loss(rows, recipe, network), ()

    def rule(self, outputs: Any, rows: Rows) -> Rule:
        """What is made of outputs, fitted to the outputs for rows that the network was not trained on."""
        return lambda given, _: given

    def check(self, rows: Rows) -> None:
        """Refuse rows that the method cannot serve.

        Raises
        ------
        BadData
            With what is lacking.
        """
        if self.two_classes and len(rows.classes) != 2:
            raise BadData(
                f"{self.name} takes a label of two values, got {len(rows.classes)} ({', '.join(rows.classes[:6])}); "
                "name another label column (--label)"
            )


def plain_loss(rows: Rows, recipe: Recipe, network: nn.Module) -> Loss:
    """The weighted mean of the rows' losses."""
    import torch

    def loss(places: Ints, done: float) -> Tensor:
        weights = torch.from_numpy(rows.weights[places]).float()
        return (weights * recipe.losses(network, rows, places)).mean()

    return loss


def trained(recipe: Recipe, rows: Rows, method: Mitigation, *, seed: int, n_steps: int | None = None) -> nn.Module:
    """A network trained on rows by a method; the same seed gives the same network where the method changes nothing.

    Adam with a weight decay of 1e-3 (decoupled) and a learning rate that falls to zero over the second half. The batches
    are cut from the rows in a new random order each time all were seen.
    """
    import torch

    n_steps = recipe.n_steps if n_steps is None else n_steps
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = recipe.network(rows)
        loss, own = method.loss(rows, recipe, network)
        optimiser = torch.optim.AdamW(
            [{"params": list(network.parameters())}, *([{"params": list(own)}] if own else [])],
            lr=recipe.learning_rate,
            weight_decay=1e-3,
        )
        network.train()
        for step, places in zip(range(n_steps), _batches(len(rows), recipe.batch_size, seed), strict=False):
            for each in optimiser.param_groups:
                each["lr"] = recipe.learning_rate * min(1.0, 2 * (1 - step / n_steps))
            optimiser.zero_grad(set_to_none=True)
            loss(places, step / n_steps).backward()
            optimiser.step()
        network.eval()
    return network


def _batches(n: int, size: int, seed: int) -> Any:
    rng = np.random.default_rng([seed, 1])
    left = np.empty(0, dtype=np.int64)
    while True:
        while len(left) < min(size, n):
            left = np.concatenate([left, rng.permutation(n)])
        yield left[: min(size, n)]
        left = left[min(size, n) :]


@dataclass
class Reweighted:
    """Weights of groups that follow their losses: exponentiated gradient ascent.

    Parameters
    ----------
    n : int
        Groups.
    eta : float
        Step size.
    smoothing : float or None
        With a number alpha, the step is eta * loss / (q + alpha); without, eta * loss.
    """

    n: int
    eta: float
    smoothing: float | None = None
    q: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.q = np.full(self.n, 1 / self.n)

    def step(self, losses: Floats) -> Floats:
        """The weights after a step on the losses of the groups, 0 for those without a row; they sum to 1.

        >>> Reweighted(n=2, eta=np.log(2)).step(np.array([1.0, 0.0]))
        array([0.66666667, 0.33333333])
        """
        scale = 1.0 if self.smoothing is None else 1 / (self.q + self.smoothing)
        raised = np.log(self.q) + self.eta * losses * scale
        raised = np.exp(raised - raised.max())
        self.q = raised / raised.sum()
        return self.q
