"""Synthetic speech for the reference model and the probe set: espeak-ng, flite, Kokoro, Hibari and Pico in this process, festival (HTS voice) as the engine that training never hears.

`say` gives float32 mono at 16 kHz; the same text, voice and seed give the same samples on one machine. Rate, pitch and pitch range are drawn from the seed within what still sounds
like the voice. Needs ``espeakng-loader`` and ``soxr``; flite's shared libraries and festival's ``text2wave`` are system packages, and their voices are left out where they are missing.
The engines keep state per process and are not thread safe: use processes to go faster.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soxr

from . import neural

SAMPLE_RATE = 16000
ACCENTS = ("en", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
# what an engine-only variant is called, and what a listener would say it is
MEN = (
    "Alex",
    "Andy",
    "Denis",
    "Diogo",
    "Gene",
    "Gene2",
    "Henrique",
    "Hugo",
    "Jacky",
    "Lee",
    "Marco",
    "Mario",
    "Michael",
    "Mike",
    "Nguyen",
    "Reed",
    "RicishayMax",
    "adam",
    "antonio",
    "benjamin",
    "boris",
    "caleb",
    "david",
    "ed",
    "edward",
    "edward2",
    "gustave",
    "ian",
    "iven",
    "iven2",
    "john",
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "marcelo",
    "max",
    "michel",
    "miguel",
    "mike2",
    "norbert",
    "pablo",
    "paul",
    "pedro",
    "quincy",
    "rob",
    "robert",
    "sandro",
    "travis",
    "victor",
    "zac",
)
WOMEN = (
    "Alicia",
    "Andrea",
    "Annie",
    "anika",
    "aunty",
    "belinda",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "grandma",
    "kaukovalta",
    "linda",
    "shelby",
    "steph",
    "steph2",
    "steph3",
)
FLITE = {
    "flite/kal16": ("kal16", "male", "us"),
    "flite/rms": ("rms", "male", "us"),
    "flite/awb": ("awb", "male", "scottish"),
    "flite/slt": ("slt", "female", "us"),
}
FESTIVAL = "festival/slt_hts"
HELD_OUT_KOKORO = (
    "af_aoede", "af_jessica", "af_nicole", "af_river", "af_sky", "am_adam", "am_eric", "am_liam", "am_puck", "am_santa", "bf_emma", "bf_lily", "bm_fable", "bm_lewis",
    "hf_beta", "hm_psi", "em_santa", "pm_santa", "if_sara",
)  # fmt: skip  # a table: one row a line


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A synthetic voice.

    Attributes
    ----------
    name : str
        ``engine/...``, unique.
    engine : {"espeak", "flite", "festival", "kokoro", "world", "hibari", "pico"}
    gender : {"male", "female", ""}
        As the engine's variant is built; empty for child-like voices.
    accent : str
    group : {"adult", "child_like"}
        Child-like voices are adult variants at the top of their pitch range, or adult voices moved by a vocoder (``world``): a group of sounds, not recordings of children.
    variant : str
        What is held out together: all accents of a variant are in one split.
    held_out : bool
        True for voices that training never hears.
    language : {"en", "es"}
    """

    name: str
    engine: str
    gender: str
    accent: str
    group: str
    variant: str
    held_out: bool
    language: str = "en"


def _held_out(variant: str) -> bool:
    return variant in ("m4", "f4", "steph2", "Alicia", "child/f5") or hashlib.sha1(variant.encode()).digest()[0] < 45


@cache
def _all_voices() -> tuple[Voice, ...]:
    out = []
    for gender, variants in (("male", MEN), ("female", WOMEN)):
        for variant in variants:
            for accent in ACCENTS:
                out.append(
                    Voice(
                        name=f"espeak/{accent}+{variant}",
                        engine="espeak",
                        gender=gender,
                        accent=accent,
                        group="adult",
                        variant=variant,
                        held_out=_held_out(variant),
                    )
                )
    for variant in ("f1", "f2", "f3", "f4", "f5", "anika", "Annie", "linda"):
        for accent in ACCENTS[:4]:
            held_out = _held_out(f"child/{variant}") or _held_out(variant)
            out.append(
                Voice(
                    name=f"espeak/{accent}+{variant}/child",
                    engine="espeak",
                    gender="",
                    accent=accent,
                    group="child_like",
                    variant=f"child/{variant}",
                    held_out=held_out,
                )
            )
    for gender, variants in (("male", MEN), ("female", WOMEN)):
        for variant in variants:
            for accent in ("es", "es-419"):
                name = f"espeak/{accent}+{variant}"
                out.append(
                    Voice(
                        name=name,
                        engine="espeak",
                        gender=gender,
                        accent=accent,
                        group="adult",
                        variant=variant,
                        held_out=_held_out(variant),
                        language="es",
                    )
                )
    for name, (library, gender, accent) in FLITE.items():
        if ctypes.util.find_library(f"flite_cmu_us_{library}"):
            out.append(
                Voice(
                    name=name, engine="flite", gender=gender, accent=accent, group="adult", variant=name, held_out=False
                )
            )
    out += _neural_voices()
    if shutil.which("text2wave"):
        out.append(
            Voice(
                name=FESTIVAL,
                engine="festival",
                gender="female",
                accent="us",
                group="adult",
                variant=FESTIVAL,
                held_out=True,
            )
        )
    return tuple(out)


