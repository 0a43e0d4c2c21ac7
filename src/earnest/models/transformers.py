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
import hashlib
import inspect
import json
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from earnest import registry
from earnest.audio import Stimulus, Turn
from earnest.errors import AccessDenied, BadData, BadParameter, HistoryRefused, MissingExtra, ModelFailed
from earnest.models import models
from earnest.models._families import FAMILIES, Family
from earnest.models._features import SAMPLE_RATE, Heard
from earnest.models._sites import PROJECTOR, Decoder, Places
from earnest.models._weights import sha256_of
from earnest.models.access import (
    Answer,
    Failure,
    Model,
    Reply,
    Sampling,
    Target,
    ending_weights,
    rng_for,
    written_answer,
)
from earnest.models.edits import Edit, Position, checked_edits, checked_sites

if TYPE_CHECKING:
    import torch

GAP_S = 0.5
"""Silence between clips for families that take one."""

_WEIGHTS, _ADAPTER = "model.safetensors", "adapter_model.safetensors"
_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "speech-lora/*"]


@dataclass(kw_only=True)
class _Prepared:
    """One stimulus as the model takes it.

    `primary` is the waveform that gathers gradients, if one does; `target` the tokens of an answer that is given.
    """

    ids: list[int]
    heard: list[Heard]
    primary: torch.Tensor | None = None
    target: list[int] = field(default_factory=list)
    ending: Target | None = None

    @property
    def shapes(self) -> tuple[Any, ...]:
        return tuple(heard.features.shape for heard in self.heard)

    @property
    def longest_chunk(self) -> int:
        return max((heard.longest_chunk for heard in self.heard), default=-1)


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
        folder = _folder(rest, self.name, revision)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.dtype = dtype or ("float32" if self.device.type == "cpu" else "auto")
        self.family, self.network = _loaded(folder, self.name, self.device, self.dtype)
        self._prompts = _Prompts(folder, self.family, self.network.config, self.name)
        self._keeps_logits = "logits_to_keep" in inspect.signature(self.network.forward).parameters
        self._decoder = Decoder.inside(self.network)
        self.sites = (PROJECTOR, *self._decoder.sites) if self._decoder is not None else ()
        self.fingerprint = _fingerprint(folder, self.dtype, _weight_files(folder, self.name))
        self._lock = threading.Lock()

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus, with its log-probability; what cannot be heard is a failure of that item."""
        import torch

        replies: dict[int, Reply] = {}
        prepared: dict[int, _Prepared] = {}
        with self._lock, torch.inference_mode():
            for place, stimulus in enumerate(stimuli):
                try:
                    prepared[place] = self._prepared(stimulus)
                except ModelFailed as error:
                    replies[place] = Failure.of(error)
            for places in self._batches(prepared):
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
                place: self._prepared(stimulus, target=self._tokens_of(target), needs_gradient=True)
                for place, (stimulus, target) in enumerate(zip(stimuli, targets, strict=True))
            }
            for place, target in enumerate(targets):
                prepared[place].ending = target if isinstance(target, Target) else None
            for places in self._batches(prepared):
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
        import torch

        if len(texts) != len(stimuli):
            raise BadParameter(f"texts must be one per stimulus, got {len(texts)} for {len(stimuli)} stimuli")
        scores: NDArray[np.float64] = np.zeros(len(stimuli))
        with self._lock, torch.inference_mode():
            prepared = {
                place: self._prepared(stimulus, target=self._prompts.answer_ids(text))
                for place, (stimulus, text) in enumerate(zip(stimuli, texts, strict=True))
            }
            for places in self._batches(prepared):
                scores[places] = self._log_probabilities([prepared[place] for place in places])
        return scores

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

    def hooked(self, edits: Sequence[Edit]) -> AbstractContextManager[TransformersModel]:
        """As `Model.hooked`; gradients pass through edits that say that they are differentiable."""
        self._decoder_or_denied()
        return self._edited(checked_edits(edits, sites=self.sites, name=self.name))

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
        item = self._prepared(stimulus)
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
            with decoder.hooked(self._places([item]), edits=self.edits or (), reads=reads, at=where) as states:
                self.network(**self._inputs([item]), use_cache=False)
            found.update({site: states[site][0] for site in reads})
        return {site: found[site] if at == "all" else found[site].mean(axis=0) for site in sites}

    def _in_force(self, group: Sequence[_Prepared]) -> AbstractContextManager[Any]:
        """The edits of this model, for one run of the network on the group."""
        if not self.edits:
            return contextlib.nullcontext()
        return self._decoder_or_denied().hooked(self._places(group), edits=self.edits)

    def _places(self, group: Sequence[_Prepared]) -> list[Places]:
        longest = max(len(item.ids) + len(item.target) for item in group)
        places = []
        for item in group:
            answer = longest - len(item.target)
            begin = answer - len(item.ids)
            audio = [begin + place for place, token in enumerate(item.ids) if token == self._prompts.audio_id]
            places.append(Places(begin=begin, answer=answer, audio=audio))
        return places

    def _batches(self, prepared: dict[int, _Prepared]) -> list[list[int]]:
        """Places that may be asked together: each is padded as it would be alone, or padding changes nothing."""
        groups: dict[Any, list[int]] = {}
        for place, item in prepared.items():
            key = item.shapes if self.family.equal_lengths else item.longest_chunk
            groups.setdefault(key, []).append(place)
        return [
            group[start : start + self.batch_size]
            for group in groups.values()
            for start in range(0, len(group), self.batch_size)
        ]

    def _prepared(self, stimulus: Stimulus, *, target: Sequence[int] = (), needs_gradient: bool = False) -> _Prepared:
        """The stimulus as tokens and features, with the tokens of an answer where one is given."""
        turns = [self._taken(turn) for turn in stimulus.turns]
        waveforms = [self._waveforms(turn) for turn in turns]
        primary = self._primary(stimulus, waveforms[-1]) if needs_gradient else None
        heard = [[self._heard(waveform) for waveform in self._one_or_several(each)] for each in waveforms]
        if not self.family.several_clips and sum(map(bool, heard)) > 1:
            raise HistoryRefused(
                f"{self.name!r} hears one recording in a conversation, got some in {sum(map(bool, heard))} turns; "
                "give the earlier ones as text"
            )
        ids = self._prompts.ids(turns, stimulus.system_prompt, [[clip.n_tokens for clip in each] for each in heard])
        return _Prepared(ids=ids, heard=[clip for each in heard for clip in each], primary=primary, target=list(target))

    def _taken(self, turn: Turn) -> Turn:
        """The turn as the model takes it: what it said itself as text."""
        return turn if turn.role == "user" else Turn(role="assistant", text=written_answer(turn, name=self.name))

    def _waveforms(self, turn: Turn) -> list[torch.Tensor]:
        import torch

        clips = [clip.resampled(SAMPLE_RATE) for clip in turn.clips.values()]
        return [torch.from_numpy(clip.samples.copy()).to(self.device) for clip in clips]

    def _primary(self, stimulus: Stimulus, waveforms: Sequence[torch.Tensor]) -> torch.Tensor:
        """The waveform of the primary clip, made to gather gradients."""
        if not stimulus.clips:
            raise BadParameter(f"gradients of {self.name!r} need a clip, got a prompt alone; give the stimulus a clip")
        role, rate = stimulus.primary_role, stimulus.clip.sample_rate
        if rate != SAMPLE_RATE:
            raise BadParameter(
                f"gradients of {self.name!r} need a clip at 16000 Hz, got {rate} Hz; "
                "resample it first with clip.resampled(16000)"
            )
        return waveforms[list(stimulus.clips).index(role)].requires_grad_(True)

    def _one_or_several(self, waveforms: list[torch.Tensor]) -> list[torch.Tensor]:
        import torch

        if self.family.several_clips or len(waveforms) < 2:
            return waveforms
        gap = waveforms[0].new_zeros(round(GAP_S * SAMPLE_RATE))
        return [torch.cat([part for waveform in waveforms for part in (waveform, gap)][:-1])]

    def _heard(self, waveform: torch.Tensor) -> Heard:
        config, section = self.network.config, self.family.audio_config
        config = getattr(config, section) if section else config
        longest_s = self.family.max_duration_s or 2 * config.max_source_positions / 100
        duration_s = len(waveform) / SAMPLE_RATE
        if duration_s > longest_s:
            raise ModelFailed(
                f"{self.name!r} hears at most {longest_s:g} s, got {duration_s:.1f} s; shorten the clip",
                reason="too_long",
            )
        heard = self.family.hear(waveform, config) if len(waveform) >= 400 else None
        if heard is None or heard.n_tokens < 1:
            raise ModelFailed(
                f"{self.name!r} needs at least some 50 ms of audio, got {1e3 * duration_s:.0f} ms; lengthen the clip",
                reason="bad_audio",
            )
        return heard

    def _inputs(self, group: Sequence[_Prepared]) -> dict[str, Any]:
        """What the network's `forward` takes: tokens padded on the left, the features of all clips in order."""
        import torch

        rows = [item.ids + item.target for item in group]
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self._prompts.pad_id, device=self.device)
        attention = torch.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, longest - len(tokens) :] = torch.tensor(tokens, device=self.device)
            attention[row, longest - len(tokens) :] = 1
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": attention}
        heard = [clip for item in group for clip in item.heard]
        if not heard:
            return inputs
        inputs[self.family.features] = _padded([clip.features for clip in heard]).to(self.network.dtype)
        if self.family.mask:
            inputs[self.family.mask] = _padded([clip.mask for clip in heard if clip.mask is not None])
        if self.family.sizes:
            inputs[self.family.sizes] = torch.tensor([clip.n_tokens for clip in heard], device=self.device)
        return inputs

    def _loss(self, group: Sequence[_Prepared]) -> torch.Tensor:
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
            raise BadParameter(f"{self.name!r} has no token that ends an answer, so that none can be driven to or from its end")
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

    def _log_probabilities(self, group: Sequence[_Prepared]) -> NDArray[np.float64]:
        """Of each item's target, in which a last token that ends an answer stands for all such."""
        import torch

        found = []
        for predicted, item in zip(self._predicted(group), group, strict=True):
            logarithms = predicted.log_softmax(dim=-1).double()
            total = torch.zeros((), dtype=torch.float64, device=self.device)
            for step, token in zip(logarithms, item.target, strict=True):
                ends = sorted(self._prompts.end_ids) if token in self._prompts.end_ids else [token]
                total = total + step[ends].logsumexp(dim=0)
            found.append(float(total))
        return np.array(found, dtype=np.float64)

    def _predicted(self, group: Sequence[_Prepared]) -> list[torch.Tensor]:
        """Logits from which each item's target tokens are told, shape (n_target, n_vocabulary)."""
        kept = {"logits_to_keep": 1 + max(len(item.target) for item in group)} if self._keeps_logits else {}
        with self._in_force(group):
            logits = self.network(**self._inputs(group), use_cache=False, **kept).logits
        return [logits[row, -len(item.target) - 1 : -1].float() for row, item in enumerate(group)]

    def _answers(self, group: Sequence[_Prepared], digests: Sequence[str], sampling: Sampling) -> list[Reply]:
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
        self, group: Sequence[_Prepared], digests: Sequence[str], sampling: Sampling
    ) -> tuple[list[list[int]], list[float]]:
        """New tokens of each item, up to the end token and with it, and their log-probability."""
        from transformers import GenerationConfig, LogitsProcessorList

        inputs = self._inputs(group)
        n_asked = inputs["input_ids"].shape[1]
        drawing = _Drawing(sampling, digests, n_asked=n_asked)
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


