"""What a free description claims, claim by claim, and whether it is true of a recording.

A claim is found by words alone (English). The kinds are

    sound    a known sound is named (`earnest.tasks._labels.NAMES`)
    speech   somebody is said to speak
    gender   the speaker is called a man or a woman
    age      the speaker is called a child or an adult
    words    what is said is quoted
    nothing  noise, hum or silence is said to be all there is; checked only where it can be told

A *denial* ("no speech", "without rain") that is true is no claim: a list of what cannot be heard has no end, and who
writes it says nothing of the recording. A denial that is false is a claim that is not supported. The one true denial
that counts is that of speech where nothing at all is to be heard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq

from earnest.tasks._labels import ALSO, NAMES
from earnest.tasks._parsing import says_no_speech, words

QUOTED_SHARE = 0.75
"""Share of the quoted words that must be said, in their order."""
MIN_QUOTED = 2


def _patterns(table: Mapping[str, Iterable[str]]) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(rf"\b(?:{'|'.join(map(re.escape, forms))})\b") for name, forms in table.items()}


_SPEECH = _patterns(
    {
        "speech": (
            "speech",
            "speak",
            "speaks",
            "speaking",
            "spoken",
            "talk",
            "talks",
            "talking",
            "say",
            "says",
            "saying",
            "said",
            "voice",
            "voices",
            "speaker",
            "speakers",
            "conversation",
            "narrator",
            "narration",
            "monologue",
            "dialogue",
        )
    }
)["speech"]
_GENDERS = _patterns(
    {
        "male": ("male", "man", "man's", "men", "gentleman", "boy", "boy's"),
        "female": ("female", "woman", "woman's", "women", "lady", "girl", "girl's"),
    }
)
_AGES = _patterns(
    {
        "child": ("child", "child's", "children", "kid", "boy", "boy's", "girl", "girl's", "childlike"),
        "adult": ("adult", "adult's", "adults", "grown-up", "elderly"),
    }
)
_NOTHING = _patterns(
    {
        "noise": ("noise", "static", "hiss", "hissing"),
        "hum": ("hum", "humming", "buzz", "buzzing"),
        "silence": ("silence", "silent", "nothing"),
    }
)
_SOUNDS = _patterns(NAMES)
HEARD_AS = {"white noise": "noise", "pink noise": "noise", "hum": "hum", "silence": "silence"}
"""What each made clip may be called."""

_QUOTE = re.compile(r"[\"“”]([^\"“”]+)[\"“”]")
_NEGATION = re.compile(r"\b(?:no|not|without|nobody|neither|nor|never|none|lacks?|(?:absence|devoid|free) of)\b|n't\b")
_VOICELESS = re.compile(rf"{_SPEECH.pattern}|\b(?:nobody|no ?one|words?)\b")
"""Words of a report that nobody speaks; one of noise alone reports it without naming it."""
_TOPIC = re.compile(
    r"\b(about|saying|says|said|stat(?:es|ing)|(?:discuss|mention|explain|ask)(?:e?s|ing))\b"
    r"[^.;!?]*?(?=\bwhile\b|\bwith\b|\bover\b|\bas\b|\bin the background\b|[.;!?]|$)"
)
"""What is spoken of is no claim that it can be heard."""
_SILENT = re.compile(r"\b(?:is|completely|entirely|just|only) silen(?:t|ce)\b")
_CLAUSE = re.compile(
    r"[.;!?]|,? \b(?:but|however|only)\b|, (?=(?:and )?(?:just|with|an?|the|there|i|it|you|we)\b)|\bthough\b"
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is true of a recording; empty where it is not known.

    Parameters
    ----------
    sound : str
        Label of the sound.
    speech : bool or None
    gender, age_band, text : str
        Of the speaker, and what is said.
    nothing : str
        `noise`, `hum` or `silence`, where nothing else is to be heard.
    """

    sound: str = ""
    speech: bool | None = None
    gender: str = ""
    age_band: str = ""
    text: str = ""
    nothing: str = ""


@dataclass(frozen=True)
class Claim:
    """One claim, and whether it is true."""

    kind: str
    what: str
    supported: bool


