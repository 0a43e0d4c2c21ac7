"""The contracts that plug-ins meet, as checks: for earnest's own tests and those of packages beside it.

    from earnest.testing import check_attack
    def test_my_attack():
        check_attack(MyAttack())

Each check returns nothing, or raises `AssertionError` that says what was expected, what came and what to do. Attacks and
defences run on toys (`earnest.testing.toys`), in well under a second unless they are slow themselves.
"""

from __future__ import annotations

import inspect
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from earnest.attacks import Attack, AttackResult, Attempt, Family, attacks
from earnest.audio import AudioClip, Goal, Manifest, Stimulus, Turn
from earnest.defences import Defence, Gradient, defences
from earnest.errors import AccessDenied, BadParameter, UnknownName
from earnest.metrics import metrics
from earnest.models.access import Access, Answer, Failure, Model, Reply, Sampling, System
from earnest.models.edits import Edit
from earnest.pillars import PILLARS
from earnest.records import Item, Question, Unscored, Verdict
from earnest.registry import Registry, Spec
from earnest.tasks import Requirement, Task, tasks
from earnest.testing.toys import CurvedModel, LinearModel, toy_stimulus

SOURCE = re.compile(r"^[a-z]+\d{4}[a-z]?-[a-z0-9]+$")
"""A catalogue key: surname, year, word."""

ALIKE = 1e-4
"""Share by which an attack's results may differ with the batch on a model that computes in floating point."""

ANSWERS = ("Yes.", "No.", "I'm sorry, but I can't help with that.", "Sure, here is how.", "42", "?!")
"""Answers that a task must find an outcome for."""


def check_attack(
    attack: Attack | type[Attack], *, system: System | None = None, stimuli: Sequence[Stimulus] = ()
) -> None:
    """Check that an attack states what it must, and that its results can be trusted.

    It is registered, documented, a frozen keyword-only dataclass, and its specification makes it again; it is refused
    where access is missing; it asks no more than its `max_queries`; runs agree alone, together, in any grouping and in
    any order, so that nothing is learnt from one stimulus for another (that is `fit`); proposals are 16-bit and within
    the budget; stimuli, weights of a toy and global randomness are untouched.

    On the toy, runs agree to the bit. On a system that is given they agree to `ALIKE`: of clips, that share of the
    largest change, or one step of 16 bits where that is more; of numbers, that share of their size.

    Parameters
    ----------
    attack : Attack or its class
        A class is built with its defaults. Give few steps or tries, as it is run some ten times.
    system : System or None
        None takes a toy that grants responses, scores and gradients, which depend on the clip. An attack that needs
        activations is only run where a system is given.
    stimuli : sequence of Stimulus
        At least two; none takes three toys.
    """
    attack = attack() if isinstance(attack, type) else attack
    _check_plugin(attack, attacks)
    _check_member("family", attack.family, get_args(Family))
    _check_member("needs", attack.needs, get_args(Access))
    _check_denied(attack)
    model = _toy(access=("responses", "scores", "gradients"))
    share = 0.0 if system is None else ALIKE
    system = system or System(model)
    if attack.needs not in system.access:
        return
    stimuli = list(stimuli) or [toy_stimulus(seed=seed, n_samples=1600 + 160 * seed) for seed in range(3)]
    places = range(len(stimuli))
    with _untouched(stimuli, model):
        together = _run(attack, system, stimuli)
        others = {"a second run with an equal generator": (places, _run(attack, system, stimuli))}
        others["a run in the opposite order"] = (places[::-1], _run(attack, system, stimuli[::-1]))
        for group in _groups(len(stimuli)):
            whom = " and ".join(f"stimulus {place}" for place in group)
            others[f"a run of {whom} alone"] = (group, _run(attack, system, [stimuli[place] for place in group]))
    for what, (group, run) in others.items():
        expected = [together.attempts[place] for place in group]
        _check_equal_results(expected, run.attempts, what, places=group, share=share)
    for attempt in together.attempts:
        _expect(attempt.within_budget, f"{attack.name}: a verified clip must be within the budget {attack.budget}")
        json.dumps(attempt.facts(), allow_nan=False)
        limit = attack.max_queries
        _expect(
            limit is None or attempt.n_queries <= limit,
            f"{attack.name} says that it asks {limit} times at most, and asked {attempt.n_queries} times",
        )
        if attack.control_name is not None:
            _expect(
                attempt.control_trial is not None, f"{attack.name}: the control {attack.control_name!r} must be run"
            )


