"""A system as an attack sees it: it answers, grants scores and gradients where the model does, and counts all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._budget import Budget
from earnest.attacks._candidate import HELD, Budgets, Candidate
from earnest.attacks._limits import Limits, Log, Watch
from earnest.audio import AudioClip, Stimulus
from earnest.errors import ModelFailed, QueriesSpent
from earnest.models.access import FIRST_SEARCH_DRAW, Access, Answer, Blocked, Failure, Reply, System

if TYPE_CHECKING:
    from earnest.attacks._craft import Crafted


@dataclass
class Account:
    """What was asked about one stimulus."""

    n_queries: int = 0
    n_failed_queries: int = 0
    n_gradients: int = 0
    n_aims: int = 0
    """How often it was sought what is best driven (`Model.aimed`)."""
    first_success: int | None = None
    """At which of its queries, from 1, it first reached its goal."""
    cost: float = 0.0
    """In US dollars, of answers that were paid for."""
    may_pass: bool = False
    """Whether a call failed that may succeed later, so that the search is not what it would have been."""
    last: Candidate | None = None
    """What was asked last: what a search that is cut short has."""


_FOR_NOW = frozenset({"cancelled", "over_budget"})
"""Reasons for which a call was not made in this sitting, and may be in another: a search with one is not what it would have been."""


class Victim:
    """A system as an attack sees it: everything asked is counted, stimulus by stimulus.

    A *place* is the position of a stimulus. What is asked is what would be judged: the candidate within the budgets and
    rounded to 16 bits, so that a search never stops at a clip that a file cannot hold. Any of the places may be asked,
    and one as often as is wanted in one call: all questions of a call are in flight at once.

    Parameters
    ----------
    system : System
        What is attacked: the judged system, or another for a transfer attack.
    stimuli : sequence of Stimulus
        Their clips are 16-bit.
    budget : Budget, or mapping of str to Budget or TextBudget
        Of the clip that is held, or by role.
    reached_clean : sequence of bool or None, or callable that gives one
        Whether the clean stimuli reach their goals; a callable is called when it is first needed.
    max_queries : int or None
        Most questions about a stimulus; None: any number.
    limits : Limits
        What a user lets the search spend.
    log : callable or None
        Is told of each question.
    """

    def __init__(
        self,
        system: System,
        stimuli: Sequence[Stimulus],
        *,
        budget: Budget | Budgets,
        reached_clean: Sequence[bool | None] | Callable[[], Sequence[bool | None]],
        max_queries: int | None = None,
        limits: Limits = Limits(),  # noqa: B008
        log: Log | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._system, self.stimuli = system, tuple(stimuli)
        self._budgets: Budgets = {HELD: budget} if isinstance(budget, Budget) else budget
        self._reached_clean = reached_clean
        self.max_queries, self._limits, self._log = max_queries, limits, log
        self._watch = Watch(limits, n_stimuli=len(self.stimuli)) if watch is None else watch
        self.accounts = tuple(Account() for _ in stimuli)

    @cached_property
    def open(self) -> tuple[int, ...]:
        """Places worth a search: those with a goal that the clean stimulus does not reach anyhow."""
        given = self._reached_clean
        clean = given() if callable(given) else given
        return tuple(place for place, s in enumerate(self.stimuli) if s.goal is not None and clean[place] is not True)

    @property
    def access(self) -> frozenset[Access]:
        """What may be asked."""
        return self._system.access

    @property
    def n_queries(self) -> list[int]:
        """Questions asked, by place."""
        return [account.n_queries for account in self.accounts]

    def n_left(self, place: int) -> float:
        """How many more questions may be asked about a place; infinite where there is no limit."""
        return math.inf if self.max_queries is None else self.max_queries - self.accounts[place].n_queries

    def alone(self, place: int) -> Victim:
        """The same system with one stimulus in view; what is asked of it is counted here too."""
        victim = Victim(
            self._system,
            [self.stimuli[place]],
            budget=self._budgets,
            reached_clean=lambda: [place not in self.open],
            max_queries=self.max_queries,
            limits=self._limits,
            log=self._log,
            watch=None if self._limits.seconds else self._watch,  # each stimulus has its own time
        )
        victim.accounts = (self.accounts[place],)
        return victim

    @property
    def unbounded(self) -> Victim:
        """The same, with what is asked as it stands: of clips that were played, say, whose budget holds before that."""
        victim = Victim(
            self._system,
            self.stimuli,
            budget=Budget(),
            reached_clean=self._reached_clean,
            max_queries=self.max_queries,
            limits=self._limits,
            log=self._log,
            watch=self._watch,
        )
        victim.accounts = self.accounts
        return victim

    @overload
    def ask(self, questions: Sequence[tuple[int, Candidate]], *, draw: int | None = None) -> list[Reply]: ...

    @overload
    def ask(self, questions: Mapping[int, Candidate], *, draw: int | None = None) -> dict[int, Reply]: ...

    def ask(
        self, questions: Sequence[tuple[int, Candidate]] | Mapping[int, Candidate], *, draw: int | None = None
    ) -> list[Reply] | dict[int, Reply]:
        """A reply to each question, in order; all are in flight at once.

        Parameters
        ----------
        questions : sequence of (place, Candidate)
            Or a mapping of one to the other, for one question a place; the replies then come by place.
        draw : int or None
            Another number, another draw of random defences and of the model's sampling. None gives every question about
            a place the number that it has among them, from 1.

        Raises
        ------
        QueriesSpent
            If a place would be asked about more than `max_queries` times; nothing is asked then.
        """
        if isinstance(questions, Mapping):
            return dict(zip(questions, self.ask(list(questions.items()), draw=draw), strict=True))
        numbers = self._numbers([place for place, _ in questions])
        stimuli = [candidate.applied(self.stimuli[place], budgets=self._budgets) for place, candidate in questions]
        draws = [FIRST_SEARCH_DRAW + (number if draw is None else draw) for number in numbers]
        replies = [
            marked(reply, clean=self.stimuli[place], asked=asked, drawn=candidate.drawn)
            for (place, candidate), asked, reply in zip(
                questions, stimuli, drawn_replies(self._system, stimuli, draws=draws), strict=True
            )
        ]
        for (place, candidate), number, reply, asked in zip(questions, numbers, replies, stimuli, strict=True):
            self._enter(place, number, reply)
            self.accounts[place].last = candidate
            self._tell(place, number, candidate, asked=asked, reply=reply)
        return replies

    def score(self, questions: Sequence[tuple[int, Candidate, str]], *, draw: int | None = None) -> NDArray[np.float64]:
        """Log-probability of a text as the whole answer to each question, in order; behind the access "scores".

        Each counts as a query, and its draw is as that of `ask`, but that all of a call must have one.

        Raises
        ------
        QueriesSpent
            As `ask`.
        AccessDenied
            If the model tells no scores.
        """
        numbers = self._numbers([place for place, _, _ in questions])
        if not questions:
            return np.empty(0)
        stimuli = [c.applied(self.stimuli[place], budgets=self._budgets) for place, c, _ in questions]
        scores = np.empty(len(questions))
        for number in dict.fromkeys(numbers) if draw is None else (draw,):
            rows = [row for row, own in enumerate(numbers) if draw is not None or own == number]
            texts = [questions[row][2] for row in rows]
            scores[rows] = self._system.score([stimuli[row] for row in rows], texts, draw=FIRST_SEARCH_DRAW + number)
        for (place, candidate, text), number, asked, score in zip(questions, numbers, stimuli, scores, strict=True):
            self.accounts[place].n_queries = max(number, self.accounts[place].n_queries)
            self.accounts[place].last = candidate
            self._tell(place, number, candidate, asked=asked, score=float(score), text=text)
        return scores

    def searched(self, candidates: Sequence[Crafted]) -> list[int]:
        """Places that a control searches: those that are open and of which the attack made something."""
        return [place for place in self.open if not candidates[place].fault]

    def passed_over(self, candidates: Sequence[Crafted]) -> Iterator[tuple[int, Candidate]]:
        """The places that a control does not search, with why not where the attack had a fault."""
        for place in sorted(set(range(len(candidates))).difference(self.searched(candidates))):
            yield place, Candidate(fault=candidates[place].fault)

    def paid(self, place: int, cost: float) -> None:
        """Count what a search paid beside its questions to the victim, in US dollars: a model that writes for it, say."""
        self.accounts[place].cost += cost

    def reached(self, place: int, reply: Reply) -> bool | None:
        """Whether `reply` reaches the goal of `place`; None where there is no goal, no answer or no telling."""
        return reached(self.stimuli[place], reply)

    def loss_and_gradient(
        self, clips: Mapping[int, AudioClip], *, targets: Mapping[int, str] | None = None, draw: int = 0
    ) -> tuple[dict[int, float], dict[int, NDArray[np.float32]]]:
        """What a search is to lower, in nats per token, and its gradient to the clip that is held, by place.

        The loss of the goal's target; where the goal is a text to be driven away from, minus that text's loss. See
        `Model.loss_and_gradient`.

        Parameters
        ----------
        clips : mapping of place to AudioClip
            In place of the clips that are held; need neither be 16-bit nor within the budget.
        targets : mapping of place to str or None
            In place of the goals' texts; a goal to be driven away from drives away from these.
        draw : int
            Another number, another draw of random defences.

        Raises
        ------
        ModelFailed
            If a gradient has another shape than its clip.
        """
        self._watch.check(cost=max((self.accounts[place].cost for place in clips), default=0.0))
        stimuli = [self.stimuli[place].with_clip(clip) for place, clip in clips.items()]
        wanted = [(self.wanted(place) if targets is None else targets[place], self._sign(place)) for place in clips]
        texts = [text for text, _ in wanted]
        losses, gradients = self._system.loss_and_gradient(stimuli, targets=texts, draw=draw + FIRST_SEARCH_DRAW)
        for (place, clip), gradient in zip(clips.items(), gradients, strict=True):
            self.accounts[place].n_gradients += 1
            if gradient.shape != clip.samples.shape:
                raise ModelFailed(
                    f"a gradient must have the shape {clip.samples.shape} of its clip, got {gradient.shape} from "
                    f"{self._system.model.name!r} behind {len(self._system.defences)} defences; see Defence.backward"
                )
        signs = [sign for _, sign in wanted]
        return (
            {place: sign * float(loss) for place, sign, loss in zip(clips, signs, losses, strict=True)},
            {place: g if sign > 0 else -g for place, sign, g in zip(clips, signs, gradients, strict=True)},
        )

    def aimed(self, clips: Mapping[int, AudioClip], *, targets: Mapping[int, str]) -> dict[int, str]:
        """The targets as a search does best to drive them from these clips (`Model.aimed`); a goal to be driven away from is as it is."""
        stimuli = [self.stimuli[place].with_clip(clip) for place, clip in clips.items()]
        wanted = [targets[place] if self._sign(place) > 0 else None for place in clips]
        towards = [(s, text) for s, text in zip(stimuli, wanted, strict=True) if text is not None]
        for place, text in zip(clips, wanted, strict=True):
            self.accounts[place].n_aims += text is not None
        found = iter(
            self._system.aimed([s for s, _ in towards], targets=[text for _, text in towards]) if towards else ()
        )
        return {
            place: targets[place] if text is None else next(found) for place, text in zip(clips, wanted, strict=True)
        }

    def _numbers(self, places: Sequence[int]) -> list[int]:
        """Which query of its place each question is, from 1."""
        asked: dict[int, int] = {}
        numbers = []
        for place in places:
            asked[place] = asked.get(place, self.accounts[place].n_queries) + 1
            numbers.append(asked[place])
        limit = math.inf if self.max_queries is None else self.max_queries
        over = [place for place, number in asked.items() if number > limit]
        if over:
            raise QueriesSpent(
                f"at most {self.max_queries} questions may be asked about a stimulus, as the attack's max_queries says, "
                f"got number {asked[over[0]]} about place {over[0]}; look at victim.n_left(place), or raise max_queries"
            )
        dearest = max((self.accounts[place].cost for place in asked), default=0.0)
        self._watch.check(n_queries=max(asked.values(), default=0), cost=dearest)
        return numbers

    def _tell(
        self,
        place: int,
        number: int,
        candidate: Candidate,
        *,
        asked: Stimulus,
        reply: Reply | None = None,
        score: float | None = None,
        text: str | None = None,
    ) -> None:
        """One line of the log: what was asked, and what came back."""
        if self._log is None:
            return
        line: dict[str, Any] = {"stimulus": self.stimuli[place].digest, "query": number, "asked": asked.digest}
        line["drawn"] = dict(candidate.drawn)
        if reply is None:
            line |= {"text": text, "score": score}
        else:
            line |= told_of(self.stimuli[place], reply)
        self._log(line)

    def _enter(self, place: int, number: int, reply: Reply) -> None:
        account = self.accounts[place]
        account.n_queries = max(account.n_queries, number)
        if isinstance(reply, Failure):
            account.n_failed_queries += 1
            account.may_pass |= reply.passing or reply.reason in _FOR_NOW
        if isinstance(reply, Answer) and not reply.usage.get("cached"):
            account.cost += reply.usage.get("cost_usd", 0.0)
        if account.first_success is None and self.reached(place, reply):
            account.first_success = number

    def wanted(self, place: int) -> str:
        """The text whose loss is followed."""
        goal = self.stimuli[place].goal
        assert goal is not None and goal.text is not None, f"place {place} has neither a target nor a text to avoid"
        return goal.text

    def _sign(self, place: int) -> int:
        """Whether the loss is to fall (1) or, of a text that is to be driven away from, to rise (-1)."""
        goal = self.stimuli[place].goal
        return -1 if goal is not None and goal.target is None and goal.away_from is not None else 1


def reached(stimulus: Stimulus, reply: Reply) -> bool | None:
    """Whether `reply` reaches the stimulus's goal; None where there is no goal, no answer or no telling.

    What a defence blocks reaches none.
    """
    if stimulus.goal is None or isinstance(reply, Failure):
        return None
    if not isinstance(reply, Answer):
        return False
    goal = stimulus.goal
    return goal.reached_by(reply.said, own=reply.own(repeats=goal.repeats), finish=reply.reading.finish)


def complied(stimulus: Stimulus, reply: Reply) -> bool | None:
    """Whether `reply` does anything but refuse; None as for `reached`. What a defence blocks is refused."""
    if stimulus.goal is None or isinstance(reply, Failure):
        return None
    if not isinstance(reply, Answer):
        return False
    goal = stimulus.goal
    return goal.complied(reply.said, own=reply.own(repeats=goal.repeats), finish=reply.reading.finish)


SAID = "said"
"""In what a candidate tells of how it was drawn: the words, or the list of them, that an attack says in its clips."""


def spoken_in(drawn: Mapping[str, Any]) -> tuple[str, ...]:
    """The words that an attack says in its clips, by what tells how they were drawn."""
    said = drawn.get(SAID, ())
    return (said,) if isinstance(said, str) else tuple(map(str, said))


def told_to(clean: Stimulus, asked: Stimulus, drawn: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What an attack told a model: texts in place of the item's own or beside them, and words that it said aloud."""
    own = {clean.prompt, clean.system_prompt, *(turn.text for turn in clean.history)}
    turns = (turn.text for turn in asked.history if turn.role == "user")
    texts = (text for text in (asked.prompt, asked.system_prompt, *turns) if text and text not in own)
    return tuple(dict.fromkeys(texts)), spoken_in(drawn)


