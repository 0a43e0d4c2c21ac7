"""Canaries in carrier sentences: who hears finds them, whatever stands around the words, and who guesses does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from earnest.audio import Manifest
from earnest.models.access import Answer
from earnest.records import Item
from earnest.results.proof import GUESSED, MOST_CHANCE, AudioProof, audio_proof, chance_of_guessing
from earnest.tasks import _prompts as prompts
from earnest.tasks._canary import Canary, canary_lines, is_found
from earnest.tasks.probe import probe_manifest

SENTENCES = (
    ("my code word is {}", "marble"),
    ("the code words are {} and {}", "guitar pencil"),
    ("please write down {} and then {}", "basket winter"),
    ("you will hear the words {} and {}", "hammer violin"),
    ("the first word is {} and the second word is {}", "ladder meadow"),
    ("the code words are {} and {}", "button camel"),
    ("please write down {} and then {}", "candle ocean"),
    ("you will hear the words {} and {}", "rabbit pepper"),
    ("the three code words are {} {} and {}", "castle lemon feather"),
    ("the secret words of today are {} {} and {}", "mirror planet bottle"),
    ("please remember {} and {} and also {}", "anchor forest monkey"),
    ("the words on the list are {} {} and {}", "garden turtle engine"),
)
NOUNS = "time year people way day man thing woman life child world school state family student group country problem hand part"
"""The twenty commonest nouns of English."""
CLICHES = (
    "alpha bravo charlie delta echo foxtrot eagle falcon phoenix dragon tiger shadow thunder river mountain diamond apple banana "
    "orange password secret sunrise moonlight lighthouse"
)
"""What a language model names when it is asked for code words."""

Subject = Callable[[Item], str]


@pytest.fixture
def canaries(make_folder) -> list[Item]:
    lines = [
        {"id": f"code-{k:02d}", "role": "code_word", "text": frame.format(*words.split()), "label": words}
        for k, (frame, words) in enumerate(SENTENCES)
    ]
    lines += [
        {"id": "babble-0", "role": "babble"},
        {"id": "babble-1", "role": "babble"},
        {"id": "silence-0", "role": "silence"},
    ]
    return Canary().items(Manifest.read(make_folder("canaries", lines)), seed=0)


def proof_of(items: list[Item], subject: Subject) -> AudioProof:
    return audio_proof(canary_lines(items, [Answer(text=subject(item)) for item in items], model="m"))


def said(item: Item) -> str:
    return str(item.truth.get("text") or "no speech")


def wanted(item: Item) -> list[str]:
    return [] if item.truth["control"] else str(item.truth["expected"]).split()


def asks_for_words(item: Item) -> bool:
    return not item.truth.get("again")


def test_the_prompt_names_no_word_and_controls_are_silence_and_babble(canaries: list[Item]) -> None:
    asked = [item for item in canaries if asks_for_words(item)]
    controls = [item.truth["label"] for item in asked if item.truth["control"]]
    assert controls == ["silence"] * 4 + ["babble", "babble", "silence"]
    assert len(asked) - len(controls) == 12
    for item in asked:
        stimulus = item.load()
        assert stimulus.prompt == prompts.CODE_WORD
        assert not set(wanted(item)) & set(stimulus.prompt.lower().split())
    again = [item.load() for item in canaries if not asks_for_words(item)]
    assert [one.truth["expected"] for one in again] == [frame.format(*words.split()) for frame, words in SENTENCES]


@pytest.mark.parametrize(
    "form",
    ["{0} and {1}", "{0}, {1}", "Sure! The code words are “{0}” and “{1}”.", "1. {0}\n2. {1}", '{{"code_words": ["{0}", "{1}"]}}', "**{0}** & **{1}**",
     "I heard somebody say: the code words are {0} and {1}.", "{0}{1}", "{1}, {0}"],
)  # fmt: skip  # a table: one row a line
def test_words_are_found_whatever_stands_around_them(form: str) -> None:
    answer = form.format("Guitar", "PENCIL")
    assert is_found(answer, "guitar pencil")
    assert not is_found(answer.replace("PENCIL", "pen"), "guitar pencil")  # one of two is half, and no more


def test_two_of_three_are_enough_and_one_letter_may_differ() -> None:
    assert is_found("castle and feather", "castle lemon feather")
    assert not is_found("castle", "castle lemon feather")
    assert is_found("castel", "castle") and not is_found("cattle kettle", "candle")


def test_who_writes_the_sentence_is_shown_to_hear(canaries: list[Item]) -> None:
    proof = proof_of(canaries, said)
    assert (proof.arrival, proof.n_found, proof.n_canaries, proof.n_controls_found, proof.n_controls) == (
        "heard",
        12,
        12,
        0,
        7,
    )


def test_a_plain_recogniser_finds_nine_in_ten(canaries: list[Item]) -> None:
    """With one word in twenty misheard: 1 x 0.95, 7 x 0.95^2 and 4 x (0.95^3 + 3 x 0.95^2 x 0.05) are 11.2 of 12."""
    rng = np.random.default_rng(4)

    def mishears(item: Item) -> str:
        return " ".join("mumble" if rng.random() < 0.05 else word for word in said(item).split())

    proofs = [proof_of(canaries, mishears) for _ in range(40)]
    assert np.mean([proof.n_found / 12 for proof in proofs]) == pytest.approx(11.2 / 12, abs=0.03)
    assert {proof.arrival for proof in proofs} == {"heard"}


def frames(items: list[Item]) -> list[str]:
    """The carrier sentences without their code words."""
    return [" ".join(word for word in said(item).split() if word not in wanted(item)) for item in items]


@pytest.mark.parametrize("source", ["planned", "probe"])
def test_who_guesses_finds_at_most_one_in_ten_and_proves_nothing(canaries: list[Item], source: str) -> None:
    items = canaries if source == "planned" else Canary().items(probe_manifest(), seed=0)
    spoken = [item for item in items if not item.truth["control"] and asks_for_words(item)]
    guessers = {
        "the commonest nouns": NOUNS,
        "the prompt": prompts.CODE_WORD,
        "every carrier": ". ".join(dict.fromkeys(frames(spoken))),
        "words of the prompts": "code word, one or more code words, recording, sentence, speech, no speech, nobody, reply",
        "nothing": "I'm sorry, I cannot hear any audio.",
    }
    if source == "planned":
        guessers["likely code words"] = CLICHES
    for name, answer in guessers.items():
        proof = proof_of(items, lambda item, answer=answer: answer)
        assert proof.n_found <= GUESSED * proof.n_canaries, name
        assert not proof.proven, name


def test_who_names_every_word_everywhere_proves_nothing(canaries: list[Item]) -> None:
    """It names all words to every clip, babble and silence included; or only to what sounds like speech."""
    every = " ".join(words for _, words in SENTENCES)
    proof = proof_of(canaries, lambda item: every)
    assert (proof.proven, proof.n_found, proof.n_controls_found) == (False, 12, 7)
    spoken = proof_of(canaries, lambda item: every if item.truth.get("label") != "silence" else "no speech")
    assert spoken.n_controls_found == 2


def test_a_guesser_seldom_finds_as_many_as_prove_that_it_hears(canaries: list[Item]) -> None:
    """Of twelve, 6 or more are found by one who finds one in ten in 0.054 % of runs; of four, 2 would be in 5 %."""
    assert chance_of_guessing(6, 12) == pytest.approx(0.000541, abs=1e-6)
    assert chance_of_guessing(2, 4) == pytest.approx(0.0523, abs=1e-4)
    assert chance_of_guessing(0, 5) == pytest.approx(1.0)
    few = [
        item
        for item in canaries
        if item.truth["control"] or item.sample in ("code-00", "code-01", "code-02", "code-03")
    ]
    found = {"code-00", "code-01"}
    two_of_four = proof_of(few, lambda item: said(item) if item.sample in found and asks_for_words(item) else "")
    assert (two_of_four.n_found, two_of_four.n_canaries, two_of_four.proven) == (2, 4, False)
    assert chance_of_guessing(3, 4) < MOST_CHANCE
    found.add("code-02")
    assert proof_of(few, lambda item: said(item) if item.sample in found and asks_for_words(item) else "").proven


def test_words_that_are_misheard_sound_like_their_own(canaries: list[Item]) -> None:
    """Each code word a vowel off and so longer that no edit reaches it; turned by one clip it proves nothing."""
    heard = {
        item.sample: " ".join(f"{word[:2]}{word[2:]}er uh" for word in wanted(item))
        for item in canaries
        if wanted(item)
    }
    samples = list(heard)
    own = proof_of(canaries, lambda item: heard.get(item.sample, ""))
    assert (own.arrival, own.n_found) == ("misheard", 0)
    turned = {sample: heard[samples[k - 1]] for k, sample in enumerate(samples)}
    assert proof_of(canaries, lambda item: turned.get(item.sample, "")).arrival == "unproven"


def test_old_rows_with_one_word_are_asked_as_before(data: Manifest) -> None:
    items = Canary().items(data, seed=0)
    proof = proof_of(items, lambda item: str(item.truth.get("expected", "no speech")))
    assert (proof.n_found, proof.n_canaries, proof.n_controls, proof.proven) == (4, 4, 4, True)
