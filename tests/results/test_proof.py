"""Whether the audio arrives: found code words, misheard ones, evidence of the other answers; and what no answer means."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.records import NO_ANSWER
from earnest.results.proof import MIN_TEXTS, as_proven, audio_proof

WORDS = ("river", "falcon", "guitar", "lemon", "planet", "violin", "anchor", "tiger")
MISHEARD = ("rivver", "fall can", "get our", "lemming", "plan it", "violent", "anger", "tie ger")
"""What an ear might write of each; none is the word itself."""


def canaries(line, answers, *, controls=(), again=()):
    made = [
        line(
            f"canary/{word}",
            float(word in answer),
            label="found" if word in answer else "not_found",
            kind="canary",
            truth={"expected": word, "control": False},
            answer=answer,
        )
        for word, answer in zip(WORDS, answers, strict=False)
    ]
    made += [
        line(
            f"canary/silence_{n}",
            1.0,
            label="found" if any(word in answer for word in WORDS) else "not_found",
            kind="canary",
            truth={"control": True},
            answer=answer,
        )
        for n, answer in enumerate(controls)
    ]
    made += [
        line(
            f"canary/{word}/again",
            0.0,
            label="not_found",
            kind="canary",
            answer=answer,
            truth={"expected": word, "control": False, "again": True},
        )
        for word, answer in zip(WORDS, again, strict=False)
    ]
    return made


def test_words_that_are_found_are_heard(line) -> None:
    proof = audio_proof(canaries(line, WORDS, controls=["no speech"] * 4))
    assert (proof.arrival, proof.proven, proof.n_found, proof.n_canaries) == ("heard", True, 8, 8)


def test_words_that_sound_alike_are_misheard_and_the_audio_arrives(line) -> None:
    proof = audio_proof(canaries(line, MISHEARD, controls=["no speech"] * 4))
    assert (proof.arrival, proof.proven, proof.n_found) == ("misheard", True, 0)
    assert proof.chance is not None and proof.chance <= 0.01
    assert "words are misheard" in proof.words and "silence was" not in proof.words


def test_the_same_words_of_other_clips_prove_nothing(line) -> None:
    turned = MISHEARD[3:] + MISHEARD[:3]
    proof = audio_proof(canaries(line, turned, controls=["no speech"] * 4))
    assert (proof.arrival, proof.proven) == ("unproven", False)


def test_one_answer_to_every_clip_proves_nothing_however_long(line) -> None:
    every = "river falcon guitar lemon planet violin anchor tigers"  # it holds all words but the last
    proof = audio_proof(canaries(line, [every] * 8, controls=[every] * 4))
    assert proof.proven is False  # controls "find" as much
    assert audio_proof(canaries(line, ["I cannot hear anything."] * 8)).arrival == "unproven"


def test_the_second_question_counts_for_what_was_misheard_and_not_as_a_canary(line) -> None:
    lines = canaries(line, ["I'm here to help."] * 8, controls=["Hello!"] * 4, again=MISHEARD)
    proof = audio_proof(lines)
    assert (proof.arrival, proof.n_canaries) == ("misheard", 8)


def test_an_endpoint_that_refuses_is_not_deaf(line) -> None:
    refused = [
        line(f"canary/{word}", None, reason="audio_refused", kind="canary", truth={"expected": word, "control": False})
        for word in WORDS
    ]
    proof = audio_proof(refused)
    assert (proof.arrival, proof.proven) == ("refused", None)
    assert "refused" in proof.words and "not shown to be deaf" in proof.words
    slow = [one.model_copy(update={"reason": "timeout"}) for one in refused]
    assert audio_proof(slow).arrival == "not_tested"


# ---------------------------------------------------------------- other answers of the run


def answered(line, n: int, *, own: bool, prompt: str = "Transcribe the speech.", clips=None):
    """Lines whose answers hold most words of their own clip, or those of the next one."""
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{word}" for word in rng.integers(0, 400, 9)) for _ in range(n)]
    said = texts if own else texts[1:] + texts[:1]
    return [
        line(
            f"t/{k}",
            0.5,
            answer=" ".join(said[k].split()[:6]) + " and so on",
            truth={"text": texts[k]},
            prompt=prompt,
            clips={"speech": "0" * 64} if clips is None else clips,
        )
        for k in range(n)
    ]


def test_answers_closer_to_their_own_clip_prove_that_audio_arrives(line) -> None:
    deaf = canaries(line, ["What would you like to know?"] * 8)
    proof = audio_proof([*deaf, *answered(line, 12, own=True)])
    assert (proof.arrival, proof.proven, proof.n_texts) == ("misheard", True, 12)
    # 6 of 9 words shared, in 9 + 9 words: 2 * 6 / 18, against next to none of other clips
    assert proof.closer == pytest.approx(2 / 3, abs=0.03)
    assert proof.closer_low > 0.5


def test_answers_of_other_clips_and_few_texts_prove_nothing(line) -> None:
    deaf = canaries(line, ["What would you like to know?"] * 8)
    assert audio_proof([*deaf, *answered(line, 12, own=False)]).proven is False
    assert audio_proof([*deaf, *answered(line, MIN_TEXTS - 1, own=True)]).proven is False


def test_words_that_the_prompt_gives_away_and_written_items_are_no_evidence(line) -> None:
    deaf = canaries(line, ["What would you like to know?"] * 8)
    given = [
        one.model_copy(update={"prompt": f'Did the speaker say "{one.truth["text"]}"?'})
        for one in answered(line, 12, own=True)
    ]
    assert audio_proof([*deaf, *given]).proven is False
    assert audio_proof([*deaf, *answered(line, 12, own=True, clips={})]).proven is False


def test_what_a_recogniser_was_given_in_the_prompt_is_no_evidence(line) -> None:
    deaf = canaries(line, ["What would you like to know?"] * 8)
    heard = [
        one.model_copy(update={"heard": {"speech": one.truth["text"]}, "answer": "yes"})
        for one in answered(line, 12, own=True)
    ]
    given = [one.model_copy(update={"prompt": f'Was "{one.truth["text"]}" said?'}) for one in heard]
    assert audio_proof([*deaf, *heard]).proven is True
    assert audio_proof([*deaf, *given]).proven is False


def test_repeating_a_prompt_that_was_made_for_the_clip_is_no_evidence(line) -> None:
    deaf = canaries(line, ["What would you like to know?"] * 8)
    rough = [  # 4 of its 9 words: less than half, so the line is looked at
        one.model_copy(update={"prompt": f"Is it about {' '.join(one.truth['text'].split()[:4])}?"})
        for one in answered(line, 12, own=True)
    ]
    parrot = [one.model_copy(update={"answer": one.prompt}) for one in rough]
    assert audio_proof([*deaf, *parrot]).proven is False
    assert audio_proof([*deaf, *rough]).proven is True  # 2 more words of it than the prompt has


def test_what_a_recogniser_heard_counts_as_what_was_written(line) -> None:
    deaf = canaries(line, ["I'm a helpful assistant."] * 8)
    heard = [
        one.model_copy(update={"heard": {"speech": one.answer}, "answer": "I'm here to help."})
        for one in answered(line, 12, own=True)
    ]
    assert audio_proof([*deaf, *heard]).proven is True


# ---------------------------------------------------------------- no answer


@pytest.mark.parametrize(
    ("why", "reason"), [("empty", "empty_answer"), ("not_heard", "did_not_hear"), ("echo", "empty_answer")]
)
def test_no_answer_is_taken_back_where_audio_is_unproven_and_stands_where_it_is(line, why, reason) -> None:
    silent = line("t/1", 0.0, label=NO_ANSWER)
    silent = silent.model_copy(update={"verdict": {"score": 0.0, "label": NO_ANSWER, "facts": {"why": why}}})
    right = line("t/2", 1.0)
    proven = as_proven([*canaries(line, WORDS), silent, right])
    assert [one for one in proven if one.item == "t/1"] == [silent]
    taken = {one.item: one for one in as_proven([*canaries(line, ["?"] * 8), silent, right])}
    assert (taken["t/1"].status, taken["t/1"].reason, taken["t/1"].score) == ("unscored", reason, None)
    assert taken["t/2"] == right
    again = as_proven(list(taken.values()))
    assert {one.item: one for one in again} == taken
    assert as_proven([silent])[0].status == "unscored"  # nobody asked a canary


def test_controls_that_are_answered_do_not_make_a_refusal_of_the_audio_less_of_one(line) -> None:
    real = [line(f"c/{k}", kind="canary", reason="audio_refused", truth={"expected": f"word{k}"}) for k in range(4)]
    control = line("c/silence", 1.0, kind="canary", label="none", truth={"control": True}, answer="nothing")
    assert audio_proof([*real, control]).arrival == "refused"
