"""Every plug-in meets its contract, a foreign package is found, and the contracts see what is wrong."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import earnest.testing
from earnest.attacks import Attack, Budget, Candidate, attacks
from earnest.attacks._universal import UniversalAttack
from earnest.audio import Manifest, Turn
from earnest.defences import Defence, defences
from earnest.metrics import metrics
from earnest.models import Answer, Edit, Failure, System
from earnest.models.edits import checked_edits
from earnest.records import Item, Verdict
from earnest.registry import Registry, names
from earnest.tasks import Task, tasks
from earnest.testing import (
    LinearModel,
    check_attack,
    check_defence,
    check_metric,
    check_model,
    check_task,
    toy_stimulus,
)
from earnest.testing.toys import CurvedModel

PLUGIN = Path(__file__).parent / "plugin_package"


SOON = {
    "audiojailbreak": "steps=20,length_s=0.05", "carlini_wagner": "steps=30", "dos_never_stop": "steps=10", "genetic": "queries=40,population=8", "nes": "queries=40,population=8",
    "qin_imperceptible": "steps=30", "qin_robust": "steps=4,rooms=1,heard_in=2,check_every=2", "square": "queries=30",
    "untargeted_wer": "steps=10", "whisperinject": "steps=10,first_steps=4,check_every=2",
}  # fmt: skip  # a table: one row a line
"""Attacks whose defaults take long, with what makes them short."""


@pytest.mark.parametrize("name", names("attacks"))
def test_attacks(name):
    attack = attacks.make(f"{name}:{SOON[name]}" if name in SOON else name)
    if isinstance(attack, UniversalAttack):  # as if it had been fitted
        object.__setattr__(attack, "segment", np.full(160, attack.epsilon / 2, np.float32))
    if name == "surrogate_transfer":  # on a toy in place of a model that takes long
        object.__setattr__(
            attack, "on_surrogate", lambda: System(CurvedModel(np.ones(1600, np.float32), threshold=1e9))
        )
    check_attack(attack)


@pytest.mark.parametrize(
    "spec",
    [
        "pgd:epsilon=0.002,steps=7,random_start=true,momentum=0.5",
        "pgd:steps=4,eot=2,check_every=0",
        "best_of_n:n=2",
        "noise:snr_db=0,colour=speech",
    ],
)
def test_attacks_with_parameters(spec):
    check_attack(attacks.make(spec))


@pytest.mark.parametrize("name", names("defences"))
def test_defences(name):
    check_defence(defences.get(name))


@pytest.mark.parametrize(
    "spec",
    [
        "smoothing:kind=gaussian,width_ms=2",
        "smoothing:kind=median",
        "smoothing:kind=none,sigma=0.01",
        "codec:format=mu_law",
        "codec:format=opus,bit_rate=16000",
    ],
)
def test_defences_with_parameters(spec):
    check_defence(defences.make(spec))


@pytest.mark.parametrize("name", names("tasks"))
def test_tasks(name):
    check_task(tasks.get(name))


@pytest.mark.parametrize("name", names("metrics"))
def test_metrics(name):
    check_metric(name)


def test_every_kind_of_method_is_there():
    assert set(names("attacks")) >= {"pgd", "best_of_n", "noise"}
    assert set(names("defences")) >= {"codec", "smoothing", "refusal_guard"}


def test_the_toy_meets_the_contract_of_models():
    model = LinearModel(np.random.default_rng(0).standard_normal(50).astype(np.float32))
    check_model(model, [toy_stimulus(seed=seed) for seed in range(3)], target="yes")


def test_what_is_public():
    assert all(hasattr(earnest.testing, name) for name in earnest.testing.__all__)


# ---- a foreign package ----

ASK = """
import json, numpy as np
from earnest.attacks import attacks
from earnest.defences import defences
from earnest.metrics import metrics
from earnest.models import System
from earnest.registry import names
from earnest.tasks import tasks
from earnest.testing import LinearModel, check_attack, check_defence, check_metric, check_task, toy_stimulus

