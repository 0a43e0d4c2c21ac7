"""A recogniser before a text model, `cascade/<recogniser>+<text model>`, or alone, `cascade/<recogniser>`.

    cascade/pocketsphinx+scripted/always_refuse        the recogniser of `earnest[asr-small]`, English, on this machine
    cascade/openai/<transcriber>+openai/<text model>    any model that transcribes when it is asked to
    cascade/earnest/reference                           the transcript itself is the answer: for dictation

The text model hears nothing: it is given the prompt with the transcript of every clip. Long audio is transcribed in
pieces that the recogniser can take in, cut where it is quietest; so a cascade hears audio of any length. What was heard
is in `details["transcript"]`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from earnest import registry
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter
from earnest.models import models
from earnest.models.access import Answer, Failure, Model, Reply, Sampling
from earnest.models.loading import load_model

PROMPT = "Transcribe the speech in this recording. Answer with the transcript alone."
PIECE_S = 25.0
"""Longest piece of audio that a recogniser is given; one that hears less, or hears less better, gets less."""

NO_SPEECH = "no speech"
"""What a recogniser that is asked for words says of a piece without any; left out of the transcript."""


class Transcriber(Model):
    """The text half of a cascade without one: says again the transcript that it is told."""

    name, fingerprint, batch_size = "transcript", "1", 1024
    note = "transcribes, whatever it is asked"
    takes_text_alone = False

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """The transcript; several are parted by new lines."""
        return [Answer(text=stimulus.prompt) for stimulus in stimuli]

    def beyond(self, prompt: str) -> str | None:
        """Why a prompt asks for more than a transcript; None where it asks for one."""
        return None if "transcribe" in prompt.lower() else "it transcribes and does nothing else"


class CascadeModel(Model):
    """A recogniser, and a text model that is told what it wrote.

    Parameters
    ----------
    name : str
        Its specification.
    recogniser : Model
        What transcribes.
    text : Model or None
        What answers; None answers with the transcript.
    """

    def __init__(self, name: str, *, recogniser: Model, text: Model | None) -> None:
        self._told = _told if text is not None else _transcribed
        text = text or Transcriber()
        self.name, self._recogniser, self._text = name, recogniser, text
        self._longest_s = min(PIECE_S, recogniser.max_duration_s or PIECE_S, recogniser.piece_s or PIECE_S)
        self.fingerprint = f"{recogniser.name}:{recogniser.fingerprint}+{text.name}:{text.fingerprint}"
        hosts = [model.destination for model in (recogniser, text) if model.destination]
        self.destination = ", ".join(dict.fromkeys(hosts)) or None
        sizes = [model.batch_size for model in (recogniser, text)]
        self.batch_size = None if None in sizes else min(size for size in sizes if size is not None)
        self.note = "; ".join(note for note in (recogniser.note, text.note) if note)
        self.takes_text_alone = text.takes_text_alone

    async def ask_one(self, stimulus: Stimulus, *, sampling: Sampling = Sampling()) -> Answer:  # noqa: B008
        """The answer to one stimulus; see `Model.ask_one`. A failure of either part is raised."""
        pieces = self._pieces(stimulus)
        heard = [await self._recogniser.ask_one(_question(piece), sampling=_greedy(sampling)) for _, piece in pieces]
        transcripts = _by_role(pieces, heard)
        answer = await self._text.ask_one(self._told(stimulus, transcripts), sampling=sampling)
        return _with(answer, transcripts, heard)

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus: all pieces are transcribed, then all questions asked."""
        if self.batch_size is None:
            return super().ask(stimuli, sampling=sampling)
        pieces = [self._pieces(stimulus) for stimulus in stimuli]
        questions = [_question(piece) for one in pieces for _, piece in one]
        every = iter(_in_batches(self._recogniser, questions, _greedy(sampling)))
        heard = [[next(every) for _ in one] for one in pieces]
        replies: list[Reply | None] = [_first_failure(one) for one in heard]
        going = [place for place, reply in enumerate(replies) if reply is None]
        transcripts = {place: _by_role(pieces[place], heard[place]) for place in going}
        told = [self._told(stimuli[place], transcripts[place]) for place in going]
        for place, reply in zip(going, _in_batches(self._text, told, sampling), strict=True):
            replies[place] = reply if isinstance(reply, Failure) else _with(reply, transcripts[place], heard[place])
        return [reply for reply in replies if reply is not None]

    def beyond(self, prompt: str) -> str | None:
        """What the text half says, of the prompt without a transcript."""
        return self._text.beyond(prompt) if isinstance(self._text, Transcriber) else None

    def _pieces(self, stimulus: Stimulus) -> list[tuple[str, AudioClip]]:
        clips = stimulus.clips.items()
        return [(role, piece) for role, clip in clips for piece in pieces_of(clip, longest_s=self._longest_s)]

    async def aclose(self) -> None:
        """Let go of the connections of both parts."""
        await self._recogniser.aclose()
        await self._text.aclose()


