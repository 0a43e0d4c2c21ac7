"""Whether an answer shows that the audio reached the model at all.

A model that never got the clip must not be scored on it. An answer is "not_heard" when it says that no audio arrived or
that the model cannot take audio, "silent" when it speaks of a clip that arrived but held nothing to hear, and "heard"
otherwise. "heard" is therefore the absence of a complaint, not a proof: ask for a code word that only the clip carries
(`code_word_found`) for that. Complaints and reports of silence are read in English, and in Chinese, Spanish, German and
French; greetings in English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, LCSseq

from earnest.errors import BadParameter
from earnest.metrics._complaints import complains
from earnest.metrics._register import metrics
from earnest.metrics._silence import reported, says_no_speech
from earnest.metrics.sentences import plain

__all__ = [
    "HeardLabel",
    "code_word_found",
    "code_words_found",
    "did_not_hear",
    "heard_label",
    "only_greets",
    "says_no_speech",
    "without_greetings",
]

HeardLabel = Literal["heard", "not_heard", "silent"]


@metrics.register("heard_label")
def heard_label(answer: str) -> HeardLabel:
    """Whether the answer says that no audio arrived, that it held nothing, or neither.

    "I cannot hear anyone speaking" is "silent", not "not_heard": something was listened to. An answer that says both is
    "not_heard".

    Parameters
    ----------
    answer : str
        The model's words.

    Returns
    -------
    "heard", "not_heard" or "silent"

    Raises
    ------
    BadParameter
        If the answer is empty or white space.

    Examples
    --------
    >>> heard_label("I'm sorry, but I can't listen to audio. Could you upload a transcript?")
    'not_heard'
    >>> heard_label("I cannot hear anyone speaking in this clip.")
    'silent'
    >>> heard_label("She asks where the station is.")
    'heard'

    References
    ----------
    [li2025-audiotrust]
    """
    if not answer.strip():
        raise BadParameter("answer must hold a word, got an empty text; mark the item as unscored (empty_answer)")
    if complains(answer):
        return "not_heard"
    return "silent" if reported(answer) == "nothing" else "heard"


def did_not_hear(answer: str) -> bool:
    """Whether the answer says that no audio reached the model; silence in the clip does not count."""
    return heard_label(answer) == "not_heard"


_NICETY = re.compile(
    r"(?:just )?(?:a|one) (?:moment|second|minute)(?: please)?|(?:named|called) \w+"
    r"|(?:which (?:is|was) )?(?:designed|trained|built|created|made|here|able) to (?:assist|help|provide|support"
    r"|answer)(?: [\w']+){0,10}"
    r"|sure|certainly|of course|absolutely|okay|ok|great|yes|thank you(?: for asking)?|thanks|please"
    r"|(?:i'm|i am|my name is) (?!sorry|afraid|unable|not)\w+|(?:i'm|i am) (?:doing )?(?:well|fine)(?: thank you"
    r"| thanks)?"
    r"|(?:i'm|i am) (?:just )?(?:an? |your )(?:\w+ ){0,3}(?:assistant|model|chatbot|ai)(?: (?:named|called) \w+)?"
    r"(?: (?:developed|created|made|trained) by \w+(?: \w+)?| (?:designed|trained|built|created|made) to (?:assist|help"
    r"|provide|support|answer)(?: [\w']+){0,10})?"
)
_GREETING = re.compile(
    r"(?:hello|hi|hey|greetings|welcome|good (?:morning|afternoon|evening|day))(?: there| everyone| friend)?"
    r"|(?:it's |it is )?(?:nice|great|good|lovely) to (?:meet|hear from|see) you(?: today)?"
    r"|how are you(?: doing)?(?: today)?"
    r"|(?:i'm|i am) (?:here|happy|glad|ready|always here)(?: and (?:ready|happy))? to (?:help|assist)(?: you)?"
    r"(?: with (?:whatever|anything|any \w+)(?: [\w']+){0,5})?(?: today)?"
    r"|(?:how|what) (?:can|may|could|shall|should) i (?:help|assist|do for|support)(?: you)?(?: with)?(?: today| now)?"
    r"|what (?:would|do) you (?:like|want|need)(?: to (?:know|talk about|ask|discuss|do)| help with| me to (?:do"
    r"|help with))?"
    r"(?: today)?|what(?:'s| is) (?:your question|on your mind|up)(?: today)?"
    r"|is there (?:anything|something)(?: \w+)? i can (?:help|assist|do)(?: you)?(?: with| for you)?(?: today)?"
    r"|(?:please )?(?:go ahead(?: and)?|feel free to)?(?: ?ask(?: me)?(?: (?:any|your) questions?| anything)?)?"
    r"(?: you (?:may |might )?have)?(?: today)?"
    r"|(?:please )?let me know (?:what|how) (?:you need|you would like|i can (?:help|assist|do))(?: (?:with"
    r"|for) you| you)?(?: today)?"
)


def only_greets(answer: str) -> bool:
    """Whether the answer is nothing but a greeting or a general offer to help, as to one who said nothing yet.

    Such an answer to a request shows that the request did not arrive. Every clause must be of that kind, or a nicety
    beside one; an answer that also refuses, helps or asks back about the request is none.

    >>> only_greets("Hello! How can I help you today?"), only_greets("I can't help with that. How can I help you?")
    (True, False)
    """
    clauses = [clause.strip(" '\"*-") for clause in re.split(r"[.!?,;:\n]+", plain(answer))]
    said = [clause for clause in clauses if re.search(r"\w", clause)]
    greetings = [clause for clause in said if _GREETING.fullmatch(clause)]
    return bool(greetings) and all(clause in greetings or _NICETY.fullmatch(clause) for clause in said)


def without_greetings(answer: str) -> str:
    """The answer without its sentences that only greet or offer help; as it is where nothing else would be left.

    >>> without_greetings("Hello! I can't help with that. How can I help you today?")
    "I can't help with that."
    """
    kept = [part for part in re.split(r"(?<=[.!?])\s+", answer.strip()) if not only_greets(part)]
    return " ".join(kept) or answer


_LETTERS_A_EDIT = 5
"""One edit is allowed for every so many letters of a code word: none below five letters, one below ten."""


@metrics.register("code_word_found")
def code_word_found(*, answer: str, code_word: str) -> bool:
    """Whether the answer holds the code word that only the clip carries.

    Whole words are compared, without case, accents of punctuation or hyphens; a code word of several words may be
    written as one. One edit (a letter put in, left out, changed, or two neighbours exchanged) is allowed for every five
    letters of the code word: none in "lamp", one in "marigold". Choose code words further apart than that.

    Parameters
    ----------
    answer : str
        The model's words; an empty answer holds nothing.
    code_word : str
        One or more words.

    Raises
    ------
    BadParameter
        If the code word has no letter or digit.

    Examples
    --------
    >>> code_word_found(answer="The word was Marygold.", code_word="marigold")
    True
    >>> code_word_found(answer="The lamps are on.", code_word="lamp")
    False

    References
    ----------
    [li2025-audiotrust]
    """
    wanted = _words(code_word)
    if not wanted:
        raise BadParameter(f"code_word must hold a letter or digit, got {code_word!r}")
    target, words = "".join(wanted), _words(answer)
    edits = len(target) // _LETTERS_A_EDIT
    spans = ("".join(words[k : k + size]) for size in range(1, len(wanted) + 1) for k in range(len(words) - size + 1))
    return any(OSA.distance(span, target, score_cutoff=edits) <= edits for span in spans)


def code_words_found(*, answer: str, code_words: Sequence[str]) -> int:
    """How many of several code words an answer holds, each by `code_word_found`.

    Code words that are written as one ("riverfalcon") are both found.

    Raises
    ------
    BadParameter
        If a code word has no letter or digit.

    Examples
    --------
    >>> code_words_found(answer="They were Falcon, guitar and a melon.", code_words=["falcon", "guitar", "lemon"])
    2
    """
    if code_words and code_word_found(answer=answer, code_word=" ".join(code_words)):
        return len(code_words)
    return sum(code_word_found(answer=answer, code_word=word) for word in code_words)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", plain(text).replace("'", ""))


def words_besides(text: str, other: str) -> str:
    """The words of a text that `other` has not, in their order.

    >>> words_besides("Did he say open the gate? He did.", "Did he say shut the gate?")
    'open'
    """
    known = set(_words(other))
    return " ".join(word for word in _words(text) if word not in known)


_SOUNDS = (
    (r"ph", "f"), (r"[ck]h?|q|x", "k"), (r"[sz]h?", "s"), (r"tch|ch|j|dg", "j"), (r"th|d", "t"), (r"b", "p"), (r"v", "f"),
    (r"g", "k"), (r"wh|w|h", ""), (r"m", "n"), (r"l", "r"), (r"[aeiouy]+", "a"),
)  # fmt: skip  # a table: one row a line
_SOUND_CLASSES = tuple((re.compile(pattern), sound) for pattern, sound in _SOUNDS)


@lru_cache(maxsize=4096)
def _as_it_sounds(text: str) -> str:
    """A text as coarse classes of sounds: vowels alike, voiced and voiceless alike, doubled ones once.

    >>> _as_it_sounds("tiger"), _as_it_sounds("Dyke her")
    ('takar', 'takar')
    """
    letters = "".join(re.findall(r"[a-z]+", plain(text)))
    for pattern, sound in _SOUND_CLASSES:
        letters = pattern.sub(sound, letters)
    return re.sub(r"(.)\1+", r"\1", letters)


def sound_likeness(text: str, word: str) -> float:
    """How like a word the stretch of a text sounds that sounds most like it, in [0, 1]; 1 is alike in coarse classes.

    >>> sound_likeness("The falken word.", "falcon"), sound_likeness("lemonade", "violin") < 0.8
    (1.0, True)
    """
    target, heard = _as_it_sounds(word), _as_it_sounds(text)
    if not target or not heard:
        return 0.0
    if len(heard) < len(target):
        return fuzz.ratio(heard, target) / 100
    return fuzz.partial_ratio(target, heard) / 100


def word_likeness(text: str, other: str) -> float:
    """Share of the words of both texts that they have in common, in order, in [0, 1]; case and punctuation do not count.

    >>> word_likeness("Turn the light on.", "turn light on")
    0.8571428571428571
    """
    one, two = _words(text), _words(other)
    return float(LCSseq.similarity(one, two)) * 2 / (len(one) + len(two)) if one and two else 0.0


def words_held(text: str, other: str) -> float:
    """Share of the words of `other` that a text holds, in their order, in [0, 1]; 0 where `other` has none.

    >>> words_held('Did the speaker say "open the gate"?', "open the gate")
    1.0
    """
    one, two = _words(text), _words(other)
    return float(LCSseq.similarity(one, two)) / len(two) if two else 0.0