kinds = ("attacks", "defences", "tasks", "metrics")
before = {kind: names(kind) for kind in kinds}
check_attack(attacks.make("polarity:gain=0.5"))
check_defence(defences.get("quieter"))
check_task(tasks.get("brevity"))
check_metric("share_of_vowels")
system = System(LinearModel(np.ones(4, dtype=np.float32)), (defences.make("quieter:share=0.25"),))
result = attacks.make("polarity").run(system, [toy_stimulus()], rng=np.random.default_rng(0))
print(json.dumps({**before, "attack": result.attack, "value": metrics.get("share_of_vowels")("aeb")}))
"""


@pytest.fixture
def installed(tmp_path):
    """The foreign package laid out as an installer would: its modules beside a dist-info folder."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(PLUGIN / "earnest_example", tmp_path / "earnest_example")
    info = tmp_path / f"earnest_example-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return tmp_path


def test_a_foreign_package_is_found_and_runs(installed):
    asked = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASK],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert asked.returncode == 0, asked.stderr
    found = json.loads(asked.stdout)
    assert {"polarity", "pgd"} <= set(found["attacks"]) and {"quieter", "codec"} <= set(found["defences"])
    assert "brevity" in found["tasks"] and "share_of_vowels" in found["metrics"]
    assert found["attack"] == "polarity" and found["value"] == pytest.approx(2 / 3)


def test_it_is_not_found_where_it_is_not_installed():
    assert "polarity" not in names("attacks")
    assert not any(entry.name == "polarity" for entry in importlib.metadata.entry_points(group="earnest.attacks"))


# ---- the contracts see what is wrong ----


@pytest.fixture
def spare(monkeypatch):
    """Registers a class for one test."""

    def register(registry: Registry, cls):
        monkeypatch.setitem(registry._found, "spare", cls)
        cls.name = "spare"
        return cls

    return register


@dataclass(frozen=True, kw_only=True)
class Sound(Attack):
    """Leaves every clip as it is."""

    source: ClassVar[str] = "nobody2026-spare"
    family: ClassVar[str] = "adversarial"

    def propose(self, victim, stimuli, *, rngs):
        return [Candidate(clip=s.clip) for s in stimuli]


def variation(base, **changes):
    """A subclass with other class attributes or methods."""
    body = {"__doc__": "A variation.", "__annotations__": {}, "__module__": __name__, **changes}
    return dataclass(frozen=True, kw_only=True)(type(base.__name__, (base,), body))


def noisy_from_global(self, victim, stimuli, *, rngs):
    return [Candidate(clip=s.clip.with_samples(s.clip.samples + np.float32(np.random.rand()))) for s in stimuli]