class _Drawing:
    """Draws each item's tokens by noise of its own generator, and keeps the log-probabilities.

    Adding Gumbel noise to logits over temperature and taking the largest draws from the softmax; so a draw depends on
    the seed and the stimulus, not on the batch, and no global random state is touched.
    """

    def __init__(self, sampling: Sampling, digests: Sequence[str], *, n_asked: int) -> None:
        self._temperature, self._n_asked = sampling.temperature, n_asked
        self._rngs = [rng_for(sampling.seed, "transformers", digest) for digest in digests]
        self._steps: list[torch.Tensor] = []
        self._chosen: list[torch.Tensor] = []

    def __call__(self, ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """The logits of which the largest is taken."""
        import torch

        last = logits.float().log_softmax(dim=-1)
        if self._temperature > 0:
            noise = np.stack([rng.gumbel(size=logits.shape[-1]) for rng in self._rngs])
            logits = last / self._temperature + torch.from_numpy(noise).to(last)
        chosen = logits.argmax(dim=-1, keepdim=True)  # as generate takes it
        self._chosen.append(last.gather(1, chosen)[:, 0].double().cpu())
        return logits

    def log_probability(self, row: int, said: Sequence[int]) -> float:
        """Of the first `len(said)` tokens of an item."""
        return float(sum(float(step[row]) for step in self._chosen[: len(said)]))


class _Prompts:
    """From stimuli to tokens, and from tokens to words."""

    def __init__(self, folder: Path, family: Family, config: Any, name: str) -> None:
        from transformers import AutoTokenizer

        self._family, self._name = family, name
        # mistral-common, where installed, would read the control tokens of a prompt as plain text
        plain = {"mistral_format": False} if (folder / "tekken.json").is_file() else {}
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **plain)
        self.audio_id = _audio_token_id(config)
        self._placeholder = self._tokenizer.convert_ids_to_tokens(self.audio_id)
        self._template = self._tokenizer.chat_template or _template_in(folder)
        self.end_ids = _end_ids(folder, self._tokenizer)
        pad_id = self._tokenizer.pad_token_id
        self.pad_id = pad_id if pad_id is not None else min(self.end_ids, default=0)

    def ids(self, turns: Sequence[Turn], system_prompt: str | None, n_tokens: Sequence[Sequence[int]]) -> list[int]:
        """The conversation's tokens, with as many placeholders as each clip has audio tokens.

        Parameters
        ----------
        turns : sequence of Turn
            The assistant's in words.
        system_prompt : str or None
        n_tokens : sequence of sequence of int
            Audio tokens of each clip of each turn.
        """
        if any(self._placeholder in words for words in (system_prompt or "", *(turn.text for turn in turns))):
            raise ModelFailed(
                f"a prompt must not hold {self._placeholder!r}, which stands for audio; reword the prompt"
            )
        write = self._templated if self._template else self._built
        text = write(turns, system_prompt, [len(clips) for clips in n_tokens])
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        counts = [count for clips in n_tokens for count in clips]
        if ids.count(self.audio_id) != len(counts):
            raise ModelFailed(
                f"the chat template of {self._name!r} must give one {self._placeholder!r} per clip, got "
                f"{ids.count(self.audio_id)} for {len(counts)}; mend the checkpoint's template"
            )
        left = iter(counts)
        return [token for one in ids for token in ([one] * next(left) if one == self.audio_id else [one])]

    def target_ids(self, target: str) -> list[int]:
        """The tokens of a text that the model is to say."""
        ids = self._tokenizer(target, add_special_tokens=False)["input_ids"]
        if not ids:
            raise BadParameter(f"a target must be a text of at least one token, got {target!r}; say what to force")
        return ids

    def answer_ids(self, text: str) -> list[int]:
        """The tokens of a text as a whole answer, one that ends it among them where the checkpoint has such."""
        return [*self._tokenizer(text, add_special_tokens=False)["input_ids"], *sorted(self.end_ids)[:1]]

    def text(self, ids: Sequence[int]) -> str:
        """The words, without special tokens."""
        return self._tokenizer.decode(ids, skip_special_tokens=True).strip()

    def _templated(self, turns: Sequence[Turn], system_prompt: str | None, n_clips: Sequence[int]) -> str:
        from jinja2 import TemplateError

        messages = [self._message(turn, count) for turn, count in zip(turns, n_clips, strict=True)]
        if system_prompt is not None:
            messages.insert(0, {"role": "system", "content": system_prompt})
        try:
            text = self._tokenizer.apply_chat_template(
                messages, chat_template=self._template, tokenize=False, add_generation_prompt=True
            )
        except TemplateError as error:
            refused = HistoryRefused if len(turns) > 1 else ModelFailed
            raise refused(
                f"the chat template of {self._name!r} must take the messages, and says: {error}; ask otherwise"
            ) from error
        if len(turns) > 1 and not all(_kept(turn) in text for turn in turns):
            raise HistoryRefused(
                f"the chat template of {self._name!r} must carry every turn, and leaves some out; put what was said "
                "into the prompt, or mend the checkpoint's template"
            )
        return text

    def _message(self, turn: Turn, n_clips: int) -> dict[str, Any]:
        if turn.role == "assistant":
            return {"role": "assistant", "content": turn.text}
        if not self._family.in_parts:
            return {"role": "user", "content": self._placeholder * n_clips + turn.text}
        clips: list[dict[str, str]] = [{"type": "audio"}] * n_clips
        return {"role": "user", "content": [*clips, {"type": "text", "text": turn.text}]}

    def _built(self, turns: Sequence[Turn], system_prompt: str | None, n_clips: Sequence[int]) -> str:
        form = self._family.turns
        parts = [form.opening]
        if system_prompt is not None and form.system:
            parts.append(form.system.replace("{}", system_prompt))
        before = f"{system_prompt}\n\n" if system_prompt is not None and not form.system else ""
        for turn, count in zip(turns, n_clips, strict=True):
            if turn.role == "assistant":
                parts.append(form.answer.replace("{}", turn.text))
                continue
            clips = form.clip.replace("{}", self._placeholder) * count
            parts.append(form.user.replace("{}", clips + before + turn.text))
            before = ""
        return "".join([*parts, form.answer.partition("{}")[0]])


