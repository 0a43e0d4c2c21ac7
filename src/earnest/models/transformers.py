"""Audio language models in transformers, run on this machine: `transformers/<folder or hub id>`.

Carried are the families of `earnest.models._families.FAMILIES`. A folder is loaded without the network; a hub id is
taken from the cache or downloaded. No code of a checkpoint is ever run (`trust_remote_code` stays off).

The features that the model hears are computed in torch from the waveform, for answers and gradients alike, so that
gradients reach the waveform. Clips at other rates are resampled to 16 kHz; gradients ask for clips at 16 kHz.

An item gets the same answer in any batch, up to rounding: what is drawn depends on the seed and the stimulus alone,
and what would be heard otherwise after padding is batched by equal length: all clips of some families, those shorter
than a chunk of Qwen3-Omni, whose convolutions see a chunk's padding. A clip longer than a family takes is
`too_long`; nothing is cut off in silence.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.audio import Stimulus
from earnest.errors import BadData, BadParameter, MissingExtra, ModelFailed
from earnest.models import models
from earnest.models._families import FAMILIES, Family
from earnest.models._features import SAMPLE_RATE, Heard
from earnest.models.access import Answer, Failure, Model, Reply, Sampling, rng_for

if TYPE_CHECKING:
    import torch

GAP_S = 0.5
"""Silence between clips for families that take one."""

_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "speech-lora/*"]


@dataclass(kw_only=True)
class _Prepared:
    """One stimulus as the model takes it."""

    ids: list[int]
    heard: list[Heard]
    waveforms: list[torch.Tensor]
    names: tuple[str, ...] = ()
    target: list[int] = field(default_factory=list)

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
        self.fingerprint = _fingerprint(folder, self.dtype)
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
                place: self._prepared(stimulus, target=target)
                for place, (stimulus, target) in enumerate(zip(stimuli, targets, strict=True))
            }
            for places in self._batches(prepared):
                group = [prepared[place] for place in places]
                loss = self._loss(group)
                loss.sum().backward()
                losses[places] = loss.detach().cpu().double().numpy()
                for place in places:
                    primary = prepared[place].names.index(stimuli[place].primary_role)
                    gradients[place] = prepared[place].waveforms[primary].grad.cpu().numpy()
        return losses, [gradients[place] for place in range(len(stimuli))]

    def activations(self, stimuli: Sequence[Stimulus]) -> list[dict[str, NDArray[np.float32]]]:
        """Hidden states where the answer begins, by layer: `decoder.0` (the embedding) upwards, shape (width,)."""
        import torch

        found = []
        with self._lock, torch.inference_mode():
            for stimulus in stimuli:
                inputs = self._inputs([self._prepared(stimulus)])
                states = self.network(**inputs, output_hidden_states=True, use_cache=False).hidden_states
                found.append({f"decoder.{n}": state[0, -1].float().cpu().numpy() for n, state in enumerate(states)})
        return found

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

    def _prepared(self, stimulus: Stimulus, *, target: str | None = None) -> _Prepared:
        """The stimulus as tokens and features; with a target, its waveforms gather gradients."""
        waveforms = self._waveforms(stimulus, needs_gradient=target is not None)
        heard = [self._heard(waveform) for waveform in self._one_or_several(waveforms)]
        ids = self._prompts.ids(stimulus, [clip.n_tokens for clip in heard])
        wanted = self._prompts.target_ids(target) if target is not None else []
        return _Prepared(ids=ids, heard=heard, waveforms=waveforms, names=tuple(stimulus.clips), target=wanted)

    def _waveforms(self, stimulus: Stimulus, *, needs_gradient: bool) -> list[torch.Tensor]:
        import torch

        waveforms = []
        for role, clip in stimulus.clips.items():
            primary = needs_gradient and role == stimulus.primary_role
            if primary and clip.sample_rate != SAMPLE_RATE:
                raise BadParameter(
                    f"gradients of {self.name!r} need a clip at 16000 Hz, got {clip.sample_rate} Hz; "
                    "resample it first with clip.resampled(16000)"
                )
            samples = torch.from_numpy(clip.resampled(SAMPLE_RATE).samples.copy()).to(self.device)
            waveforms.append(samples.requires_grad_(primary))
        if needs_gradient and not waveforms:
            raise BadParameter(f"gradients of {self.name!r} need a clip, got a prompt alone; give the stimulus a clip")
        return waveforms

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

        kept = {"logits_to_keep": 1 + max(len(item.target) for item in group)} if self._keeps_logits else {}
        logits = self.network(**self._inputs(group), use_cache=False, **kept).logits
        losses = []
        for row, item in enumerate(group):
            predicted = logits[row, -len(item.target) - 1 : -1].float()
            losses.append(torch.nn.functional.cross_entropy(predicted, torch.tensor(item.target, device=self.device)))
        return torch.stack(losses)

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
        self._audio_id = _audio_token_id(config)
        self._placeholder = self._tokenizer.convert_ids_to_tokens(self._audio_id)
        self._template = self._tokenizer.chat_template or _template_in(folder)
        self.end_ids = _end_ids(folder, self._tokenizer)
        pad_id = self._tokenizer.pad_token_id
        self.pad_id = pad_id if pad_id is not None else min(self.end_ids, default=0)

    def ids(self, stimulus: Stimulus, n_tokens: Sequence[int]) -> list[int]:
        """The prompt's tokens, with as many placeholders as each clip has audio tokens."""
        if self._placeholder in stimulus.prompt or self._placeholder in (stimulus.system_prompt or ""):
            raise ModelFailed(
                f"a prompt must not hold {self._placeholder!r}, which stands for audio; reword the prompt"
            )
        text = self._templated(stimulus, len(n_tokens)) if self._template else self._built(stimulus, len(n_tokens))
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if ids.count(self._audio_id) != len(n_tokens):
            raise ModelFailed(
                f"the chat template of {self._name!r} must give one {self._placeholder!r} per clip, got "
                f"{ids.count(self._audio_id)} for {len(n_tokens)}; mend the checkpoint's template"
            )
        counts = iter(n_tokens)
        return [token for one in ids for token in ([one] * next(counts) if one == self._audio_id else [one])]

    def target_ids(self, target: str) -> list[int]:
        """The tokens of a text that the model is to say."""
        ids = self._tokenizer(target, add_special_tokens=False)["input_ids"]
        if not ids:
            raise BadParameter(f"a target must be a text of at least one token, got {target!r}; say what to force")
        return ids

    def text(self, ids: Sequence[int]) -> str:
        """The words, without special tokens."""
        return self._tokenizer.decode(ids, skip_special_tokens=True).strip()

    def _templated(self, stimulus: Stimulus, n_clips: int) -> str:
        content: Any = self._placeholder * n_clips + stimulus.prompt
        if self._family.in_parts:
            clips: list[dict[str, str]] = [{"type": "audio"}] * n_clips
            content = [*clips, {"type": "text", "text": stimulus.prompt}]
        messages = [{"role": "user", "content": content}]
        if stimulus.system_prompt is not None:
            messages.insert(0, {"role": "system", "content": stimulus.system_prompt})
        return self._tokenizer.apply_chat_template(
            messages, chat_template=self._template, tokenize=False, add_generation_prompt=True
        )

    def _built(self, stimulus: Stimulus, n_clips: int) -> str:
        turns, system = self._family.turns, stimulus.system_prompt
        before, prompt = "", stimulus.prompt
        if system is not None and turns.system:
            before = turns.system.replace("{}", system)
        elif system is not None:
            prompt = f"{system}\n\n{prompt}"
        clips = turns.clip.replace("{}", self._placeholder) * n_clips
        return before + turns.user.replace("{}", clips + prompt)


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
    try:
        network, loading = getattr(transformers, family.class_name).from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    except OSError as error:
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


def _fingerprint(folder: Path, dtype: str) -> str:
    """A hash of the config, and of the size and a sample of every weight file: sixteen blocks of 64 KiB each."""
    digest = hashlib.sha256(dtype.encode())
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".jinja", ".model", ".txt") and path.stat().st_size < 2**26:
            digest.update(path.name.encode() + path.read_bytes())
        elif path.suffix == ".safetensors":
            size = path.stat().st_size
            digest.update(f"{path.name} {size}".encode())
            with path.open("rb") as handle:
                for place in np.linspace(0, max(0, size - 65_536), 16, dtype=np.int64):
                    handle.seek(int(place))
                    digest.update(handle.read(65_536))
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