def marked(reply: Reply, *, clean: Stimulus, asked: Stimulus, drawn: Mapping[str, Any]) -> Reply:
    """A reply that knows what the attack told the model, so that an echo of it is read as one."""
    told, spoken = told_to(clean, asked, drawn)
    return replace(reply, told=told, spoken=spoken) if isinstance(reply, Answer) and (told or spoken) else reply


def told_of(stimulus: Stimulus, reply: Reply) -> dict[str, Any]:
    """What a log keeps of a reply: JSON values."""
    if isinstance(reply, Failure):
        return {"failed": reply.reason, "detail": reply.detail}
    usage = reply.usage if isinstance(reply, Answer) else {}
    return {
        "answer": reply.as_answer.text if isinstance(reply, Blocked) else reply.text,
        "blocked": isinstance(reply, Blocked),
        "on_target": reached(stimulus, reply),
        "complied": complied(stimulus, reply),
        "cached": bool(usage.get("cached")),
        "cost_usd": 0.0 if usage.get("cached") else usage.get("cost_usd", 0.0),
    }


def drawn_replies(system: System, stimuli: Sequence[Stimulus], *, draws: Sequence[int]) -> list[Reply]:
    """Replies each under a draw of its own of random defences and, where the model samples, with a seed of its own."""
    if not stimuli:
        return []
    if len(set(draws)) == 1:
        return system.ask(stimuli, sampling=system.sampling.drawn(draws[0]), draw=draws[0])
    return system.ask_drawn(stimuli, draws=draws)
