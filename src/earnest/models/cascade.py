"""A recogniser before a text model, `cascade/<recogniser>+<text model>`, or alone, `cascade/<recogniser>`.

    cascade/faster-whisper/tiny.en+openai/<text model>  a recogniser on this machine (`earnest.models.recognisers`)
    cascade/openai/<transcriber>+openai/<text model>    any model that transcribes when it is asked to
    cascade/earnest/reference                           the transcript itself is the answer: for dictation

The text model hears nothing: it is given the prompt with the transcript of every clip. Long audio is transcribed in
pieces that the recogniser can take in, cut where it is quietest; so a cascade hears audio of any length. What was heard
is in `details["transcript"]`, and in `details["pieces"]` what a recogniser says of each piece: how sure it was.

Earlier turns are transcribed too, and are turns in writing of the text model, if that takes any. What was heard of them
is in `details["earlier_transcripts"]`, turn by turn, None where nothing was spoken. What the assistant said is
transcribed only where its words are not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import BadParameter
from earnest.models import models
from earnest.models.access import Answer, Failure, Hears, Learnt, Model, Reply, Sampling, timed_ask
from earnest.models.loading import load_model
from earnest.models.recognisers import load_recogniser

PROMPT = "Transcribe the speech in this recording. Answer with the transcript alone."
PIECE_S = 25.0
"""Longest piece of audio that a recogniser is given; one that hears less, or hears less better, gets less."""

NO_SPEECH = "no speech"
"""What a recogniser that is asked for words says of a piece without any; left out of the transcript."""

NOTHING_HEARD = "(nothing was heard)"
"""What stands in place of a transcript without words."""


class Transcriber(Model):
    """The text half of a cascade without one: says again the transcript that it is told."""

    name, fingerprint, batch_size = "transcript", "1", 1024
    note = "transcribes, whatever it is asked"
    hears: frozenset[Hears] = frozenset({"words"})
    takes_text_alone = False

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """The transcript; several are parted by new lines."""
        return [Answer(text=stimulus.prompt) for stimulus in stimuli]

    def beyond(self, prompt: str) -> str | None:
        """Why a prompt asks for more than a transcript; None where it asks for one."""
        return None if "transcribe" in prompt.lower() else "it transcribes and does nothing else"


@dataclass(frozen=True)
class _Piece:
    """A piece of the clip of a role, in one of the turns."""

    turn: int
    role: str
    clip: AudioClip


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

    hears: frozenset[Hears] = frozenset({"words"})

    def __init__(self, name: str, *, recogniser: Model, text: Model | None) -> None:
        self._told = _told if text is not None else _transcribed
        text = text or Transcriber()
        self.name, self._recogniser, self._text = name, recogniser, text
        self._longest_s = min(PIECE_S, recogniser.max_duration_s or PIECE_S, recogniser.piece_s or PIECE_S)
        self.fingerprint = f"{recogniser.name}:{recogniser.fingerprint}+{text.name}:{text.fingerprint}"
        hosts = [model.destination for model in (recogniser, text) if model.destination]
        self.destination = ", ".join(dict.fromkeys(hosts)) or None
        self.free = all(
            model.free or (model.batch_size is not None and not model.destination) for model in (recogniser, text)
        )
        sizes = [model.batch_size for model in (recogniser, text)]
        self.batch_size = None if None in sizes else min(size for size in sizes if size is not None)
        self.note = "; ".join(note for note in (recogniser.note, text.note) if note)
        self.takes_text_alone = text.takes_text_alone
        self.takes_history = text.takes_history

    @property
    def learnt(self) -> Mapping[str, Learnt]:  # type: ignore[override]
        """What the endpoints of its parts were found to refuse; of the recogniser's behind its word."""
        return {**{f"recogniser.{field}": one for field, one in self._recogniser.learnt.items()}, **self._text.learnt}

    def recall(self, learnt: Mapping[str, Learnt]) -> None:
        """Ask both parts from now on as an earlier sitting learnt to."""
        heard = {
            field.removeprefix("recogniser."): one for field, one in learnt.items() if field.startswith("recogniser.")
        }
        self._recogniser.recall(heard)
        self._text.recall({field: one for field, one in learnt.items() if not field.startswith("recogniser.")})

    async def ask_one(self, stimulus: Stimulus, *, sampling: Sampling = Sampling()) -> Answer:  # noqa: B008
        """The answer to one stimulus; see `Model.ask_one`. A failure of either part is raised."""
        pieces = self._pieces(stimulus)
        heard = [await self._recogniser.ask_one(_question(piece), sampling=_greedy(sampling)) for piece in pieces]
        transcripts = _by_turn(stimulus, pieces, heard)
        answer = await self._text.ask_one(self._told(stimulus, transcripts), sampling=sampling)
        return _with(answer, transcripts, pieces, heard)

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus: all pieces are transcribed, then all questions asked."""
        if self.batch_size is None:
            return super().ask(stimuli, sampling=sampling)
        pieces = [self._pieces(stimulus) for stimulus in stimuli]
        questions = [_question(piece) for one in pieces for piece in one]
        every = iter(_in_batches(self._recogniser, questions, _greedy(sampling)))
        heard = [[next(every) for _ in one] for one in pieces]
        replies: list[Reply | None] = [_first_failure(one) for one in heard]
        going = [place for place, reply in enumerate(replies) if reply is None]
        transcripts = {place: _by_turn(stimuli[place], pieces[place], heard[place]) for place in going}
        told = [self._told(stimuli[place], transcripts[place]) for place in going]
        for place, reply in zip(going, _in_batches(self._text, told, sampling), strict=True):
            if isinstance(reply, Answer):
                reply = _with(reply, transcripts[place], pieces[place], heard[place])
            replies[place] = reply
        return [reply for reply in replies if reply is not None]

    def beyond(self, prompt: str) -> str | None:
        """What the text half says, of the prompt without a transcript."""
        return self._text.beyond(prompt) if isinstance(self._text, Transcriber) else None

    def _pieces(self, stimulus: Stimulus) -> list[_Piece]:
        return [
            _Piece(turn=place, role=role, clip=piece)
            for place, turn in enumerate(stimulus.turns)
            if turn.role == "user" or not turn.text
            for role, clip in turn.clips.items()
            for piece in pieces_of(clip, longest_s=self._longest_s)
        ]

    async def aclose(self) -> None:
        """Let go of the connections of both parts."""
        await self._recogniser.aclose()
        await self._text.aclose()


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


def _question(piece: _Piece) -> Stimulus:
    return Stimulus(clips={"speech": piece.clip}, prompt=PROMPT)


def _greedy(sampling: Sampling) -> Sampling:
    """For transcripts: the most likely words, and room for all of them."""
    return replace(sampling, temperature=0.0, max_tokens=max(512, sampling.max_tokens))


def _in_batches(model: Model, stimuli: Sequence[Stimulus], sampling: Sampling) -> list[Reply]:
    size = model.batch_size or 1
    starts = range(0, len(stimuli), size)
    return [reply for at in starts for reply in timed_ask(model, stimuli[at : at + size], sampling=sampling)]


def _first_failure(heard: Sequence[Reply]) -> Failure | None:
    return next((reply for reply in heard if isinstance(reply, Failure)), None)


def _by_turn(stimulus: Stimulus, pieces: Sequence[_Piece], heard: Sequence[Reply]) -> list[dict[str, str]]:
    """The pieces' words joined by role, for each turn; "no speech" only where that was said of every piece."""
    said: list[dict[str, list[str]]] = [{} for _ in stimulus.turns]
    for piece, reply in zip(pieces, heard, strict=True):
        said[piece.turn].setdefault(piece.role, []).append(reply.said if isinstance(reply, Answer) else "")
    return [{role: " ".join(filter(None, _spoken(texts) or texts[:1])) for role, texts in one.items()} for one in said]