def noisy_from_order(self, victim, stimuli, *, rngs):
    shifts = [np.float32(0.01 * place) for place in range(len(stimuli))]
    return [Candidate(clip=s.clip.with_samples(s.clip.samples + x)) for s, x in zip(stimuli, shifts, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Universal(Attack):
    """One change for all: signs of the mean gradient of whatever stimuli it is given."""

    source: ClassVar[str] = "nobody2026-universal"
    family: ClassVar[str] = "adversarial"
    needs: ClassVar[str] = "gradients"
    together: ClassVar[bool] = True

    @property
    def budget(self):
        return Budget(epsilon=0.01)

    def propose(self, victim, stimuli, *, rngs):
        _, gradients = victim.loss_and_gradient({place: s.clip for place, s in enumerate(stimuli)})
        shortest = min(gradient.size for gradient in gradients.values())
        learnt = -0.01 * np.sign(sum(gradient[:shortest] for gradient in gradients.values())).astype(np.float32)
        return [
            Candidate(clip=s.clip.with_samples(s.clip.samples + np.resize(learnt, s.clip.n_samples))) for s in stimuli
        ]


class FromTheLast(Universal):
    """Begins with the change found for the last stimulus, and yields as it goes."""

    def propose(self, victim, stimuli, *, rngs):
        change = np.zeros(1, dtype=np.float32)
        for place, stimulus in enumerate(stimuli):
            begun = stimulus.clip.with_samples(stimulus.clip.samples + np.resize(change, stimulus.clip.n_samples))
            _, gradients = victim.loss_and_gradient({place: begun})
            change = (begun.samples - stimulus.clip.samples) - np.float32(0.001) * gradients[place]
            change = np.clip(change, -0.01, 0.01)
            yield place, Candidate(clip=stimulus.clip.with_samples(stimulus.clip.samples + change))


@pytest.mark.parametrize("leaking", [Universal, FromTheLast])
def test_what_is_learnt_from_one_stimulus_for_another_is_seen(spare, leaking):
    body = {"propose": vars(leaking)["propose"].__wrapped__}
    with pytest.raises(AssertionError, match=r"must give the same, got another .*stimulus for stimulus .*in `fit`"):
        check_attack(spare(attacks, variation(Universal, **body)))


@pytest.mark.parametrize("leaking", [Universal, FromTheLast])
def test_an_attack_that_sees_one_stimulus_at_a_time_can_learn_from_no_other(spare, leaking):
    body = {"propose": vars(leaking)["propose"].__wrapped__, "together": False}
    check_attack(spare(attacks, variation(Universal, **body)))


def test_an_attack_that_asks_more_than_it_says_makes_nothing(spare):
    def propose(self, victim, stimuli, *, rngs):
        victim.ask([(0, Candidate()), (0, Candidate())])
        return [Candidate()]

    cls = spare(attacks, variation(Sound, propose=propose, max_queries=property(lambda self: 1)))
    (attempt,) = (
        cls()
        .run(
            System(LinearModel(np.ones(9, dtype=np.float32), threshold=99.0)), STIMULI[:1], rng=np.random.default_rng(0)
        )
        .attempts
    )
    assert (attempt.n_queries, attempt.unjudged) == (0, "attack_failed")
    assert "at most 1 questions may be asked about a stimulus" in attempt.answer.detail


def test_a_sound_attack_passes(spare):
    check_attack(spare(attacks, variation(Sound)))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"source": "Madry et al."}, "must state as `source` a catalogue key like"),
        ({"family": "magic"}, "family must be one of corruption"),
        ({"needs": "telepathy"}, "needs must be one of responses"),
        ({"__doc__": None}, "must have a docstring"),
        (
            {"propose": noisy_from_order, "together": True},
            "a run in the opposite order must give the same, got another snr_db, peak, l2, stimulus",
        ),
        ({"propose": noisy_from_global}, "global random state must not be used"),
        ({"needs": "gradients", "run": lambda self, *a, **k: None}, "must be refused with AccessDenied"),
        ({"budget": Budget(epsilon=0.1)}, None),
    ],
)
def test_faults_of_attacks_are_seen(spare, changes, message):
    cls = spare(attacks, variation(Sound, **changes))
    if message is None:
        check_attack(cls)
    else:
        with pytest.raises(AssertionError, match=message):
            check_attack(cls)


def test_an_attack_must_be_registered_and_frozen(spare):
    with pytest.raises(AssertionError, match="Sound must be registered; put @attacks.register"):
        check_attack(variation(Sound))

    class Loose(Sound):
        """Not decorated."""

    with pytest.raises(AssertionError, match="'spare' must be a frozen keyword-only dataclass"):
        check_attack(spare(attacks, Loose))


@dataclass(frozen=True, kw_only=True)
class Nothing(Defence):
    """Changes nothing."""

    source: ClassVar[str] = "nobody2026-nothing"
    gradient: ClassVar[str] = "none"


def halved(self, clip, *, rng):
    return clip.with_samples(clip.samples / 2)


def drawn(self, clip, *, rng):
    return clip.with_samples(clip.samples + np.float32(rng.normal()))


def shortened(self, clip, *, rng):
    return clip.with_samples(clip.samples[1:])


def deafened(self, stimulus):
    return replace(stimulus, history=tuple(Turn(role=turn.role, text=turn.text) for turn in stimulus.history))


def reworded(self, stimulus):
    return replace(stimulus, history=tuple(replace(turn, text=f"{turn.text}!") for turn in stimulus.history))


def overwritten(self, answer):
    answer.details["seen"] = True
    return answer


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"apply": halved}, "states that it changes no clip"),
        ({"apply": halved, "gradient": "exact"}, "calls its gradient exact; along a line it must be"),
        ({"apply": drawn, "gradient": "exact"}, "apply draws, so it must say so in `random`"),
        ({"gradient": "rough"}, "gradient must be one of exact, stand_in, none"),
        ({"review": overwritten}, "review must not change the answer it is given"),
        ({"review": lambda self, answer: answer.text}, "review must return an Answer, got str"),
        ({"instruct": lambda self, s: replace(s, clips={"speech": halved(0, s.clip, rng=0)})}, "must leave the clips"),
        ({"instruct": lambda self, s: replace(s, history=())}, "instruct must keep the earlier turns and their clips"),
        ({"instruct": deafened}, "instruct must keep the earlier turns and their clips"),
        ({"instruct": reworded}, None),
        ({"apply": drawn, "gradient": "exact", "random": True}, None),
        ({"apply": halved, "gradient": "stand_in"}, None),
    ],
)
def test_faults_of_defences_are_seen(spare, changes, message):
    cls = spare(defences, variation(Nothing, **changes))
    if message is None:
        check_defence(cls)
    else:
        with pytest.raises(AssertionError, match=message):
            check_defence(cls)