def _neural_voices() -> list[Voice]:
    out = []
    if neural.has_kokoro():
        for name in (*neural.KOKORO_ENGLISH, *neural.KOKORO_ACCENTED):
            accent = {"a": "us", "b": "gb"}.get(name[0]) or neural.FOREIGN[name[0]]
            variant = neural.SAME_SPEAKER.get(name, name)
            gender = "male" if name[1] == "m" else "female"
            out.append(
                Voice(
                    name=f"kokoro/{name}",
                    engine="kokoro",
                    gender=gender,
                    accent=accent,
                    group="adult",
                    variant=variant,
                    held_out=name in HELD_OUT_KOKORO,
                )
            )
        for name in neural.KOKORO_SPANISH:
            accent = "spain" if name[0] == "e" else neural.FOREIGN.get(name[0], "gb")
            gender = "male" if name[1] == "m" else "female"
            out.append(
                Voice(
                    name=f"kokoro/{name}/es",
                    engine="kokoro",
                    gender=gender,
                    accent=accent,
                    group="adult",
                    variant=name,
                    held_out=name in HELD_OUT_KOKORO,
                    language="es",
                )
            )
        out.append(
            Voice(
                name="hibari/heart",
                engine="hibari",
                gender="female",
                accent="us",
                group="adult",
                variant="hibari/heart",
                held_out=False,
            )
        )
        if neural.has_world():
            for name, (base, _, _) in neural.CHILD_LIKE.items():
                accent = {"a": "us", "b": "gb"}[base[0]]
                out.append(
                    Voice(
                        name=f"world/{name}",
                        engine="world",
                        gender="",
                        accent=accent,
                        group="child_like",
                        variant=f"world/{name}",
                        held_out=True,
                    )
                )
    if neural.has_pico():
        for name, accent in neural.PICO.items():
            language = name[:2]
            out.append(
                Voice(
                    name=f"pico/{name}",
                    engine="pico",
                    gender="female",
                    accent=accent,
                    group="adult",
                    variant=f"pico/{name}",
                    held_out=False,
                    language=language,
                )
            )
    return out


def voices(split: str, language: str = "en") -> list[Voice]:
    """Voices of a language in a split: the seen ones for ``train``, the unseen ones for ``test`` and ``probe``."""
    return [voice for voice in _all_voices() if voice.held_out == (split != "train") and voice.language == language]


def voice(name: str) -> Voice:
    """The voice of that name."""
    for candidate in _all_voices():
        if candidate.name == name:
            return candidate
    raise ValueError(f"no voice is called {name!r}; `voices('train')` and `voices('probe')` list them")


