"""What a model is, what it grants, and how defences and attacks stand around it.

The protocols here let floors above meet without knowing each other: an attack is handed a `System` (a model behind its
defences) and never learns which model that is; a defence never learns which attack it faces.

A call gives an `Answer`, or a `Failure` with its reason. The two are different types so that no code can mistake a call
that failed for a model that said nothing.
"""

from __future__ import annotations

import abc
import contextlib
import copy
import functools
import hashlib
import inspect
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import AccessDenied, BadParameter, FailureReason, HistoryRefused, ModelFailed
from earnest.models.edits import Edit, Position, edited_fingerprint
from earnest.models.guards import Guards
from earnest.models.timing import waiting
from earnest.replies import ReadReply, read, without_repetition
from earnest.run_folder import plain_json
from earnest.text import valid_text

if TYPE_CHECKING:
    from earnest.models.learner import Learner

Hears = Literal["words", "voice", "sound"]
"""What of a recording reaches a model: what is said, who says it and how, and sounds other than speech."""

Access = Literal["responses", "scores", "gradients", "activations"]
"""What a model grants: answers only, log-probabilities of texts, gradients to the waveform, inner activations."""


class Target(str):
    """A target text with what is wanted of its end; a plain one is driven as the model's `loss_and_gradient` says.

    A model that grants gradients knows it, and gives instead of the text's own loss:

    - without `unending` the mean cross-entropy of the text's tokens, its end not among them, plus `end_weight` times the
      probability that the answer ends after the text: with 0 the answer may go on as it likes; of an empty text the
      cross-entropy of the end as the very first token, so that nothing is said, not even a transcript;
    - with `unending` how likely the answer is to end at any place of the text, which is not driven itself: the mean over
      these places of -log(1 - p(end)), later ones counting more (4 exp(4 t / n), as [cheng2026-neverstop] weighs them);
    - with a `transcript`, of a model that writes one before it answers, what the answer follows from: the sum over the
      transcript's tokens, the separator and the text's of max(0, 0.1 + best other logit - own logit), the margin by which
      a greedy decoder fails to say them ([carlini2018-audio]), plus what is wanted of the end;
    - with a `transcript` that is `held`, of such a model, the text's own loss, its end included, after this transcript,
      which is not driven: a change of the audio reaches the answer past it alone. `Model.score` takes such a text too.

    Parameters
    ----------
    end_weight : float or None
        At least 0; None drives the end like any other token.
    unending : bool
    transcript : str or None
        What is written down before the text (`Model.aimed` finds one); None leaves that to the model.
    held : bool

    Raises
    ------
    BadParameter
        If the weight is negative, or there is no transcript to be held.
    """

    end_weight: float | None
    unending: bool
    transcript: str | None
    held: bool

    def __new__(
        cls,
        text: str,
        *,
        end_weight: float | None = 0.0,
        unending: bool = False,
        transcript: str | None = None,
        held: bool = False,
    ) -> Target:
        if end_weight is not None and not end_weight >= 0:
            raise BadParameter(f"end_weight must be at least 0, got {end_weight!r}; it punishes answers that end")
        if end_weight is None and transcript is None:
            raise BadParameter(
                "end_weight=None needs a transcript, got none; a text whose end is driven is a plain str"
            )
        if held and transcript is None:
            raise BadParameter("held=True needs the transcript that is held, got none; give transcript=")
        made = super().__new__(cls, text)
        made.held = bool(held)
        made.end_weight, made.unending = None if end_weight is None else float(end_weight), bool(unending)
        made.transcript = transcript
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        names = ("end_weight", "unending", "transcript", "held")
        return (str(self),), {name: getattr(self, name) for name in names}


def ending_weights(n_places: int) -> NDArray[np.float32]:
    """How much the end counts at each place of an answer, in sum 1."""
    weights = np.exp(4.0 * np.arange(n_places) / max(1, n_places))
    return np.asarray(weights / weights.sum(), dtype=np.float32)


MAX_CHARACTERS = 100_000
"""Longest text of an answer that is kept: twenty times what a model says that is allowed a thousand tokens."""

MAX_DETAIL = 2_000
"""Characters that are kept of why a call failed."""


MOST_COUNTED = 1e12
"""More of anything is no count: a sum of such numbers would tell nothing."""