def check_defence(defence: Defence | type[Defence]) -> None:
    """Check that a defence states what it must, and does what it states.

    It is registered, documented, a frozen keyword-only dataclass, and its specification makes it again; one generator
    gives one clip, and it draws only if it says so; what it calls an exact gradient agrees with finite differences, a
    stand-in has the clip's shape, and "none" changes no clip; clips, prompts, answers and global randomness are
    untouched.

    Parameters
    ----------
    defence : Defence or its class
        A class is built with its defaults.
    """
    defence = defence() if isinstance(defence, type) else defence
    _check_plugin(defence, defences)
    _check_member("gradient", defence.gradient, get_args(Gradient))
    stimulus = toy_stimulus(n_samples=8000)
    clip, answer = stimulus.clip, Answer(text="Sure, here is how.", details={"transcript": "turn on the light"})
    spoken = replace(stimulus, history=(Turn(role="user", text="Hello.", clips=stimulus.clips), EARLIER[1]))
    with _untouched([stimulus]):
        first, again, other = (defence.apply(clip, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
        _expect(
            first == again, f"{defence.name}: apply must take all randomness from rng; two equal ones gave two clips"
        )
        if not defence.random:
            _expect(first == other, f"{defence.name}: apply draws, so it must say so in `random`")
        _check_gradient(defence, clip)
        reviewed, prompted = defence.review(answer), defence.instruct(spoken)
        _check_asks(defence, stimulus, answer)
    _expect(
        isinstance(reviewed, Answer), f"{defence.name}: review must return an Answer, got {type(reviewed).__name__}"
    )
    _expect(
        answer == Answer(text="Sure, here is how.", details={"transcript": "turn on the light"}),
        f"{defence.name}: review must not change the answer it is given; return another with dataclasses.replace",
    )
    _expect(
        dict(prompted.clips) == dict(stimulus.clips),
        f"{defence.name}: instruct must leave the clips alone; change them in apply",
    )
    _expect(
        [(turn.role, dict(turn.clips)) for turn in prompted.history]
        == [(turn.role, dict(turn.clips)) for turn in spoken.history],
        f"{defence.name}: instruct must keep the earlier turns and their clips; it may change their words",
    )


def check_task(task: Task | type[Task], *, data: Manifest | None = None, seed: int = 0) -> None:
    """Check that a task states what it must and, given data, that its items and verdicts are sound.

    Parameters
    ----------
    task : Task or its class
        A class is built with its defaults.
    data : Manifest or None
        None checks what is stated only.
    seed : int
    """
    task = task() if isinstance(task, type) else task
    _check_plugin(task, tasks)
    _check_member("pillar", task.pillar, tuple(PILLARS))
    for name in ("title", "headline"):
        value = getattr(task, name, "")
        _expect(isinstance(value, str) and value, f"{task.name}: {name} must be stated, got {value!r}")
    _expect(
        isinstance(task.version, int) and task.version >= 1,
        f"{task.name}: version must be 1 or more, got {task.version!r}",
    )
    _expect(
        task.baseline is None or 0 <= task.baseline <= 1,
        f"{task.name}: baseline must be a rate in [0, 1] or None, got {task.baseline!r}",
    )
    _expect(
        isinstance(task.requires, Requirement), f"{task.name}: requires must be a Requirement, got {task.requires!r}"
    )
    if data is not None and task.missing(data) is None:
        (_check_no_items if task.across else _check_items)(task, data, seed=seed)


def check_metric(metric: Callable[..., Any] | str) -> None:
    """Check that a metric is registered and documented, and cannot be called with two arguments swapped.

    Parameters
    ----------
    metric : callable or str
        The function, or the name under which it is registered.
    """
    metric = metrics.get(metric) if isinstance(metric, str) else metric
    name = next((key for key in metrics.names() if metrics.get(key) is metric), None)
    _expect(name is not None, f"{metric!r} must be registered; put @metrics.register(name) above it")
    _expect(bool((metric.__doc__ or "").strip()), f"metric {name!r} must have a docstring")
    positional = [
        parameter
        for parameter in inspect.signature(metric).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    kinds = Counter(p.annotation for p in positional if p.annotation is not p.empty and p.default is p.empty)
    twice = [kind for kind, n in kinds.items() if n > 1]
    _expect(not twice, f"metric {name!r} takes two arguments of the type {twice}; make them keyword-only")


def check_model(
    model: Model,
    stimuli: Sequence[Stimulus],
    *,
    target: str | None = None,
    sampling: Sampling = Sampling(),  # noqa: B008
) -> None:
    """Check that a model answers each stimulus, alike in any batch, and that its gradients are those of its loss.

    Where it takes earlier turns, the same of a conversation; where it takes none, that it refuses one and answers the
    rest. Where it scores given texts: log-probabilities, alike in any batch, of answers that exclude each other. Where
    it can be hooked: edits show in what is read and in the fingerprint, and leave the model itself alone.

    Parameters
    ----------
    model : Model
        Loaded; asked some six times for each stimulus.
    stimuli : sequence of Stimulus
        At least one.
    target : str or None
        A text that it may be made to say; needed to check gradients, where it grants them.
    sampling : Sampling
        How answers are drawn; a low `max_tokens` saves time.
    """
    _expect(bool(model.name), f"{type(model).__name__} must carry the specification it was loaded from as `name`")
    unknown = set(model.access) - set(get_args(Access))
    _expect(
        not unknown and "responses" in model.access, f"{model.name}: access must hold 'responses', got {model.access}"
    )
    with _untouched(stimuli):
        replies = model.ask(list(stimuli), sampling=sampling)
    _expect(len(replies) == len(stimuli), f"{model.name} gave {len(replies)} replies to {len(stimuli)} stimuli")
    for reply in replies:
        _expect(
            isinstance(reply, Answer | Failure), f"{model.name}: a reply must be an Answer or a Failure, got {reply!r}"
        )
    if model.batch_size is not None:
        _check_alike(model, stimuli, replies, sampling)
    _check_conversation(model, stimuli, sampling)
    if _overrides(model, "score"):
        _check_score(model, stimuli)
    if _overrides(model, "hooked"):
        _check_edits(model, stimuli[0], sampling)
    if "gradients" in model.access and target is not None:
        _check_model_gradient(model, stimuli[0], target)


# ---- what plug-ins state ----


def _check_plugin(plugin: Any, registry: Registry) -> None:
    cls = type(plugin)
    kind = registry.kind.removesuffix("s")
    try:
        registered = registry.get(cls.name) if cls.name else None
    except UnknownName:
        registered = None
    _expect(
        registered is cls, f"{kind} {cls.__name__} must be registered; put @{registry.kind}.register(name) above it"
    )
    parameters = vars(cls).get("__dataclass_params__")
    _expect(
        parameters is not None and parameters.frozen and all(entry.kw_only for entry in fields(cls)),
        f"{kind} {cls.name!r} must be a frozen keyword-only dataclass; put @dataclass(frozen=True, kw_only=True) above it",
    )
    doc = vars(cls).get("__doc__") or ""
    _expect(bool(doc.strip()) and not doc.startswith(f"{cls.__name__}("), f"{kind} {cls.name!r} must have a docstring")
    source = getattr(cls, "source", None)
    _expect(
        isinstance(source, str) and SOURCE.match(source) is not None,
        f"{kind} {cls.name!r} must state as `source` a catalogue key like 'madry2018-pgd', got {source!r}",
    )
    made = registry.make(str(Spec.of(plugin)))
    _expect(made == plugin, f"{kind} {str(Spec.of(plugin))!r} must make the same again, got {made!r}")


def _check_member(name: str, value: object, allowed: tuple[object, ...]) -> None:
    _expect(value in allowed, f"{name} must be one of {', '.join(map(str, allowed))}, got {value!r}")


# ---- attacks ----


def _check_denied(attack: Attack) -> None:
    if attack.needs == "responses":
        return
    try:
        _run(attack, System(_toy(access=("responses",))), [toy_stimulus()])
    except AccessDenied:
        return
    raise AssertionError(f"{attack.name} must be refused with AccessDenied where a model grants responses only")


def _run(attack: Attack, system: System, stimuli: Sequence[Stimulus]) -> AttackResult:
    return attack.run(system, stimuli, rng=np.random.default_rng(7))


def _check_equal_results(
    expected: Sequence[Attempt], got: Sequence[Attempt], what: str, *, places: Sequence[int], share: float
) -> None:
    for place, one, other in zip(places, expected, got, strict=True):
        facts = other.facts()
        different = [key for key, value in one.facts().items() if not _agree(value, facts[key], share)]
        if not _same_sound(one, other, share):
            different.append("stimulus")
        _expect(
            not different,
            f"{what} must give the same, got another {', '.join(different)} for stimulus {place}; draw from the "
            "stimulus's own generator alone, and learn from many stimuli in `fit`",
        )


def _groups(n: int) -> list[tuple[int, ...]]:
    """Every group of some of so many stimuli; of more than four, every one alone and the pairs of neighbours."""
    if n > 4:
        return [(place,) for place in range(n)] + [(place, place + 1) for place in range(n - 1)]
    return [group for size in range(1, n) for group in itertools.combinations(range(n), size)]


def _agree(one: Any, other: Any, share: float) -> bool:
    """Whether two JSON values are the same, numbers to a share of their size."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_agree(one[key], other[key], share) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=share, abs_tol=0.0)
    return bool(one == other)


def _same_sound(one: Attempt, other: Attempt, share: float) -> bool:
    """Whether the same was asked: to the bit, or clips to a share of the largest change and one step of 16 bits."""
    if one.stimulus == other.stimulus:
        return True
    clips = [(clip, other.stimulus.clips.get(role)) for role, clip in one.stimulus.clips.items()]
    if not share or any(b is None or a.samples.shape != b.samples.shape for a, b in clips):
        return False
    most = max(share * (one.distortion.peak or 0.0), 2.0**-15)
    return all(float(np.abs(a.samples - b.samples).max()) <= most * 1.001 for a, b in clips if b is not None)


def _toy(*, access: Sequence[Access]) -> CurvedModel:
    return CurvedModel(np.random.default_rng(3).standard_normal(1600).astype(np.float32), threshold=30.0, access=access)


# ---- defences ----


def _check_asks(defence: Defence, stimulus: Stimulus, answer: Answer) -> None:
    """A defence that asks takes `guards`, and lets nothing by where what it asks fails."""
    doors = [inspect.signature(door).parameters for door in (type(defence).screen, type(defence).review)]
    takes = any("guards" in door for door in doors)
    _expect(
        bool(defence.asks) == takes,
        f"{defence.name}: who asks models names them in `asks` and takes `guards` in screen or review, got {defence.asks!r} "
        f"and doors that {'take' if takes else 'do not take'} it",
    )
    if not defence.asks:
        return
    silent = _Silent()
    system = System(silent, (defence,), models={spec: silent for spec in defence.asks})
    try:
        entry = system.entered(stimulus)
        reply = entry.blocked or system.left(answer, entry)
    except BadParameter:
        return  # it has to be fitted first
    _expect(
        not isinstance(reply, Answer) or not silent.n_asked,
        f"{defence.name} asked a model that failed, and let an answer by; raise ModelFailed, as `guards.ask` does",
    )


class _Silent(Model):
    """A model that never answers."""

    name, batch_size = "silent", 1

    def __init__(self) -> None:
        self.n_asked = 0

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        self.n_asked += len(stimuli)
        return [Failure(reason="http_5xx", detail="silent") for _ in stimuli]


def _check_gradient(defence: Defence, clip: AudioClip) -> None:
    def applied(samples: NDArray[np.float32]) -> NDArray[np.float64]:
        return defence.apply(clip.with_samples(samples), rng=np.random.default_rng(1)).samples.astype(np.float64)

    heard = defence.apply(clip, rng=np.random.default_rng(1))
    if defence.gradient == "none":
        _expect(heard == clip, f"{defence.name} states that it changes no clip (gradient 'none'), but it does")
        return
    rng = np.random.default_rng(11)
    direction = 0.1 * rng.standard_normal(clip.n_samples).astype(np.float32)
    weights = rng.standard_normal(heard.n_samples).astype(np.float32)
    back = defence.backward(weights, clip=clip, rng=np.random.default_rng(1))
    _expect(
        back.shape == clip.samples.shape and bool(np.isfinite(back).all()),
        f"{defence.name}: backward must give finite values of the shape {clip.samples.shape}, got {back.shape}",
    )
    if defence.gradient == "exact":
        step = np.float32(1 / 64)
        slope = (applied(clip.samples + step * direction) - applied(clip.samples - step * direction)) / (
            2 * float(step)
        )
        expected, got = float(np.dot(slope, weights)), float(np.dot(back.astype(np.float64), direction))
        scale = float(np.linalg.norm(slope) * np.linalg.norm(weights))
        _expect(
            math.isclose(expected, got, rel_tol=1e-2, abs_tol=1e-4 * scale),
            f"{defence.name} calls its gradient exact; along a line it must be {expected:.6g}, got {got:.6g}; "
            "mend backward, or call it a stand-in",
        )


# ---- tasks ----


def _check_items(task: Task, data: Manifest, *, seed: int) -> None:
    items, again = task.items(data, seed=seed), task.items(data, seed=seed)
    ids = [item.id for item in items]
    _expect(bool(items), f"{task.name} says that it can run, but gives no items")
    _expect(ids == [item.id for item in again], f"{task.name}: items must depend on data and seed alone")
    _expect(len(set(ids)) == len(ids), f"{task.name}: ids must be unique, got twice: {_twice(ids)}")
    for item in items:
        _expect(
            item.id.startswith(f"{task.name}/") and item.task == task.name,
            f"{task.name}: an id must begin with {task.name + '/'!r} and task be {task.name!r}, got {item.id!r}",
        )
        json.dumps(dict(item.truth))
        goal = task.goal(item)
        _expect(goal is None or isinstance(goal, Goal), f"{task.name}: a goal must be a Goal or None, got {goal!r}")
    for item in items[:3]:
        for text in ANSWERS:
            _check_outcome(task, _scored(task, item, text), text)


def _scored(task: Task, item: Item, text: str) -> object:
    """What a task makes of an answer; a verdict that cannot be made is a fault of the task."""
    try:
        return task.score(item, Answer(text=text))
    except BadParameter as error:
        raise AssertionError(f"{task.name}: {error}") from error


def _check_no_items(task: Task, data: Manifest, *, seed: int) -> None:
    """What is made of the lines of all other tasks asks nothing, has no goals, and names its headline without lines."""
    items = task.items(data, seed=seed)
    _expect(items == [], f"{task.name} states `across` and must ask nothing of its own, got {len(items)} items")
    _expect(not task.has_goals, f"{task.name} states `across`: it has no item that an attacker could want something of")
    first = next(iter(task.measures([])), None)
    _expect(
        first is not None and first.headline and first.metric == task.headline,
        f"{task.name}: the first measure must be the headline {task.headline!r}, got {first!r}",
    )


def _check_outcome(task: Task, outcome: Any, text: str) -> None:
    _expect(
        isinstance(outcome, Verdict | Unscored | Question),
        f"{task.name}: score must give a Verdict, Unscored or Question, got {outcome!r} for {text!r}",
    )
    if isinstance(outcome, Verdict):
        json.dumps(dict(outcome.facts))
        _expect(
            outcome.score is None or 0 <= outcome.score <= 1,
            f"{task.name}: a score must lie in [0, 1], got {outcome.score!r} for {text!r}",
        )


def _twice(ids: Sequence[str]) -> list[str]:
    return [key for key, n in Counter(ids).items() if n > 1][:5]


# ---- models ----

EARLIER = (Turn(role="user", text="Good morning."), Turn(role="assistant", text="Good morning to you."))


def _overrides(model: Model, name: str) -> bool:
    return getattr(type(model), name) is not getattr(Model, name)


def _check_alike(model: Model, stimuli: Sequence[Stimulus], replies: Sequence[Reply], sampling: Sampling) -> None:
    alone = [model.ask([stimulus], sampling=sampling)[0] for stimulus in stimuli]
    texts = [[getattr(reply, "text", None) for reply in each] for each in (replies, alone)]
    _expect(texts[0] == texts[1], f"{model.name} must answer alike in any batch, got {texts[0]} and {texts[1]}")


def _check_conversation(model: Model, stimuli: Sequence[Stimulus], sampling: Sampling) -> None:
    """A conversation among plain stimuli: heard, or refused and nothing else with it."""
    mixed = [replace(stimuli[0], history=EARLIER), *stimuli]
    with _untouched(mixed):
        first, *others = model.ask(mixed, sampling=sampling)
    if model.takes_history:
        _expect(
            not (isinstance(first, Failure) and first.reason == "history_refused"),
            f"{model.name} says that it takes earlier turns and refuses two in words; set takes_history = False",
        )
        if model.batch_size is not None:
            _check_alike(model, mixed[:1], [first], sampling)
        return
    _expect(
        isinstance(first, Failure) and first.reason == "history_refused",
        f"{model.name} takes no earlier turns and must refuse them with the reason history_refused, got {first!r}",
    )
    refused = [reply for reply in others if isinstance(reply, Failure) and reply.reason == "history_refused"]
    _expect(not refused, f"{model.name} must refuse conversations alone, got the same for {len(refused)} other stimuli")


def _check_score(model: Model, stimuli: Sequence[Stimulus]) -> None:
    _expect("scores" in model.access, f"{model.name} scores texts, so it must say so in `access`")
    both = [model.score(list(stimuli), [text] * len(stimuli)) for text in ("yes", "no")]
    for scores in both:
        _expect(
            scores.shape == (len(stimuli),) and scores.dtype == np.float64 and bool(np.isfinite(scores).all()),
            f"{model.name}: scores must be finite float64, shape ({len(stimuli)},), got {scores.dtype} {scores.shape}",
        )
    total = float(np.max(np.exp(both[0]) + np.exp(both[1])))
    _expect(
        total <= 1 + 1e-6,
        f"{model.name}: 'yes' and 'no' exclude each other, so their probabilities cannot add up to {total:.4g}",
    )
    alone = np.array([model.score([stimulus], ["yes"])[0] for stimulus in stimuli])
    _expect(
        bool(np.allclose(alone, both[0], rtol=1e-4, atol=1e-3)),
        f"{model.name} must score alike in any batch, got {both[0]} and {alone}",
    )
    if _overrides(model, "token_scores"):
        sums = np.array(
            [each.log_probabilities.sum() for each in model.token_scores(list(stimuli), ["yes"] * len(stimuli))]
        )
        _expect(
            bool(np.allclose(sums, both[0], rtol=1e-4, atol=1e-3)),
            f"{model.name}: scores of tokens must add up to the score of the text, got {sums} and {both[0]}",
        )


def _check_edits(model: Model, stimulus: Stimulus, sampling: Sampling) -> None:
    _expect(bool(model.sites), f"{model.name} can be hooked, so it must name its `sites`")
    for site in (model.sites[0], model.sites[-1]):
        if stimulus.clips or site.startswith("decoder."):
            _check_edit(model, stimulus, site, sampling)


def _check_edit(model: Model, stimulus: Stimulus, site: str, sampling: Sampling) -> None:
    def text_of(subject: Model) -> str | None:
        (reply,) = subject.ask([stimulus], sampling=sampling)
        return reply.text if isinstance(reply, Answer) else None

    def read(subject: Model) -> NDArray[np.float32]:
        return subject.activations([stimulus], sites=[site], at="all")[0][site]

    plain, answer = read(model), text_of(model)
    same = Edit(site=site, at="all", change=lambda rows: rows)
    with model.hooked([same]) as edited:
        _expect(edited.fingerprint != model.fingerprint, f"{model.name}: edits must show in the fingerprint")
        _expect(text_of(edited) == answer, f"{model.name}: an edit that changes nothing at {site} changed the answer")
    try:
        with model.hooked([Edit.replace(site=site, at="all", vector=0.0)]) as edited:
            _expect(not read(edited).any(), f"{model.name}: zeros put in at {site} must be what is read there")
            _expect(
                np.array_equal(read(model), plain),
                f"{model.name}: edits must leave the model itself as it is, in their block too",
            )
            raise _Interrupted
    except _Interrupted:
        pass
    _expect(
        np.array_equal(read(model), plain) and text_of(model) == answer,
        f"{model.name} must be as it was after its edits, also after an exception",
    )


class _Interrupted(Exception):
    """Ends a block of edits from inside."""


def _check_model_gradient(model: Model, stimulus: Stimulus, target: str) -> None:
    losses, (gradient,) = model.loss_and_gradient([stimulus], targets=[target])
    _expect(
        gradient.shape == stimulus.clip.samples.shape and bool(np.isfinite(gradient).all()),
        f"{model.name}: a gradient must be finite and of the clip's shape, got {gradient.shape}",
    )
    length = float(np.linalg.norm(gradient.astype(np.float64)))
    _expect(length > 0, f"{model.name}: the gradient of {target!r} is zero; give a target that it does not say anyhow")
    step = 1e-3 * max(float(np.linalg.norm(stimulus.clip.samples)), 1e-3)
    moved = [
        stimulus.with_clip(
            stimulus.clip.with_samples((stimulus.clip.samples + s * gradient / length).astype(np.float32))
        )
        for s in (step, -step)
    ]
    up, down = (model.loss_and_gradient([each], targets=[target])[0][0] for each in moved)
    slope = float(up - down) / (2 * step)
    _expect(
        math.isclose(slope, length, rel_tol=0.1),
        f"{model.name}: along its gradient the loss must rise by {length:.4g}, got {slope:.4g}",
    )


# ---- helpers ----


@contextmanager
def _untouched(stimuli: Sequence[Stimulus], model: LinearModel | None = None) -> Iterator[None]:
    """Check that stimuli, the toy's weights and global randomness are afterwards as before."""
    before = [{role: np.array(clip.samples) for role, clip in stimulus.clips.items()} for stimulus in stimuli]
    weights = None if model is None else np.array(model.weights)
    state = _random_state()
    yield
    for stimulus, clips in zip(stimuli, before, strict=True):
        same = all(np.array_equal(stimulus.clips[role].samples, samples) for role, samples in clips.items())
        _expect(same, "the samples of a stimulus must not be changed; work on a copy")
    _expect(state == _random_state(), "global random state must not be used; draw from the generator that is given")
    if model is not None:
        _expect(np.array_equal(model.weights, weights), "the model must be left as it was found")


def _random_state() -> tuple[object, ...]:
    import random

    name, keys, *rest = np.random.get_state()  # noqa: NPY002  (it is checked, not used)
    return (name, keys.tobytes(), *rest, random.getstate())


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
