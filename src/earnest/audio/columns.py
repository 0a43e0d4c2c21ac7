"""What columns are called: letter case never matters, and other ecosystems' names stand for ours.

A synonym stands here only where its meaning is certain in a table of recordings, and it is taken only where the table
has no column of our own name. Whoever reads a table says which columns it read under another name, and which unknown
ones are nearly a known one: `renamed` gives both.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "path": (
            "file_name", "audio_filepath", "filename", "audio_path", "audio_file", "audio_filename", "file_path", "filepath",
            "wav_path", "wav_filename", "wav_file", "file", "wav", "audio",
        ),
        "text": (
            "transcript", "transcription", "sentence", "normalized_text", "normalised_text", "normalized_transcription",
            "spoken_text", "utterance", "wrd", "raw_text", "raw_transcription",
        ),
        "speaker": ("speaker_id", "speakerid", "spk_id", "spkid", "spk", "client_id", "speaker_name", "talker"),
        "gender": ("sex", "speaker_gender", "speaker_sex"),
        "age": ("speaker_age", "age_years"),
        "age_band": ("age_group", "age_range", "ageband"),
        "accent": ("accents", "dialect", "speaker_accent"),
        "language": ("locale", "lang", "language_code"),
        "label": ("class", "class_label", "true_label"),
        "licence": ("license",),
        "id": ("utt_id", "utterance_id", "uttid", "item_id"),
        "start_s": ("start_time_s", "offset_s"),
        "end_s": ("end_time_s", "stop_s"),
    }
)  # fmt: skip  # a table: one row a line
"""Our name of a column to the names that stand for it, the likeliest first."""

KNOWN = frozenset(
    (*SYNONYMS, "role", "pair", "consent", "channel", "split", "action", "emotion", "field", "secret", "phrase", "attack",
     "category", "semantic_category", "risk_category", "race", "ethnicity", "personality", "fluency", "economic_status",
     "duration_s", "offset", "duration")
)  # fmt: skip  # a table: one row a line
"""Columns that something reads; any other keeps its name as it is written."""

_LIKENESS = 0.8


@dataclass(frozen=True, kw_only=True)
class Renamed:
    """Under which names the columns of a table are read.

    Parameters
    ----------
    names : mapping of str to str
        From the name in the table.
    notes : tuple of str
        Which were read under a synonym, and which may be misspelt.
    """

    names: Mapping[str, str]
    notes: tuple[str, ...]


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A column's name for comparison: lower case, underscores for spaces and hyphens.

    >>> folded(" File-Name "), folded("Speaker ID")
    ('file_name', 'speaker_id')
    """
    return re.sub(r"[\s\-]+", "_", name.strip().strip("\ufeff")).casefold()


def is_path(name: str) -> bool:
    """Whether a column of that name tells where the audio lies."""
    return folded(name) == "path" or folded(name) in SYNONYMS["path"]


def renamed(names: Iterable[str]) -> Renamed:
    """Under which names the columns are read.

    >>> found = renamed(["file_name", "Sentence", "Gender", "coffeeDrink", "speeker"])
    >>> dict(found.names)
    {'file_name': 'path', 'Sentence': 'text', 'Gender': 'gender', 'coffeeDrink': 'coffeeDrink', 'speeker': 'speeker'}
    >>> found.notes[2]
    "column 'speeker' has no meaning here and is kept as it is; did you mean 'speaker'?"
    """
    written = list(dict.fromkeys(names))
    folds = {name: folded(name) for name in written}
    read = {name: fold if fold in KNOWN else name.strip() for name, fold in folds.items()}
    notes = []
    for ours, synonyms in SYNONYMS.items():
        candidates = [name for synonym in synonyms for name in written if folds[name] == synonym]
        if candidates and ours not in read.values():
            read[candidates[0]] = ours
            notes.append(f"column {candidates[0]!r} is read as {ours!r}")
    notes += [note for name in written if (note := _suggestion(read[name], taken=list(read.values())))]
    return Renamed(names=read, notes=tuple(notes))


def _suggestion(name: str, *, taken: Sequence[str]) -> str:
    fold = folded(name)
    if fold in KNOWN or any(fold in synonyms for synonyms in SYNONYMS.values()):
        return ""
    ours = {synonym: known for known, synonyms in SYNONYMS.items() for synonym in synonyms}
    near = difflib.get_close_matches(fold, [*KNOWN, *ours], n=1, cutoff=_LIKENESS)
    if not near or ours.get(near[0], near[0]) in taken:
        return ""
    read_as = f" (read as {ours[near[0]]!r})" if near[0] in ours else ""
    return f"column {name!r} has no meaning here and is kept as it is; did you mean {near[0]!r}{read_as}?"