def counted(counts: Mapping[str, Any]) -> dict[str, float]:
    """The counts that are numbers, finite and not negative; a gateway may send anything."""
    return {
        key: float(count)
        for key, count in counts.items()
        if isinstance(count, int | float) and not isinstance(count, bool) and 0 <= count <= MOST_COUNTED
    }


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How an answer is drawn.

    Parameters
    ----------
    temperature : float
        0 takes the most likely answer.
    max_tokens : int
        Longest answer.
    seed : int
        For models that draw; asked with the same seed, a local model gives the same answer.
    """

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int = 0

    def drawn(self, draw: int) -> Sampling:
        """The same with the seed of another draw, where anything is drawn."""
        return replace(self, seed=self.seed + draw) if self.temperature > 0 else self


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said.

    Parameters
    ----------
    text : str
        In words; of a spoken answer its transcript where the model gives one; empty where it said nothing. What a model
        gives is made valid Unicode, and no more than `MAX_CHARACTERS` of it are kept.
    clip : AudioClip or None
        The spoken answer, if any.
    usage : mapping
        Tokens by kind (`input_tokens`, `output_tokens`, `input_audio_tokens`, ...) and `cost_usd` where known. Thoughts are
        output. What is no count, a number that is negative or not finite, say, is left out.
    duration_ms : float
        Wall time of the call itself: waiting for a turn (queues, locks, threads) is not counted, and a batch's time is
        shared among its answers.
    log_probability : float or None
        Of the whole answer, for models that grant scores.
    value : float or None
        Of a subject that answers with a number (`Model.gives`): its number, finite.
    told, spoken : tuple of str
        What an attack told the model in words, and what it said aloud, in place of the item's own or beside it: an answer
        that only repeats it is no answer. No model sets them.
    details : mapping
        JSON values that a model adds: `transcript` (what it heard), `finish_reason`, `reasoning` (what it thought beside
        its answer), `revision`; `blocked` and `filter` (what it said) where a provider's filter stopped it. `cut` says what was left out of a text that was too long.

    Raises
    ------
    ModelFailed
        `bad_response`, if the text is none, or a part is of another type than said here.
    """

    text: str
    clip: AudioClip | None = None
    usage: Mapping[str, float] = field(default_factory=dict)
    duration_ms: float = 0.0
    log_probability: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    value: float | None = None
    told: tuple[str, ...] = field(default=(), compare=False)
    spoken: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """The one gate for what models say: behind it there are only texts that can be read, scored and written down."""
        fits = isinstance(self.text, str) and isinstance(self.usage, Mapping) and isinstance(self.details, Mapping)
        if not fits or not isinstance(self.clip, AudioClip | None):
            kinds = ", ".join(
                f"{name} {type(getattr(self, name)).__name__}" for name in ("text", "clip", "usage", "details")
            )
            raise ModelFailed(
                f"an answer must have a text (str), a clip (AudioClip or None), usage and details (mappings), got {kinds}",
                reason="bad_response",
            )
        if self.value is not None:
            object.__setattr__(self, "value", _finite(self.value))
        text, details = valid_text(self.text[:MAX_CHARACTERS]), plain_json(self.details)
        if len(self.text) > MAX_CHARACTERS:
            details["cut"] = f"the first {MAX_CHARACTERS:,} of {len(self.text):,} characters are kept"
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "usage", counted(self.usage))
        object.__setattr__(self, "details", details)

    @cached_property
    def reading(self) -> ReadReply:
        """The parts of the text: reasoning, preamble, answer, language, and why the model stopped."""
        reading = read(self.text, self.details.get("finish_reason"))
        beside = self.details.get("reasoning")
        thoughts = [part for part in (beside, reading.reasoning) if isinstance(part, str) and part]
        return replace(reading, reasoning="\n".join(thoughts)) if beside else reading

    @property
    def said(self) -> str:
        """The answer itself, without reasoning, preamble and wrapping: what every interpretation goes by."""
        return self.reading.answer

    def own(self, *, repeats: bool) -> str:
        """What it says without the sentences that only repeat what an attack told the model.

        Parameters
        ----------
        repeats : bool
            Whether to say again what was said aloud may be what was asked for, as in transcription.
        """
        sources = self.told if repeats else (*self.told, *self.spoken)
        return without_repetition(self.said, sources=sources) if sources else self.said


def _finite(value: Any) -> float:
    """A number that a subject gave, as a float."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ModelFailed(
            f"the value of an answer must be a finite number, got {str(value)[:40]!r}", reason="bad_response"
        )
    return number


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A call that gave no answer; never to be scored.

    Parameters
    ----------
    reason : str
        One of `earnest.errors.FailureReason`.
    detail : str
        What happened, for a person.
    passing : bool
        Whether the same call may succeed later.
    """

    reason: FailureReason
    detail: str = ""
    passing: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        """What a server or somebody's code says of itself, as text that can be written down."""
        object.__setattr__(self, "reason", valid_text(str(self.reason)))
        object.__setattr__(self, "detail", valid_text(str(self.detail)[:MAX_DETAIL]))

    @classmethod
    def of(cls, error: ModelFailed) -> Failure:
        """The failure that `error` tells of."""
        return cls(reason=error.reason, detail=str(error), passing=error.retryable)


@dataclass(frozen=True)
class Passed:
    """What a defence says of a stimulus that it lets through.

    Parameters
    ----------
    note : object
        Whatever its own `review` is to know; None where there is nothing.
    """

    note: Any = None