def test_a_defence_that_shortens_needs_a_way_back(spare):
    from earnest.errors import BadParameter

    cls = spare(defences, variation(Nothing, apply=shortened, gradient="stand_in"))
    with pytest.raises(BadParameter, match="override `backward`"):
        check_defence(cls)


def test_faults_of_metrics_are_seen(monkeypatch):
    def swapped(reference: str, hypothesis: str) -> float:
        """A distance."""
        return 0.0

    with pytest.raises(AssertionError, match="must be registered"):
        check_metric(swapped)
    monkeypatch.setitem(metrics._found, "swapped", swapped)
    with pytest.raises(AssertionError, match="takes two arguments of the type"):
        check_metric("swapped")


@pytest.fixture
def data(tmp_path):
    """Two short clips in a folder."""
    for name in ("one", "two"):
        toy_stimulus(seed=len(name)).clip.write(tmp_path / f"{name}.wav")
    (tmp_path / "manifest.csv").write_text("path,id,text\none.wav,one,yes\ntwo.wav,two,no\n")
    return Manifest.read(tmp_path)


@dataclass(frozen=True, kw_only=True)
class Short(Task):
    """Whether the answer has one word."""

    pillar: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Short"
    source: ClassVar[str] = "nobody2026-short"
    headline: ClassVar[str] = "short_rate"

    def items(self, data, *, seed):
        return [
            Item(id=f"{self.name}/{entry.id}", task=self.name, sample=entry.id, load=lambda: None)
            for entry in self.usable(data)
        ]

    def score(self, item, answer):
        return Verdict(score=float(len(answer.text.split()) == 1), label="")


def same_ids(self, data, *, seed):
    return [Item(id=f"{self.name}/one", task=self.name, sample="one", load=lambda: None) for _ in range(2)]


def foreign_ids(self, data, *, seed):
    return [Item(id="one", task=self.name, sample="one", load=lambda: None)]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({}, None),
        ({"pillar": "charm"}, "pillar must be one of fairness"),
        ({"title": ""}, "title must be stated"),
        ({"version": 0}, "version must be 1 or more, got 0"),
        ({"baseline": 50.0}, r"baseline must be a rate in \[0, 1\] or None, got 50.0"),
        ({"items": same_ids}, r"ids must be unique, got twice: \['spare/one'\]"),
        ({"items": foreign_ids}, "an id must begin with 'spare/'"),
        ({"score": lambda self, item, answer: 1.0}, "score must give a Verdict, Unscored or Question, got 1.0"),
        ({"score": lambda *_: Verdict(score=7, label="")}, r"a score must lie in \[0, 1\] or be None, got 7"),
    ],
)
def test_faults_of_tasks_are_seen(spare, data, changes, message):
    cls = spare(tasks, variation(Short, **changes))
    if message is None:
        check_task(cls, data=data)
    else:
        with pytest.raises(AssertionError, match=message):
            check_task(cls, data=data)


class Moody(LinearModel):
    """Answers otherwise in a batch."""

    def ask(self, stimuli, **options):
        return [Answer(text=f"one of {len(stimuli)}") for _ in stimuli]


class Steep(LinearModel):
    """Gradients of twice their length."""

    def loss_and_gradient(self, stimuli, **options):
        losses, gradients = super().loss_and_gradient(stimuli, **options)
        return losses, [2 * gradient for gradient in gradients]


@pytest.mark.parametrize(
    "cls, message", [(Moody, "must answer alike in any batch"), (Steep, "along its gradient the loss must rise by")]
)
def test_faults_of_models_are_seen(cls, message):
    model = cls(np.random.default_rng(0).standard_normal(50).astype(np.float32))
    with pytest.raises(AssertionError, match=message):
        check_model(model, [toy_stimulus(seed=seed) for seed in range(2)], target="yes")