def _kept(turn: Turn) -> str:
    """What of a turn every template must carry; thoughts of earlier answers are left out by some, on purpose."""
    return turn.text.rpartition("</think>")[2].strip()


def _by_default(site: str) -> Position:
    """Where a site is read where nobody says: the decoder where the answer begins, what comes before it everywhere."""
    return "answer" if site.startswith("decoder.") else "all"


def _folder(rest: str, name: str, revision: str | None) -> Path:
    """Where the checkpoint lies on this machine."""
    if Path(rest).expanduser().is_dir():
        return Path(rest).expanduser()
    hub = registry.extra("huggingface_hub", needed_by=f"model {name!r}")
    try:
        return Path(hub.snapshot_download(rest, revision=revision, allow_patterns=_FILES))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        raise BadParameter(
            f"{name!r} must name a folder or a model on the Hugging Face hub, but there is no such folder and the hub gave: "
            f"{type(error).__name__}: {error}; check the name, or fetch it where there is a network with `hf download {rest}` "
            "and leave HF_HUB_OFFLINE unset there"
        ) from error


def _loaded(folder: Path, name: str, device: torch.device, dtype: str) -> tuple[Family, Any]:
    """The family and the network with the checkpoint's weights, frozen, in evaluation mode."""
    import transformers

    kind = _model_type(folder, name)
    family = FAMILIES.get(kind)
    if family is None:
        raise BadParameter(
            f"{name!r} is of the type {kind!r}, which earnest does not carry; it carries {', '.join(FAMILIES)}; "
            "take a revision in transformers' own form (revision=...), or serve it with vLLM and ask it by its address"
        )
    if not hasattr(transformers, family.class_name):
        raise MissingExtra(
            f"model {name!r} needs a transformers that has {family.class_name}, got {transformers.__version__}; "
            "install it with: pip install --upgrade transformers"
        )
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    if family.inner_config and hasattr(config, family.inner_config):
        config = getattr(config, family.inner_config)
    _check_adapter(folder, config, name)
    _weight_files(folder, name)
    if getattr(config, "transformers_weights", None):
        raise BadParameter(f"{name!r} must hold its weights as {_WEIGHTS}, but its config names {config.transformers_weights!r}; rename the file")
    try:
        network, loading = getattr(transformers, family.class_name).from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, SafetensorError) as error:
        raise BadParameter(f"{name!r} must hold weights as safetensors, but: {error}; fetch it again") from error
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])
        raise BadData(f"{name!r} must hold every weight of a {family.class_name}; fetch it again", missing)
    if (folder / "speech-lora").is_dir():
        network.load_adapter(folder / "speech-lora", adapter_name="speech")
        network.set_adapter("speech")
    network.generation_config = transformers.GenerationConfig()  # penalties of a checkpoint would change its scores
    return family, network.eval().requires_grad_(False).to(device)


