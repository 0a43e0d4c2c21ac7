"""Conversations as tokens, by a checkpoint's chat template or its family's own form of turns, and tokens as words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earnest.audio import Turn
from earnest.errors import BadData, BadParameter, HistoryRefused, ModelFailed
from earnest.models._families import Family


class Prompts:
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
