"""What tasks share when they make items and read answers.

`truth` of an item is written to the journal: group columns, label, level, what was expected. `seen` goes to scripted
models alone, with the keys `text`, `secret`, `options` and `expected`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from earnest.audio import AudioClip, Entry, Stimulus, effects
from earnest.audio.layouts.own import MANIFESTS, SPLITS
from earnest.errors import BadAudio, BadParameter
from earnest.metrics import heard
from earnest.models.access import Answer, rng_for, stopped_by_filter
from earnest.records import NO_ANSWER, Item, JournalLine, Unscored, Verdict
from earnest.replies import without_echo
from earnest.results import Measure, by_group
from earnest.tasks._labels import CAPTIONS, canonical
from earnest.tasks._parsing import words

T = TypeVar("T")

GROUPS = ("gender", "age_band", "accent")
"""Columns that say which group of speakers a voice belongs to."""

FEWEST_REPEATED = 3
"""Words that an answer must repeat to be taken for an echo of the clip."""

_OF_VOICE = ("speaker", *GROUPS, "language")
_FACTS = ("text", *_OF_VOICE, "pair", "split")


def facts(entry: Entry) -> dict[str, Any]:
    """What the journal says of a row: text, speaker, groups, canonical label, data set, split; empty cells left out."""
    found = {column: entry.value(column) for column in _FACTS}
    found |= {"label": canonical(entry.label), "corpus": corpus(entry)}
    return {key: value for key, value in found.items() if value}


def facts_of_text(entry: Entry) -> dict[str, Any]:
    """`facts` without those of the voice, for items in writing: nobody's voice is in them, and so no group's."""
    return {key: value for key, value in facts(entry).items() if key not in _OF_VOICE}


MIXED = "mixed"
"""Of an item whose rows are of several splits: it belongs to none of them."""


def split_of(entry: Entry, *others: Entry) -> dict[str, str]:
    """For the truth of an item, the split of its row and of all others that it is made of; nothing where its row has none.

    Tasks ask the rows of every split. What is fitted on a run, an attack say, takes the items of the split `train` and is
    measured on those of `test`.
    """
    own = entry.value("split")
    if not own:
        return {}
    apart = any(other.value("split") not in (None, own) for other in others)
    return {"split": MIXED if apart else str(own)}


def same_split(a: Entry, b: Entry) -> bool:
    """Whether two rows are of one split; also where neither says."""
    return a.value("split") == b.value("split")


def corpus(entry: Entry) -> str:
    """The data set that a row belongs to where a folder holds several; else empty. The splits of one are not several."""
    first, slash, _ = entry.path.partition("/")
    return (
        first
        if slash and first.lower() not in SPLITS and _holds_manifest(entry.file.parents[entry.path.count("/") - 1])
        else ""
    )


MOST_ROWS = 1 << 20
"""Rows of which what is asked again and again is remembered: with fewer than the data has, nothing ever would be."""


@lru_cache(maxsize=1024)
def _holds_manifest(folder: Path) -> bool:
    return any((folder / name).is_file() for name in MANIFESTS)


def duration_s(entry: Entry) -> float | None:
    """Length in seconds by the part that is taken, the column `duration_s` or the file's header; None where none tells."""
    return entry.length_s


def whole_s(*entries: Entry, gap_s: float = 0.0) -> float | None:
    """Length in seconds of several rows' clips together, with what is between them; None where one is not known."""
    lengths = [duration_s(entry) for entry in entries]
    return None if None in lengths else sum(filter(None, lengths)) + gap_s


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
    known = facts(entry)

    def load() -> Stimulus:
        clip = entry.clip()
        heard_clip = clip if change is None else change(clip)
        told = {column: value for column in (*GROUPS, "label") if (value := known.get(column))}
        return Stimulus(
            clips={"speech": heard_clip}, prompt=prompt, system_prompt=system_prompt, truth={**told, **(seen or {})}
        )

    return Item(
        id=f"{task}/{entry.id}" + (f"/{variant}" if variant else ""),
        task=task,
        sample=entry.id,
        load=load,
        truth={**known, **_offered(seen), **_system_prompt_fact(system_prompt), **(truth or {})},
        cluster=cluster or entry.id,
        prompt=prompt,
        duration_s=duration_s(entry),
        audible=audible(entry),
    )


def audible(entry: Entry) -> Literal["speech", "sound", ""]:
    """What a row's clip is known to carry: somebody's words or voice, a sound that its label names, or nothing known."""
    if entry.text or entry.speaker:
        return "speech"
    return "sound" if canonical(entry.label) in CAPTIONS else ""


def _offered(seen: Mapping[str, Any] | None) -> dict[str, Any]:
    """The allowed answers, for the journal: an item can then be asked again."""
    options = (seen or {}).get("options")
    return {"options": list(options)} if options else {}


