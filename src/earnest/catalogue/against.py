"""What to run against a paper: the commands that put its claim, or what comes nearest to it here, to a test.

An attack is answered by defences and a defence by attacks, on the task that the attacker's goal is measured by, with the
task on harmless requests or clean recordings beside it: a defence that refuses everything is no answer. A benchmark is
answered by the tasks here that ask for the same. What a command runs is never the paper's own code or data; how close it
is stands in the answer.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from earnest.catalogue.searching import registered
from earnest.catalogue.work import Work

MODEL = "MODEL"
"""What stands in a command for the model that is tested; an option of the command replaces it."""

_TASK_OF_GOAL: Mapping[str, tuple[str, str]] = {
    "jailbreak": ("harmful_refusal", "benign_compliance"),
    "backdoor": ("harmful_refusal", "benign_compliance"),
    "prompt_injection": ("background_conversation", "noisy_transcription"),
    "targeted_output": ("adversarial_transcription", "noisy_transcription"),
    "untargeted_error": ("adversarial_transcription", "noisy_transcription"),
    "denial_of_service": ("bounded_answer", "benign_compliance"),
    "impersonation": ("enrolled_voice", "passphrase"),
    "evasion_of_detection": ("spoof_detection", "live_or_copy"),
    "inference_of_attributes": ("attribute_inference", "private_note"),
    "extraction": ("told_in_confidence", "private_note"),
    "tracking": ("enrolled_voice", "voice_parity"),
}
"""The task that measures a goal, and one that measures what a defence costs."""

_TASKS_OF_TOPIC: Mapping[str, tuple[str, ...]] = {
    "group_bias": ("voice_parity", "equal_treatment"),
    "stereotype": ("pair_stereotype", "pair_decision"),
    "position_bias": ("written_choice",),
    "object_hallucination": ("environmental_sound", "silence_transcription"),
    "modality_conflict": ("claim_check", "label_match"),
    "uncertainty": ("claim_check",),
    "faithfulness": ("claim_check", "description_match"),
    "jailbreak": ("harmful_refusal", "degraded_requests"),
    "red_teaming": ("harmful_refusal", "degraded_requests"),
    "alignment": ("harmful_refusal", "benign_compliance"),
    "over_refusal": ("benign_compliance",),
    "guardrail": ("harmful_refusal", "benign_compliance"),
    "safety_evaluation": ("harmful_refusal", "written_requests"),
    "attribute_inference": ("attribute_inference", "background_inference"),
    "disclosure": ("private_note", "told_in_confidence"),
    "noise_robustness": ("noisy_transcription", "reverberant_transcription"),
    "evaluation_robustness": ("stable_transcription",),
    "speaker_verification": ("enrolled_voice", "live_or_copy"),
    "adversarial_example": ("adversarial_transcription",),
    "prompt_injection": ("background_conversation", "overlapping_speakers"),
    "agent_security": ("social_engineering", "passphrase"),
    "deepfake_detection": ("spoof_detection",),
    "anti_spoofing": ("spoof_detection", "live_or_copy"),
    "emotion": ("emotion_match", "emotional_requests"),
    "long_audio": ("long_dictation", "long_comprehension"),
    "speech_recognition": ("noisy_transcription", "stable_transcription"),
}

_ATTACK_OF_METHOD: Mapping[str, str] = {
    "gradient": "pgd", "universal": "pgd", "query_search": "best_of_n", "wrapping": "narrative", "delivery": "style",
    "composition": "multi_speaker", "covert_channel": "ultrasonic", "injection": "bystander", "poisoning": "trigger",
    "exhaustion": "dos_never_stop", "input_transformation": "pgd", "smoothing": "pgd", "steering": "pgd", "cloaking": "pgd",
    "alignment_training": "best_of_n", "guard_model": "best_of_n", "detection": "noise", "watermarking": "noise",
}  # fmt: skip  # a table: one row a line
"""The attack here that comes nearest to a method, or tests a defence of that method hardest."""

_ALWAYS = ("pgd", "best_of_n", "noise")
"""Attacks that every defence is tried with: one that has gradients, one that has answers, and one that has neither."""

_DEFENCE_OF_METHOD: Mapping[str, str] = {
    "input_transformation": "codec", "smoothing": "smoothing", "guard_model": "refusal_guard", "detection": "screening",
}  # fmt: skip  # a table: one row a line

_NEEDS_DATA = frozenset({"spoof_detection", "emotion_match"})
MOST = 6
"""Defences, or attacks, that one answer names; `earnest list` shows all."""


@dataclass(frozen=True, kw_only=True)
class Test:
    """A command, and what it puts to the test.

    Parameters
    ----------
    command, why : str
        As it is typed, and in words what its result says about the work.
    own : bool
        Whether it runs a component that follows the work, and not only what comes nearest.
    """

    command: str
    why: str
    own: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to run against a work.

    Parameters
    ----------
    work, title : str
    tests : tuple of Test
        The nearest first; empty where nothing here bears on it.
    missing : tuple of str
        What of the work no command here reaches; else how each component that follows it differs from it.
    """

    work: str
    title: str
    tests: tuple[Test, ...]
    missing: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The answer as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """The answer for a terminal: each command under what it tests."""
        lines = [f"{self.title} ({self.work})"]
        for test in self.tests:
            lines += [f"# {test.why}" + ("" if test.own else "; the nearest that there is here"), f"  {test.command}"]
        if not self.tests:
            lines.append("nothing here bears on it")
        return "\n".join(
            [*lines, *(["missing or different here:"] if self.missing else []), *(f"  {each}" for each in self.missing)]
        )


