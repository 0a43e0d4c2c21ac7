"""What tasks share when they make items and read answers.

`truth` of an item is written to the journal: group columns, label, level, what was expected. `seen` goes to scripted
models alone, with the keys `text`, `secret`, `options` and `expected`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile

from earnest.audio import AudioClip, Entry, Stimulus, effects
from earnest.audio.manifest import CSV_NAME, JSONL_NAME
from earnest.errors import BadAudio, BadParameter
from earnest.metrics import heard
from earnest.models.access import Answer, rng_for
from earnest.records import Item, Unscored
from earnest.tasks._labels import canonical
from earnest.tasks._parsing import words

T = TypeVar("T")

GROUPS = ("gender", "age_band", "accent")
"""Columns that say which group of speakers a voice belongs to."""

_FACTS = ("text", "speaker", *GROUPS, "language", "pair")


def facts(entry: Entry) -> dict[str, Any]:
    """What the journal says of a row: text, speaker, groups, canonical label, data set; empty cells left out."""
    found = {column: entry.value(column) for column in _FACTS}
    found |= {"label": canonical(entry.label), "corpus": corpus(entry)}
    return {key: value for key, value in found.items() if value}


def corpus(entry: Entry) -> str:
    """The data set that a row belongs to where a folder holds several; else empty."""
    first, slash, _ = entry.path.partition("/")
    return first if slash and _holds_manifest(entry.file.parents[entry.path.count("/") - 1]) else ""


@lru_cache(maxsize=1024)
def _holds_manifest(folder: Path) -> bool:
    return (folder / CSV_NAME).is_file() or (folder / JSONL_NAME).is_file()


def duration_s(entry: Entry) -> float | None:
    """Length in seconds by the column `duration_s` or the file's header; None where neither tells."""
    try:
        return float(entry.attributes["duration_s"])
    except (KeyError, ValueError):
        return _header_duration_s(entry.file)


@lru_cache(maxsize=65536)
def _header_duration_s(file: Path) -> float | None:
    try:
        return float(soundfile.info(file).duration)
    except (OSError, RuntimeError):
        return None


def speech_item(
    task: str,
    entry: Entry,
    *,
    prompt: str,
    variant: str = "",
    truth: Mapping[str, Any] | None = None,
    seen: Mapping[str, Any] | None = None,
    cluster: str = "",
    change: Callable[[AudioClip], AudioClip] | None = None,
    system_prompt: str | None = None,
) -> Item:
    """An item on one row's clip, changed by `change` when it is loaded; a system prompt is written to the truth."""

    def load() -> Stimulus:
        clip = entry.clip()
        heard_clip = clip if change is None else change(clip)
        return Stimulus(
            clips={"speech": heard_clip}, prompt=prompt, system_prompt=system_prompt, truth=dict(seen or {})
        )

    return Item(
        id=f"{task}/{entry.id}" + (f"/{variant}" if variant else ""),
        task=task,
        sample=entry.id,
        load=load,
        truth={**facts(entry), **_offered(seen), **_told(system_prompt), **(truth or {})},
        cluster=cluster or entry.id,
        prompt=prompt,
        duration_s=duration_s(entry),
    )


def _offered(seen: Mapping[str, Any] | None) -> dict[str, Any]:
    """The allowed answers, for the journal: an item can then be asked again."""
    options = (seen or {}).get("options")
    return {"options": list(options)} if options else {}


def _told(system_prompt: str | None) -> dict[str, Any]:
    """The system prompt, for the journal: a line's own prompt is the user's alone."""
    return {} if system_prompt is None else {"system_prompt": system_prompt}


def with_effect(clip: AudioClip, effect: str, /, *, rng: np.random.Generator, **parameters: Any) -> AudioClip:
    """The clip after one of `earnest.audio.effects`, rounded to 16 bits as a file would hold it.

    Raises
    ------
    BadAudio
        If the effect cannot be put on this clip: noise on silence, say.
    """
    try:
        samples, _ = effects.apply(effect, clip.samples, clip.sample_rate, rng=rng, **parameters)
    except BadParameter as error:
        raise BadAudio(f"{effect} cannot be put on the clip: {error}") from error
    return clip.with_samples(samples).quantised()


def drawn(entries: Iterable[Entry], n: int, *, seed: int, name: str) -> list[Entry]:
    """At most `n` rows, drawn without order, given back in the order of the data."""
    rows = list(entries)
    if len(rows) <= n:
        return rows
    return [rows[place] for place in sorted(rng_of(seed, name, "rows").permutation(len(rows))[:n])]


def another(options: Sequence[T], fits: Callable[[T], bool], *, rng: np.random.Generator) -> T:
    """One of `options` that fits, all of those alike likely; at least one must fit."""
    while True:
        option = options[int(rng.integers(len(options)))]
        if fits(option):
            return option


def normal(text: str | None) -> str:
    """A text as its words alone: what two rows that say the same share."""
    return " ".join(words(text or ""))


def by_text(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Rows by what is said, in the order of first appearance."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(normal(entry.text), []).append(entry)
    return found


def rng_of(seed: int, *names: str) -> np.random.Generator:
    """A generator for one decision, whatever the order of the rows."""
    return rng_for(seed, *names)


def unheard(answer: Answer, *, speech: bool = False) -> Unscored | None:
    """Why the answer must not be scored: it is empty, or says that the audio was not heard; None where it may be.

    With `speech`, where somebody is known to speak, an answer that nobody was heard is no answer either, nor is a mere
    greeting, as to one who has not spoken yet.
    """
    if not answer.text.strip():
        spoken = "a spoken answer without a transcript" if answer.clip is not None else "the model said nothing"
        return Unscored(reason="empty_answer", detail=spoken)
    deaf = heard.did_not_hear(answer.text)
    if deaf or (speech and (heard.heard_label(answer.text) == "silent" or heard.only_greets(answer.text))):
        return Unscored(reason="did_not_hear", detail=answer.text[:200])
    return None
