"""What labels mean: one name for what data sets call differently, and captions of sounds.

A synonym stands here only where its meaning is certain; any other label is taken as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "bonafide": "bona_fide",
        "bona fide": "bona_fide",
        "spoofed": "spoof",
        "raining": "rain",
        "clock tick": "clock",
        "clock ticking": "clock",
        "wind blowing": "wind",
        "church bells": "bell",
        "door knock": "knock",
        "door wood knock": "knock",
    }
)
"""Label as written (lower case, underscores as spaces) to the name used here."""

CAPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "rain": "rain falling",
        "wind": "wind blowing",
        "bell": "a bell ringing",
        "siren": "a siren wailing",
        "clock": "a clock ticking",
        "knock": "somebody knocking",
        "engine": "an engine running",
        "beep": "an electronic beep",
        "dog bark": "a dog barking",
        "sea waves": "waves on a shore",
        "baby cry": "a baby crying",
        "person sneeze": "somebody sneezing",
        "helicopter": "a helicopter flying",
        "chainsaw": "a chainsaw running",
        "rooster": "a rooster crowing",
        "fire crackling": "a fire crackling",
    }
)
"""How a sound is described."""

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "rain": ("rain", "raining", "rains", "rainfall", "raindrops", "drizzle", "downpour"),
        "wind": ("wind", "winds", "windy", "gust", "gusts", "breeze"),
        "bell": ("bell", "bells", "chime", "chimes", "gong"),
        "siren": ("siren", "sirens"),
        "clock": ("clock", "clocks", "tick", "ticks", "ticking", "metronome"),
        "knock": ("knock", "knocks", "knocking", "knocked"),
        "engine": ("engine", "engines", "motor", "motors"),
        "beep": ("beep", "beeps", "beeping", "bleep", "bleeps"),
        "dog bark": ("dog", "dogs", "bark", "barks", "barking"),
        "sea waves": ("sea", "ocean", "surf", "waves crash", "waves crashing", "crashing waves", "shore", "seashore"),
        "baby cry": ("baby", "babies", "infant", "crying"),
        "person sneeze": ("sneeze", "sneezes", "sneezing"),
        "helicopter": ("helicopter", "helicopters"),
        "chainsaw": ("chainsaw", "chainsaws", "chain saw"),
        "rooster": ("rooster", "roosters", "cockerel", "crowing"),
        "fire crackling": ("flames", "crackling", "crackles", "campfire", "burning", "a fire"),
    }
)
"""Words by which a description names a sound."""

ALSO: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "helicopter": frozenset({"engine", "wind"}),
        "chainsaw": frozenset({"engine"}),
        "siren": frozenset({"beep"}),
        "clock": frozenset({"bell"}),
        "sea waves": frozenset({"wind"}),
    }
)
"""Sounds whose names are no error for another: a helicopter has an engine, a clock may chime."""


@lru_cache(maxsize=1 << 16)
def canonical(label: str | None) -> str:
    """The name used here for a label; empty where there is none.

    >>> canonical("Clock tick"), canonical("bona_fide"), canonical("Dog bark"), canonical(None)
    ('clock', 'bona_fide', 'dog bark', '')
    """
    plain = " ".join((label or "").replace("_", " ").lower().split())
    known = SYNONYMS.get(plain, plain)
    return "bona_fide" if known == "bona fide" else known