def answer(work: Work, *, model: str = MODEL) -> Answer:
    """What to run against `work`.

    Parameters
    ----------
    work : Work
    model : str
        Specification of the model to be tested; the default leaves a place for it.
    """
    tests = {test.command: test for test in reversed([*_tests(work, model)])}
    could = work.could_run
    return Answer(
        work=work.id,
        title=work.title,
        tests=tuple(sorted(reversed(tests.values()), key=lambda test: not test.own)),
        missing=(could.missing,) if could is not None and could.missing else _differing(work),
    )


def _differing(work: Work) -> tuple[str, ...]:
    return tuple(f"{run.component}: {run.differs}" for run in work.runs_in_earnest if run.differs)


def _tests(work: Work, model: str) -> Iterable[Test]:
    attacks, defences, tasks = (set(registered(kind)) for kind in ("attacks", "defences", "tasks"))
    goal, cost = _tasks_of(work)
    own = {kind: _own(work, kind) for kind in ("attacks", "defences", "tasks")}
    if "attack" in work.kind and goal in tasks:
        attack = _nearest(own["attacks"], _uses(work, "attacks"), work.methods, _ATTACK_OF_METHOD, attacks)
        if attack:
            mine = attack in own["attacks"]
            for each in own["attacks"] if mine else [attack]:
                why = f"how far {each} gets beyond its control on {goal}"
                yield Test(command=_run(work, model, goal, attack=each), why=why, own=mine)
            for defence in _first(defences, [*_uses(work, "defences"), *_DEFENCE_OF_METHOD.values()]):
                why = f"the same through {defence}, by an attacker who knows of it"
                yield Test(command=_run(work, model, goal, attack=attack, defence=defence), why=why, own=mine)
    if "defence" in work.kind and goal in tasks:
        defence = _nearest(own["defences"], _uses(work, "defences"), work.methods, _DEFENCE_OF_METHOD, defences)
        if defence:
            mine = defence in own["defences"]
            nearest = [*_uses(work, "attacks"), *(_ATTACK_OF_METHOD[m] for m in work.methods if m in _ATTACK_OF_METHOD)]
            for attack in _first(attacks, [*nearest, *_ALWAYS]):
                why = f"what {attack} still reaches through {defence}, knowing of it"
                yield Test(command=_run(work, model, goal, attack=attack, defence=defence), why=why, own=mine)
            if cost in tasks:
                yield Test(
                    command=_run(work, model, cost, defence=defence), why=f"what {defence} costs on {cost}", own=mine
                )
    for suite, names in _by_suite(sorted(set(own["tasks"]) & tasks)).items():
        what = names[0] if len(names) == 1 else f"{len(names)} tasks of {suite.split()[0]} that follow it"
        yield Test(command=_run(work, model, *names, suite=suite), why=f"its question, asked by {what}", own=True)
    for task in _asked(work, own["tasks"], goal, tasks):
        yield Test(command=_run(work, model, task, suite=_suite(task)), why=f"its question, asked by {task}", own=False)