class PocketsphinxModel(Model):
    """The recogniser of `earnest[asr-small]`: English, small, on this machine; it transcribes and does nothing else.

    A rough ear: of the words of clear read speech it takes a quarter to two thirds wrong.
    """

    name = "pocketsphinx"
    batch_size = 1
    takes_text_alone = False

    def __init__(self) -> None:
        sphinx = registry.extra("pocketsphinx", needed_by="recogniser 'pocketsphinx'")
        self._decoder = sphinx.Decoder(samprate=16_000, loglevel="FATAL", cmn="batch")
        self.fingerprint = f"pocketsphinx {version('pocketsphinx')}"
        self._lock = threading.Lock()

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """The transcript of each stimulus, whatever it is asked."""
        return [self._transcribed(stimulus) for stimulus in stimuli]

    def _transcribed(self, stimulus: Stimulus) -> Answer:
        begun = time.perf_counter()
        clip = stimulus.joined(sample_rate=16_000)
        with self._lock:
            self._decoder.reinit_feat()  # else what it heard before would change what it hears now
            self._decoder.start_utt()
            self._decoder.process_raw(clip.wav_bytes()[44:], no_search=False, full_utt=True)
            self._decoder.end_utt()
            found = self._decoder.hyp()
        return Answer(text=found.hypstr if found else "", duration_ms=1e3 * (time.perf_counter() - begun))


def pieces_of(clip: AudioClip, *, longest_s: float = PIECE_S) -> list[AudioClip]:
    """The clip cut into pieces of at most `longest_s` seconds, each cut at the quietest tenth of a second of the last third."""
    pieces, rest = [], clip.samples
    longest, tenth = round(longest_s * clip.sample_rate), max(1, clip.sample_rate // 10)
    while len(rest) > longest:
        first = longest * 2 // 3
        energy = np.square(rest[first : longest - (longest - first) % tenth].astype(np.float64))
        blocks = energy[: len(energy) // tenth * tenth].reshape(-1, tenth).sum(axis=1)
        cut = first + int(blocks.argmin()) * tenth + tenth // 2
        pieces.append(clip.with_samples(rest[:cut]))
        rest = rest[cut:]
    return [*pieces, clip.with_samples(rest)]


def _question(piece: AudioClip) -> Stimulus:
    return Stimulus(clips={"speech": piece}, prompt=PROMPT)


def _greedy(sampling: Sampling) -> Sampling:
    """For transcripts: the most likely words, and room for all of them."""
    return replace(sampling, temperature=0.0, max_tokens=max(512, sampling.max_tokens))


def _in_batches(model: Model, stimuli: Sequence[Stimulus], sampling: Sampling) -> list[Reply]:
    size = model.batch_size or 1
    starts = range(0, len(stimuli), size)
    return [reply for start in starts for reply in model.ask(stimuli[start : start + size], sampling=sampling)]


def _first_failure(heard: Sequence[Reply]) -> Failure | None:
    return next((reply for reply in heard if isinstance(reply, Failure)), None)


def _by_role(pieces: Sequence[tuple[str, AudioClip]], heard: Sequence[Reply]) -> dict[str, str]:
    """The pieces' words joined by role; "no speech" only where that was said of every piece."""
    said: dict[str, list[str]] = {}
    for (role, _), reply in zip(pieces, heard, strict=True):
        said.setdefault(role, []).append(reply.text.strip() if isinstance(reply, Answer) else "")
    return {role: " ".join(filter(None, _spoken(texts) or texts[:1])) for role, texts in said.items()}


def _spoken(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text and text.lower().strip(" .") != NO_SPEECH]


def _transcribed(stimulus: Stimulus, transcripts: Mapping[str, str]) -> Stimulus:
    """The transcripts alone, in the place of a question; a space where nothing was heard, since none may be empty."""
    return Stimulus(clips={}, prompt="\n".join(transcripts.values()) or " ")


def _told(stimulus: Stimulus, transcripts: Mapping[str, str]) -> Stimulus:
    """The question in writing: the prompt, then what was heard; several clips are named by their roles."""
    named = [
        f"Transcript of {role!r}" if len(transcripts) > 1 else "Transcript of the recording" for role in transcripts
    ]
    heard = [
        f"{name}:\n{text or '(nothing was heard)'}" for name, text in zip(named, transcripts.values(), strict=True)
    ]
    prompt = "\n\n".join([part for part in (stimulus.prompt, *heard) if part])
    return Stimulus(clips={}, prompt=prompt, system_prompt=stimulus.system_prompt)


def _with(answer: Answer, transcripts: Mapping[str, str], heard: Sequence[Reply]) -> Answer:
    """The answer with the transcript, and with the tokens and the time of the recogniser added to its own."""
    usage = dict(answer.usage)
    listened = [reply for reply in heard if isinstance(reply, Answer)]
    for reply in listened:
        for kind, count in reply.usage.items():
            usage[kind] = usage.get(kind, 0.0) + count
    transcript = next(iter(transcripts.values())) if len(transcripts) == 1 else dict(transcripts)
    duration_ms = answer.duration_ms + sum(reply.duration_ms for reply in listened)
    return replace(answer, usage=usage, duration_ms=duration_ms, details={**answer.details, "transcript": transcript})


@models.register("cascade")
def cascade(
    rest: str,
    *,
    recogniser_options: Mapping[str, Any] | None = None,
    text_options: Mapping[str, Any] | None = None,
) -> CascadeModel:
    """`<recogniser>[+<text model>]`: the recogniser is `pocketsphinx` or a model, options go to either part.

    Raises
    ------
    BadParameter
        If a part is missing.
    """
    first, plus, second = rest.partition("+")
    if not first or (plus and not second):
        raise BadParameter(
            f"a cascade is written cascade/<recogniser>+<text model>, got {f'cascade/{rest}'!r}; "
            "name both, as in cascade/pocketsphinx+openai/<name>, or the recogniser alone for its transcript"
        )
    if first == "pocketsphinx":
        recogniser: Model = PocketsphinxModel(**(recogniser_options or {}))
    else:
        recogniser = load_model(first, **(recogniser_options or {}))
    text = load_model(second, **(text_options or {})) if plus else None
    return CascadeModel(f"cascade/{rest}", recogniser=recogniser, text=text)
