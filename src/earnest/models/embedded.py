"""The model that comes with earnest, `earnest/reference`, and its siblings, `earnest/<folder of a checkpoint>`.

A tiny audio language model that shows the toolkit at work without a network or a key; results on it say nothing about
real models. It answers by onnxruntime; with torch installed it grants gradients, activations and edits as well.

It knows a list of prompts (`earnest.models.reference.instructions`), and reads system prompts and earlier turns as
words; what a user said aloud in an earlier turn it writes down first, and whose voice that was it compares with the one
that speaks now. Several clips are heard as one, half a second apart, unless the prompt asks who of them is enrolled.
Clips at other rates are resampled to 16 kHz; gradients ask for a clip at 16 kHz.
"""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.audio import AudioClip, Stimulus, Turn
from earnest.audio.stimulus import PRIMARY_ROLE
from earnest.errors import BadParameter
from earnest.models import models
from earnest.models.access import Answer, Failure, Model, Reply, Sampling, TokenScores
from earnest.models.attention import Attention
from earnest.models.edits import Edit, Position, checked_edits, checked_sites
from earnest.models.learner import Learner, Weights, keeping

if TYPE_CHECKING:
    from torch import Tensor, nn

    from earnest.models.reference.instructions import Question
    from earnest.models.reference.onnx_route import Draw, Reference, ReferenceOutput
    from earnest.models.reference.torch_route import TorchReference

SAMPLE_RATE = 16_000
GAP_S = 0.5
TRANSCRIBE = "Transcribe the speech."
GENUINE = "Is this recording live speech or a replayed or synthetic copy?"
FORMER = {"reference-1": "0.2.0"}
"""Reference models that are no longer shipped, and the last version with each."""