def _tasks_of(work: Work) -> tuple[str, str]:
    for goal in work.threat.goal if work.threat is not None else ():
        if goal in _TASK_OF_GOAL:
            return _TASK_OF_GOAL[goal]
    return "", ""


def _asked(work: Work, own: Sequence[str], goal: str, there: set[str]) -> list[str]:
    """Tasks that ask what the work asks and do not follow it: those that it would use, those of its topics."""
    wanted = [*_uses(work, "tasks"), *(task for topic in work.topics for task in _TASKS_OF_TOPIC.get(topic, ()))]
    if {"attack", "defence"} & set(work.kind):
        wanted.append(goal)
    elif not {"benchmark", "dataset", "study", "method"} & set(work.kind):
        wanted = []
    return [task for task in dict.fromkeys(wanted) if task in there and task not in own][: max(0, 4 - len(own))]


def _own(work: Work, kind: str) -> list[str]:
    """Components that follow the work, the closest first; those that it only inspired are among what comes near."""
    runs = [run for run in work.runs_in_earnest if run.component.startswith(f"{kind}/") and run.fidelity != "inspired"]
    return [run.component.partition("/")[2] for run in sorted(runs, key=lambda run: run.fidelity != "reimplemented")]


def _uses(work: Work, kind: str) -> list[str]:
    inspired = [run.component for run in work.runs_in_earnest if run.fidelity == "inspired"]
    could = work.could_run.uses if work.could_run is not None else ()
    return [name.partition("/")[2] for name in (*inspired, *could) if name.startswith(f"{kind}/")]


def _nearest(
    own: Sequence[str], uses: Sequence[str], methods: Sequence[str], of: Mapping[str, str], there: set[str]
) -> str:
    for name in (*own, *uses, *(of[method] for method in methods if method in of)):
        if name in there:
            return name
    return ""


def _first(there: set[str], wanted: Sequence[str]) -> list[str]:
    """The wanted names that are there, at most `MOST`."""
    return list(dict.fromkeys(name for name in wanted if name in there))[:MOST]


def _suite(task: str) -> str:
    """The suite that has a task, with the recordings that it needs."""
    if task.startswith("audiotrust_"):
        return "audiotrust --data AudioTrust"
    return "core --data RECORDINGS" if task in _NEEDS_DATA else "core"


def _by_suite(tasks: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for task in tasks:
        found.setdefault(_suite(task), []).append(task)
    return found


def _run(work: Work, model: str, *tasks: str, suite: str = "", attack: str = "", defence: str = "") -> str:
    suite = suite or _suite(tasks[0])
    parts = ["earnest", "run", *suite.split(), "--model", model]
    parts += [part for task in tasks for part in ("--task", task)]
    parts += ["--attack", attack] if attack else []
    parts += ["--defence", defence] if defence else []
    named = tasks[0] if len(tasks) == 1 else suite.split()[0]
    folder = "-".join(part for part in (work.id, named, attack, defence) if part)
    return shlex.join([*parts, "--out", f"runs/{folder}"])
