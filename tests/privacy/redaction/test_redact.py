"""Recordings without what is personal: nothing of a span is left, and a failed recognition is never nothing to redact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earnest.audio import AudioClip, Manifest
from earnest.cli import _exit_code as exit_code_of
from earnest.errors import BadData, BadParameter
from earnest.models.recognisers import HeardWord, Recogniser
from earnest.privacy.redaction.files import pairs_of
from earnest.privacy.redaction.measure import coverage, evaluate, evaluated
from earnest.privacy.redaction.personal import Span
from earnest.privacy.redaction.redact import Redacted, Redactor, heard_words
from earnest.privacy.redaction.sound import padded, replaced, replacement, sample_range

RATE = 16_000
WORDS = "my card number is four one one one please charge it".split()


def noise_clip(duration_s: float = 4.0, *, rate: int = RATE, seed: int = 0) -> AudioClip:
    rng = np.random.default_rng(seed)
    return AudioClip((0.1 * rng.standard_normal(round(duration_s * rate))).astype(np.float32), rate)


class Written(Recogniser):
    """Says the words that it was given, at equal distances, while the place of each sounds as it did in `clip`."""

    name, fingerprint = "written", "1"

    def __init__(self, clip: AudioClip, words: Sequence[str], *, until_s: float | None = None) -> None:
        super().__init__()
        self._clip, self._words, self._until_s = clip, words, until_s or clip.duration_s
        self.heard: list[AudioClip] = []

    def _transcribed(self, clip: AudioClip) -> tuple[str, list[dict[str, object]]]:
        raise NotImplementedError

    def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
        self.heard.append(clip)
        step = self._until_s / len(self._words)
        every = [HeardWord(word, place * step, (place + 1) * step) for place, word in enumerate(self._words)]
        return [one for one in every if self._sounds_as_it_did(one, clip)]

    def _sounds_as_it_did(self, word: HeardWord, clip: AudioClip) -> bool:
        start, end = sample_range(Span(word.start_s, word.end_s, ""), clip)
        same = clip.samples[start:end] == self._clip.samples[start:end]
        return bool(same.mean() > 0.5)


@given(
    spans=st.lists(st.tuples(st.floats(0, 0.9), st.floats(0.001, 0.4)), max_size=4),
    rate=st.sampled_from([8_000, 16_000, 22_050]),
    replace=st.sampled_from(["tone", "silence"]),
)
def test_inside_a_span_is_the_replacement_and_nothing_else(
    spans: list[tuple[float, float]], rate: int, replace: str
) -> None:
    clip, other = noise_clip(1.0, rate=rate, seed=1), noise_clip(1.0, rate=rate, seed=2)
    made_of = [Span(start, min(1.0, start + length), "card") for start, length in spans]
    made, from_other = replaced(clip, made_of, replace=replace), replaced(other, made_of, replace=replace)
    near = np.zeros(clip.n_samples, bool)
    for one in padded(made_of, duration_s=1.0):
        start, end = sample_range(one, clip)
        assert start <= one.start_s * rate + 1e-3 and end >= one.end_s * rate - 1e-3
        assert np.array_equal(made.samples[start:end], replacement(end - start, rate, replace=replace))
        assert np.array_equal(made.samples[start:end], from_other.samples[start:end])
        fade = round(0.005 * rate)
        near[max(0, start - fade) : end + fade] = True
    assert np.array_equal(made.samples[~near], clip.samples[~near])
    assert (np.abs(made.samples[near]) <= np.maximum(np.abs(clip.samples[near]), 0.1 + 1e-6)).all()
    assert made.n_samples == clip.n_samples


def test_the_recording_is_faded_outside_a_span() -> None:
    made = replaced(AudioClip(np.ones(RATE, np.float32), RATE), [Span(0.25, 0.5, "card")], replace="silence").samples
    fade = round(0.005 * RATE)
    before, after = made[4000 - fade : 4000], made[8000 : 8000 + fade]
    assert (np.diff(before) < 0).all() and (np.diff(after) > 0).all() and before[-1] < 0.05 and after[0] < 0.05


def test_a_tone_has_its_level_and_frequency_whatever_the_recording() -> None:
    tone = replacement(RATE, RATE)
    spectrum = np.abs(np.fft.rfft(tone))
    assert spectrum.argmax() == 1000 and np.abs(tone).max() == pytest.approx(0.1, abs=1e-3)
    assert tone[0] == tone[-1] == 0
    assert not replacement(100, RATE, replace="silence").any()


def test_spans_are_widened_joined_and_kept_inside() -> None:
    spans = [Span(3.0, 3.5, "name"), Span(0.1, 1.0, "card"), Span(1.3, 2.0, "card")]
    assert padded(spans, duration_s=3.6, pad_s=0.2) == (Span(0.0, 2.2, "card"), Span(2.8, 3.6, "name"))
    apart = padded(spans, duration_s=3.6)
    assert [one.kind for one in apart] == ["card", "card", "name"]
    assert len(padded(spans, duration_s=3.6, bridge_s=0.35)) == 2


def test_what_is_personal_is_replaced_with_its_padding_and_heard_again() -> None:
    clip = noise_clip(4.4)  # eleven words of 0.4 s: the number is from 1.6 to 3.2 s
    hears = Written(clip, WORDS)
    done = Redactor(hears, pad_before_s=0.1, pad_after_s=0.3).redacted(clip)
    (span,) = done.spans
    assert (span.start_s, span.end_s, span.kind) == (pytest.approx(1.5), pytest.approx(3.5), "card")
    assert done.verified and done.n_rounds == 2 and len(hears.heard) == 2 and not done.failure
    start, end = sample_range(span, clip)
    assert np.array_equal(done.clip.samples[start:end], replacement(end - start, RATE))
    assert np.array_equal(hears.heard[1].samples, done.clip.samples)
    assert "four" not in json.dumps(done.as_json())


def test_what_only_the_second_hearing_finds_is_replaced_too() -> None:
    clip = noise_clip(4.4)
    first = Written(clip, "my hard lumber is for won wan one please charge it".split())
    done = Redactor(first, verifier=Written(clip, WORDS)).redacted(clip)
    assert done.n_rounds == 3 and done.verified
    assert done.spans[0].start_s <= 1.6 and done.spans[0].end_s >= 3.2


def test_nothing_personal_changes_nothing() -> None:
    clip = noise_clip(2.0)
    done = Redactor(Written(clip, "the weather was lovely and we walked home".split())).redacted(clip)
    assert done.spans == () and done.verified and np.array_equal(done.clip.samples, clip.samples)


class Broken(Written):
    def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
        raise RuntimeError("out of memory")


class Backwards(Written):
    def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
        return [HeardWord("four", 2.0, 1.0)]


class Deaf(Written):
    def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
        return []


@pytest.mark.parametrize(
    ("kind", "why"), [(Broken, "out of memory"), (Backwards, "times that are none"), (Deaf, "0% of the sound")]
)
def test_a_failed_recognition_replaces_everything_or_leaves_it_out(kind: type[Written], why: str) -> None:
    clip = noise_clip(2.0)
    done = Redactor(kind(clip, WORDS)).redacted(clip)
    assert why in done.failure and not done.verified
    assert np.array_equal(done.clip.samples, replacement(clip.n_samples, RATE))
    left_out = Redactor(kind(clip, WORDS), on_failure="leave_out").redacted(clip)
    assert left_out.clip is None and left_out.failure
    sums = coverage([Span(0.5, 1.5, "card")], left_out, duration_s=2.0, cluster="a")
    assert sums.replaced_personal_s == 0 and sums.failed


def test_silence_without_words_is_no_failure() -> None:
    clip = AudioClip(np.zeros(RATE, np.float32), RATE)
    done = Redactor(Deaf(clip, WORDS)).redacted(clip)
    assert not done.failure and done.verified and done.spans == ()


def test_sound_without_words_beside_words_is_replaced() -> None:
    clip = noise_clip(4.0)
    done = Redactor(Written(clip, "the weather was lovely and we walked home".split(), until_s=2.4)).redacted(clip)
    assert [one.kind for one in done.spans] == ["unheard"]
    assert done.spans[0].start_s == pytest.approx(2.7, abs=0.05) and done.spans[0].end_s == 4.0


class Stuck(Recogniser):
    """Repeats itself for ever on more than six seconds, as Whisper may on digits."""

    name, fingerprint = "stuck", "1"

    def __init__(self) -> None:
        super().__init__()
        self.lengths: list[float] = []

    def _transcribed(self, clip: AudioClip) -> tuple[str, list[dict[str, object]]]:
        raise NotImplementedError

    def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
        self.lengths.append(clip.duration_s)
        if clip.duration_s > 6:
            return [HeardWord("nine", 1.0, 1.0)] * 40
        return [HeardWord("nine", 0.0, clip.duration_s)]


def test_a_recogniser_that_repeats_itself_hears_the_halves() -> None:
    hears = Stuck()
    words = heard_words(hears, noise_clip(10.0))
    assert len(words) == len(hears.lengths) - 1 >= 2 and hears.lengths[0] == 10.0
    assert words[0].start_s == 0 and words[-1].end_s == pytest.approx(10.0)
    assert all(a.end_s == pytest.approx(b.start_s) for a, b in zip(words, words[1:]))


def test_long_recordings_are_heard_in_pieces_with_times_of_the_whole() -> None:
    class Beginnings(Written):
        def _timed_words(self, clip: AudioClip) -> Sequence[HeardWord]:
            return [HeardWord("hello", 0.0, 0.5)]

    clip = noise_clip(60.0, rate=8_000)
    words = heard_words(Beginnings(clip, WORDS), clip)
    assert len(words) >= 3 and words[0].start_s == 0
    assert all(10 < b.start_s - a.start_s <= 25 for a, b in zip(words, words[1:]))


def test_seconds_are_counted_by_hand() -> None:
    rows = [
        coverage(
            [Span(1.0, 3.0, "card"), Span(5.0, 6.0, "name")],
            Redacted(clip=None, spans=(Span(2.0, 4.0, "card"), Span(5.0, 6.5, "name")), n_rounds=2, verified=True),
            duration_s=10.0,
            cluster="a",
            compute_s=1.0,
        ),
        coverage([], Redacted(clip=None, spans=(), n_rounds=2, verified=False), duration_s=5.0, cluster="b"),
        coverage(
            [Span(0.0, 1.0, "card")],
            Redacted(clip=noise_clip(2.0), spans=(Span(0.0, 2.0, "unheard"),), n_rounds=1, verified=False, failure="x"),
            duration_s=2.0,
            cluster="c",
        ),
    ]
    found = evaluated(rows)
    assert found.recall.value == pytest.approx(3 / 4) and found.recall.interval.low < 0.75 < found.recall.interval.high
    assert found.recall_where_recognised.value == pytest.approx(2 / 3)
    assert found.over_redaction.value == pytest.approx((1.5 + 0 + 1) / (7 + 5 + 1))
    assert found.recall_by_kind["card"].value == pytest.approx(2 / 3)
    assert (found.n_spans, found.n_spans_missed, found.n_failed, found.n_unverified) == (3, 0, 1, 2)
    assert found.seconds_per_minute == pytest.approx(60 / 17)
    with pytest.raises(BadData, match="at least one recording"):
        evaluated([])


def _folder(folder: Path, personal: object) -> Path:
    noise_clip(4.4).write(folder / "a.wav")
    row = {"path": "a.wav", "speaker": "one", "personal": personal}
    (folder / "manifest.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return folder


def test_an_evaluation_reads_the_spans_of_a_manifest(tmp_path: Path) -> None:
    folder = _folder(tmp_path, json.dumps([[1.6, 3.2, "card"]]))
    clip = AudioClip.read(folder / "a.wav")
    found = evaluate(Manifest.read(folder), Redactor(Written(clip, WORDS)))
    assert found.recall.value == 1.0 and found.recall.interval is None
    assert found.over_redaction.value == pytest.approx(0.4 / 2.8)


@pytest.mark.parametrize("personal", [None, '[[3, 1, "card"]]', "[[1, 2]]", "x"])
def test_rows_without_spans_are_named(tmp_path: Path, personal: object) -> None:
    with pytest.raises(BadData, match=r"a column personal.*a\.wav"):
        evaluate(Manifest.read(_folder(tmp_path, personal)), Redactor(Deaf(noise_clip(), WORDS)))


def test_wrong_parameters_are_refused() -> None:
    hears = Deaf(noise_clip(), WORDS)
    with pytest.raises(BadParameter, match="'tone' or 'silence', got 'beep'"):
        Redactor(hears, replace="beep")
    with pytest.raises(BadParameter, match="from 0 to 5 s, got -1"):
        Redactor(hears, pad_before_s=-1)
    with pytest.raises(BadParameter, match="'replace' or 'leave_out', got 'keep'"):
        Redactor(hears, on_failure="keep")
    with pytest.raises(BadParameter, match="must be pocketsphinx, faster-whisper"):
        Redactor("openai/whisper-1")


def test_files_are_never_written_over(tmp_path: Path) -> None:
    noise_clip(0.1).write(tmp_path / "a.wav")
    with pytest.raises(BadParameter, match="would be written over"):
        pairs_of(tmp_path / "a.wav", tmp_path / "a.wav")
    with pytest.raises(BadParameter, match=r"written as \.wav or \.flac, got .*b\.mp3"):
        pairs_of(tmp_path / "a.wav", tmp_path / "b.mp3")
    with pytest.raises(BadData, match="must hold recordings"):
        (tmp_path / "empty").mkdir()
        pairs_of(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(BadData, match="there is no"):
        pairs_of(tmp_path / "missing.wav", tmp_path / "out.wav")


def test_the_command_asks_for_a_target_or_an_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise_clip(0.1).write(tmp_path / "a.wav")
    assert exit_code_of(["redact", str(tmp_path)]) == 2
    assert "TARGET" in capsys.readouterr().err
    assert exit_code_of(["redact", str(tmp_path), str(tmp_path / "out"), "--snr", "10"]) == 2
    assert exit_code_of(["redact", str(tmp_path), str(tmp_path / "out"), "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["target"].endswith("out/a.wav")
    assert not (tmp_path / "out").exists()


def test_the_command_on_speech_with_a_real_recogniser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """pocketsphinx is a rough ear; the digits that it does hear are replaced, where the synthesiser says that they are."""
    pytest.importorskip("pocketsphinx", reason="the recogniser of the extra asr-small")
    pytest.importorskip("espeakng_loader", reason="what speaks the sentence, of the extra train")
    from earnest.voices.espeak import Espeak

    text = "My phone number is two one two five five five zero one two three."
    clip, words = Espeak("en-us").speak_with_times(text)
    assert [word.text for word in words] == text.rstrip(".").split()
    assert all(a.start_s < a.end_s <= b.start_s + 1e-9 for a, b in zip(words, words[1:]))
    clip.write(tmp_path / "call.wav")
    target = tmp_path / "redacted.wav"
    code = exit_code_of(["redact", str(tmp_path / "call.wav"), str(target), "--recogniser", "pocketsphinx", "--json"])
    (told,) = json.loads(capsys.readouterr().out)["files"]
    assert code == (0 if told["verified"] else 1)
    made = AudioClip.read(target)
    last = words[-3]  # "one two three" is heard as that, and what is before it is not
    assert any(one["start_s"] <= last.start_s and one["end_s"] >= words[-1].start_s + 0.2 for one in told["spans"])
    assert not any(one["start_s"] < words[2].start_s < one["end_s"] for one in told["spans"])
    for one in told["spans"]:
        start, end = sample_range(Span(one["start_s"] + 0.02, one["end_s"] - 0.02, ""), clip)
        assert abs(np.corrcoef(made.samples[start:end], clip.samples[start:end])[0, 1]) < 0.1