def _model_type(folder: Path, name: str) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError) as error:
        raise BadParameter(
            f"{name!r} must be a folder with a config.json that names its model_type, got {type(error).__name__}: {error}; "
            "fetch the checkpoint again"
        ) from error


def _check_adapter(folder: Path, config: Any, name: str) -> None:
    """Refuse a checkpoint whose speech adapter would be left out: it would answer, but badly."""
    has_adapter = (folder / "speech-lora").is_dir() or (folder / "adapter_config.json").is_file()
    if (has_adapter or getattr(config, "has_lora_adapter", False)) and not registry.has_extra("peft"):
        raise MissingExtra(f"model {name!r} has a speech adapter and needs peft; install it with: pip install peft")


def _audio_token_id(config: Any) -> int:
    for section in (config, getattr(config, "audio_config", None)):
        found = getattr(section, "audio_token_id", None)
        if found is not None:
            return int(found)
    raise BadData("the checkpoint's config.json must name its audio_token_id; fetch it again")


def _template_in(folder: Path) -> str | None:
    """The chat template in files that older checkpoints have."""
    for file in ("chat_template.json", "processor_config.json"):
        if (folder / file).is_file():
            template = json.loads((folder / file).read_text(encoding="utf-8")).get("chat_template")
            if template:
                return str(template)
    return None