@dataclass(frozen=True)
class Blocked:
    """A stimulus that a defence kept from the model: neither an answer nor a failed call. The model's call is spared.

    Parameters
    ----------
    reason : str
        Why, in words.
    by : str
        Specification of the defence; the system fills it in.
    defence_ms : float
        What the defences took.
    defence_usage : mapping
        Calls, tokens and US dollars of what the defences asked.
    """

    reason: str
    by: str = field(default="", compare=False)
    defence_ms: float = field(default=0.0, compare=False)
    defence_usage: Mapping[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Text that can be written down, whatever the defence read it from."""
        object.__setattr__(self, "reason", valid_text(str(self.reason)[:MAX_DETAIL]))

    @property
    def as_answer(self) -> Answer:
        """What the user is told in the model's place: a refusal, which is how tasks score a block."""
        return Answer(text=BLOCK_ANSWER)


BLOCK_ANSWER = "I can't help with that."
"""What a user of a system is told where a defence keeps a stimulus from the model."""

Screened = Passed | Blocked

Reply = Answer | Failure | Blocked


def stopped_by_filter(answer: Answer) -> str:
    """What is said of an answer that a provider's filter stopped, with its own words where it gave any."""
    said = answer.details.get("filter")
    return f"the provider's filter stopped it: {said}" if said else "the provider's filter stopped it"


_PASSING_STATUSES = frozenset({408, 409, 425, 429, *range(500, 600)})
_PASSING_NAMES = re.compile(
    r"timeout|connect|ratelimit|toomanyrequests|overloaded|unavailable|internalserver|temporar", re.IGNORECASE
)


def may_pass(error: BaseException) -> bool:
    """Whether what somebody's code raised tells of a fault that passes: a connection, a limit, a server that is down.

    Clients of vendors say so by the class of the exception or by the status that it carries.
    """
    if isinstance(error, ModelFailed):
        return error.retryable
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status in _PASSING_STATUSES
    names = (kind.__name__ for kind in type(error).__mro__[:-3])  # but Exception, BaseException and object
    return isinstance(error, ConnectionError | TimeoutError) or any(map(_PASSING_NAMES.search, names))


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenScores:
    """How likely each token of a text was as the answer, the end of the answer as the last one.

    Parameters
    ----------
    log_probabilities : float64 array, shape (n_tokens,)
        Of each token after those before it, in nats, at temperature 1; their sum is what `Model.score` gives.
    expected, spread : float64 array, shape (n_tokens,)
        Mean and standard deviation of the log-probability of a token that is drawn in that place.
    """

    log_probabilities: NDArray[np.float64]
    expected: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray[np.float64], log_probabilities: NDArray[np.float64]) -> TokenScores:
        """From the log-probabilities of all tokens in each place, shape (n_tokens, n_vocabulary), and of those of the text."""
        weights = np.exp(rows)
        own = np.where(weights > 0, rows, 0.0)  # a token of probability 0 is never drawn
        expected = np.sum(weights * own, axis=1)
        variance = np.sum(weights * (own - expected[:, None]) ** 2, axis=1)
        return cls(
            log_probabilities=np.asarray(log_probabilities, np.float64), expected=expected, spread=np.sqrt(variance)
        )


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What an endpoint was found to refuse of a request.

    Parameters
    ----------
    instead : str
        What is sent in its place, or `left out`.
    said : str
        The endpoint's own words.
    """

    instead: str
    said: str


class Model(abc.ABC):
    """Something that hears clips and answers.

    A *local* model (`batch_size` an int) implements `ask`, a batch at a time, and must give an item the same answer
    in any batch. A *remote* one (`batch_size` None) implements `ask_one`, a single attempt: retries, rates, cache and
    cost belong to the engine. Both forms can be called on either.
    """

    name: str
    """The specification it was loaded from."""
    fingerprint: str = ""
    """What tells it from others of its name; part of every cache key."""
    access: frozenset[Access] = frozenset({"responses"})
    access_with: Mapping[Access, str] = MappingProxyType({})
    """Access that it would grant if a module were installed that is not, as access to module."""
    batch_size: int | None = None
    destination: str | None = None
    """Host that recordings are sent to; None where they stay on this machine."""
    note: str = ""
    """What a report must say of results on it."""
    max_duration_s: float | None = None
    """Longest audio that it can take in; None where that is not known."""
    piece_s: float | None = None
    """Length of the pieces that long audio is best cut into for it; None where that is not known."""
    hears: frozenset[Hears] = frozenset({"words", "voice", "sound"})
    """What of a recording reaches it; a text model behind a recogniser gets words alone."""
    takes_schema: bool = False
    """Whether `ask_one` takes `schema`, a JSON schema that the reply is to meet as far as the endpoint holds a model to it."""
    takes_text_alone: bool | None = True
    """Whether it can be asked without audio; None where that is not known before it is asked."""
    takes_history: bool = False
    """Whether it hears the earlier turns of a conversation, in words and in audio."""
    holds_transcript: bool = False
    """Whether it writes a transcript before it answers (`details["transcript"]`) and takes a `Target` that holds one."""
    sites: tuple[str, ...] = ()
    """Where its activations can be read and edited; empty where that is not said."""
    n_heads: Mapping[str, int] = MappingProxyType({})
    """Attention heads by their site, `heads.decoder.<k>`; empty where that is not said."""
    edits: tuple[Edit, ...] | None = ()
    """The edits in force (see `hooked`); None of a model whose `hooked` block is over."""
    learnt: Mapping[str, Learnt] = {}
    """What its endpoint was found to refuse, by the field of the request; what is sent since then."""
    free: bool = False
    """Whether asking it costs nothing though it is asked by a request: its endpoint is on this machine."""
    timeout_s: float | None = None
    """Longest wait for a reply, where it has one of its own."""
    gives: Literal["words", "value", "comparison"] = "words"
    """What it answers with: words, or (a detector) a number. Tasks that read words are beyond one that gives numbers."""
    artefacts: tuple[str, ...] = ()
    """SHA-256 of what it was fitted to, where that is an artefact of earnest."""
    uses_truth: ClassVar[bool] = False
    """Only scripted models see `Stimulus.truth`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, door in _DOORS.items():
            if name in vars(cls):
                setattr(cls, name, door(vars(cls)[name]))

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus, in order. Failures are returned, not raised."""
        import asyncio

        async def one(stimulus: Stimulus) -> Reply:
            try:
                return await self.ask_one(stimulus, sampling=sampling)
            except ModelFailed as error:
                return Failure.of(error)

        async def every() -> list[Reply]:
            try:
                return [await one(stimulus) for stimulus in stimuli]
            finally:
                await self.aclose()

        return asyncio.run(every())

    def ask_each(self, stimuli: Sequence[Stimulus], *, samplings: Sequence[Sampling]) -> list[Reply]:
        """As `ask`, each stimulus with a sampling of its own; those with an equal one are asked together."""
        replies: dict[int, Reply] = {}
        for sampling in dict.fromkeys(samplings):
            places = [place for place, own in enumerate(samplings) if own == sampling]
            asked = self.ask([stimuli[place] for place in places], sampling=sampling)
            replies |= dict(zip(places, asked, strict=True))
        return [replies[place] for place in range(len(stimuli))]

    async def ask_one(self, stimulus: Stimulus, *, sampling: Sampling = Sampling()) -> Answer:  # noqa: B008
        """The answer to one stimulus, by a single attempt.

        Raises
        ------
        ModelFailed
            If there is none; the error says why and whether another attempt makes sense.
        """
        (reply,) = await self._in_turn(functools.partial(timed_ask, self, [stimulus], sampling=sampling))
        if isinstance(reply, Failure):
            raise ModelFailed(reply.detail or reply.reason, reason=reply.reason, retryable=reply.passing)
        return cast(Answer, reply)  # only defences block, and a model alone has none

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """Mean cross-entropy per token of each target text, and its gradient with respect to the primary clip.

        Returns
        -------
        losses : float64 array, shape (n_stimuli,)
            Nats per token.
        gradients : list of float32 array
            One per stimulus, of the shape of its primary clip's samples and at its sample rate.

        Raises
        ------
        AccessDenied
            If the model grants no gradients.
        """
        raise self._denied("gradients")

    def aimed(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """The targets as a search does best to drive them on these stimuli; by default as they are.

        A model that writes something down before it answers gives targets with the `transcript` after which it gives
        the answer: after a faithful one of a harmful request no change of the audio may be enough. A target that has a
        transcript already keeps it unless there is a better one for this audio.
        """
        return list(targets)

    def aims(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str], n: int) -> list[list[str]]:
        """At most so many ways to drive each target, the best first, which is what `aimed` gives; by default that one.

        For a search against a defence that reads what the model writes down: it takes the first that the defence lets by.
        """
        return [[aim] for aim in self.aimed(stimuli, targets=targets)]

    def aimed_together(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """The targets as one change for all of these stimuli does best to drive them; by default as they are.

        One change cannot turn another word of each transcript into a third: a model that writes one before it answers
        gives targets with a transcript that is the same for all.
        """
        return list(targets)

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> NDArray[np.float64]:
        """Log-probability of each text as the whole answer to its stimulus, in nats; behind the access "scores".

        At temperature 1, the end of the answer included: that the model says these words and then stops.

        Parameters
        ----------
        stimuli : sequence of Stimulus
        texts : sequence of str
            One for each stimulus; an empty one is the answer that says nothing. Of a `Target` whose transcript is held
            that of its text after this transcript.

        Returns
        -------
        float64 array, shape (n_stimuli,)
            At most 0; alike in any batch.

        Raises
        ------
        AccessDenied
            If the model cannot tell.
        """
        raise self._denied("scores of given texts")

    def token_scores(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> list[TokenScores]:
        """As `score`, token by token; behind the access "scores", and of models alone that tell what each token cost.

        Raises
        ------
        AccessDenied
            If the model cannot tell.
        """
        raise self._denied("scores of single tokens")

    def activations(
        self, stimuli: Sequence[Stimulus], *, sites: Sequence[str] | None = None, at: Position | None = None
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Inner activations by site, one dictionary per stimulus.

        Parameters
        ----------
        stimuli : sequence of Stimulus
        sites : sequence of str or None
            Which to read; None takes those that the model gives by itself.
        at : {"sep", "answer", "first_answer_token", "generated", "all"} or None
            Where to read, as `earnest.models.edits` has it; "all" reads what is asked, before any answer. None reads
            the decoder where the answer begins, and what comes before the decoder as the mean over its positions.

        Returns
        -------
        list of dict of float32 array
            Shape (width,); (n_positions, width) at "all".

        Raises
        ------
        AccessDenied
            If the model grants none.
        """
        raise self._denied("activations")

    def lens(self, states: NDArray[Any], *, site: str) -> NDArray[np.float32]:
        """Logits of the next token if states of the decoder at a site were the last; behind the access "activations".

        Parameters
        ----------
        states : float array, shape (n_states, width)
        site : str
            Where they were read.

        Returns
        -------
        float32 array, shape (n_states, n_tokens)
        """
        raise self._denied("logits of its states")

    def token_texts(self, tokens: Sequence[int]) -> list[str]:
        """The text of each token of `lens`."""
        raise self._denied("its tokens")

    def first_token(self, text: str) -> int:
        """The token that an answer of this text begins with."""
        raise self._denied("its tokens")

    def word_times(self, clip: AudioClip, words: Sequence[str]) -> list[tuple[float, float]]:
        """When each of the words is said in a clip, in seconds: from and to; empty where the model cannot tell."""
        return []

    def hooked(self, edits: Sequence[Edit]) -> AbstractContextManager[Model]:
        """The model with edits of its activations in force, for a `with` block; behind the access "activations".

        What the block is given is another model on the same network. Its answers, scores, gradients and activations are
        made under the edits, in their order and after those that are in force already, and its `fingerprint` says so,
        so that no cache takes it for the plain one. The model itself stays as it is, in the block too: who asks it
        meanwhile, in another arm of a run, say, is answered without the edits. After the block, also after an
        exception, the edited model can no longer be asked.

        Raises
        ------
        AccessDenied
            If the model cannot be edited.
        BadParameter
            If an edit is of a site or position that is not there.
        """
        raise self._denied("edits of its activations")

    @contextlib.contextmanager
    def _edited(self, edits: Sequence[Edit]) -> Iterator[Self]:
        """A copy with the edits, for `hooked` of a model whose network runs under `self.edits`."""
        _check_in_force(self)
        self._own_thread  # noqa: B018  (made before the copy, which then takes its turns in the same one)
        edited = copy.copy(self)
        edited.edits = (*(self.edits or ()), *edits)
        edited.fingerprint = edited_fingerprint(self.fingerprint, edits)
        try:
            yield edited
        finally:
            edited.edits = None

    def with_weights(self, weights: Mapping[str, NDArray[np.float32]]) -> Model:
        """The model with other weights, on a network of its own; behind the access "gradients".

        The model itself, and whoever asks it, keeps the weights that it has. The fingerprint of the other one tells the
        weights, so that no cache takes it for this one.

        Parameters
        ----------
        weights : mapping of str to array
            By the names of the network's parameters; those that are left out stay as they are.

        Raises
        ------
        AccessDenied
            If its network is not on this machine, or it stands for another model in a context.
        BadParameter
            If a name is not there, or a shape or a number is none of the network's.
        """
        raise self._denied("its weights")

    def learner(self) -> Learner:
        """A copy of its network that can be trained; behind the access "gradients".

        Raises
        ------
        AccessDenied
            As `with_weights`.
        """
        raise self._denied("its weights")

    def _denied(self, what: str) -> AccessDenied:
        return AccessDenied(f"{self.name!r} grants {', '.join(sorted(self.access))} only, not {what}")

    def behind(self, defences: Sequence[Defence]) -> Model:
        """The model as defences that reach into it leave it (`Defence.around`); itself where none does.

        Clips pass through defences in order, so that the last one is the nearest to the model.

        Raises
        ------
        BadParameter
            If what a defence gives is no model.
        """
        model: Model = self
        for defence in reversed(defences):
            around = getattr(defence, "around", None)
            model = model if around is None else around(model)
            if not isinstance(model, Model):
                raise BadParameter(
                    f"around() of the defence {spec_of(defence)!r} must give a Model, got {type(model).__name__}; "
                    "return model.within(...), or the model itself"
                )
        return model

    def within(self, enter: Callable[[], AbstractContextManager[Any]], *, key: str) -> Model:
        """The model as it is while a context is entered: for the time of each of its calls, and never longer.

        For defences that reach into a network: entering sets the hooks, leaving takes them off, also after an exception.
        The model itself is as it was between such calls, and so for whoever else asks it.

            return model.within(lambda: model.hooked([steered]), key=str(self.spec))

        Parameters
        ----------
        enter : callable
            Gives a context manager; entered around each call, in the thread that makes it. Where it gives a model, as
            `hooked` does, that one is asked.
        key : str
            What tells this from the model itself, as part of its fingerprint.
        """
        from earnest.models.delegate import Within

        return Within(self, enter, key=key)

    def beyond(self, prompt: str) -> str | None:
        """Why a prompt asks for something that the model is known not to have been made for; None where it may be asked.

        A task all of whose prompts are beyond a model is listed as such and not asked.
        """
        return None

    def recall(self, learnt: Mapping[str, Learnt]) -> None:
        """Ask from now on as an earlier sitting learnt to; a model without an endpoint has nothing to learn."""
        return

    async def aclose(self) -> None:
        """Let go of connections, if there are any; the model may be asked again."""
        return

    async def _in_turn(self, ask: Callable[[], list[Reply]]) -> list[Reply]:
        """What `ask` gives in the thread of this model; one call after the other, so that a model needs no locks."""
        import asyncio

        loop = asyncio.get_running_loop()
        begun: asyncio.Future[None] = loop.create_future()

        def begin() -> None:
            if not begun.done():
                begun.set_result(None)

        def replies_of() -> list[Reply]:
            loop.call_soon_threadsafe(begin)
            return ask()

        replies = loop.run_in_executor(self._own_thread, replies_of)
        either: list[asyncio.Future[Any]] = [begun, replies]
        try:
            async with waiting():
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return await replies
        finally:
            replies.cancel()  # where the call was given up before its turn, it is not made

    @cached_property
    def _own_thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix=f"earnest-{self.name[:20]}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def _refusal(model: Model, stimulus: Stimulus) -> HistoryRefused | None:
    """Why a stimulus is not for the model: it has earlier turns, and the model takes none."""
    if not stimulus.history or model.takes_history:
        return None
    return HistoryRefused(
        f"{model.name!r} takes no earlier turns, got a stimulus with {len(stimulus.history)}; "
        "ask a model that takes them, or put what was said into the prompt"
    )