def _spoken(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text and text.lower().strip(" .") != NO_SPEECH]


def _transcribed(stimulus: Stimulus, transcripts: Sequence[Mapping[str, str]]) -> Stimulus:
    """The transcripts alone, in the place of a question; a space where nothing was heard, since none may be empty."""
    return Stimulus(clips={}, prompt="\n".join(transcripts[-1].values()) or " ")


def _told(stimulus: Stimulus, transcripts: Sequence[Mapping[str, str]]) -> Stimulus:
    """The conversation in writing."""
    earlier = [_in_words(turn, heard) for turn, heard in zip(stimulus.history, transcripts[:-1], strict=True)]
    prompt = _in_writing(stimulus.prompt, transcripts[-1])
    return Stimulus(clips={}, prompt=prompt, system_prompt=stimulus.system_prompt, history=tuple(earlier))


def _in_words(turn: Turn, transcripts: Mapping[str, str]) -> Turn:
    if turn.role == "user":
        return Turn(role="user", text=_in_writing(turn.text, transcripts))
    return Turn(role="assistant", text=turn.text or "\n".join(filter(None, transcripts.values())) or NOTHING_HEARD)


def _in_writing(words: str, transcripts: Mapping[str, str]) -> str:
    """What the user wrote, then what was heard; several clips are named by their roles."""
    named = [
        f"Transcript of {role!r}" if len(transcripts) > 1 else "Transcript of the recording" for role in transcripts
    ]
    heard = [f"{name}:\n{text or NOTHING_HEARD}" for name, text in zip(named, transcripts.values(), strict=True)]
    return "\n\n".join([part for part in (words, *heard) if part])


