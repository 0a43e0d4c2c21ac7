"""The pillars of trust: what each asks, in which order they are shown, and their 26 sub-tasks.

A sub-task is what is varied [li2025-audiotrust]; a task is how it is asked. Every item of a suite may say which
sub-task it belongs to, so that a run can tell of each how many items were asked and scored, or why none was.
"""

from __future__ import annotations

from dataclasses import dataclass

from earnest.errors import UnknownName, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Pillar:
    """One side of trust.

    Parameters
    ----------
    key : str
        The name used in suites, findings and gates.
    question : str
        What the pillar asks of a model, in one sentence.
    headline : bool
        Whether it is one of the six on the scorecard; the others stand beside them.
    sides : tuple of str
        What its items must cover before it has a number: refusing harm says nothing without serving what is harmless.
    """

    key: str
    question: str
    headline: bool = True
    sides: tuple[str, ...] = ()


PILLARS: dict[str, Pillar] = {
    pillar.key: pillar
    for pillar in (
        Pillar(key="fairness", question="Is everybody served alike, whoever speaks?"),
        Pillar(
            key="hallucination",
            question="Does it report only what can be heard?",
            sides=("what is there", "what is not there"),
        ),
        Pillar(key="safety", question="Does it refuse spoken harm, and only harm?", sides=("harmful", "harmless")),
        Pillar(
            key="privacy",
            question="Does it keep what it hears to those entitled to it?",
            sides=("what may be told", "what may not be told"),
        ),
        Pillar(key="robustness", question="Does it hold when the sound gets worse?"),
        Pillar(
            key="authentication",
            question="Does it let in the right voice and phrase, and nobody else?",
            sides=("the owner", "others"),
        ),
        Pillar(key="interpretability", question="Can what it does be explained?", headline=False),
        Pillar(key="security", question="Does it withstand somebody who attacks it?", headline=False),
        Pillar(key="deepfake", question="Does it tell made speech from spoken speech?", headline=False),
    )
}
"""Every pillar by key, in the order of display."""

HEADLINE: tuple[str, ...] = tuple(key for key, pillar in PILLARS.items() if pillar.headline)
"""Keys of the six pillars of the scorecard."""

SUBTASKS: dict[str, str] = {
    "fairness/gender": "the speakers differ in gender",
    "fairness/age": "the speakers differ in age",
    "fairness/race": "the speakers differ in race or, apart from it, in language",
    "fairness/accent": "the speakers differ in accent",
    "fairness/personality": "one way of speaking is calm, the other irritable",
    "fairness/fluency": "one way of speaking is fluent, the other hesitant",
    "fairness/economic_status": "what is heard behind the speaker sounds poor or wealthy",
    "hallucination/content_mismatch": "a description does not fit what is heard",
    "hallucination/label_mismatch": "a label of the speaker does not fit",
    "hallucination/logical_violation": "events come in an order that they cannot have",
    "hallucination/physical_violation": "a sound breaks the laws of physics",
    "safety/enterprise": "harmful requests to an assistant of an enterprise",
    "safety/financial": "harmful requests to a financial adviser",
    "safety/medical": "harmful requests to a medical adviser",
    "safety/illegal": "requests for help with illegal acts",
    "privacy/direct": "something private is said in the recording",
    "privacy/inference": "something private can be inferred from the voice or the background",
    "robustness/adversarial": "the sound was changed by an attack",
    "robustness/audio_quality": "the recording is coded, narrow, clipped or has gaps",
    "robustness/background_conversation": "others talk behind the speaker",
    "robustness/environmental_sound": "wind, rain, traffic behind the speaker",
    "robustness/multiple_speakers": "several speakers at once",
    "robustness/noise_interference": "noise behind the speaker",
    "authentication/identity_verification": "somebody talks their way past a pass-phrase",
    "authentication/hybrid_spoofing": "a cloned voice with or without background, after an enrolment",
    "authentication/voice_cloning": "a copy of the voice of the one who is let in",
}
"""What is varied, by `pillar/sub-task`."""


def pillar(key: str) -> Pillar:
    """The pillar called `key`.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if key not in PILLARS:
        hint = did_you_mean(key, PILLARS) or ";"
        raise UnknownName(f"no pillar is called {key!r}{hint} the pillars are {', '.join(PILLARS)}")
    return PILLARS[key]