def _check_in_force(model: Model) -> None:
    if model.edits is None:
        raise BadParameter(
            f"the edits of {model.name!r} are in force inside their `with` block, which is over; ask inside it"
        )


def _door_of_ask(ask: Callable[..., list[Reply]]) -> Callable[..., list[Reply]]:
    @functools.wraps(ask)
    def door(self: Model, stimuli: Sequence[Stimulus], *rest: Any, **options: Any) -> list[Reply]:
        _check_in_force(self)
        refused = {place: error for place, each in enumerate(stimuli) if (error := _refusal(self, each)) is not None}
        if not refused:
            return _replies(self, ask(self, stimuli, *rest, **options))
        kept = [place for place in range(len(stimuli)) if place not in refused]
        asked = _replies(self, ask(self, [stimuli[place] for place in kept], *rest, **options)) if kept else []
        replies = dict(zip(kept, asked, strict=True))
        return [Failure.of(refused[place]) if place in refused else replies[place] for place in range(len(stimuli))]

    return door


def _door_of_ask_one(ask_one: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(ask_one)
    async def door(self: Model, stimulus: Stimulus, *rest: Any, **options: Any) -> Answer:
        _check_in_force(self)
        error = _refusal(self, stimulus)
        if error is not None:
            raise error
        answer: Answer = await ask_one(self, stimulus, *rest, **options)
        if not isinstance(answer, Answer):
            raise ModelFailed(_no_reply(self, answer), reason="bad_response")
        return answer

    return door


def _replies(model: Model, given: Any) -> list[Reply]:
    """What a model gave; whatever is neither an answer nor a failure is a failure."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ModelFailed(_no_reply(model, given), reason="bad_response")
    return [
        reply if isinstance(reply, Answer | Failure) else Failure(reason="bad_response", detail=_no_reply(model, reply))
        for reply in given
    ]


def _no_reply(model: Model, given: object) -> str:
    return (
        f"{model.name!r} must give an Answer or a Failure to each stimulus, got {type(given).__name__}; mend the model"
    )


def _door_of_inner(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def door(self: Model, stimuli: Sequence[Stimulus], *rest: Any, **options: Any) -> Any:
        _check_in_force(self)
        for stimulus in stimuli:
            error = _refusal(self, stimulus)
            if error is not None:
                raise error
        return method(self, stimuli, *rest, **options)

    return door


_DOORS: Mapping[str, Callable[..., Any]] = {
    "ask": _door_of_ask,
    "ask_one": _door_of_ask_one,
    "loss_and_gradient": _door_of_inner,
    "aimed": _door_of_inner,
    "aims": _door_of_inner,
    "aimed_together": _door_of_inner,
    "score": _door_of_inner,
    "token_scores": _door_of_inner,
    "activations": _door_of_inner,
}
"""What stands before the methods of every model that take stimuli, by name."""


def written_answer(turn: Turn, *, name: str) -> str:
    """The words of an assistant's turn, for a model called `name` that takes what it said as text.

    Raises
    ------
    HistoryRefused
        If there is nothing but a recording.
    """
    if not turn.text:
        raise HistoryRefused(
            f"{name!r} takes earlier answers as text, got one as a recording alone; give the turn its words as text"
        )
    return turn.text


def timed_ask(model: Model, stimuli: Sequence[Stimulus], *, sampling: Sampling) -> list[Reply]:
    """As `model.ask`; an answer that does not tell how long it took gets its share of the time of the batch."""
    begun = time.perf_counter()
    replies = model.ask(stimuli, sampling=sampling)
    share_ms = 1e3 * (time.perf_counter() - begun) / max(1, len(stimuli))
    return [
        replace(reply, duration_ms=share_ms) if isinstance(reply, Answer) and not reply.duration_ms else reply
        for reply in replies
    ]


@runtime_checkable
class Defence(Protocol):
    """What stands before the model (`screen`, `apply`, `instruct`), around it (`around`), after it (`review`), or all."""

    def around(self, model: Model) -> Model:
        """The model with what the defence does inside it (hooks, steering), off whenever it is not asked."""

    def screen(self, stimulus: Stimulus) -> Screened:
        """Whether the stimulus may reach the model: `Passed(note)` or `Blocked(reason)`."""

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip that the model hears instead."""

    def instruct(self, stimulus: Stimulus) -> Stimulus:
        """The stimulus with the prompts that the model gets instead, its clips and those of earlier turns untouched."""

    def review(self, answer: Answer, *, stimulus: Stimulus | None = None, note: Any = None) -> Answer:
        """The answer that leaves the system instead; of what the user sent, and with the note of its own `screen`."""

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient with respect to `clip`, given that with respect to `apply(clip, rng=rng)`; exact or a stand-in."""


def spec_of(defence: Any) -> str:
    """What a defence is called: its specification, or its class where it has none."""
    spec = getattr(defence, "spec", None)
    return str(spec) if spec is not None else f"{type(defence).__module__}.{type(defence).__qualname__}"


class Attack(Protocol):
    """What finds stimuli that make a system fail."""

    def run(self, system: System, stimuli: Sequence[Stimulus], *, rng: np.random.Generator) -> Any:
        """Attack each stimulus; see `earnest.attacks.AttackResult`."""


class Judge(Protocol):
    """What decides about an answer that no parser could score."""

    def label(self, question: Any) -> Any:
        """One of the question's labels, or a reason why there is none."""


@dataclass(frozen=True)
class Entry:
    """A stimulus on its way into a system.

    Parameters
    ----------
    sent : Stimulus
        What the user sent.
    stimulus : Stimulus
        What the model gets; where it is blocked, what it was when a defence blocked it.
    notes : tuple
        What each defence's `screen` noted.
    blocked : Blocked, Failure or None
        Why the model does not get it: a defence blocked it, or what a defence asked gave no answer.
    chains : mapping of str to list of AudioClip
        By role the clip before the first defence, after it, ..., after the last.
    passed_s : float
        Seconds that passed on the way in.
    guards : Guards or None
        Whom its defences ask about it, and what that took.
    """

    sent: Stimulus
    stimulus: Stimulus
    notes: tuple[Any, ...] = ()
    blocked: Blocked | Failure | None = None
    chains: Mapping[str, list[AudioClip]] = field(default_factory=dict)
    passed_s: float = 0.0
    guards: Guards | None = None


@dataclass(frozen=True)
class System:
    """A model behind its defences: what a user deploys, and what an attack faces.

    Parameters
    ----------
    model : Model
    defences : tuple of Defence
        What the user sends passes through them in this order, answers in the opposite one. Clips that the user sent in
        earlier turns pass through them as well, so that nobody gets round a defence by speaking first.
    seed : int
        A defence that draws is given a generator made from this, its place and the clip, so that one clip is always
        defended alike; `draw` asks for another.
    sampling : Sampling
        How answers are drawn where a call does not say.
    models : mapping of str to Model
        Those that its defences ask, by specification; what is not there is loaded when it is asked.
    """

    model: Model
    defences: tuple[Defence, ...] = ()
    seed: int = 0
    sampling: Sampling = Sampling()
    models: Mapping[str, Model] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def inner(self) -> Model:
        """The model with what its defences do inside it."""
        return self.model.behind(self.defences) if self.defences else self.model

    @property
    def fingerprint(self) -> str:
        """What tells it from other systems; that of the model where there is no defence."""
        return system_fingerprint(self.model.fingerprint, self.defences, seed=self.seed)

    @property
    def access(self) -> frozenset[Access]:
        """What the model grants; every defence passes gradients on, exactly or by a stand-in."""
        return self.model.access

    def undefended(self) -> System:
        """The model alone."""
        return replace(self, defences=())

    def entered(self, stimulus: Stimulus, *, draw: int = 0) -> Entry:
        """The stimulus on its way in: screened, its clips and those of earlier turns changed, prompts as they are wanted.

        Each defence screens what those before it passed on. What the assistant said in earlier turns is left as it was.
        """
        begun, guards = time.perf_counter(), Guards(self.inner, self.models) if self.defences else None
        notes: list[Any] = []
        blocked: Blocked | Failure | None = None
        inside = stimulus
        chains = {role: [clip] for role, clip in stimulus.clips.items()}
        for place, defence in enumerate(self.defences):
            try:
                screened = self._screened(defence, inside, guards)
            except ModelFailed as error:
                blocked = Failure.of(error)
                break
            if isinstance(screened, Blocked):
                assert guards is not None
                took_ms = guards.took_ms(time.perf_counter() - begun)
                blocked = replace(screened, by=spec_of(defence), defence_ms=took_ms, defence_usage=guards.usage)
                break
            notes.append(screened.note)
            inside = self._changed(inside, chains, place=place, draw=draw)
        passed_s = time.perf_counter() - begun if self.defences else 0.0
        return Entry(stimulus, inside, tuple(notes), blocked, chains, passed_s, guards)

    def defended(self, stimulus: Stimulus, *, draw: int = 0) -> Stimulus:
        """The stimulus that the model gets, or would get if no defence blocked it."""
        return self.entered(stimulus, draw=draw).stimulus

    def reviewed(self, reply: Reply, entry: Entry | None = None) -> Reply:
        """The reply that leaves the system: only answers are reviewed; where a defence's own call fails, that failure."""
        if not isinstance(reply, Answer):
            return reply
        notes = entry.notes if entry is not None else (None,) * len(self.defences)
        sent, guards = (entry.sent, entry.guards) if entry else (None, None)
        try:
            for defence, note in zip(reversed(self.defences), reversed(notes), strict=True):
                reply = review(defence, reply, stimulus=sent, note=note, guards=guards)
        except ModelFailed as error:
            return Failure.of(error)
        return reply

    def ask(
        self,
        stimuli: Sequence[Stimulus],
        *,
        sampling: Sampling | None = None,
        draw: int = 0,
    ) -> list[Reply]:
        """A reply to each stimulus, in order; `details["defence_ms"]` of an answer tells what the defences took."""
        entries = [self.entered(stimulus, draw=draw) for stimulus in stimuli]
        let_in = [entry.stimulus for entry in entries if entry.blocked is None]
        replies = iter(self.inner.ask(let_in, sampling=sampling or self.sampling) if let_in else ())
        return [entry.blocked or self.left(next(replies), entry) for entry in entries]

    def left(self, reply: Reply, entry: Entry) -> Reply:
        """As `reviewed`, with what the defences took and asked on the way in and out in the answer's details."""
        if not self.defences or not isinstance(reply, Answer):
            return reply
        begun = time.perf_counter()
        reply = self.reviewed(reply, entry)
        if not isinstance(reply, Answer):
            return reply
        passed_s = entry.passed_s + time.perf_counter() - begun
        took: dict[str, Any] = {"defence_ms": entry.guards.took_ms(passed_s) if entry.guards else 1e3 * passed_s}
        if entry.guards and entry.guards.usage:
            took["defence_usage"] = entry.guards.usage
        return replace(reply, details={**reply.details, **took})

    def ask_drawn(self, stimuli: Sequence[Stimulus], *, draws: Sequence[int]) -> list[Reply]:
        """As `ask`, each stimulus under a draw of its own, of random defences and of the model's sampling; all at once."""
        entries = [self.entered(stimulus, draw=draw) for stimulus, draw in zip(stimuli, draws, strict=True)]
        samplings = [self.sampling.drawn(draw) for draw in draws]
        let_in = [place for place, entry in enumerate(entries) if entry.blocked is None]
        inside = [entries[place].stimulus for place in let_in]
        replies = iter(self.inner.ask_each(inside, samplings=[samplings[place] for place in let_in]) if let_in else ())
        return [entry.blocked or self.left(next(replies), entry) for entry in entries]

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str], draw: int = 0
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`, through the defences that stand before the model, and with those around it.

        Where a defence has no derivative, its stand-in is used (backward pass differentiable approximation,
        [athalye2018-obfuscated]). Screens have none: a stimulus that one blocks gets its gradient as if it had passed.
        """
        unscreened = self.unscreened
        entries = [unscreened.entered(stimulus, draw=draw) for stimulus in stimuli]
        losses, gradients = self.inner.loss_and_gradient([entry.stimulus for entry in entries], targets=targets)
        back = []
        for stimulus, entry, gradient in zip(stimuli, entries, gradients, strict=True):
            clips = entry.chains[stimulus.primary_role]
            for place in reversed(range(len(self.defences))):
                rng = self._rng(clips[place], place=place, draw=draw)
                gradient = self.defences[place].backward(gradient, clip=clips[place], rng=rng)
            back.append(gradient)
        return losses, back

    def aimed(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str], draw: int = 0) -> list[str]:
        """As `Model.aimed`, through the defences that stand before the model and with those around it.

        Where a defence tells which targets get by it (`Defence.lets_by`), the first of `MOST_AIMS` that gets by all.
        """
        unscreened = self.unscreened
        defended = [unscreened.defended(stimulus, draw=draw) for stimulus in stimuli]
        readers = [defence for defence in self.defences if getattr(defence, "reads_transcript", False)]
        if not readers:
            return self.inner.aimed(defended, targets=targets)
        every = self.inner.aims(defended, targets=targets, n=MOST_AIMS)
        guards = Guards(self.inner, self.models)
        return [
            next((aim for aim in aims if all(one.lets_by(aim, guards=guards) for one in readers)), aims[0])  # type: ignore[attr-defined]
            for aims in every
        ]

    def aimed_together(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str], draw: int = 0) -> list[str]:
        """As `Model.aimed_together`, through the defences that stand before the model and with those around it."""
        unscreened = self.unscreened
        heard = [unscreened.defended(stimulus, draw=draw) for stimulus in stimuli]
        return self.inner.aimed_together(heard, targets=targets)

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str], *, draw: int = 0) -> NDArray[np.float64]:
        """As `Model.score`, through the defences that stand before the model and with those around it.

        What a defence does to answers (`review`) is no part of it, nor whether it blocks: it is the model that is asked
        how likely a text is.
        """
        unscreened = self.unscreened
        return self.inner.score([unscreened.defended(stimulus, draw=draw) for stimulus in stimuli], texts)

    @property
    def unscreened(self) -> System:
        """The system as it would be if no defence screened."""
        return _Unscreened(self.model, self.defences, self.seed, self.sampling, self.models)

    def _screened(self, defence: Defence, stimulus: Stimulus, guards: Guards | None) -> Screened:
        screen = getattr(defence, "screen", None)
        asks = {"guards": guards} if screen is not None and "guards" in _parameters(type(defence).screen) else {}
        screened = Passed() if screen is None else screen(stimulus, **asks)
        if not isinstance(screened, Passed | Blocked):
            raise BadParameter(
                f"screen() of the defence {spec_of(defence)!r} must give Passed(note) or Blocked(reason), got "
                f"{type(screened).__name__}; mend the defence"
            )
        return screened

    def _changed(self, stimulus: Stimulus, chains: dict[str, list[AudioClip]], *, place: int, draw: int) -> Stimulus:
        """The stimulus behind one defence; its clips are put to the chains."""
        defence = self.defences[place]
        for role, clips in chains.items():
            clips.append(self._applied(clips[-1], place=place, draw=draw))
            if clips[-1] is not clips[-2]:
                stimulus = stimulus.with_clip(clips[-1], role=role)
        if stimulus.history:
            turns = [
                replace(turn, clips={r: self._applied(clip, place=place, draw=draw) for r, clip in turn.clips.items()})
                if turn.role == "user"
                else turn
                for turn in stimulus.history
            ]
            stimulus = replace(stimulus, history=tuple(turns))
        return defence.instruct(stimulus)

    def _applied(self, clip: AudioClip, *, place: int, draw: int) -> AudioClip:
        return self.defences[place].apply(clip, rng=self._rng(clip, place=place, draw=draw))

    def _rng(self, clip: AudioClip, *, place: int, draw: int) -> np.random.Generator:
        return rng_for(self.seed, f"defence {place} draw {draw}", clip.digest)


class _Unscreened(System):
    """A system whose defences block nothing."""

    def _screened(self, defence: Defence, stimulus: Stimulus, guards: Guards | None) -> Screened:
        return Passed()


MOST_AIMS = 24
"""Ways to drive a target that a search tries against defences which read what the model writes down."""

CLEAN_DRAW, VERIFY_DRAW, FIRST_SEARCH_DRAW = 0, 1, 2
"""Draws of random defences and of the model's sampling: what an attack has seen is never what it is judged on."""


def system_fingerprint(model: str, defences: Sequence[Any], *, seed: int) -> str:
    """What tells a model of this fingerprint behind these defences from others; `model` where there are none."""
    if not defences:
        return model
    told = "\x1f".join([model, str(seed), *(spec_of(defence) for defence in defences)])
    return hashlib.sha256(told.encode()).hexdigest()


def review(
    defence: Any, answer: Answer, *, stimulus: Stimulus | None, note: Any, guards: Guards | None = None
) -> Answer:
    """What a defence makes of an answer; one whose `review` takes the answer alone, or asks nobody, is given no more."""
    takes = _parameters(type(defence).review)
    given = {"stimulus": stimulus, "note": note, "guards": guards}
    if not {"stimulus", "note"} <= takes:
        return defence.review(answer)  # type: ignore[no-any-return]
    return defence.review(answer, **{name: given[name] for name in given if name in takes})  # type: ignore[no-any-return]


@functools.cache
def _parameters(method: Callable[..., Any]) -> frozenset[str]:
    """The names of a door's parameters; every name of those that it may be given where it takes any."""
    parameters = inspect.signature(method).parameters
    any_name = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    return frozenset(parameters) | (frozenset({"stimulus", "note", "guards"}) if any_name else frozenset())


def rng_for(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and the names alone, not on order or batch."""
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, dtype=np.uint32).tolist()])
