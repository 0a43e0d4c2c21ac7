"""One stream under a policy: frames in, decisions out, whatever the cutting into frames."""

from __future__ import annotations

import hashlib
import math
import statistics
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadAudio, BadParameter, EarnestError
from earnest.guard import speech
from earnest.guard.detectors import OFFLINE, STALL_MS
from earnest.guard.frame_scores import FRAME_SCORES, level
from earnest.guard.listeners import (
    NOTHING,
    Block,
    FrameListener,
    Listener,
    LoopListener,
    OverlapListener,
    SilenceListener,
)
from earnest.guard.policy import ACTIONS, BLOCK_S, Detector, Policy, Rule
from earnest.guard.turns import (
    Turn,
    TurnEnds,
    TurnScore,
    policy_words,
    prompt_injection,
    recogniser,
    spoken_pii,
    transcript_disagreement,
)
from earnest.guard.windows import FirstVoice, WindowListener, offline

Scores = Mapping[str, float | str | None]
"""By detector: a number, None for audio that it cannot score, or why there is none: `overrun` or `failed`."""

SPEAKING_DBFS = -45.0
_CAUGHT = (EarnestError, ValueError, ArithmeticError, MemoryError, RuntimeError, OSError)
_FLAG = ACTIONS.index("flag")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A rule's condition was met. `enforce` says whether the mode asks to apply the action.

    Parameters
    ----------
    because : {"score", "cusum", "overrun", "failed"}
        What met it: scores beyond a threshold, a sum of evidence, or a detector without an answer under `on_failure: closed`.
    start_s, end_s : float
        The span of audio that the decision rests on.
    score, threshold : float or None
        The last score, or the sum under `cusum`, and what it exceeded; None without an answer.
    """

    rule: str
    line: int
    detector: str
    action: str
    enforce: bool
    start_s: float
    end_s: float
    score: float | None
    threshold: float | None
    because: Literal["score", "cusum", "overrun", "failed"] = "score"


@dataclass(slots=True)
class _State:
    """Of a rule: how long its condition has held, its sum, and when it last decided."""

    needed: int
    threshold: float
    hop: float
    span: float
    run: int = 0
    sum: float = 0.0
    since: int = 0
    scored: int | None = None
    decided: int | None = None


class Session:
    """The state of one stream.

    Samples are gathered into blocks of 20 ms; detectors see blocks in order, so that equal samples give equal decisions.
    A rule under a threshold decides once each time its condition begins to hold; one under `cusum` decides at each alarm.
    Audio that a detector cannot score is counted in `not_scored` and ends the rule's run.

    Parameters
    ----------
    clock : callable or None
        Seconds, as of `time.perf_counter`. With it, a score that takes longer than its budget is dropped, counted in
        `failures`, and the rule fails as its `on_failure` says. Without it nothing is timed, and decisions are a function
        of the samples alone.
    """

    def __init__(
        self, policy: Policy, sample_rate: int, *, caller: str = "", clock: Callable[[], float] | None = None
    ) -> None:
        if not 8000 <= sample_rate <= 192_000:
            raise BadParameter(f"a guard expects 8,000 to 192,000 Hz, not {sample_rate}; resample the stream")
        self.policy, self.sample_rate, self.clock = policy, sample_rate, clock
        share = int.from_bytes(hashlib.sha256(caller.encode()).digest()[:8], "big") / 2**64
        self.enforcing = policy.mode == "enforce" or (policy.mode == "canary" and share < policy.canary_share)
        self.not_scored: dict[str, int] = {}
        self.failures: Counter[tuple[str, str]] = Counter()
        self.n_blocks = self.attempts = 0
        self._heard = 0
        self._size = round(sample_rate * BLOCK_S)
        self._rest = np.empty(0, np.float32)
        self._other = np.empty(0, np.float32)
        self._with_other = False
        declared = {rule.detector: policy.detector(rule.detector) for rule in policy.rules}
        self._states = [self._state(rule, declared[rule.detector]) for rule in policy.rules]
        self._limits = {name: _limit_s(one) for name, one in declared.items()}
        self._listeners = {name: made for name, one in declared.items() if (made := self._listener(name, one))}
        self._named = {use: [name for name, one in declared.items() if one.use == use] for use in _EVENTS}
        self._tools = {name: frozenset(one.tools) for name, one in declared.items() if one.use == "tool_asked"}
        self._words: dict[str, TurnScore] = {
            name: _turn_score(one) for name, one in declared.items() if one.kind.tier == "T3"
        }
        pauses = self._named["response_time"] + self._named["response_spread"]
        hears_turns = bool(self._words and policy.ear)
        gated = any(one.kind.tier == "T2" and one.speech_share for one in declared.values())
        self._speech_names = [name for name, one in declared.items() if one.use == "speech"]
        self._speech = (
            speech.SpeechListener(sample_rate) if self._speech_names or gated or hears_turns or pauses else None
        )
        self._turns = (
            TurnEnds(size=self._size, sample_rate=sample_rate, silence_s=policy.turn_silence_s) if hears_turns else None
        )
        self._ear = recogniser(policy.ear) if hears_turns else None
        self._own: str | None = None
        self._agent_end: int | None = None
        self._pauses: deque[float] = deque(maxlen=7)
        self.cost = 0.0

    # ------------------------------------------------------------ what comes in

    def push(self, frame: np.ndarray, other: np.ndarray | None = None) -> list[Decision]:
        """Decisions that this frame completes; mono samples, floats from -1 to 1 at the session's rate.

        `other` is what the other side of the call sent in the same time, as many samples.
        """
        return [one for scores in self.scores(frame, other) for one in self.decide(scores)]

    def scores(self, frame: np.ndarray, other: np.ndarray | None = None) -> Iterator[dict[str, float | str | None]]:
        """The scores that this frame completes, block by block; decide on each before the next is taken."""
        for block in self._blocks(frame, other):
            had = self._feed(block) and bool(speech.answer([self._speech]))  # type: ignore[list-item]
            yield self._scored(block, had)

    def turn(self, *, provider: str | None = None, own: str | None = None, start_s: float = 0.0) -> list[Decision]:
        """Decisions on the words of a turn that has ended: the provider's transcript, another ear's, or both.

        Where the policy names an `ear`, the session's own transcript of the last turn is taken in place of `own`, and the
        words have been decided on already; the provider's transcript is then only compared with it.
        """
        return self.decide(self.of_words(provider=provider, own=own), event=True, start_s=start_s)

    def note(self, *, cost: float = 0.0, pause_s: float | None = None) -> list[Decision]:
        """Decisions on what the host knows of the session: what it cost since the last note, a pause before a response."""
        return self.decide(self.noted(cost=cost, pause_s=pause_s), event=True)

    def tool(self, name: str) -> tuple[bool, list[Decision]]:
        """Whether a call of a tool is to be held now, and the decisions on its being asked for."""
        found = self.decide(self.asked(name), event=True)
        return self.gated(name), found

    def gated(self, tool: str) -> bool:
        """Whether a call of a tool is to be held now.

        It is held while a rule with `gate_tools` that lists it is open: for `open_s` from its decision, and while its
        condition holds. A session that does not enforce holds nothing.
        """
        now = self.n_blocks * self._size / self.sample_rate
        pairs = zip(self.policy.rules, self._states, strict=True)
        gating = [
            state.run >= state.needed
            or (state.decided is not None and now - state.decided * self._size / self.sample_rate <= rule.open_s)
            for rule, state in pairs
            if rule.action == "gate_tools" and tool in rule.tools
        ]
        return self.enforcing and any(gating)

    # ------------------------------------------------------------ scores of events

    def of_words(self, *, provider: str | None, own: str | None) -> dict[str, float | str | None]:
        """Scores of the words of a turn."""
        decided = own is None and self._own is not None
        turn = Turn(provider=provider, own=self._own if decided else own)
        self._own = None
        names = self._named["transcript_disagreement"] if decided else list(self._words)
        return {name: self._timed(name, self._words[name], turn) for name in names}

    def noted(self, *, cost: float, pause_s: float | None) -> dict[str, float | str | None]:
        """Scores of what the host knows."""
        self.cost += cost
        scores: dict[str, float | str | None] = dict.fromkeys(self._named["cost"], self.cost) if cost else {}
        if pause_s is not None:
            self._pauses.append(pause_s)
            scores |= self._pause_scores()
        return scores

    def asked(self, tool: str) -> dict[str, float | str | None]:
        """Scores of a tool's being asked for."""
        return {key: float(tool in tools) for key, tools in self._tools.items()}

    # ------------------------------------------------------------ decisions

    def decide(self, scores: Scores, *, event: bool = False, start_s: float | None = None) -> list[Decision]:
        """Decisions on the scores of the next block, or of an event between blocks, the weakest action first."""
        self.n_blocks += not event
        for name, score in scores.items():
            if score is None:
                self.not_scored[name] = self.not_scored.get(name, 0) + 1
            elif isinstance(score, str):
                self.failures[name, score] += 1
        found = self._met(scores, start_s)
        counted = sum(ACTIONS.index(one.action) >= _FLAG for one in found)
        if counted:
            self.attempts += counted
            found += self._met(dict.fromkeys(self._named["attempts"], float(self.attempts)), start_s)
        return sorted(found, key=lambda one: ACTIONS.index(one.action))

    def holding(self) -> list[str]:
        """The rules whose condition has held for its time and still holds."""
        pairs = zip(self.policy.rules, self._states, strict=True)
        return [rule.name for rule, state in pairs if state.run >= state.needed]

    def _met(self, scores: Scores, start_s: float | None) -> list[Decision]:
        found = []
        for number, (rule, state) in enumerate(zip(self.policy.rules, self._states, strict=True)):
            if rule.detector not in scores:
                continue
            score = scores[rule.detector]
            if score is None or isinstance(score, str):
                state.run = 0
                if score is not None and rule.on_failure == "closed":
                    found.append(self._decision(number, state, None, None, because=score, start_s=start_s))
            elif rule.cusum is not None:
                value = self._summed(rule, state, score)
                if value is not None:
                    found.append(
                        self._decision(number, state, value, state.threshold, because="cusum", start_s=start_s)
                    )
            elif not rule.met(score):
                state.run = 0
            else:
                state.run += 1
                if state.run == state.needed:
                    found.append(
                        self._decision(number, state, score, state.threshold, because="score", start_s=start_s)
                    )
        return found

    def _summed(self, rule: Rule, state: _State, score: float) -> float | None:
        """The sum, where it is an alarm."""
        assert rule.cusum is not None
        weight = 1.0 if state.scored is None else min(1.0, (self.n_blocks - state.scored) / state.hop)
        if state.sum == 0:
            state.since = max(0, self.n_blocks - round(state.span))
        state.scored = self.n_blocks
        state.sum = max(0.0, state.sum + weight * rule.cusum.step(score))
        if state.sum <= state.threshold:
            return None
        value, state.sum = state.sum, 0.0
        return value

    def _decision(
        self,
        number: int,
        state: _State,
        score: float | None,
        threshold: float | None,
        *,
        because: Any,
        start_s: float | None,
    ) -> Decision:
        rule, end = self.policy.rules[number], self.n_blocks * self._size
        first = state.since if because == "cusum" else max(0, self.n_blocks - round(state.span))
        state.decided = self.n_blocks
        return Decision(
            rule=rule.name,
            line=self.policy.lines[number] if self.policy.lines else 0,
            detector=rule.detector,
            action=rule.action,
            enforce=self.enforcing,
            start_s=first * self._size / self.sample_rate if start_s is None else start_s,
            end_s=end / self.sample_rate,
            score=score,
            threshold=threshold,
            because=because,
        )

    def _state(self, rule: Rule, detector: Detector) -> _State:
        every = detector.every_s
        needed = max(1, round(rule.for_s / every)) if every else 1
        threshold = rule.above if rule.above is not None else rule.below
        if rule.cusum is not None:
            threshold = rule.cusum.threshold(every)
        assert threshold is not None
        span_s = max(detector.length_s, needed * every)
        return _State(needed=needed, threshold=threshold, hop=max(1.0, every / BLOCK_S), span=span_s / BLOCK_S)

    # ------------------------------------------------------------ blocks and scores

    def _blocks(self, frame: np.ndarray, other: np.ndarray | None) -> list[Block]:
        samples = self._gathered(self._rest, frame)
        if other is not None and len(other) != len(frame):
            raise BadAudio(
                f"the other side must have as many samples as the frame, {len(frame)}, not {len(other)}; pad it"
            )
        if self.policy.mode == "off":
            return []
        whole = len(samples) // self._size * self._size
        self._rest = samples[whole:].copy()
        beside = None
        if other is not None or self._with_other:
            filled = np.zeros(len(frame), np.float32) if other is None else other
            if not self._with_other:  # what came before it was silent
                self._other, self._with_other = np.zeros(len(samples) - len(frame), np.float32), True
            beside = self._gathered(self._other, filled)
            self._other = beside[whole:].copy()
        blocks = []
        for start in range(0, whole, self._size):
            part = slice(start, start + self._size)
            blocks.append(Block(self._heard, samples[part], self.sample_rate, None if beside is None else beside[part]))
            self._heard += 1
        return blocks

    @staticmethod
    def _gathered(rest: np.ndarray, frame: np.ndarray) -> np.ndarray:
        frame = np.asarray(frame)
        if frame.ndim != 1 or frame.dtype.kind != "f":
            raise BadAudio(
                f"expected one channel of floats, not {frame.dtype} of shape {frame.shape}; convert the frame"
            )
        if not np.isfinite(frame).all():
            raise BadAudio("the frame holds samples that are not finite; repair the source of the stream")
        return np.concatenate([rest, frame.astype(np.float32, copy=False)])

    def _feed(self, block: Block) -> bool:
        return self._speech is not None and self._speech.feed(block)

    def _scored(self, block: Block, had_speech: bool) -> dict[str, float | str | None]:
        scores: dict[str, float | str | None] = {}
        if self._speech is not None:
            before, block.speech = self._was, self._speech.probability
            self._was = block.speech
            if had_speech:
                scores |= dict.fromkeys(self._speech_names, block.speech)
            if block.other is not None:
                scores |= self._paused(block, before)
        pairs = zip(self.policy.rules, self._states, strict=True)
        block.suspicious = frozenset(
            rule.detector for rule, state in pairs if state.sum > 0 or 0 < state.run < state.needed
        )
        for name, listener in self._listeners.items():
            score = self._timed(name, listener.hear, block)
            if score is not NOTHING:
                scores[name] = score
        if self._turns is not None and (heard := self._turns.hear(block)) is not None:
            scores |= self._of_turn(heard)
        return scores

    _was = 0.0

    def _timed(self, name: str, score: Callable[[Any], Any], given: Any) -> Any:
        start = self.clock() if self.clock else 0.0
        try:
            value = score(given)
        except _CAUGHT:
            return "failed"
        if isinstance(value, float) and not math.isfinite(value):
            return "failed"
        return "overrun" if self.clock and self.clock() - start > self._limits[name] else value

    def _of_turn(self, samples: np.ndarray) -> dict[str, float | str | None]:
        clip = AudioClip(samples, self.sample_rate)
        assert self._ear is not None
        ear = self._ear
        names = [name for name in self._words if name not in self._named["transcript_disagreement"]]
        limits = [self._limits[name] for name in self._words]
        start = self.clock() if self.clock else 0.0
        try:
            self._own = ear(clip)
        except _CAUGHT:
            return dict.fromkeys(self._words, "failed")
        if self.clock and self.clock() - start > max(limits):
            self._own = None
            return dict.fromkeys(self._words, "overrun")
        return {name: self._timed(name, self._words[name], Turn(own=self._own)) for name in names}

    def _paused(self, block: Block, before: float) -> dict[str, float | str | None]:
        """Where the caller begins to speak after the agent: the statistics of such pauses."""
        assert block.other is not None
        if level(block.other, self.sample_rate) > SPEAKING_DBFS:
            self._agent_end = block.number
        elif self._agent_end is not None and before < speech.SPEAKING <= block.speech:
            self._pauses.append((block.number - self._agent_end) * BLOCK_S)
            self._agent_end = None
            return self._pause_scores()
        return {}

    def _pause_scores(self) -> dict[str, float | str | None]:
        known = list(self._pauses)
        enough = len(known) >= 3
        middle = statistics.median(known) if enough else None
        mean = statistics.fmean(known)
        spread = statistics.stdev(known) / mean if enough and mean > 0 else None
        return dict.fromkeys(self._named["response_time"], middle) | dict.fromkeys(
            self._named["response_spread"], spread
        )

    def _listener(self, name: str, detector: Detector) -> Listener | None:
        use = detector.use
        if use in FRAME_SCORES:
            return FrameListener(use)
        if use == "silence":
            return SilenceListener()
        if use == "loop":
            return LoopListener(self.sample_rate, self._size)
        if use == "overlap":
            return OverlapListener()
        if detector.kind.tier != "T2":
            return None
        made = FirstVoice(offline(detector.speaker)) if use == "speaker_change" else offline(use.removeprefix(OFFLINE))
        return WindowListener(
            made,
            name=name,
            sample_rate=self.sample_rate,
            size=self._size,
            window_s=detector.length_s,
            hop_s=detector.every_s,
            rising_hop_s=detector.rising_hop_s or detector.every_s,
            speech_share=detector.speech_share,
        )


