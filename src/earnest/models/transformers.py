"""Audio language models in transformers, run on this machine: `transformers/<folder or hub id>`.

Carried are the families of `earnest.models._families.FAMILIES`. A folder is loaded without the network; a hub id is
taken from the cache or downloaded. No code of a checkpoint is ever run (`trust_remote_code` stays off).

The features that the model hears are computed in torch from the waveform, for answers and gradients alike, so that
gradients reach the waveform. Clips at other rates are resampled to 16 kHz; gradients ask for clips at 16 kHz.

An item gets the same answer in any batch, up to rounding: what is drawn depends on the seed and the stimulus alone,
and what would be heard otherwise after padding is batched by equal length: all clips of some families, those shorter
than a chunk of Qwen3-Omni, whose convolutions see a chunk's padding. A clip longer than a family takes is
`too_long`; nothing is cut off in silence.

Earlier turns go through the checkpoint's chat template, or the family's own form of turns, the assistant's as text. A
template that leaves a turn out, or a family that hears one recording and is given some in several turns, is a failure
`history_refused` of that item. Sites and positions of activations and edits are those of `earnest.models._sites`.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.audio import Stimulus
from earnest.errors import AccessDenied, BadParameter, ModelFailed
from earnest.models import models
from earnest.models._chat import Prompts
from earnest.models._checkpoint import fingerprint_of, folder_of, loaded, weight_files
from earnest.models._drawing import Drawing
from earnest.models._inputs import Inputs, Prepared
from earnest.models._sites import PROJECTOR, Decoder
from earnest.models.access import Answer, Failure, Model, Reply, Sampling, Target, TokenScores, ending_weights
from earnest.models.edits import Edit, Position, block_of, checked_edits, checked_sites
from earnest.models.learner import Learner, Weights, keeping, put_weights, weights_digest

if TYPE_CHECKING:
    import torch


class TransformersModel(Model):
    """A checkpoint of a family that earnest knows.

    Parameters
    ----------
    rest : str
        A folder, or an id on the Hugging Face hub.
    device : str or None
        `cpu`, `cuda`, ...; by default the GPU if there is one.
    dtype : str or None
        `float32`, `bfloat16`, ...; by default float32 on the CPU, else the checkpoint's own.
    batch_size : int
        How many stimuli are asked at once.
    revision : str or None
        Of a hub id: a branch, tag or commit.
    """

    access = frozenset({"responses", "scores", "gradients", "activations"})
    takes_history = True

    def __init__(
        self,
        rest: str,
        *,
        device: str | None = None,
        dtype: str | None = None,
        batch_size: int = 8,
        revision: str | None = None,
    ) -> None:
        self.name, self.batch_size = f"transformers/{rest}", batch_size
        torch = registry.extra("torch", needed_by=f"model {self.name!r}")
        registry.extra("transformers", needed_by=f"model {self.name!r}")
        folder = folder_of(rest, self.name, revision)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.dtype = dtype or ("float32" if self.device.type == "cpu" else "auto")
        self.family, self.network = loaded(folder, self.name, self.device, self.dtype)
        self._prompts = Prompts(folder, self.family, self.network.config, self.name)
        self._inputs = Inputs(self.name, self.family, self.network, self._prompts)
        self._keeps_logits = "logits_to_keep" in inspect.signature(self.network.forward).parameters
        self._decoder = Decoder.inside(self.network)
        decoder = self._decoder
        self.n_heads = decoder.heads if decoder is not None else {}
        self.sites = (PROJECTOR, *decoder.sites, *decoder.neurons, *self.n_heads) if decoder is not None else ()
        self.fingerprint = fingerprint_of(folder, self.dtype, weight_files(folder, self.name))
        self._lock = threading.Lock()

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus, with its log-probability; what cannot be heard is a failure of that item."""
        import torch

        replies: dict[int, Reply] = {}
        prepared: dict[int, Prepared] = {}
        with self._lock, torch.inference_mode():
            for place, stimulus in enumerate(stimuli):
                try:
                    prepared[place] = self._inputs.prepared(stimulus)
                except ModelFailed as error:
                    replies[place] = Failure.of(error)
            for places in self._inputs.batches(prepared, self.batch_size):
                group = [prepared[place] for place in places]
                digests = [stimuli[place].digest for place in places]
                replies.update(zip(places, self._answers(group, digests, sampling), strict=True))
        return [replies[place] for place in range(len(stimuli))]

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`; the primary clip must be at 16 kHz.

        Raises
        ------
        BadParameter
            If a clip is at another rate, a target is empty, or there are not as many targets as stimuli.
        ModelFailed
            If a stimulus cannot be heard.
        """
        if len(targets) != len(stimuli):
            raise BadParameter(f"targets must be one per stimulus, got {len(targets)} for {len(stimuli)} stimuli")
        losses: NDArray[np.float64] = np.zeros(len(stimuli))
        gradients: dict[int, NDArray[np.float32]] = {}
        with self._lock:
            prepared = {
                place: self._inputs.prepared(stimulus, target=self._tokens_of(target), needs_gradient=True)
                for place, (stimulus, target) in enumerate(zip(stimuli, targets, strict=True))
            }
            for place, target in enumerate(targets):
                prepared[place].ending = target if isinstance(target, Target) else None
            for places in self._inputs.batches(prepared, self.batch_size):
                group = [prepared[place] for place in places]
                loss = self._loss(group)
                loss.sum().backward()
                losses[places] = loss.detach().cpu().double().numpy()
                for place in places:
                    primary = prepared[place].primary
                    assert primary is not None
                    gradients[place] = primary.grad.cpu().numpy()
        return losses, [gradients[place] for place in range(len(stimuli))]

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> NDArray[np.float64]:
        """As `Model.score`: the tokens that the tokenizer makes of a text, then any token that ends an answer.

        Other tokens that spell the same text are not counted. Of a checkpoint without a token that ends an answer it is
        the log-probability that the answer begins so.

        Raises
        ------
        BadParameter
            If there are not as many texts as stimuli.
        ModelFailed
            If a stimulus cannot be heard.
        """
        return np.array([sum(each) for each, _ in self._likely(stimuli, texts, rows=False)], np.float64)

    def token_scores(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> list[TokenScores]:
        """As `Model.token_scores`, with what `score` says of tokens; in `expected` each token that ends an answer stands alone."""
        return [TokenScores.of(rows, np.array(each)) for each, rows in self._likely(stimuli, texts, rows=True)]

    def _likely(
        self, stimuli: Sequence[Stimulus], texts: Sequence[str], *, rows: bool
    ) -> list[tuple[list[float], NDArray[np.float64]]]:
        """Log-probabilities of the tokens of each text, and those of all tokens in their places if wanted."""
        import torch

        if len(texts) != len(stimuli):
            raise BadParameter(f"texts must be one per stimulus, got {len(texts)} for {len(stimuli)} stimuli")
        found: dict[int, tuple[list[float], NDArray[np.float64]]] = {}
        with self._lock, torch.inference_mode():
            prepared = {
                place: self._inputs.prepared(stimulus, target=self._prompts.answer_ids(text))
                for place, (stimulus, text) in enumerate(zip(stimuli, texts, strict=True))
            }
            for places in self._inputs.batches(prepared, self.batch_size):
                found |= dict(zip(places, self._of_tokens([prepared[k] for k in places], rows=rows), strict=True))
        return [found[place] for place in range(len(stimuli))]

    def activations(
        self, stimuli: Sequence[Stimulus], *, sites: Sequence[str] | None = None, at: Position | None = None
    ) -> list[dict[str, NDArray[np.float32]]]:
        """As `Model.activations`; by default every `decoder.<k>`, from the embedding (0) upwards.

        Raises
        ------
        BadParameter
            If a site or position is not there, or `projector` is read of a stimulus without audio.
        """
        import torch

        decoder = self._decoder_or_denied()
        wanted = checked_sites(decoder.sites if sites is None else sites, at=at, sites=self.sites, name=self.name)
        with self._lock, torch.inference_mode():
            return [self._read(decoder, stimulus, wanted, at) for stimulus in stimuli]

    def lens(self, states: NDArray[Any], *, site: str) -> NDArray[np.float32]:
        """As `Model.lens`."""
        import torch

        decoder = self._decoder_or_denied()
        checked_sites([site], at=None, sites=decoder.sites, name=self.name)
        head = self.network.get_output_embeddings()
        with self._lock, torch.inference_mode():
            rows = torch.from_numpy(np.asarray(states, np.float32)).to(head.weight)
            return head(decoder.at_the_end(rows, site=site)).float().cpu().numpy()  # type: ignore[no-any-return]

    def token_texts(self, tokens: Sequence[int]) -> list[str]:
        """As `Model.token_texts`."""
        return [self._prompts.text([token]) for token in tokens]

    def first_token(self, text: str) -> int:
        """As `Model.first_token`."""
        return self._prompts.answer_ids(text)[0]

    def hooked(self, edits: Sequence[Edit]) -> AbstractContextManager[TransformersModel]:
        """As `Model.hooked`; gradients pass through edits that say that they are differentiable."""
        self._decoder_or_denied()
        return self._edited(checked_edits(edits, sites=self.sites, name=self.name))

    def with_weights(self, weights: Weights) -> TransformersModel:
        """As `Model.with_weights`; of tied parameters the first name alone is known."""
        own = self._copied()
        put_weights(own.network, weights, name=self.name)
        own.fingerprint = f"{self.fingerprint}+weights:{weights_digest(weights)[:16]}"
        return own

    def learner(self) -> TransformersLearner:
        """As `Model.learner`; the network keeps the checkpoint's own type of numbers."""
        own = self._copied()
        own.fingerprint = f"{self.fingerprint}+learning"
        return TransformersLearner(own)

    def _copied(self) -> TransformersModel:
        """The same on a network of its own."""
        if self.edits:
            raise BadParameter(f"weights of {self.name!r} are changed before its activations; edit what this gives")
        own = copy.copy(self)
        vars(own).pop("_own_thread", None)
        own._lock, own.network = threading.Lock(), copy.deepcopy(self.network)
        own._inputs = Inputs(own.name, own.family, own.network, own._prompts)
        own._decoder = Decoder.inside(own.network)
        return own

    def _decoder_or_denied(self) -> Decoder:
        if self._decoder is None:
            kind = type(self.network).__name__
            raise AccessDenied(
                f"{self.name!r} grants no activations: {kind} of this transformers has its blocks elsewhere"
            )
        return self._decoder

    def _read(
        self, decoder: Decoder, stimulus: Stimulus, sites: Sequence[str], at: Position | None
    ) -> dict[str, NDArray[np.float32]]:
        item = self._inputs.prepared(stimulus)
        if PROJECTOR in sites and not item.heard:
            raise BadParameter(
                f"site {PROJECTOR!r} of {self.name!r} needs audio, got a prompt alone; give the stimulus a clip"
            )
        if at == "first_answer_token":
            ((said, *_),), _ = self._generated([item], [stimulus.digest], Sampling(max_tokens=1))
            item.target = [said]
        found: dict[str, NDArray[np.float32]] = {}
        for where in {at or _by_default(site) for site in sites}:
            reads = [site for site in sites if (at or _by_default(site)) == where]
            with decoder.hooked(self._inputs.places([item]), edits=self.edits or (), reads=reads, at=where) as states:
                self.network(**self._inputs.tensors([item]), use_cache=False)
            found.update({site: states[site][0] for site in reads})
        return {site: found[site] if at in ("all", "generated") else found[site].mean(axis=0) for site in sites}

    def _in_force(self, group: Sequence[Prepared]) -> AbstractContextManager[Any]:
        """The edits of this model, for one run of the network on the group."""
        if not self.edits:
            return contextlib.nullcontext()
        return self._decoder_or_denied().hooked(self._inputs.places(group), edits=self.edits)

    def _loss(self, group: Sequence[Prepared]) -> torch.Tensor:
        """Mean cross-entropy per target token of each item, shape (n_items,)."""
        import torch

        losses = []
        for predicted, item in zip(self._predicted(group), group, strict=True):
            if item.ending is not None:
                losses.append(self._of_ending(predicted, item.target[:-1], item.ending))
                continue
            losses.append(torch.nn.functional.cross_entropy(predicted, torch.tensor(item.target, device=self.device)))
        return torch.stack(losses)

    def _tokens_of(self, target: str) -> list[int]:
        """Tokens of a target; of one that says what is wanted of its end, with that."""
        if not isinstance(target, Target):
            return self._prompts.target_ids(target)
        if not self._prompts.end_ids:
            raise BadParameter(
                f"{self.name!r} has no token that ends an answer, so that none can be driven to or from its end"
            )
        return self._prompts.answer_ids(target)

    def _of_ending(self, predicted: torch.Tensor, words: Sequence[int], target: Target) -> torch.Tensor:
        """The loss of a target that says what is wanted of its end."""
        import torch

        ends = predicted.log_softmax(dim=-1)[:, sorted(self._prompts.end_ids)].logsumexp(dim=-1)
        if target.unending:
            weights = torch.from_numpy(ending_weights(len(ends))).to(ends)
            return (weights * -torch.log1p(-torch.exp(ends).clamp(max=1 - 1e-6))).sum()
        if not words:
            return -ends[-1]
        each = torch.nn.functional.cross_entropy(predicted[:-1], torch.tensor(list(words), device=self.device))
        return each + target.end_weight * torch.exp(ends[-1])

    def _of_tokens(self, group: Sequence[Prepared], *, rows: bool) -> list[tuple[list[float], NDArray[np.float64]]]:
        """Of each item's target, in which a last token that ends an answer stands for all such."""
        ends, found = sorted(self._prompts.end_ids), []
        for predicted, item in zip(self._predicted(group), group, strict=True):
            logarithms = predicted.log_softmax(dim=-1).double()
            each = [
                float(step[ends if token in ends else [token]].logsumexp(dim=0))
                for step, token in zip(logarithms, item.target, strict=True)
            ]
            found.append((each, logarithms.cpu().numpy() if rows else np.zeros((0, 0))))
        return found

    def _predicted(self, group: Sequence[Prepared]) -> list[torch.Tensor]:
        """Logits from which each item's target tokens are told, shape (n_target, n_vocabulary)."""
        kept = {"logits_to_keep": 1 + max(len(item.target) for item in group)} if self._keeps_logits else {}
        with self._in_force(group):
            logits = self.network(**self._inputs.tensors(group), use_cache=False, **kept).logits
        return [logits[row, -len(item.target) - 1 : -1].float() for row, item in enumerate(group)]

    def _answers(self, group: Sequence[Prepared], digests: Sequence[str], sampling: Sampling) -> list[Reply]:
        begun = time.perf_counter()
        try:
            tokens, log_probabilities = self._generated(group, digests, sampling)
        except RuntimeError as error:  # torch's own, running out of memory among them
            detail = f"{self.name!r} failed on a batch of {len(group)}: {error}; ask less at once with batch_size"
            return [Failure(reason="model_error", detail=detail) for _ in group]
        duration_ms = 1e3 * (time.perf_counter() - begun) / len(group)
        return [
            Answer(
                text=self._prompts.text(said),
                usage={
                    "input_tokens": float(len(item.ids)),
                    "input_audio_tokens": float(sum(clip.n_tokens for clip in item.heard)),
                    "output_tokens": float(len(said)),
                },
                duration_ms=duration_ms,
                log_probability=log_probability,
                details={"finish_reason": "stop" if said and said[-1] in self._prompts.end_ids else "length"},
            )
            for item, said, log_probability in zip(group, tokens, log_probabilities, strict=True)
        ]

    def _generated(
        self, group: Sequence[Prepared], digests: Sequence[str], sampling: Sampling
    ) -> tuple[list[list[int]], list[float]]:
        """New tokens of each item, up to the end token and with it, and their log-probability."""
        from transformers import GenerationConfig, LogitsProcessorList

        inputs = self._inputs.tensors(group)
        n_asked = inputs["input_ids"].shape[1]
        drawing = Drawing(sampling, digests, n_asked=n_asked)
        config = GenerationConfig(
            max_new_tokens=sampling.max_tokens,
            do_sample=False,
            eos_token_id=sorted(self._prompts.end_ids) or None,
            pad_token_id=self._prompts.pad_id,
        )
        with self._in_force(group):
            made = self.network.generate(
                **inputs, generation_config=config, logits_processor=LogitsProcessorList([drawing])
            )
        rows = [_until_end(row, self._prompts.end_ids) for row in made[:, n_asked:].tolist()]
        return rows, [drawing.log_probability(row, said) for row, said in enumerate(rows)]


class TransformersLearner(Learner):
    """A copy of a checkpoint's network that is trained; the words of a clip are not made use of."""

    def __init__(self, model: TransformersModel) -> None:
        self.model = self._own = model
        self.module.requires_grad_(True)

    @property
    def module(self) -> torch.nn.Module:
        """The network."""
        return self._own.network

    def losses(
        self, stimuli: Sequence[Stimulus], answers: Sequence[str], *, heard: Sequence[str | None]
    ) -> torch.Tensor:
        """As `Learner.losses`.

        Raises
        ------
        ModelFailed
            If a stimulus cannot be heard.
        """
        import torch

        own, losses = self._own, {}
        with own._lock:
            prepared = {
                place: own._inputs.prepared(stimulus, target=own._prompts.answer_ids(answer))
                for place, (stimulus, answer) in enumerate(zip(stimuli, answers, strict=True))
            }
            for places in own._inputs.batches(prepared, own.batch_size):
                losses |= dict(zip(places, own._loss([prepared[place] for place in places]), strict=True))
        return torch.stack([losses[place] for place in range(len(stimuli))])

    def states(self, stimuli: Sequence[Stimulus], *, site: str, heard: Sequence[str | None]) -> torch.Tensor:
        """As `Learner.states`."""
        import torch

        own, found = self._own, []
        decoder = own._decoder_or_denied()
        for stimulus in stimuli:
            kept: list[torch.Tensor] = []
            edits = checked_edits([keeping(site, kept)], sites=own.sites, name=own.name)
            with own._lock:
                item = own._inputs.prepared(stimulus)
                with decoder.hooked(own._inputs.places([item]), edits=edits):
                    own.network(**own._inputs.tensors([item]), use_cache=False)
            found += kept
        return torch.cat(found)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """As `Learner.logits`."""
        head = self._own.network.get_output_embeddings()
        return head(states.to(head.weight.dtype)).float()


def _until_end(tokens: Sequence[int], end_ids: frozenset[int]) -> list[int]:
    for place, token in enumerate(tokens):
        if token in end_ids:
            return list(tokens[: place + 1])
    return list(tokens)


def _by_default(site: str) -> Position:
    """Where a site is read where nobody says: the decoder where the answer begins, what comes before it everywhere."""
    return "answer" if block_of(site).startswith("decoder.") else "all"


@models.register("transformers")
def transformers(rest: str, **options: Any) -> TransformersModel:
    """The checkpoint in the folder, or under the hub id, `rest`; options are those of `TransformersModel`.

    Raises
    ------
    BadParameter
        If there is no such checkpoint, or it is of a family that earnest does not carry.
    MissingExtra
        If torch or transformers is not installed.
    """
    return TransformersModel(rest, **options)