def _with(
    answer: Answer, transcripts: Sequence[Mapping[str, str]], pieces: Sequence[_Piece], heard: Sequence[Reply]
) -> Answer:
    """The answer with what was heard, and with the tokens and the time of the recogniser added to its own."""
    usage = dict(answer.usage)
    listened = [reply for reply in heard if isinstance(reply, Answer)]
    for reply in listened:
        for kind, count in reply.usage.items():
            usage[kind] = usage.get(kind, 0.0) + count
    *earlier, last = transcripts
    details = {**answer.details, "transcript": _one_or_all(last)}
    if any(earlier):
        details["earlier_transcripts"] = [_one_or_all(heard_then) if heard_then else None for heard_then in earlier]
    if told := _pieces_heard(pieces, listened, turn=len(earlier)):
        details["pieces"] = told
    duration_ms = answer.duration_ms + sum(reply.duration_ms for reply in listened)
    return replace(answer, usage=usage, duration_ms=duration_ms, details=details)


def _one_or_all(transcripts: Mapping[str, str]) -> str | dict[str, str]:
    """The transcript of the only clip; by role where there are several, or none."""
    return next(iter(transcripts.values())) if len(transcripts) == 1 else dict(transcripts)


def _pieces_heard(pieces: Sequence[_Piece], heard: Sequence[Answer], *, turn: int) -> list[dict[str, Any]]:
    """What the recogniser says of each piece of a turn (how sure it was), with the role and the time in the clip."""
    told: list[dict[str, Any]] = []
    begins: dict[str, float] = {}
    for part, reply in zip(pieces, heard, strict=True):
        if part.turn != turn:
            continue
        begun = begins.get(part.role, 0.0)
        begins[part.role] = begun + part.clip.duration_s
        for piece in reply.details.get("pieces", ()):
            times = {key: round(begun + piece[key], 3) for key in ("start_s", "end_s")}
            told.append({"role": part.role, **piece, **times})
    return told


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
    options = dict(recogniser_options or {})
    recogniser = load_recogniser(first, **options) or load_model(first, **options)
    text = load_model(second, **(text_options or {})) if plus else None
    return CascadeModel(f"cascade/{rest}", recogniser=recogniser, text=text)