def push_many(sessions: Sequence[Session], frames: Sequence[np.ndarray]) -> list[list[Decision]]:
    """What `push` gives for each session and its frame, with speech activity asked for all streams at once."""
    cut = [session._blocks(frame, None) for session, frame in zip(sessions, frames, strict=True)]
    found: list[list[Decision]] = [[] for _ in sessions]
    for number in range(max(map(len, cut), default=0)):
        live = [place for place, blocks in enumerate(cut) if number < len(blocks)]
        fed = [one for place in live if sessions[place]._feed(cut[place][number]) and (one := sessions[place]._speech)]
        had = {id(one) for one in speech.answer(fed)}
        for place in live:
            session = sessions[place]
            scores = session._scored(cut[place][number], id(session._speech) in had)
            found[place] += session.decide(scores)
    return found


_EVENTS = ("attempts", "cost", "response_time", "response_spread", "transcript_disagreement")


def _limit_s(detector: Detector) -> float:
    quick = detector.kind.tier in {"T0", "T1", "T4"} and detector.budget_ms is None
    return STALL_MS / 1000 if quick else detector.within_s


def _turn_score(detector: Detector) -> TurnScore:
    if detector.use == "policy_words":
        return policy_words(detector.words)
    scores: dict[str, TurnScore] = {
        "spoken_pii": spoken_pii,
        "prompt_injection": prompt_injection,
        "transcript_disagreement": transcript_disagreement,
    }
    return scores[detector.use]