def _system_prompt_fact(system_prompt: str | None) -> dict[str, Any]:
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


def by_language(lines: Sequence[JournalLine], *, metric: str, **options: Any) -> list[Measure]:
    """One measure a language that is spoken in the clips, as `by_group` makes it; none where there is one language only."""
    spoken = {line.truth["language"] for line in lines if line.truth.get("language")}
    if len(spoken) < 2:
        return []
    return by_group(lines, metric=metric, group=_language, **options)


def _language(line: JournalLine) -> str | None:
    language = line.truth.get("language")
    return f"language={language}" if language else None


@lru_cache(maxsize=MOST_ROWS)
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


def number_given(answer: Answer) -> Verdict | Unscored:
    """What becomes of the answer of a subject that answers with a number (`Model.gives`): the number has no score by itself."""
    if answer.value is None:
        return Unscored(reason="unparsed", detail="the subject gave no number")
    return Verdict(score=None, label="number", facts={"calibrated": bool(answer.details.get("calibrated"))})


def unanswered(
    item: Item, answer: Answer, *, score: float | None = 0.0, repeats: bool = True
) -> Verdict | Unscored | None:
    """What becomes of a reply that answers nothing; None where it answers something.

    It answers nothing where it is empty, be it that all of it is reasoning, where it was cut off before its first word,
    only repeats its prompt, says that no audio arrived, or, where somebody is known to speak, that nobody does, or only
    greets as one who was asked nothing yet. What a provider's filter stopped is the provider's, not the model's, answer,
    whatever text there is: it cannot be scored. On a clip with known speech or a
    known sound that is an answer, `no_answer`, as wrong as any other; on any other clip, and where nothing is played,
    it cannot be scored. Results take such verdicts back in runs that do not show that the audio arrives.

    Parameters
    ----------
    score : float or None
        What such an answer earns; None for a control outside the headline.
    repeats : bool
        Whether the words of the clip may be the answer, as in transcription; where a choice is asked for, repeating
        what was said answers nothing.
    """
    why, detail = _lack(item, answer)
    if not why and not repeats and _only_repeats(item, answer):
        why, detail = "echo", "the answer only repeats what was said"
    if not why and not _is_offered(item, answer.said) and not answer.own(repeats=repeats).strip():
        why, detail = "echo", "the answer only repeats what the attack told the model"
    if not why:
        return None
    if why in ("content_filter", "untranscribed") or not item.audible:
        reason = (
            "content_filter" if why == "content_filter" else "did_not_hear" if why == "not_heard" else "empty_answer"
        )
        return Unscored(reason=reason, detail=detail)
    return Verdict(score=score, label=NO_ANSWER, facts={"why": why})


def _is_offered(item: Item, reply: str) -> bool:
    """Whether a reply is one of those allowed, word for word: a choice, though the prompt gave it as an example."""
    options = item.truth.get("options") or ()
    return bool(options) and normal(reply) in {normal(str(option)) for option in options}


def own_words(item: Item, answer: Answer) -> str:
    """What an answer says without what repeats the prompt in it; all of it where nothing else is left.

    A choice is read from these: the prompt's "If neither voice gives a reason to choose" chooses nothing.
    """
    own = without_echo(answer.said, sources=[item.prompt]).strip() if item.prompt else ""
    return own or answer.said


def _only_repeats(item: Item, answer: Answer) -> bool:
    """Whether the answer is no more than the words of the clip; of fewer than three it may be an answer in them."""
    told = str(item.truth.get("text") or "")
    return len(words(told)) >= FEWEST_REPEATED and not without_echo(answer.said, sources=[told]).strip()


def _lack(item: Item, answer: Answer) -> tuple[str, str]:
    """Why a reply answers nothing (empty: it answers), and the detail for a reader of the journal."""
    said = answer.said
    if answer.details.get("blocked") or answer.reading.finish == "content_filter":
        return "content_filter", stopped_by_filter(answer)
    if not said.strip():
        if answer.clip is not None and not answer.text.strip():
            return "untranscribed", "a spoken answer without a transcript"
        if answer.reading.finish == "length":
            return "cut_off", "cut off at max_tokens before the first word of an answer; allow more with --max-tokens"
        return "empty", "the reply holds reasoning alone" if answer.reading.reasoning else "the model said nothing"
    if item.prompt and not _is_offered(item, said) and not without_echo(said, sources=[item.prompt]).strip():
        return "echo", "the answer only repeats the prompt"
    label = heard.heard_label(said)
    if label == "not_heard":
        return "not_heard", said[:200]
    if item.audible == "speech" and (label == "silent" or heard.only_greets(said)):
        return "not_heard", said[:200]
    return "", ""
