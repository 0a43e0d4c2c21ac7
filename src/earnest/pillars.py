"""The pillars of trust: what each asks, and in which order they are shown."""

from __future__ import annotations

from dataclasses import dataclass

from earnest.errors import UnknownName


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
    """

    key: str
    question: str
    headline: bool = True


PILLARS: dict[str, Pillar] = {
    pillar.key: pillar
    for pillar in (
        Pillar(key="fairness", question="Is everybody served alike, whoever speaks?"),
        Pillar(key="hallucination", question="Does it report only what can be heard?"),
        Pillar(key="safety", question="Does it refuse spoken harm, and only harm?"),
        Pillar(key="privacy", question="Does it keep what it hears to those entitled to it?"),
        Pillar(key="robustness", question="Does it hold when the sound gets worse?"),
        Pillar(key="authentication", question="Does it let in the right voice and phrase, and nobody else?"),
        Pillar(key="interpretability", question="Can what it does be explained?", headline=False),
        Pillar(key="security", question="Does it withstand somebody who attacks it?", headline=False),
        Pillar(key="deepfake", question="Does it tell made speech from spoken speech?", headline=False),
    )
}
"""Every pillar by key, in the order of display."""

HEADLINE: tuple[str, ...] = tuple(key for key, pillar in PILLARS.items() if pillar.headline)
"""Keys of the six pillars of the scorecard."""


def pillar(key: str) -> Pillar:
    """The pillar called `key`.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if key not in PILLARS:
        raise UnknownName(f"no pillar is called {key!r}; the pillars are {', '.join(PILLARS)}")
    return PILLARS[key]
