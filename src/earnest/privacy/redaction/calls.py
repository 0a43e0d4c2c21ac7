"""Calls that a synthesiser speaks, so that it is known to the sample where something personal is said.

A sentence is written with what is personal in brackets: `My card number is [card|four one one one], thanks.` The
details are drawn from a seed and are no person's. Six voices of eSpeak NG speak them. Some sentences hold numbers and
nothing personal: what is redacted of them is too much. Each kind has sentences of two splits; the rules of `personal`
were written looking at `development` alone, so that `test` says how they do on wordings that they were not made for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earnest.audio import AudioClip
from earnest.audio.mixing import joined
from earnest.errors import BadParameter
from earnest.metrics._readings import MONTHS, ONES, number_words, ordinal_words
from earnest.privacy.redaction.personal import Span

VOICES = ("en-us", "en-us+f2", "en", "en-gb-scotland+f3", "en-us+m3", "en-gb-x-rp+f4")

SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "card": {
        "development": (
            "My card number is [card], please charge it today.",
            "You can put it on my credit card, the number is [card], and send me the receipt.",
            "The card ends with [four], is that what you have there?",
        ),
        "test": (
            "I would like to pay by card, it is [card], and the total was fine.",
            "Sure, let me read out the card, [card], did you get all of that?",
            "The last four digits are [four] and it was blocked this morning.",
        ),
    },
    "account": {
        "development": (
            "My account number is [account], could you check the balance?",
            "Please transfer it to account [account], as we agreed before.",
            "The reference of my policy is [account], I have it in front of me.",
        ),
        "test": (
            "I am calling about the account [account], which somebody closed by mistake.",
            "The sort code is [sort] and the account number is [account], thank you.",
            "It was paid into [account], I believe, and then it was returned.",
        ),
    },
    "phone": {
        "development": (
            "You can reach me at [phone] in the evening.",
            "My phone number is [phone], please call me back.",
            "Call me on my mobile, [phone], whenever you are ready.",
        ),
        "test": (
            "If we are cut off, ring [phone] and ask for the front desk.",
            "The best number for the driver is [phone], I think.",
            "Text the code to [phone] and I will read it out.",
        ),
    },
    "email": {
        "development": (
            "My email is [email], could you send it there?",
            "Please write to [email], I read it every day.",
            "Send the invoice to [email] before the weekend.",
        ),
        "test": (
            "The address for the newsletter is [email], all in small letters.",
            "You may contact us at [email] if anything is missing.",
            "I think you have [email] on file, and that is the old one.",
        ),
    },
    "name": {
        "development": (
            "Hello, my name is [name] and I have a question about the delivery.",
            "This is [name] speaking, how can I help you?",
            "Please make the appointment out to [name], if that is possible.",
        ),
        "test": (
            "Good morning, I am [name], we talked about the roof last week.",
            "The parcel was signed for by [name] and never arrived here.",
            "Could you put me through to [title] in the sales department?",
        ),
    },
    "date": {
        "development": (
            "I was born on [date] in a small town by the sea.",
            "My date of birth is [date], is that correct in your files?",
            "Her birthday is [date] and we would like to book a table.",
        ),
        "test": (
            "The patient, born [date], came in with a broken arm.",
            "For the security question, the birth date is [date], yes.",
            "We got married on [date], so the certificate is old.",
        ),
    },
    "address": {
        "development": (
            "I live at [address], next to the bakery.",
            "My address is [address], could you send the parcel there?",
            "Please deliver it to [address] after five.",
        ),
        "test": (
            "We moved to [address] in the spring and the letters still go wrong.",
            "The van should come to [address], and the gate is open.",
            "The bill goes to [address], not to the office.",
        ),
    },
    "medical_id": {
        "development": (
            "My medical record number is [medical], it is on the letter.",
            "The patient number is [medical], and she is on the second floor.",
            "My health insurance number is [medical], do you need anything else?",
        ),
        "test": (
            "The hospital gave me the number [medical] when I was admitted.",
            "Her insurance id is [medical], it should cover the treatment.",
            "I have the prescription here, the member id is [medical], if that helps.",
        ),
    },
    "": {
        "development": (
            "I would like two tickets for the late show, and one of them is for a child.",
            "The weather was lovely for three days, and then it rained for a whole week.",
            "We waited for about twenty minutes and then decided to walk home.",
            "Could you tell me when the shop opens, and whether there is a car park near it?",
            "It took five of us to carry the piano up to the third floor.",
            "The new kitchen looks wonderful, and the painter was very careful with the floor.",
        ),
        "test": (
            "One of the wheels came off, so the four of us had to push the cart.",
            "The soup needs half an hour, and then you add two spoons of cream.",
            "I am afraid that the lift is broken again, so people have to take the stairs.",
            "There were seven people in front of me and only one desk was open.",
            "My brother likes to read in the garden when the weather is good.",
            "The meeting was moved, and nobody had been asked whether it suited them.",
        ),
    },
}
"""By kind and split; the kind is that of the detail in brackets, "" where nothing is personal."""

_GIVEN = "jane peter maria robert susan daniel laura kevin helen thomas priya ingrid tobias yasmin".split()
_FAMILY = "doe miller carter hughes wallace sanders fletcher morgan bishop turner novak okafor lindqvist".split()
_STREETS = "oak river church park mill station garden hill".split()
_ENDINGS = "street road lane avenue drive".split()
_TOWNS = "springfield bristol newport leeds dayton oxford".split()
_HOSTS = "example dot com|example dot org|mailbox dot net".split("|")


PAUSE_S = 0.6
"""Between two sentences."""


@dataclass(frozen=True)
class Call:
    """Sentences that one voice speaks one after the other, with what is personal in them.

    Parameters
    ----------
    name : str
        Of its file, without an ending.
    clip : AudioClip
    sentences : tuple of str
        As they were spoken.
    personal : tuple of Span
        Where something personal is said, from the synthesiser's times.
    split : {"development", "test"}
    voice : str
    """

    name: str
    clip: AudioClip
    sentences: tuple[str, ...]
    personal: tuple[Span, ...]
    split: str
    voice: str


def spoken_calls(*, per_sentence: int = 3, sentences_per_call: int = 4, seed: int = 0) -> Iterator[Call]:
    """Calls in which every sentence is spoken `per_sentence` times, with other details each time.

    The sentences of a split are mixed, so that a call has several kinds; the voices take turns.

    Raises
    ------
    BadParameter
        If a number is not at least 1.
    MissingExtra
        If `espeakng-loader` is not installed.
    """
    if per_sentence < 1 or sentences_per_call < 1:
        raise BadParameter(
            f"per_sentence and sentences_per_call must be at least 1, got {per_sentence} and {sentences_per_call}"
        )
    rng, n_made = np.random.default_rng(seed), 0
    for split in ("development", "test"):
        every = [one for splits in SENTENCES.values() for one in splits[split]] * per_sentence
        mixed = [every[place] for place in rng.permutation(len(every))]
        for first in range(0, len(mixed), sentences_per_call):
            filled = [_filled(sentence, rng) for sentence in mixed[first : first + sentences_per_call]]
            yield _call(f"{split}-{n_made:03d}", filled, split=split, voice=VOICES[n_made % len(VOICES)])
            n_made += 1


def _call(name: str, filled: Sequence[_Filled], *, split: str, voice: str) -> Call:
    from earnest.voices.espeak import Espeak

    clips, personal, begins = [], [], 0.0
    for text, details in filled:
        clip, words = Espeak(voice).speak_with_times(text)
        for first, end, kind in details:
            said = [word for word in words if first <= word.first < end]
            personal.append(Span(begins + said[0].start_s, begins + said[-1].end_s, kind))
        clips.append(clip)
        begins += clip.duration_s + PAUSE_S
    return Call(name, joined(clips, gap_s=PAUSE_S), tuple(text for text, _ in filled), tuple(personal), split, voice)


def write_calls(folder: Path, *, per_sentence: int = 3, sentences_per_call: int = 4, seed: int = 0) -> int:
    """Write the calls as WAV files with a manifest, `manifest.jsonl`; gives how many sentences they have.

    The column `personal` holds the spans, as a list of [start in s, end in s, kind].
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, n_sentences = [], 0
    for call in spoken_calls(per_sentence=per_sentence, sentences_per_call=sentences_per_call, seed=seed):
        call.clip.write(folder / f"{call.name}.wav")
        n_sentences += len(call.sentences)
        rows.append(
            {
                "path": f"{call.name}.wav",
                "text": " ".join(call.sentences),
                "speaker": call.voice,
                "language": "en",
                "split": call.split,
                "personal": json.dumps(
                    [[round(one.start_s, 4), round(one.end_s, 4), one.kind] for one in call.personal]
                ),
            }
        )
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return n_sentences