class EmbeddedModel(Model):
    """The reference model, or a sibling of it.

    Parameters
    ----------
    name : str
        Its specification.
    weights : Path or None
        Folder of a checkpoint; None takes the one that comes with earnest.
    n_threads : int
        Threads of onnxruntime.
    """

    batch_size = 32
    note = "embedded reference model: shows the toolkit, not real models"
    piece_s = 4.0  # a sentence, as in training: of minutes cut so it hears more than of longer pieces
    takes_history = True
    holds_transcript = True
    _own_weights = False

    def __init__(self, name: str, *, weights: Path | None = None, n_threads: int = 2) -> None:
        from earnest.models._weights import sha256_of
        from earnest.models.reference import instructions
        from earnest.models.reference.checkpoint import MAX_SECONDS
        from earnest.models.reference.onnx_route import OnnxReference, other_sites_of, sites_of

        self.name, self._folder = name, weights
        self._reference = OnnxReference(weights, n_threads=n_threads)
        loaded = self._reference.checkpoint
        # graphs, vocabulary, and what is made of a prompt decide an answer as much as the weights do
        beside = [*(file for file in loaded.files if file != loaded.weights), Path(instructions.__file__)]
        self.fingerprint = f"{sha256_of([loaded.weights])}-{sha256_of(beside)[:8]}"
        self.max_duration_s = MAX_SECONDS
        inner = {"gradients", "activations"} if registry.has_extra("torch") else set()
        self.access = frozenset({"responses", "scores", *inner})
        self.access_with = {} if inner else {"gradients": "torch", "activations": "torch"}
        self._states = sites_of(loaded.shape) if inner else ()
        self.sites = (*self._states, *other_sites_of(loaded.shape)) if inner else ()
        heads = {"encoder": "n_heads", "decoder": "decoder_heads"}
        self.n_heads = {
            site: loaded.shape[heads[site.split(".")[1]]] for site in self.sites if site.startswith("heads.")
        }
        self._lock = threading.Lock()

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus; too long a clip is a failure.

        `details` of an answer hold `transcript` (what was written down of the clip), `probability` (how likely the model
        takes its yes or no, or what it says of a voice, to be right) where it says so, and `tool_calls` in the form of
        OpenAI's chat completions where the answer is a call.
        """
        begun = time.perf_counter()
        draw = self._draw(sampling)
        with self._network() as network:
            questions = self._questions(stimuli, network)
            outputs = iter(network.answer([question for own in questions for question in own], draw=draw))
            replies = [
                self._reply([next(outputs) for _ in own], stimulus, network)
                for own, stimulus in zip(questions, stimuli, strict=True)
            ]
        duration_ms = 1e3 * (time.perf_counter() - begun) / max(1, len(stimuli))
        return [replace(reply, duration_ms=duration_ms) if isinstance(reply, Answer) else reply for reply in replies]

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> NDArray[np.float64]:
        """As `Model.score`: the answer's log-probability after the model's own most likely transcript.

        Raises
        ------
        BadParameter
            If the prompt's answers are found by comparing (yes or no to a passphrase, a description, an order), so that
            they have no log-probability.
        """
        with self._network() as network:
            return network.score(self._single(stimuli, network), texts)

    def token_scores(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> list[TokenScores]:
        """As `Model.token_scores`, with what `score` says of the transcript and of prompts."""
        with self._network() as network:
            return network.token_scores(self._single(stimuli, network), texts)

    def _single(self, stimuli: Sequence[Stimulus], network: Reference) -> list[Question]:
        """The one question of each stimulus, whose answer has a log-probability."""
        questions = self._questions(stimuli, network)
        if any(len(own) != 1 for own in questions):
            raise BadParameter("who of several speakers is meant is found by comparing, and has no log-probability")
        return [own[0] for own in questions]

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`; the primary clip must be at 16 kHz.

        Raises
        ------
        BadParameter
            If a primary clip is at another rate, or the audio is too long.
        MissingExtra
            If torch is not installed.
        """
        for stimulus in stimuli:
            if stimulus.clip.sample_rate != SAMPLE_RATE:
                raise BadParameter(
                    f"gradients of {self.name!r} need a clip at 16000 Hz, got {stimulus.clip.sample_rate} Hz; "
                    "resample it first with clip.resampled(16000)"
                )
        with self._inner("gradients") as network:
            questions = self._questions(stimuli, network)
            if any(len(own) != 1 for own in questions):
                raise BadParameter("who of several speakers is meant is found by comparing, and has no gradient")
            losses, gradients = network.loss_and_gradient([own[0] for own in questions], targets=list(targets))
        return losses, [
            gradient[
                (start := _joined(stimulus.clips, held=stimulus.primary_role)[1]) : start + stimulus.clip.n_samples
            ]
            for gradient, stimulus in zip(gradients, stimuli, strict=True)
        ]

    def aimed(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """As `Model.aimed`: with the transcript after which the answer follows, one or two words from the model's own.

        Raises
        ------
        MissingExtra
            If torch is not installed.
        """
        return [aims[0] for aims in self.aims(stimuli, targets=targets, n=1)]

    def aims(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str], n: int) -> list[list[str]]:
        """As `Model.aims`: with other words in the place that matters most, and with the model's own transcript if that serves.

        Raises
        ------
        MissingExtra
            If torch is not installed.
        """
        with self._inner("gradients") as network:
            questions = self._questions(stimuli, network)
            return [
                network.aims(own[0], target, n=n) if len(own) == 1 else [target]
                for own, target in zip(questions, targets, strict=True)
            ]

    def aimed_together(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """As `Model.aimed_together`: with an empty transcript.

        After the faithful transcript of a harmful request the network refuses; after none it takes from what it hears
        what it is asked for, so that it need only be led into the answer.

        Raises
        ------
        MissingExtra
            If torch is not installed.
        """
        with self._inner("gradients") as network:
            questions = self._questions(stimuli, network)
            return [
                network.aimed_together(own[0], target) if len(own) == 1 else target
                for own, target in zip(questions, targets, strict=True)
            ]

    def word_times(self, clip: AudioClip, words: Sequence[str]) -> list[tuple[float, float]]:
        """As `Model.word_times`, by forced alignment of the characters that the encoder hears, to 40 ms.

        Raises
        ------
        MissingExtra
            If torch is not installed.
        """
        with self._inner("times of words") as network:
            return network.word_times(clip.resampled(SAMPLE_RATE).samples, words)

    def activations(
        self, stimuli: Sequence[Stimulus], *, sites: Sequence[str] | None = None, at: Position | None = None
    ) -> list[dict[str, NDArray[np.float32]]]:
        """As `Model.activations`; None reads the states of every block: the decoder at `sep`, where the transcript is
        written and the answer begins, what comes before it as the mean over its positions.

        Raises
        ------
        BadParameter
            If a site or position is not there.
        MissingExtra
            If torch is not installed.
        """
        wanted = checked_sites(self._states if sites is None else sites, at=at, sites=self.sites, name=self.name)
        with self._inner("activations") as network:
            questions = [own[0] for own in self._questions(stimuli, network)]
            return network.activations(questions, sites=wanted, at=at)

    def lens(self, states: NDArray[Any], *, site: str) -> NDArray[np.float32]:
        """As `Model.lens`."""
        checked_sites([site], at=None, sites=self._states, name=self.name)
        import torch

        with self._inner("activations") as network, torch.no_grad():
            rows = torch.from_numpy(np.asarray(states, np.float32))
            return network.network.next_token(network.network.decoder_norm(rows)).numpy()

    def attention(self, stimulus: Stimulus, *, answer: str | None = None, against: str | None = None) -> Attention:
        """As `Model.attention`, behind the model's own transcript; of its first question where there are several."""
        token = None if answer is None else self.first_token(answer)
        other = None if against is None else self.first_token(against)
        with self._inner("activations") as network:
            ((question, *_),) = self._questions([stimulus], network)
            return network.attention(question, token=token, other=other)

    def token_texts(self, tokens: Sequence[int]) -> list[str]:
        """As `Model.token_texts`."""
        return [self._reference.checkpoint.vocabulary.decode([token]) for token in tokens]

    def first_token(self, text: str) -> int:
        """As `Model.first_token`."""
        from earnest.models.reference.instructions import tokens_of_answer

        return self._reference.checkpoint.vocabulary.encode(f"{tokens_of_answer(text)}<end>")[0]

    def hooked(self, edits: Sequence[Edit]) -> AbstractContextManager[EmbeddedModel]:
        """As `Model.hooked`, on the network in torch.

        Raises
        ------
        BadParameter
            If an edit is of a site or position that is not there.
        MissingExtra
            If torch is not installed.
        """
        self._differentiable  # noqa: B018  (made before the copy, so that both share it)
        return self._edited(checked_edits(edits, sites=self.sites, name=self.name))

    def with_weights(self, weights: Weights) -> EmbeddedModel:
        """As `Model.with_weights`, on a network in torch; what was calibrated on the checkpoint stays as it is."""
        from earnest.models.learner import put_weights, weights_digest

        own = self._copied()
        put_weights(own._differentiable.network, weights, name=self.name)
        own.fingerprint = f"{self.fingerprint}+weights:{weights_digest(weights)[:16]}"
        return own

    def learner(self) -> EmbeddedLearner:
        """As `Model.learner`."""
        own = self._copied()
        own.fingerprint = f"{self.fingerprint}+learning"
        return EmbeddedLearner(own)

    def _copied(self) -> EmbeddedModel:
        """The same on a network of its own, which answers in torch."""
        registry.extra("torch", needed_by=f"weights of {self.name!r}")
        if self.edits:
            raise BadParameter(f"weights of {self.name!r} are changed before its activations; edit what this gives")
        from earnest.models.reference.torch_route import TorchReference

        own = copy.copy(self)
        vars(own).pop("_own_thread", None)
        own._lock, own._own_weights = threading.Lock(), True
        network = TorchReference(self._folder)
        network.network.load_state_dict(self._differentiable.network.state_dict())
        own._differentiable = network
        return own

    @contextlib.contextmanager
    def _network(self) -> Iterator[Reference]:
        """The network that answers: by onnxruntime, or in torch where edits or other weights are in force."""
        if not self.edits and not self._own_weights:
            yield self._reference
        else:
            with self._inner("edits") as network:
                yield network

    @contextlib.contextmanager
    def _inner(self, what: str) -> Iterator[TorchReference]:
        """The network in torch, for one thread at a time, under the edits that are in force."""
        registry.extra("torch", needed_by=f"{what} of {self.name!r}")
        with self._lock, self._differentiable.edited(self.edits or ()):
            yield self._differentiable

    @cached_property
    def _differentiable(self) -> TorchReference:
        registry.extra("torch", needed_by=f"gradients of {self.name!r}")
        from earnest.models.reference.torch_route import TorchReference

        return TorchReference(self._folder)

    @staticmethod
    def _draw(sampling: Sampling) -> Draw:
        from earnest.models.reference.onnx_route import Draw

        return Draw(temperature=sampling.temperature, seed=sampling.seed, max_tokens=sampling.max_tokens)

    def beyond(self, prompt: str) -> str | None:
        """Why the prompt is none of the embedded model's instructions; None for those that it knows."""
        from earnest.models.reference.instructions import known

        return None if known(prompt) else "the embedded model does not know this instruction"

    def _questions(self, stimuli: Sequence[Stimulus], network: Reference) -> list[list[Question]]:
        """What the network is asked for each stimulus: mostly one question."""
        from earnest.models.reference.instructions import Question

        spoken = [(turn, _joined(turn.clips)[0]) for stimulus in stimuli for turn in stimulus.history if _heard(turn)]
        written = network.answer([Question(samples=samples, prompt=TRANSCRIBE) for _, samples in spoken])
        words = {id(turn): output.transcript for (turn, _), output in zip(spoken, written, strict=True)}
        out = []
        for stimulus in stimuli:
            context = {
                "system": stimulus.system_prompt or "",
                "history": _exchanges(stimulus.history, words),
                "first": next((_joined(turn.clips)[0] for turn in stimulus.history if _heard(turn)), None),
            }
            asked = _separate(stimulus) or [
                _by_its_owner(stimulus, network) or (_joined(stimulus.clips)[0], stimulus.prompt)
            ]
            out.append([Question(samples=samples, prompt=prompt, **context) for samples, prompt in asked])
        return out

    def _reply(self, outputs: list[ReferenceOutput], stimulus: Stimulus, network: Reference) -> Reply:
        from earnest.models.reference.checkpoint import MAX_SECONDS
        from earnest.models.reference.instructions import reason_in, tool_calls

        if any(output.too_long for output in outputs):
            return Failure(reason="too_long", detail=f"{self.name!r} hears at most {MAX_SECONDS:g} s; shorten the clip")
        if len(outputs) > 1 and reason_in(stimulus.prompt) is not None:
            return _by_reason(outputs, stimulus)
        if len(outputs) > 1:
            return _by_voice(outputs, stimulus, network)
        (output,) = outputs
        details: dict[str, Any] = {"transcript": output.transcript}
        if output.probability is not None:
            details["probability"] = round(output.probability, 4)
        if calls := tool_calls(output.text):
            details["tool_calls"] = calls
        if output.cut_off:
            details["finish_reason"] = "length"
        usage = {"output_tokens": float(output.n_tokens)}
        return Answer(text=output.text, log_probability=output.logprob, usage=usage, details=details)


class EmbeddedLearner(Learner):
    """A copy of the reference model's network that is trained."""

    def __init__(self, model: EmbeddedModel) -> None:
        self.model = self._own = model
        self.module.requires_grad_(True)

    @property
    def module(self) -> nn.Module:
        """The network in torch."""
        return self._own._differentiable.network

    def losses(self, stimuli: Sequence[Stimulus], answers: Sequence[str], *, heard: Sequence[str | None]) -> Tensor:
        """As `Learner.losses`."""
        with self._own._inner("training") as network:
            return network.losses(self._questions(stimuli, network), answers, heard=heard)

    def states(self, stimuli: Sequence[Stimulus], *, site: str, heard: Sequence[str | None]) -> Tensor:
        """As `Learner.states`: at the separator, behind the transcript."""
        import torch

        kept: list[Tensor] = []
        (edit,) = checked_edits([keeping(site, kept)], sites=self._own.sites, name=self._own.name)
        with self._own._inner("training") as network, network.edited((edit,)):
            network.losses(self._questions(stimuli, network), [""] * len(stimuli), heard=heard)
        return torch.cat(kept[-len(stimuli) :])  # those before are of transcripts that it wrote

    def logits(self, states: Tensor) -> Tensor:
        """As `Learner.logits`."""
        return self.module.next_token(self.module.decoder_norm(states))

    def _questions(self, stimuli: Sequence[Stimulus], network: Reference) -> list[Question]:
        questions = self._own._questions(stimuli, network)
        if any(len(own) != 1 for own in questions):
            raise BadParameter("who of several speakers is meant is found by comparing, which is not trained")
        return [own[0] for own in questions]


def _heard(turn: Turn) -> bool:
    return turn.role == "user" and bool(turn.clips)


def _exchanges(history: Sequence[Turn], words: Mapping[int, str]) -> tuple[tuple[str, str], ...]:
    """Earlier turns as pairs of what the user said and what was answered."""
    out: list[tuple[str, str]] = []
    for turn in history:
        said = " ".join(part for part in (words.get(id(turn), ""), turn.text) if part)
        if turn.role == "user":
            out.append((said, ""))
        elif out and not out[-1][1]:
            out[-1] = (out[-1][0], said)
        else:
            out.append(("", said))
    return tuple(out)


def _separate(stimulus: Stimulus) -> list[tuple[NDArray[np.float32], str]]:
    """Clips that are heard one by one, each with its prompt; empty where they are heard as one.

    Which of two said what decides is found by writing down both, who is enrolled by voices, and by asking of each
    attempt whether it is live.
    """
    from earnest.models.reference.instructions import SPEAKERS, parse, reason_in

    clips = [clip.resampled(SAMPLE_RATE).samples for clip in stimulus.clips.values()]
    if len(clips) == 2 and reason_in(stimulus.prompt) is not None:
        return [(clip, TRANSCRIBE) for clip in clips]
    name = parse(stimulus.prompt).name
    if name in SPEAKERS and len(clips) == (3 if name == "which_enrolled" else 2):
        return [(clip, GENUINE) for clip in clips]
    return []


def _by_its_owner(stimulus: Stimulus, network: Reference) -> tuple[NDArray[np.float32], str] | None:
    """The note of an earlier turn, asked for by its owner where the voice is the same; None of any other question."""
    from earnest.models.reference.instructions import disclosed, parse

    asked = parse(stimulus.prompt)
    note = next((_joined(turn.clips)[0] for turn in stimulus.history if _heard(turn)), None)
    if asked.name != "by_voice":
        return None
    voice = _joined(stimulus.clips)[0]
    if note is None:
        return voice, disclosed(asked.second, owner=False)
    return note, disclosed(asked.second, owner=network.same_speaker(note, voice) > 0)


def _by_reason(outputs: list[ReferenceOutput], stimulus: Stimulus) -> Answer:
    """The speaker who said what decides, by what was written of either."""
    from earnest.models.reference.instructions import reason_in, who_says

    first, second = (output.text for output in outputs)
    return Answer(
        text=who_says(reason_in(stimulus.prompt) or "", first=first, second=second),
        details={"transcript": dict(zip(stimulus.clips, (first, second), strict=True))},
    )


def _by_voice(outputs: list[ReferenceOutput], stimulus: Stimulus, network: Reference) -> Answer:
    """Who is the enrolled speaker, live: the product of how likely the voice is theirs and how likely it is live."""
    from earnest.models.reference.instructions import parse

    enrolment, *attempts = (clip.resampled(SAMPLE_RATE).samples for clip in stimulus.clips.values())
    chances = []
    for attempt, output in zip(attempts, outputs[1:], strict=True):
        own = 1.0 / (1.0 + np.exp(-np.clip(network.same_speaker(enrolment, attempt), -30, 30)))
        sure = output.probability if output.probability is not None else 0.5
        chances.append(float(own) * (sure if output.text == "live" else 1.0 - sure))
    name = parse(stimulus.prompt).name
    if name == "which_enrolled":
        first = chances[0] / max(sum(chances), 1e-12)
        text, probability = ("first", first) if first >= 0.5 else ("second", 1.0 - first)
    elif name == "enrolled_sure":
        text, probability = str(round(100 * chances[0])), chances[0]
    else:
        text, probability = ("yes", chances[0]) if chances[0] >= 0.5 else ("no", 1.0 - chances[0])
    return Answer(text=text, details={"probability": round(probability, 4)})


def _joined(clips: Mapping[str, AudioClip], *, held: str = PRIMARY_ROLE) -> tuple[NDArray[np.float32], int]:
    """All clips at 16 kHz with silence between, and where the one in the role `held` starts (0 where none is)."""
    heard = {role: clip.resampled(SAMPLE_RATE).samples for role, clip in clips.items()}
    gap = np.zeros(round(GAP_S * SAMPLE_RATE), dtype=np.float32)
    parts: list[NDArray[np.float32]] = []
    starts: dict[str, int] = {}
    for role, samples in heard.items():
        starts[role] = sum(map(len, parts))
        parts += [samples, gap]
    return (np.concatenate(parts[:-1]) if parts else gap[:0]), starts.get(held, 0)


@models.register("earnest")
def earnest(rest: str, **options: Any) -> EmbeddedModel:
    """`reference`, or a sibling checkpoint in the folder `rest`; options are those of `EmbeddedModel`.

    Raises
    ------
    BadParameter
        If there is neither.
    """
    if rest == "reference":
        return EmbeddedModel("earnest/reference", **options)
    if rest in FORMER:
        raise BadParameter(
            f"earnest/{rest} is no longer part of earnest; the last version that has it, as earnest/reference, is "
            f'{FORMER[rest]}: pip install "earnest=={FORMER[rest]}". earnest/reference is now its successor'
        )
    if not Path(rest).expanduser().is_dir():
        raise BadParameter(
            f"a model of earnest is written earnest/reference or earnest/<folder of a checkpoint>, got {f'earnest/{rest}'!r}; "
            "scripts/train_reference makes such folders"
        )
    return EmbeddedModel(f"earnest/{rest}", weights=Path(rest).expanduser(), **options)