# ---- conversations, scores and edits


class Talker(LinearModel):
    """Takes earlier turns, scores texts by their length, and has one number inside that edits change."""

    takes_history = True
    sites = ("decoder.0", "decoder.1")

    def __init__(self):
        super().__init__(np.ones(50, dtype=np.float32), access=("responses", "scores", "gradients", "activations"))
        self.fingerprint = "talker"

    def ask(self, stimuli, **options):
        return [
            Answer(text=f"{len(stimulus.history)} before, {self._inner(stimulus).sum():.3f}") for stimulus in stimuli
        ]

    def score(self, stimuli, texts):
        return np.array(
            [-len(text) - abs(self._inner(each).sum()) for each, text in zip(stimuli, texts)], dtype=np.float64
        )

    def activations(self, stimuli, *, sites=None, at=None):
        return [{site: self._inner(each) for site in sites or self.sites} for each in stimuli]

    def hooked(self, edits):
        return self._edited(checked_edits(edits, sites=self.sites, name=self.name))

    def _inner(self, stimulus):
        rows = np.array([[self.product(stimulus.clip.samples), 1.0]], dtype=np.float32)
        for edit in self.edits:
            rows = edit.applied(rows)
        return rows


def talkers(**changes):
    return type("Changed", (Talker,), changes)


STIMULI = [toy_stimulus(seed=seed) for seed in range(2)]


def refuses_all(self, stimuli, **options):
    return [Failure(reason="history_refused") for _ in stimuli]


def in_place(self, edits):
    from contextlib import contextmanager

    @contextmanager
    def block():
        self.edits, self.fingerprint = (*self.edits, *edits), "edited"
        yield self

    return block()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({}, None),
        (
            {"ask": lambda self, stimuli, **o: [Answer(text=str(len(s.history) and len(stimuli))) for s in stimuli]},
            "alike in any",
        ),
        (
            {
                "ask": lambda self, stimuli, **o: [
                    Failure(reason="history_refused") if s.history else Answer(text="") for s in stimuli
                ]
            },
            "says that it takes earlier turns and refuses two in words",
        ),
        ({"takes_history": False, "ask": refuses_all}, "must refuse conversations alone, got the same for 2 other"),
        ({"score": lambda self, stimuli, texts: np.zeros(len(stimuli))}, "probabilities cannot add up to 2"),
        ({"score": lambda self, stimuli, texts: np.full(len(stimuli), -np.inf)}, "scores must be finite float64"),
        (
            {"score": lambda self, stimuli, texts: np.full(len(stimuli), -5, np.float32)},
            "scores must be finite float64",
        ),
        ({"score": lambda self, stimuli, texts: np.full(1, -5.0)}, "scores must be finite float64"),
        (
            {"score": lambda self, stimuli, texts: np.full(len(stimuli), -9.0 - len(stimuli))},
            "score alike in any batch",
        ),
        ({"sites": ()}, "it must name its `sites`"),
        ({"hooked": in_place}, "an edit|edits must|as it was"),
        ({"hooked": lambda self, edits: self._edited([])}, "edits must show in the fingerprint"),
        (
            {
                "activations": lambda self, stimuli, sites=None, at=None: [
                    {s: np.ones((1, 2)) for s in sites} for _ in stimuli
                ]
            },
            "zeros put in at decoder.0 must be what is read there",
        ),
    ],
)
def test_faults_of_conversations_scores_and_edits_are_seen(changes, message):
    model = talkers(**changes)()
    if message is None:
        check_model(model, STIMULI)
        assert Edit.add(site="decoder.0", at="all", vector=[1.0, 0.0]).differentiable
        return
    with pytest.raises(AssertionError, match=message):
        check_model(model, STIMULI)


def test_a_model_that_answers_past_the_earlier_turns_is_seen():
    model = LinearModel(np.ones(50, dtype=np.float32))
    model.ask = lambda stimuli, **options: LinearModel.ask.__wrapped__(model, stimuli, **options)  # round its door
    with pytest.raises(AssertionError, match="must refuse them with the reason history_refused, got Answer"):
        check_model(model, STIMULI)


def test_scores_must_be_granted_in_access():
    model = talkers()()
    model.access = frozenset({"responses"})
    with pytest.raises(AssertionError, match="so it must say so in `access`"):
        check_model(model, STIMULI)
