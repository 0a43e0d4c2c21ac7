"""What a client does: it trains the reference model's encoder on its speaker's clips, and gives the difference.

The loss is CTC over characters, which needs the encoder and its head alone; so an update has their parameters, and those
of the decoder stay. Updates are vectors, in the order of the parameters' names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.audio import AudioClip
from earnest.audio.entry import Entry
from earnest.errors import BadData, BadParameter
from earnest.models.reference.features import log_mel
from earnest.models.reference.vocabulary import CHARACTERS, plain_words

if TYPE_CHECKING:
    from torch import Tensor, nn

Floats = NDArray[np.float64]
SAMPLE_RATE = 16_000
FEDERATED = ("conv1", "conv2", "encoder", "encoder_norm", "characters")
"""Parts of the network that clients train."""


@dataclass(frozen=True)
class Example:
    """A clip as the network takes it.

    Parameters
    ----------
    features : float32 array, shape (n_frames, n_mels)
    characters : tuple of int
        What is said, as the head's indices: 1 is a space, letters follow.
    """

    features: NDArray[np.float32]
    characters: tuple[int, ...]


def example(clip: AudioClip, text: str) -> Example:
    """A clip and what is said in it.

    Raises
    ------
    BadData
        If there are no words that the network knows letters of.
    """
    spoken = " ".join(plain_words(text))
    if not spoken:
        raise BadData(f"a clip must have a text with letters to train on, got {text!r}; leave it out")
    indices = tuple(1 if sign == " " else CHARACTERS.index(sign) + 2 for sign in spoken)
    return Example(log_mel(clip.resampled(SAMPLE_RATE).samples), indices)


def by_speaker(entries: Iterable[Entry], *, n_speakers: int, per_speaker: int) -> dict[str, list[Entry]]:
    """Rows with a text of the first `n_speakers` speakers, by name, that have `per_speaker` of them.

    Raises
    ------
    BadData
        If there are fewer such speakers.
    """
    rows: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.speaker and entry.text and plain_words(entry.text):
            rows.setdefault(entry.speaker, []).append(entry)
    enough = {speaker: rows[speaker][:per_speaker] for speaker in sorted(rows) if len(rows[speaker]) >= per_speaker}
    if len(enough) < n_speakers:
        raise BadData(
            f"{n_speakers} speakers with {per_speaker} clips and texts each are needed, got {len(enough)} of {len(rows)}; "
            "take fewer clients or fewer clips"
        )
    return dict(list(enough.items())[:n_speakers])


def reference_network(weights: Path | None = None) -> nn.Module:
    """A copy of the reference model's network whose federated parts alone need gradients."""
    registry.extra("torch", needed_by="federated training")
    from earnest.models.reference.torch_route import TorchReference

    network = TorchReference(weights).network
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.partition(".")[0] in FEDERATED)
    return network


def ctc_loss(module: nn.Module, features: Tensor, characters: Sequence[int]) -> Tensor:
    """CTC loss of one clip in nats a character, of features of shape (n_frames, n_mels); see `ctc`."""
    torch = registry.extra("torch", needed_by="federated training")
    heard = module.encode(features[None], torch.tensor([len(features)]))
    return ctc(torch.log_softmax(module.characters(heard.states[0]), dim=-1), characters) / len(characters)


_NEVER = -1e4
"""In place of minus infinity, whose gradients are none."""


def ctc(log_probs: Tensor, characters: Sequence[int]) -> Tensor:
    """Minus the log-probability of a text under CTC, in nats, by the forward recursion; 0 is the blank.

    Differentiable twice, as torch's own is not: an attacker who matches gradients needs that.

    Parameters
    ----------
    log_probs : float tensor, shape (n_states, n_characters)
    characters : sequence of int
        None is 0. A text that does not fit into the states has a loss of thousands.

    References
    ----------
    [graves2006-ctc]
    """
    torch = registry.extra("torch", needed_by="federated training")
    labels = [0]
    for one in characters:
        labels += [one, 0]
    emitted = log_probs[:, labels]
    skips = torch.tensor(
        [0.0 if at > 1 and label and label != labels[at - 2] else _NEVER for at, label in enumerate(labels)]
    )
    never = log_probs.new_full((2,), _NEVER)
    alpha = torch.cat([emitted[0, :2], log_probs.new_full((len(labels) - 2,), _NEVER)])
    for row in emitted[1:]:
        one_back, two_back = torch.cat([never[:1], alpha[:-1]]), torch.cat([never, alpha[:-2]]) + skips
        alpha = torch.logsumexp(torch.stack([alpha, one_back, two_back]), dim=0) + row
    return -torch.logsumexp(alpha[-2:], dim=0)


def mean_loss(module: nn.Module, examples: Sequence[Example]) -> float:
    """Mean CTC loss over clips."""
    torch = registry.extra("torch", needed_by="federated training")
    with torch.no_grad():
        return float(np.mean([float(_loss(torch, module, one)) for one in examples]))


def local_update(module: nn.Module, examples: Sequence[Example], *, learning_rate: float, n_steps: int = 1) -> Floats:
    """The difference that full-batch gradient descent on a speaker's clips makes; the module is left as it was.

    Raises
    ------
    BadParameter
        If there are no clips, or a number is out of range.
    """
    torch = registry.extra("torch", needed_by="federated training")
    if not examples or n_steps < 1 or not learning_rate > 0:
        raise BadParameter(
            f"a client needs at least one clip and step and a positive learning rate, got {len(examples)} clips, {n_steps} "
            f"steps and {learning_rate!r}"
        )
    before = trained(module)
    try:
        for _ in range(n_steps):
            module.zero_grad()
            for one in examples:
                (_loss(torch, module, one) / len(examples)).backward()
            with torch.no_grad():
                for parameter in module.parameters():
                    if parameter.requires_grad and parameter.grad is not None:
                        parameter -= learning_rate * parameter.grad
        return trained(module) - before
    finally:
        module.zero_grad()
        put(module, before)


def _loss(torch: Any, module: nn.Module, one: Example) -> Tensor:
    return ctc_loss(module, torch.from_numpy(one.features), one.characters)


def trained(module: nn.Module) -> Floats:
    """The parameters that need gradients, as one vector."""
    return np.concatenate(
        [one.detach().numpy().ravel().astype(np.float64) for one in module.parameters() if one.requires_grad]
    )


def put(module: nn.Module, values: Floats) -> None:
    """Set the parameters that need gradients.

    Raises
    ------
    BadParameter
        If the vector has another length.
    """
    torch = registry.extra("torch", needed_by="federated training")
    parameters = [one for one in module.parameters() if one.requires_grad]
    if len(values) != sum(one.numel() for one in parameters):
        raise BadParameter(
            f"a vector for this network has {sum(one.numel() for one in parameters):,} values, got {len(values):,}"
        )
    at = 0
    with torch.no_grad():
        for one in parameters:
            part = values[at : at + one.numel()].reshape(tuple(one.shape))
            one.copy_(torch.from_numpy(part.astype(np.float32)))
            at += one.numel()


def named(module: nn.Module, values: Floats) -> Mapping[str, NDArray[np.float32]]:
    """A vector as arrays by the parameters' names."""
    out, at = {}, 0
    for name, one in module.named_parameters():
        if one.requires_grad:
            out[name] = values[at : at + one.numel()].reshape(tuple(one.shape)).astype(np.float32)
            at += one.numel()
    return out
