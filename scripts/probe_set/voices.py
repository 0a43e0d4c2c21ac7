"""Who speaks in the probe set.

Nobody is in both splits. Left out: ``af_nicole``, which whispers,
``am_santa``, a character, the voices of Kokoro that read English as a foreign language and that recognisers do not understand, and whatever espeak-ng voice was not understood.
"""

from __future__ import annotations

from reference import speak

BLOCKS = (
    (
        "kokoro/af_aoede",
        "kokoro/bf_lily",
        "kokoro/hf_beta",
        "kokoro/am_adam",
        "kokoro/bm_fable",
        "kokoro/hm_psi",
        "world/aoede",
    ),
    (
        "kokoro/af_jessica",
        "kokoro/bf_emma",
        "kokoro/if_sara",
        "kokoro/am_eric",
        "kokoro/bm_lewis",
        "kokoro/im_nicola",
        "world/liam",
    ),
    (
        "kokoro/af_sky",
        "kokoro/bf_isabella",
        "kokoro/pf_dora",
        "kokoro/am_puck",
        "kokoro/bm_george",
        "kokoro/pm_santa",
        "world/sky",
    ),
    (
        "flite/slt",
        "kokoro/af_river",
        "kokoro/af_bella",
        "flite/rms",
        "kokoro/am_liam",
        "kokoro/am_michael",
        "world/puck",
    ),
)
"""Readers: in each block three women, three men of the same accents and engines, and a child-like voice, who say the same three statements. The model never heard eight of the twelve women and eight of
the twelve men. The first block is of the split ``train``."""

POOLS: dict[str, dict[str, tuple[str, ...]]] = {
    "test": {
        "kokoro": (
            "kokoro/af_jessica", "kokoro/am_eric", "kokoro/bf_emma", "kokoro/bm_lewis", "kokoro/af_river", "kokoro/am_puck", "kokoro/af_sky", "kokoro/pm_santa", "kokoro/if_sara", "kokoro/am_liam",
            "kokoro/af_nova", "kokoro/bm_george",
        ),
        "festival": ("festival/slt_hts",), "flite": ("flite/rms", "flite/slt"), "pico": ("pico/en-US",), "espeak": ("espeak/en-us+m4", "espeak/en-us+f4", "espeak/en-us+max", "espeak/en-us+steph2"),
    },
    "train": {
        "kokoro": (
            "kokoro/am_adam", "kokoro/af_aoede", "kokoro/bm_fable", "kokoro/bf_lily", "kokoro/am_fenrir", "kokoro/hf_beta", "kokoro/hm_psi", "kokoro/af_alloy", "kokoro/am_onyx", "kokoro/bf_alice",
            "kokoro/bm_daniel", "kokoro/af_kore",
        ),
        "flite": ("flite/kal16", "flite/awb"), "pico": ("pico/en-GB",), "espeak": ("espeak/en-us+adam", "espeak/en-us+Alicia", "espeak/en-us+robert", "espeak/en-us+anika"),
    },
}  # fmt: skip  # a table: one row a line
"""By split and engine; men and women by turns. flite's and festival's slt are one woman."""
SPANISH = (
    "kokoro/em_alex/es",
    "kokoro/ef_dora/es",
    "kokoro/em_santa/es",
    "kokoro/if_sara/es",
    "pico/es-ES",
    "kokoro/im_nicola/es",
    "kokoro/ff_siwis/es",
    "kokoro/bm_george/es",
)
ENGINES = {
    "test": ("kokoro", "festival", "kokoro", "flite", "kokoro", "pico", "kokoro", "espeak", "kokoro"),
    "train": ("kokoro", "flite", "kokoro", "pico", "kokoro", "espeak", "kokoro"),
}
"""Whose turn it is: every second clip by Kokoro, which recognisers understand best, the rest by the others."""


ACCENTS = {
    "us": "american", "en-us": "american", "gb": "british", "scottish": "scottish", "hindi": "indian", "italian": "italian", "portuguese": "portuguese", "french": "french", "spain": "spanish", "es": "spanish",
}  # fmt: skip  # a table: one row a line
"""What a listener would call an accent."""


def turn(split: str, number: int, attempt: int) -> str:
    """The voice that a clip of a split should have at an attempt; after three failures of an engine it is Kokoro's turn."""
    engines = ENGINES[split]
    engine = engines[number % len(engines)] if attempt < 3 else "kokoro"
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
        "accent": ACCENTS[voice.accent],
        "language": voice.language,
        "engine": voice.engine,
        "voice_seen": "no" if voice.held_out else "yes",
    }
