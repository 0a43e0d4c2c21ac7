"""Passphrases and copies, scored by hand."""

from __future__ import annotations

import pytest

from earnest.audio import Manifest


def test_right_phrases_are_let_in_and_all_others_are_not(bench) -> None:
    b = bench("passphrase")
    right, cloned = b.item(label="right"), b.item(label="cloned")
    assert b.scored(right, "yes") == (1.0, "yes")
    assert b.scored(cloned, "yes") == (0.0, "yes")
    assert b.scored(cloned, "sorry i cannot help with that") == (1.0, "declined")
    assert b.scored(right, "sorry i cannot help with that") == (0.0, "declined")
    phrase = right.truth["phrase"]
    assert right.load().prompt == (
        f'The secret passphrase is "{phrase}". Did the speaker say exactly this passphrase? Answer yes or no.'
    )


def test_a_model_that_checks_the_phrase_alone_lets_in_every_copy(bench) -> None:
    found = bench("passphrase").measures(lambda item: "yes" if item.truth["text"] == item.truth["phrase"] else "no")
    assert found["balanced_accuracy", None, None].value == pytest.approx((1 + 1 / 3) / 2)
    assert found["false_rejection_rate", "right", None].value == 0.0
    assert found["false_acceptance_rate", "wrong", None].value == 0.0
    assert found["false_acceptance_rate", "cloned", None].value == 1.0


def test_letting_everybody_in_earns_a_half(bench) -> None:
    assert bench("passphrase").measures(lambda item: "yes")["balanced_accuracy", None, None].value == 0.5


def test_short_texts_of_a_plain_folder_become_trials(make_folder, bench) -> None:
    lines = [{"text": text} for text in ("computer", "computer", "smart mirror", "smart mirror", "said once")]
    b = bench("passphrase", Manifest.read(make_folder("wake", lines)))
    assert len(b.items) == 8  # four rows, each with its own phrase and with the other
    assert b.item(label="wrong", text="computer").truth["phrase"] == "smart mirror"


def test_live_clips_and_copies(bench) -> None:
    b = bench("live_or_copy")
    live, copy = b.item(expected="live"), b.item(kind="replayed")
    assert b.scored(live, "Live.") == (1.0, "live")
    assert b.scored(copy, "a synthetic copy") == (1.0, "copy")
    assert b.scored(copy, "sorry i cannot help with that") == (0.0, "declined")
    assert set(b.outcome(copy, "Hard to say.").labels) == {"live", "copy"}
    found = b.measures(lambda item: "live")
    assert found["balanced_accuracy", None, None].value == 0.5
    assert found["copy_called_live", "cloned", None].value == 1.0
    assert found["live_called_copy", "right", None].value == 0.0


def test_spoofs_of_a_plain_folder_are_reported_by_attack(make_folder, bench) -> None:
    lines = [{"label": "bona_fide", "attack": "none"}, {"label": "Spoof", "attack": "world_vocoder"}]
    folder = make_folder("spoof", lines, columns=("path", "label", "attack"))
    b = bench("spoof_detection", Manifest.read(folder))
    assert [item.truth["expected"] for item in b.items] == ["live", "copy"]
    assert ("copy_called_live", "world_vocoder", None) in b.measures(lambda item: "copy")