class _Espeak:
    """libespeak-ng in this process."""

    def __init__(self) -> None:
        import espeakng_loader

        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate = self.library.espeak_Initialize(2, 0, str(espeakng_loader.get_data_path()).encode(), 0)
        self.chunks: list[np.ndarray] = []
        signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

        def collect(samples, n_samples, _events):  # noqa: ANN001, ANN202
            if samples and n_samples > 0:
                self.chunks.append(np.ctypeslib.as_array(samples, shape=(n_samples,)).copy())
            return 0

        self.callback = signature(collect)
        self.library.espeak_SetSynthCallback(self.callback)

    def say(self, text: str, name: str, *, rate: int, pitch: int, spread: int) -> np.ndarray:
        if self.library.espeak_SetVoiceByName(name.encode()):
            raise ValueError(f"espeak-ng has no voice {name!r}; see ACCENTS, MEN and WOMEN in speak.py")
        for parameter, value in ((1, rate), (3, pitch), (4, spread)):
            self.library.espeak_SetParameter(parameter, value, 0)
        self.chunks.clear()
        data = text.encode() + b"\0"
        self.library.espeak_Synth(data, len(data), 0, 0, 0, 1, None, None)
        self.library.espeak_Synchronize()
        joined = np.concatenate(self.chunks) if self.chunks else np.zeros(1, np.int16)
        return soxr.resample(joined.astype(np.float32) / 32768.0, self.rate, SAMPLE_RATE)


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("rate", ctypes.c_int),
        ("n", ctypes.c_int),
        ("n_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _FliteVoice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


class _Flite:
    """libflite in this process."""

    def __init__(self) -> None:
        for name in ("flite", "flite_cmulex", "flite_usenglish"):
            ctypes.CDLL(ctypes.util.find_library(name), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(ctypes.util.find_library("flite"), mode=ctypes.RTLD_GLOBAL)
        self.library.flite_init()
        self.library.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
        self.library.flite_feat_set_float.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float]
        self.loaded: dict[str, ctypes.POINTER(_FliteVoice)] = {}

    def _voice(self, name: str):  # noqa: ANN202
        if name not in self.loaded:
            library = ctypes.CDLL(ctypes.util.find_library(f"flite_cmu_us_{name}"), mode=ctypes.RTLD_GLOBAL)
            register = getattr(library, f"register_cmu_us_{name}")
            register.restype = ctypes.POINTER(_FliteVoice)
            self.loaded[name] = register(None)
        return self.loaded[name]

    def say(self, text: str, name: str, *, stretch: float, pitch_hz: float) -> np.ndarray:
        spoken = self._voice(name)
        for key, value in ((b"duration_stretch", stretch), (b"int_f0_target_mean", pitch_hz)):
            self.library.flite_feat_set_float(spoken.contents.features, key, value)
        wave = self.library.flite_text_to_wave(text.encode(), spoken)
        samples = np.ctypeslib.as_array(wave.contents.samples, shape=(wave.contents.n,)).astype(np.float32) / 32768.0
        rate = wave.contents.rate
        self.library.delete_wave(wave)
        return soxr.resample(samples, rate, SAMPLE_RATE) if rate != SAMPLE_RATE else samples


@cache
def _espeak() -> _Espeak:
    return _Espeak()


@cache
def _flite() -> _Flite:
    return _Flite()


def _festival(text: str, stretch: float) -> np.ndarray:
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.wav"
        commands = [
            "-eval",
            "(voice_cmu_us_slt_arctic_hts)",
            "-eval",
            f"(Parameter.set 'Duration_Stretch {stretch:.3f})",
        ]
        subprocess.run(["text2wave", *commands, "-o", str(out)], input=text.encode(), check=True, capture_output=True)
        samples, rate = soundfile.read(out, dtype="float32")
    return soxr.resample(samples, rate, SAMPLE_RATE) if rate != SAMPLE_RATE else samples


def _trimmed(samples: np.ndarray, *, lead: int, tail: int) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples) > 0.004)
    body = samples[max(0, loud[0] - 160) : loud[-1] + 160] if loud.size else samples[:0]
    return np.concatenate([np.zeros(lead, np.float32), body.astype(np.float32), np.zeros(tail, np.float32)])


def say(text: str, voice: Voice | str, seed: int = 0, *, manner_of: str = "") -> np.ndarray:
    """Speech of a text.

    Parameters
    ----------
    text : str
    voice : Voice or str
        A voice or its name.
    seed : int
        Draws rate, pitch, pitch range and the silence before and after.
    manner_of : str
        Another text, to speak in the manner that the seed draws for it: twins are spoken alike.

    Returns
    -------
    float32 array, shape (n_samples,)
        16 kHz mono, within [-1, 1].
    """
    spoken = globals()["voice"](voice) if isinstance(voice, str) else voice
    rng = np.random.default_rng(
        [seed, int.from_bytes(hashlib.sha1(f"{spoken.name}|{manner_of or text}".encode()).digest()[:6], "big")]
    )
    if spoken.engine == "espeak":
        child = spoken.group == "child_like"
        name = spoken.name.split("/")[1]
        samples = _espeak().say(
            text,
            name,
            rate=int(rng.integers(125, 205)),
            pitch=int(rng.integers(88, 100)) if child else int(rng.integers(30, 70)),
            spread=int(rng.integers(30, 80)),
        )
    elif spoken.engine == "flite":
        base_hz = {"kal16": 100.0, "rms": 100.0, "awb": 125.0, "slt": 180.0}[FLITE[spoken.name][0]]
        samples = _flite().say(
            text,
            FLITE[spoken.name][0],
            stretch=float(rng.uniform(0.8, 1.2)),
            pitch_hz=base_hz * float(rng.uniform(0.85, 1.18)),
        )
    elif spoken.engine == "kokoro":
        name, *language = spoken.name.removeprefix("kokoro/").split("/")
        samples = neural.kokoro(
            text + ".", name, language="".join(language) or "en", speed=float(rng.uniform(0.85, 1.2))
        )
    elif spoken.engine == "world":
        base, pitch, formants = neural.CHILD_LIKE[spoken.name.split("/")[1]]
        samples = neural.world(
            neural.kokoro(text + ".", base, speed=float(rng.uniform(0.85, 1.2))), pitch=pitch, formants=formants
        )
    elif spoken.engine == "hibari":
        samples = neural.hibari(text + ".")
    elif spoken.engine == "pico":
        samples = neural.pico(text + ".", spoken.name.split("/")[1])
    else:
        samples = _festival(text, float(rng.uniform(0.85, 1.15)))
    return _trimmed(np.clip(samples, -1, 1), lead=int(rng.integers(800, 4000)), tail=int(rng.integers(800, 4000)))