def _end_ids(folder: Path, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer: those of the generation config, and the tokenizer's own."""
    from transformers import GenerationConfig

    ids: list[int] = []
    if (folder / "generation_config.json").is_file():
        found = GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id
        ids = found if isinstance(found, list) else [] if found is None else [found]
    if tokenizer.eos_token_id is not None:
        ids = [*ids, tokenizer.eos_token_id]
    return frozenset(ids)


def _until_end(tokens: Sequence[int], end_ids: frozenset[int]) -> list[int]:
    for place, token in enumerate(tokens):
        if token in end_ids:
            return list(tokens[: place + 1])
    return list(tokens)


def _padded(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Tensors one after the other along the first axis, the last axis filled with zeros to the longest."""
    import torch

    longest = max(part.shape[-1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, longest - part.shape[-1])) for part in parts])


def _weight_files(folder: Path, name: str) -> list[Path]:
    """The files of weights that are loaded, adapters among them; safetensors alone, since other forms can hold code.

    Raises
    ------
    BadParameter
        If there are none, one that the index names is missing, or one lies outside of the folder.
    """
    index = folder / f"{_WEIGHTS}.index.json"
    if (folder / _WEIGHTS).is_file():
        files = [folder / _WEIGHTS]
    elif index.is_file():
        files = [index, *(folder / shard for shard in _shards(index, name))]
    else:
        others = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5"))
        raise BadParameter(
            f"{name!r} must hold weights as safetensors ({_WEIGHTS}, or {index.name} and what it names), got "
            f"{', '.join(others) or 'no weights'}; convert them with save_pretrained, or take a revision that has them"
        )
    files += [at / _ADAPTER for at in (folder, folder / "speech-lora") if (at / "adapter_config.json").is_file()]
    missing = [str(path.relative_to(folder)) for path in files if not path.is_file()]
    if missing:
        raise BadParameter(f"{name!r} must hold its weights as safetensors, but {', '.join(missing)} is missing; fetch it again")
    return files


def _shards(index: Path, name: str) -> list[str]:
    try:
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if all(Path(shard).name == shard and shard.endswith(".safetensors") for shard in shards):
            return shards
        raise ValueError(f"shards must be safetensors files in the folder, got {', '.join(shards)}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadParameter(f"{name!r} must have an index of its weights, but {index.name} cannot be used: {error}; fetch it again") from error


def _fingerprint(folder: Path, dtype: str, weights: Sequence[Path]) -> str:
    """A hash of the settings and vocabularies, and of every byte of the weights that are loaded."""
    digest = hashlib.sha256(dtype.encode())
    settings = [path for path in folder.rglob("*") if path.suffix in (".json", ".jinja", ".model", ".txt") and path.is_file()]
    for path in sorted({*settings, *weights}):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of([path])}\n".encode())
    return digest.hexdigest()[:16]


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
