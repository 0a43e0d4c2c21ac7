"""Stimuli as a network of a known family takes them: tokens, features of every clip, and batches in which padding changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from earnest.audio import Stimulus, Turn
from earnest.errors import BadParameter, HistoryRefused, ModelFailed
from earnest.models._chat import Prompts
from earnest.models._families import Family
from earnest.models._features import SAMPLE_RATE, Heard
from earnest.models._sites import Places
from earnest.models.access import Target, written_answer

if TYPE_CHECKING:
    import torch

GAP_S = 0.5
"""Silence between clips for families that take one."""


@dataclass(kw_only=True)
class Prepared:
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


class Inputs:
    """From stimuli to the arguments of a network's `forward`.

    Parameters
    ----------
    name : str
        Of the model, for messages.
    family : Family
    network : module of torch
    prompts : Prompts
    """

    def __init__(self, name: str, family: Family, network: Any, prompts: Prompts) -> None:
        self._name, self._family, self._prompts = name, family, prompts
        self._config, self._dtype, self._device = network.config, network.dtype, network.device

    def batches(self, prepared: dict[int, Prepared], batch_size: int) -> list[list[int]]:
        """Places that may be asked together: each is padded as it would be alone, or padding changes nothing."""
        groups: dict[Any, list[int]] = {}
        for place, item in prepared.items():
            key = item.shapes if self._family.equal_lengths else item.longest_chunk
            groups.setdefault(key, []).append(place)
        return [
            group[start : start + batch_size] for group in groups.values() for start in range(0, len(group), batch_size)
        ]

    def prepared(self, stimulus: Stimulus, *, target: Sequence[int] = (), needs_gradient: bool = False) -> Prepared:
        """The stimulus as tokens and features, with the tokens of an answer where one is given."""
        turns = [self._taken(turn) for turn in stimulus.turns]
        waveforms = [self._waveforms(turn) for turn in turns]
        primary = self._primary(stimulus, waveforms[-1]) if needs_gradient else None
        heard = [[self._heard(waveform) for waveform in self._one_or_several(each)] for each in waveforms]
        if not self._family.several_clips and sum(map(bool, heard)) > 1:
            raise HistoryRefused(
                f"{self._name!r} hears one recording in a conversation, got some in {sum(map(bool, heard))} turns; "
                "give the earlier ones as text"
            )
        ids = self._prompts.ids(turns, stimulus.system_prompt, [[clip.n_tokens for clip in each] for each in heard])
        return Prepared(ids=ids, heard=[clip for each in heard for clip in each], primary=primary, target=list(target))

    def _taken(self, turn: Turn) -> Turn:
        """The turn as the model takes it: what it said itself as text."""
        return turn if turn.role == "user" else Turn(role="assistant", text=written_answer(turn, name=self._name))

    def _waveforms(self, turn: Turn) -> list[torch.Tensor]:
        import torch

        clips = [clip.resampled(SAMPLE_RATE) for clip in turn.clips.values()]
        return [torch.from_numpy(clip.samples.copy()).to(self._device) for clip in clips]

    def _primary(self, stimulus: Stimulus, waveforms: Sequence[torch.Tensor]) -> torch.Tensor:
        """The waveform of the primary clip, made to gather gradients."""
        if not stimulus.clips:
            raise BadParameter(f"gradients of {self._name!r} need a clip, got a prompt alone; give the stimulus a clip")
        role, rate = stimulus.primary_role, stimulus.clip.sample_rate
        if rate != SAMPLE_RATE:
            raise BadParameter(
                f"gradients of {self._name!r} need a clip at 16000 Hz, got {rate} Hz; "
                "resample it first with clip.resampled(16000)"
            )
        return waveforms[list(stimulus.clips).index(role)].requires_grad_(True)

    def _one_or_several(self, waveforms: list[torch.Tensor]) -> list[torch.Tensor]:
        import torch

        if self._family.several_clips or len(waveforms) < 2:
            return waveforms
        gap = waveforms[0].new_zeros(round(GAP_S * SAMPLE_RATE))
        return [torch.cat([part for waveform in waveforms for part in (waveform, gap)][:-1])]

    def _heard(self, waveform: torch.Tensor) -> Heard:
        config, section = self._config, self._family.audio_config
        config = getattr(config, section) if section else config
        longest_s = self._family.max_duration_s or 2 * config.max_source_positions / 100
        duration_s = len(waveform) / SAMPLE_RATE
        if duration_s > longest_s:
            raise ModelFailed(
                f"{self._name!r} hears at most {longest_s:g} s, got {duration_s:.1f} s; shorten the clip",
                reason="too_long",
            )
        heard = self._family.hear(waveform, config) if len(waveform) >= 400 else None
        if heard is None or heard.n_tokens < 1:
            raise ModelFailed(
                f"{self._name!r} needs at least some 50 ms of audio, got {1e3 * duration_s:.0f} ms; lengthen the clip",
                reason="bad_audio",
            )
        return heard

    def tensors(self, group: Sequence[Prepared]) -> dict[str, Any]:
        """What the network's `forward` takes: tokens padded on the left, the features of all clips in order."""
        import torch

        rows = [item.ids + item.target for item in group]
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self._prompts.pad_id, device=self._device)
        attention = torch.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, longest - len(tokens) :] = torch.tensor(tokens, device=self._device)
            attention[row, longest - len(tokens) :] = 1
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": attention}
        heard = [clip for item in group for clip in item.heard]
        if not heard:
            return inputs
        inputs[self._family.features] = _padded([clip.features for clip in heard]).to(self._dtype)
        if self._family.mask:
            inputs[self._family.mask] = _padded([clip.mask for clip in heard if clip.mask is not None])
        if self._family.sizes:
            inputs[self._family.sizes] = torch.tensor([clip.n_tokens for clip in heard], device=self._device)
        return inputs

    def places(self, group: Sequence[Prepared]) -> list[Places]:
        """Where each item of a padded batch begins, is answered and holds audio."""
        longest = max(len(item.ids) + len(item.target) for item in group)
        places = []
        for item in group:
            answer = longest - len(item.target)
            begin = answer - len(item.ids)
            audio = [begin + place for place, token in enumerate(item.ids) if token == self._prompts.audio_id]
            places.append(Places(begin=begin, answer=answer, audio=audio))
        return places


def _padded(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Tensors one after the other along the first axis, the last axis filled with zeros to the longest."""
    import torch

    longest = max(part.shape[-1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, longest - part.shape[-1])) for part in parts])