# ---------------------------------------------------------------- details


_Filled = tuple[str, list[tuple[int, int, str]]]
"""A text, and from where to where in it its details are, with their kinds."""


def _filled(sentence: str, rng: np.random.Generator) -> _Filled:
    """The sentence with its details."""
    text, spans = "", []
    for part in re.split(r"(\[\w+\])", sentence):
        made = _DETAILS.get(part[1:-1]) if part.startswith("[") else None
        if made is None:
            text += part
            continue
        kind, draw = made
        detail = draw(rng)
        spans.append((len(text), len(text) + len(detail), kind))
        text += detail
    return text, spans


def _digits(n: int) -> Callable[[np.random.Generator], str]:
    return lambda rng: " ".join(ONES[digit] for digit in rng.integers(0, 10, n))


def _of(rng: np.random.Generator, words: Any) -> str:
    return str(words[rng.integers(len(words))])


def _name(rng: np.random.Generator) -> str:
    return f"{_of(rng, _GIVEN)} {_of(rng, _FAMILY)}".title()


def _title(rng: np.random.Generator) -> str:
    return f"{_of(rng, ('Mister', 'Misses', 'Doctor'))} {_of(rng, _FAMILY).title()}"


def _email(rng: np.random.Generator) -> str:
    local = _of(rng, ("{} dot {}", "{} underscore {}", "{} {}"))
    return f"{local.format(_of(rng, _GIVEN), _of(rng, _FAMILY))} at {_of(rng, _HOSTS)}"


