"""Who speaks in the probe set.

People of the split ``train`` and people of ``test`` are disjoint, but for the readings, in which every voice says every statement and the statements are split. Left out: ``af_nicole``, which whispers,
``am_santa``, a character, the voices of Kokoro that read English as a foreign language and that recognisers do not understand, and whatever espeak-ng voice was not understood.
"""

from __future__ import annotations

from reference import speak

READERS = {
    "female": (
        "kokoro/af_aoede", "kokoro/af_jessica", "kokoro/af_river", "kokoro/af_sky", "kokoro/af_bella", "kokoro/bf_emma", "kokoro/bf_lily", "kokoro/bf_isabella", "kokoro/hf_beta", "kokoro/if_sara",
        "kokoro/pf_dora", "flite/slt",
    ),
    "male": (
        "kokoro/am_adam", "kokoro/am_eric", "kokoro/am_liam", "kokoro/am_puck", "kokoro/am_michael", "kokoro/bm_fable", "kokoro/bm_lewis", "kokoro/bm_george", "kokoro/hm_psi", "kokoro/im_nicola",
        "kokoro/pm_santa", "flite/rms",
    ),
    "child": ("world/sky", "world/aoede", "world/puck", "world/liam"),
}  # fmt: skip
"""Two groups of twelve, alike in accents (five American by Kokoro and one by flite, three British, one each of Hindi, Italian and Portuguese colour) and in how many the model never heard (eight of each)."""

POOLS: dict[str, dict[str, tuple[str, ...]]] = {
    "test": {
        "kokoro": (
            "kokoro/af_jessica", "kokoro/am_eric", "kokoro/bf_emma", "kokoro/bm_lewis", "kokoro/hf_beta", "kokoro/am_puck", "kokoro/af_sky", "kokoro/pm_santa", "kokoro/if_sara", "kokoro/bm_george",
            "kokoro/af_nova", "kokoro/am_echo",
        ),
        "festival": ("festival/slt_hts",), "flite": ("flite/rms", "flite/slt"), "pico": ("pico/en-US",), "espeak": ("espeak/en-us+m4", "espeak/en-us+f4", "espeak/en-us+max", "espeak/en-us+steph2"),
    },
    "train": {
        "kokoro": (
            "kokoro/am_adam", "kokoro/af_aoede", "kokoro/bm_fable", "kokoro/bf_lily", "kokoro/am_liam", "kokoro/af_river", "kokoro/hm_psi", "kokoro/af_bella", "kokoro/am_michael", "kokoro/bf_isabella",
            "kokoro/im_nicola", "kokoro/pf_dora",
        ),
        "flite": ("flite/kal16", "flite/awb"), "pico": ("pico/en-GB",), "espeak": ("espeak/en-us+adam", "espeak/en-us+Alicia", "espeak/en-us+robert", "espeak/en-us+anika"),
    },
}  # fmt: skip
"""By split and engine; men and women by turns. flite's and festival's slt are one woman."""
SPANISH = ("kokoro/em_alex/es", "kokoro/ef_dora/es", "kokoro/em_santa/es", "kokoro/if_sara/es", "pico/es-ES", "kokoro/im_nicola/es", "kokoro/ff_siwis/es", "kokoro/bm_george/es")
ENGINES = {
    "test": ("kokoro", "festival", "kokoro", "flite", "kokoro", "pico", "kokoro", "espeak", "kokoro"),
    "train": ("kokoro", "flite", "kokoro", "pico", "kokoro", "espeak", "kokoro"),
}
"""Whose turn it is: every second clip by Kokoro, which recognisers understand best, the rest by the others."""


def turn(split: str, number: int, attempt: int) -> str:
    """The voice that a clip of a split should have at an attempt; after six failures of an engine it is Kokoro's turn."""
    engines = ENGINES[split]
    engine = engines[number % len(engines)] if attempt < 6 else "kokoro"
    pool = POOLS[split][engine]
    rounds = number // len(engines) * engines.count(engine) + engines[: number % len(engines)].count(engine) + attempt
    return pool[rounds % len(pool)]


def facts(name: str) -> dict[str, str]:
    """What the manifest says of a voice."""
    voice = speak.voice(name)
    return {
        "speaker": name.removesuffix("/es"),
        "gender": voice.gender,
        "age_band": "child" if voice.group == "child_like" else "adult",
        "accent": voice.accent,
        "language": voice.language,
        "engine": voice.engine,
        "voice_seen": "no" if voice.held_out else "yes",
    }