def claims(description: str, scene: Scene) -> list[Claim]:
    """The claims in a description that can be checked, each once, in the order of their kinds.

    >>> found = claims("A bell rings while a man speaks. There is no rain.", Scene(sound="bell", speech=False))
    >>> [(claim.what, claim.supported) for claim in found]
    [('bell', True), ('speech', False), ('male', False)]
    """
    quoted = _QUOTE.findall(description)
    said, denied = _parted(_QUOTE.sub(" ", description))
    return [
        *_of_sounds(said, denied, scene),
        *_of_speech(said, denied, description, scene),
        *_of_speaker("gender", _GENDERS, said, scene, value=scene.gender),
        *_of_speaker("age", _AGES, said, scene, value=scene.age_band),
        *_of_words(quoted, scene),
        *_of_nothing(description, said, scene),
    ]


def names_what_is_there(claims: Sequence[Claim], scene: Scene) -> bool:
    """Whether claims name the main thing to be heard: the sound, that somebody speaks, or that nothing is."""
    if scene.sound:
        wanted = {("sound", scene.sound)}
    elif scene.speech:
        wanted = {("speech", "speech")}
    else:
        wanted = {("nothing", scene.nothing)} | ({("nothing", "no speech")} if scene.nothing == "silence" else set())
    return any((claim.kind, claim.what) in wanted for claim in claims)


def _parted(text: str) -> tuple[str, str]:
    """What is claimed and what is denied: the words before and after the negation of each clause."""
    plain = _TOPIC.sub(r"\1 ", text.lower().replace("’", "'").replace("wind chime", "chime"))
    said, denied = [], []
    for clause in _CLAUSE.split(plain):
        negation = _NEGATION.search(clause)
        said.append(clause if negation is None else clause[: negation.start()])
        denied.append("" if negation is None else clause[negation.end() :])
    return " . ".join(said), " . ".join(denied)


def _named(text: str, table: Mapping[str, re.Pattern[str]]) -> list[str]:
    return [name for name, pattern in table.items() if pattern.search(text)]


def _of_sounds(stated: str, denied: str, scene: Scene) -> list[Claim]:
    if not (scene.sound or scene.speech is not None):
        return []
    fitting = {scene.sound} | ALSO.get(scene.sound, frozenset())
    named = _named(stated, _SOUNDS)
    found = [Claim("sound", name, name in fitting) for name in named]
    if scene.sound in _named(denied, _SOUNDS) and scene.sound not in named:
        found.append(Claim("sound", f"no {scene.sound}", False))
    return found


def _of_speech(stated: str, denied: str, description: str, scene: Scene) -> list[Claim]:
    if scene.speech is None:
        return []
    if _SPEECH.search(stated):
        return [Claim("speech", "speech", scene.speech)]
    denies = _SPEECH.search(denied) or says_no_speech(description)
    return [Claim("speech", "no speech", False)] if denies and scene.speech else []


def _of_speaker(
    kind: str, table: Mapping[str, re.Pattern[str]], stated: str, scene: Scene, *, value: str
) -> list[Claim]:
    """Claims about the speaker; where nobody speaks, none is true. Both values named (a dialogue) claim nothing."""
    named = _named(stated, table)
    if len(named) != 1 or scene.speech is None or (scene.speech and not value):
        return []
    return [Claim(kind, named[0], bool(scene.speech) and named[0] == value)]


def _of_words(quoted: Sequence[str], scene: Scene) -> list[Claim]:
    if scene.speech is None or (scene.speech and not scene.text):
        return []
    said = words(scene.text)
    found = []
    for quote in quoted:
        told = words(quote)
        if len(told) >= MIN_QUOTED:
            found.append(Claim("words", " ".join(told), LCSseq.similarity(told, said) >= QUOTED_SHARE * len(told)))
    return found


def _of_nothing(description: str, stated: str, scene: Scene) -> list[Claim]:
    """Noise is behind every recording, so that naming it is a claim only where there is nothing else."""
    if not scene.nothing:
        silent = _SILENT.search(description.lower()) and (scene.sound or scene.speech)
        return [Claim("nothing", "silence", False)] if silent else []
    found = [Claim("nothing", name, name == scene.nothing) for name in _named(stated, _NOTHING)]
    denies = says_no_speech(description) and _VOICELESS.search(description.lower())
    return [*found, *([Claim("nothing", "no speech", True)] if denies else [])]