def _date(rng: np.random.Generator) -> str:
    month, day = _of(rng, MONTHS).title(), ordinal_words(int(rng.integers(1, 29)))
    year = f"nineteen {number_words(int(rng.integers(50, 99)))}"
    return _of(rng, (f"{month} {day} {year}", f"the {day} of {month} {year}"))


def _address(rng: np.random.Generator) -> str:
    number = number_words(int(rng.integers(2, 99)))
    return f"{number} {_of(rng, _STREETS)} {_of(rng, _ENDINGS)}, {_of(rng, _TOWNS).title()}"


def _medical(rng: np.random.Generator) -> str:
    letters = " ".join("ABCDEFGHJKLMNPRSTUVWXYZ"[place] for place in rng.integers(0, 23, 2))
    return f"{letters} {_digits(7)(rng)}"


_DETAILS: dict[str, tuple[str, Callable[[np.random.Generator], str]]] = {
    "card": ("card", _digits(16)),
    "four": ("card", _digits(4)),
    "account": ("account", _digits(8)),
    "sort": ("account", _digits(6)),
    "phone": ("phone", _digits(10)),
    "email": ("email", _email),
    "name": ("name", _name),
    "title": ("name", _title),
    "date": ("date", _date),
    "address": ("address", _address),
    "medical": ("medical_id", _medical),
}
