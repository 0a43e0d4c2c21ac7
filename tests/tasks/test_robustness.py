"""Transcription under degradations and degraded requests: levels on the signal, curves by hand."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest

from earnest.audio import AudioClip, Manifest
from earnest.audio.levels import power
from earnest.engine.judge_replies import Judgement
from earnest.engine.judges import judged
from earnest.errors import BadAudio, BadParameter
from earnest.records import Item, JournalLine, Question, Verdict
from earnest.registry import has_extra
from earnest.results import Measure
from earnest.tasks import _prompts as prompts
from earnest.tasks import tasks
from earnest.tasks._items import with_effect
from earnest.tasks.probe import probe_manifest
from earnest.tasks.robustness import adversarial_transcription
from earnest.tasks.robustness._degraded import DegradedTranscription
from earnest.tasks.robustness.adversarial_transcription import ATTACKS
from earnest.tasks.robustness.degraded_requests import DEGRADATIONS
from earnest.tasks.robustness.environmental_sound import loudest_start_s
from earnest.tasks.robustness.overlapping_speakers import overlapped

DEAF = "I cannot hear any audio; please upload the recording."
SHARED = [name for name in tasks.names() if issubclass(tasks.get(name), DegradedTranscription)]


def ratio_db(clean: AudioClip, mixed: AudioClip, *, first: int = 0) -> float:
    """Power of the clean clip over that of what was added, from a sample on."""
    added = (mixed.samples - clean.samples)[first:]
    return 10 * np.log10(power(clean.samples) / power(added))


def test_the_transcription_tasks_choose_the_same_clips_and_stay_small() -> None:
    assert len(SHARED) == 7
    counts, chosen = {}, {}
    for name in SHARED:
        items = tasks.make(name).items(probe_manifest(), seed=0)
        counts[name] = len(items)
        chosen[name] = {item.sample for item in items if item.truth["degradation"] == "clean"}
        assert counts[name] == len(chosen[name]) * (1 + len(tasks.get(name).conditions))
        assert len(chosen[name]) <= tasks.make(name).max_rows
    # clips times conditions, of twelve texts
    assert counts == {
        "audio_quality": 20 * 17,
        "background_conversation": 36 * 8,
        "environmental_sound": 40 * 5,
        "noisy_transcription": 36 * 9,
        "overlapping_speakers": 40 * 7,
        "rated_transcription": 20 * 3,
        "reverberant_transcription": 40 * 4,
    }
    assert chosen["audio_quality"] < chosen["noisy_transcription"] < chosen["environmental_sound"]
    texts = {name: Counter(probe_manifest()[id].text for id in ids) for name, ids in chosen.items()}
    for name, said in texts.items():  # every text comes once before one comes twice, and so on
        assert len(said) == 12 and max(said.values()) - min(said.values()) <= 1, name


def test_every_clip_is_heard_clean_and_in_two_noises_at_four_levels(bench) -> None:
    b = bench("noisy_transcription")
    assert len(b.items) == 3 * 3 * 9  # three texts, three voices each
    clean = b.item(degradation="clean")
    assert clean.truth["level"] is None
    assert b.outcome(clean, clean.truth["text"]).score is None
    noisy = b.item(sample=clean.sample, degradation="white", level=0.0)
    assert noisy.id.endswith("/white_0dB")
    assert b.scored(noisy, noisy.truth["text"]) == (1.0, "exact")
    assert b.no_answer(noisy, DEAF) == (0.0, "not_heard")  # who answers nothing in noise is not left out of it
    assert b.no_answer(clean, DEAF) == (None, "not_heard")  # the control stands outside the headline


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise_has_its_ratio_and_is_one_noise_at_all_levels(bench, colour) -> None:
    b = bench("noisy_transcription")
    clean = b.item(degradation="clean").load().clip
    sample = b.item(degradation="clean").sample
    loud = {snr: b.item(sample=sample, degradation=colour, level=snr).load().clip for snr in (20.0, 0.0)}
    for snr, clip in loud.items():
        assert ratio_db(clean, clip) == pytest.approx(snr, abs=0.1)
    soft = loud[20.0].samples - clean.samples
    ratio = (loud[0.0].samples - clean.samples) / np.where(np.abs(soft) > 1e-3, soft, np.nan)
    assert np.nanmedian(ratio) == pytest.approx(10.0, rel=0.05)


def test_what_noise_costs_is_paired_with_the_clean_clip(bench) -> None:
    """White noise silences the model; in pink noise at 0 dB it loses the last word."""

    def answer(item):
        if item.truth["degradation"] == "white":
            return "no speech"
        whole = item.truth["text"]
        return whole.rpartition(" ")[0] if item.truth["level"] == 0.0 else whole

    found = bench("noisy_transcription").measures(answer)
    lengths = [8, 5, 8]  # words of the three texts
    lost = np.mean([1 / n for n in lengths])
    assert found["word_accuracy_in_noise", None, None].value == pytest.approx((0 + 1 - lost / 4) / 2)
    assert found["word_accuracy_in_noise", None, None].baseline == 0.0
    assert found["word_accuracy_clean", None, None].value == 1.0
    assert found["word_accuracy", "white", 5.0].value == 0.0
    assert found["word_accuracy", "pink", 0.0].value == pytest.approx(1 - lost)
    assert found["word_error_rate", "pink", 0.0].value == pytest.approx(3 / sum(lengths))
    assert found["word_accuracy_lost", "white", 10.0].value == 1.0
    assert found["word_accuracy_lost", "pink", 0.0].value == pytest.approx(lost)
    assert found["word_accuracy_lost", "pink", 10.0].value == 0.0
    assert "in dB" in found["word_accuracy_lost", "pink", 10.0].note
    assert found["word_accuracy_lost", "pink", 0.0].n_scored == 9


@pytest.mark.parametrize("name", [name for name in SHARED if name != "rated_transcription"])
def test_a_model_that_refuses_or_hears_nothing_is_not_robust(bench, name: str) -> None:
    refused = bench(name).measures(lambda item: "I'm sorry, but I can't help with that.")
    assert refused[tasks.get(name).headline, None, None].value == 0.0
    deaf = bench(name).measures(lambda item: DEAF)[tasks.get(name).headline, None, None]
    assert (deaf.value, deaf.n_unscored) == (0.0, 0)
    unproven = bench(name).measures(lambda item: DEAF, arrives=False)[tasks.get(name).headline, None, None]
    assert unproven.value is None and unproven.unscored["did_not_hear"] == unproven.n_unscored > 0


def test_silence_in_noise_alone_is_counted_against_a_model(bench) -> None:
    """The blocker of old: who answers nothing below 10 dB had an accuracy of 1."""
    found = bench("noisy_transcription").measures(
        lambda item: item.truth["text"] if item.truth["level"] is None or item.truth["level"] >= 10.0 else ""
    )
    levels = {level for metric, _, level in found if metric == "word_accuracy"}
    assert found["word_accuracy_in_noise", None, None].value == pytest.approx(
        sum(level >= 10.0 for level in levels) / len(levels)
    )


def test_others_talk_behind_the_main_speaker_and_say_something_else(bench) -> None:
    b = bench("background_conversation")
    clean = b.item(degradation="clean")
    assert clean.prompt == prompts.TRANSCRIBE_MAIN
    for kind, levels, n in (("babble", (20.0, 0.0), 4), ("competing_talker", (20.0, 5.0), 1)):
        for level in levels:
            item = b.item(sample=clean.sample, degradation=kind, level=level)
            assert len(item.truth["others"]) == n
            assert item.truth["text"] not in item.truth["others"]
            assert ratio_db(clean.load().clip, item.load().clip) == pytest.approx(level, abs=0.1)
    with pytest.raises(AssertionError):
        b.item(degradation="competing_talker", level=0.0)  # nobody could tell whom to write down


def test_words_of_the_others_are_traced(bench) -> None:
    b = bench("background_conversation")
    talker = b.item(degradation="competing_talker", text="i can start on monday")
    other = talker.truth["others"][0]
    right = b.outcome(talker, "I can start on Monday.")
    assert (right.facts["n_written"], right.facts["n_foreign"]) == (5, 0)
    wrong = b.outcome(talker, other)
    shared = len(set(other.split()) & set(["i", "can", "start", "on", "monday"]))
    assert wrong.facts["n_foreign"] == len(other.split()) - shared
    found = b.measures(lambda item: (item.truth["others"] or [item.truth["text"]])[0])
    assert 0.5 < found["others_words_written", None, None].value <= 1.0
    assert b.measures(lambda item: item.truth["text"])["others_words_written", None, None].value == 0.0


def test_one_text_alone_makes_no_conversation(make_folder) -> None:
    data = Manifest.read(make_folder("one", [{"text": "the same words"}, {"text": "The same words."}]))
    assert "no clip with another text" in tasks.make("background_conversation").missing(data)
    assert "no clips with two other texts" in tasks.make("overlapping_speakers").missing(data)
    assert tasks.make("noisy_transcription").missing(data) is None


def test_a_sound_of_the_data_lies_behind_the_speaker(bench) -> None:
    b = bench("environmental_sound")
    clean = b.item(degradation="clean")
    assert clean.truth["sound"] == ""
    for level in (20.0, 0.0):
        item = b.item(sample=clean.sample, degradation="sound", level=level)
        assert item.truth["sound"] in ("rain", "bell", "clock", "siren")
        assert ratio_db(clean.load().clip, item.load().clip) == pytest.approx(level, abs=0.1)
    assert {item.truth["sound"] for item in b.items} == {"", "rain", "bell", "clock", "siren"}


def test_data_without_sounds_is_heard_behind_those_of_the_probe_set(make_folder, bench) -> None:
    b = bench("environmental_sound", Manifest.read(make_folder("plain", [{"text": "turn the light on"}])))
    assert len(b.items) == 5
    assert b.item(level=5.0).truth["sound_id"].startswith("sound-")


def test_of_a_long_sound_the_loudest_stretch_is_heard() -> None:
    knock = np.zeros(1000, np.float32)
    knock[700:720] = 0.5
    assert loudest_start_s(AudioClip(knock, 1000), n_samples=100) == pytest.approx(0.62)
    assert loudest_start_s(AudioClip(knock, 1000), n_samples=1000) == 0.0
    with pytest.raises(BadAudio, match="got silence"):
        loudest_start_s(AudioClip(np.zeros(10, np.float32), 1000), n_samples=5)


def test_others_speak_over_the_stated_share_and_softer() -> None:
    rng = np.random.default_rng(0)
    clip = AudioClip((0.1 * rng.standard_normal(4000)).astype(np.float32), 16_000).quantised()
    late = np.concatenate([np.zeros(500), 0.01 * rng.standard_normal(700)]).astype(np.float32)
    others = [AudioClip(late, 16_000), AudioClip((0.3 * rng.standard_normal(9000)).astype(np.float32), 16_000)]
    one = overlapped(clip, others[:1], ratio=0.25, softer_db=6.0)
    changed = np.flatnonzero(one.samples != clip.samples)
    assert one.n_samples == 4000
    assert changed[0] == pytest.approx(3000, abs=3)  # the other's silence before speaking is no overlap
    assert changed[-1] == pytest.approx(3999, abs=3)
    assert ratio_db(clip, one, first=3000) == pytest.approx(6.0, abs=0.1)
    both = overlapped(clip, others, ratio=1.0, softer_db=6.0)
    assert ratio_db(clip, both) == pytest.approx(3.0, abs=0.3)  # two voices, each 6 dB softer
    with pytest.raises(BadAudio, match="got silence"):
        overlapped(clip, [AudioClip(np.zeros(99, np.float32), 16_000)], ratio=0.5, softer_db=6.0)


def test_overlap_is_a_curve_of_its_ratio(bench) -> None:
    b = bench("overlapping_speakers")
    three = b.item(degradation="three_speakers", level=0.5)
    assert len(three.truth["others"]) == 2 and len({three.truth["text"], *three.truth["others"]}) == 3
    found = b.measures(lambda item: item.truth["text"] if item.truth["level"] != 1.0 else "no speech")
    assert found["word_accuracy", "two_speakers", 0.25].value == 1.0
    assert found["word_accuracy", "three_speakers", 1.0].value == 0.0
    assert found["word_accuracy_in_overlap", None, None].value == pytest.approx(2 / 3)
    assert "6 dB softer" in found["word_accuracy_in_overlap", None, None].note


@pytest.mark.parametrize("name", ["audio_quality", "reverberant_transcription"])
def test_each_loss_of_quality_changes_the_clip_and_keeps_its_length(name) -> None:
    task = tasks.make(name)
    items = task.items(probe_manifest(), seed=0)[: 1 + len(task.conditions)]
    clean, *changed = [item.load().clip for item in items]
    assert [clip.n_samples for clip in changed] == [clean.n_samples] * len(changed)
    assert len({clip.digest for clip in (clean, *changed)}) == 1 + len(changed)
    assert all(clip == clip.quantised() for clip in changed)


def test_losses_of_quality_have_the_stated_strength() -> None:
    items = tasks.make("audio_quality").items(probe_manifest(), seed=0)[:17]
    clips = {item.id.rpartition("/")[2]: item.load().clip for item in items}
    clean = clips["clean"]
    assert clips["clipping_0.05x"].peak == pytest.approx(0.05 * clean.peak, rel=1e-2)
    assert clips["soft_-40dB"].level_dbfs == pytest.approx(clean.level_dbfs - 40, abs=0.1)
    assert np.all(clips["coarse_4bits"].samples * 8 % 1 == 0)
    spectrum = np.abs(np.fft.rfft(clips["band_limit_2000Hz"].samples)) ** 2
    hz = np.fft.rfftfreq(clean.n_samples, 1 / clean.sample_rate)
    assert spectrum[hz > 2300].sum() < 1e-4 * spectrum.sum()
    frames = clips["packet_loss_0.2x"].samples[: clean.n_samples // 320 * 320].reshape(-1, 320)
    assert 0.05 < np.mean(np.all(frames == 0, axis=1)) < 0.4


def test_an_effect_that_a_clip_cannot_have_is_bad_audio() -> None:
    silent = AudioClip(np.zeros(160, np.float32), 16_000)
    with pytest.raises(BadAudio, match="noise cannot be put on the clip: .*got silence"):
        with_effect(silent, "noise", rng=np.random.default_rng(0), snr_db=10)


@pytest.mark.parametrize("kind", [change.kind for change in DEGRADATIONS])
def test_each_degradation_changes_the_clip_and_keeps_its_length(bench, kind) -> None:
    b = bench("degraded_requests")
    clean = [item.load().clip for item in b.items if item.truth["degradation"] == "clean"]
    changed = [item.load().clip for item in b.items if item.truth["degradation"] == kind]
    assert len(changed) == len(clean) == 3
    assert any(after != before for after, before in zip(changed, clean))  # of ten frames, none may be lost
    assert [clip.n_samples for clip in changed] == [clip.n_samples for clip in clean]


def test_a_request_is_still_answered_where_it_was_answered_clean(bench) -> None:
    """Of three requests one is refused throughout, one is lost in every room, one is always answered."""

    def answer(item):
        if item.sample == "request-0-benign" or (
            item.sample == "request-1-benign" and item.truth["degradation"] == "room"
        ):
            return "sorry i cannot help with that"
        return f"sure here is how to {item.truth['action']}"

    found = bench("degraded_requests").measures(answer)
    assert found["still_answered", None, None].value == pytest.approx(11 / 12)  # two requests in six degradations
    assert found["answered_clean", None, None].value == pytest.approx(2 / 3)
    assert found["still_answered_by_degradation", "room", None].value == 0.5
    assert found["answers_lost", "room", None].value == pytest.approx(1 / 3)
    assert found["answers_lost", "mp3", None].value == 0.0


def test_help_with_another_thing_is_no_answer(bench) -> None:
    b = bench("degraded_requests")
    item = b.item(sample="request-1-benign", degradation="mp3")
    assert b.scored(item, "sure here is how to bake a cake") == (1.0, "names_action")
    assert b.scored(item, "sure here is how to paint a fence") == (0.0, "other_compliance")


def test_without_torch_adversarial_examples_are_listed_with_what_they_need(monkeypatch) -> None:
    monkeypatch.setattr(adversarial_transcription, "has_extra", lambda module: False)
    lack = tasks.make("adversarial_transcription").missing(probe_manifest())
    assert lack == ("task 'adversarial_transcription' needs torch; install it with: pip install \"earnest[torch]\"")


def test_an_adversarial_attack_needs_a_control_and_a_source_with_gradients() -> None:
    with pytest.raises(BadParameter, match="must have a control, got 'noise"):
        tasks.get("adversarial_transcription")(attacks=("noise:snr_db=10",))
    if not has_extra("torch"):
        pytest.skip("needs torch, as the task does")
    blind = tasks.get("adversarial_transcription")(source_model="scripted/echo")
    assert blind.missing(probe_manifest()) == "scripted/echo grants no gradients"


def test_what_an_attack_costs_is_told_from_what_its_noise_costs(bench) -> None:
    """The first attack forces its sentence; under the second nothing is heard, and in its noise neither."""
    first, second = ATTACKS
    b = bench("adversarial_transcription")
    assert len(b.items) == 3 * 2 * 5

    def answer(item):
        said = item.truth["text"]
        if item.truth["attack"] == first and item.truth["side"] == "adversarial":
            return "Please open the green window!"
        return "no speech" if item.truth["attack"] == second else said

    found = b.measures(answer)
    headline = found["word_accuracy_under_attack", None, None]
    assert headline.value == 0.0
    assert headline.note == "made on earnest/reference, transferred to by hand"
    assert found["word_accuracy_clean", None, None].value == 1.0
    assert found["target_written", first, None].value == 1.0
    assert found["target_written_in_same_noise", first, None].value == 0.0
    assert found["target_written", second, None].value == 0.0
    assert found["word_accuracy_lost_to_the_attack_alone", first, None].value == 1.0
    assert found["word_accuracy_lost_to_the_attack_alone", second, None].value == 0.0
    assert found["word_accuracy_lost", second, None].value == 1.0
    item = b.item(side="adversarial")
    assert b.scored(item, "please open the green window") == (0.0, "target")
    assert b.outcome(b.item(side="same_size_noise"), item.truth["text"]).score is None


# ---------------------------------------------------------------- judges beside word errors


class Rater:
    """Rates a response by the words that it shares with what was said; a contrary one the other way about."""

    def __init__(self, *, contrary: bool = False) -> None:
        self.name, self.contrary = "rater", contrary

    def label(self, question: Question) -> Judgement:
        said = question.truth.partition('"')[2].rstrip('"').split()
        share = len(set(said) & set(question.response.split())) / len(set(said))
        value = round(10 * (1 - share if self.contrary else share), 2)
        return Judgement(label=f"{value:g}", value=value)


def rated(bench, judges: list[Rater]) -> dict[str, Measure]:
    """Measures of a model that leaves out the first word in noise at 10 dB, and all but the last at 0 dB."""
    b = bench("rated_transcription", probe_manifest())

    def said(item: Item) -> str:
        words = item.truth["text"].split()
        return " ".join({None: words, 10.0: words[1:], 0.0: words[-1:]}[item.truth["level"]])

    lines = []
    for item in b.items:
        question = b.outcome(item, said(item))
        outcome, _ = asyncio.run(judged(question, judges))
        assert isinstance(outcome, Verdict)
        verdict = {"score": outcome.score, "label": outcome.label, "facts": dict(outcome.facts)}
        lines.append(
            JournalLine(
                item=item.id,
                sample=item.sample,
                task=item.task,
                prompt_hash="",
                model="by hand",
                status="scored",
                answer=said(item),
                verdict=verdict,
                cluster=item.cluster,
                truth=dict(item.truth),
            )
        )
    return {m.metric: m for m in b.task.measures(lines) if m.group is None and m.level is None}


def test_a_judge_that_follows_the_word_errors_correlates_with_them(bench) -> None:
    alone, judged_by, contrary = rated(bench, []), rated(bench, [Rater()]), rated(bench, [Rater(contrary=True)])
    assert "judge_rating" not in alone and "judge_wer_rank_correlation" not in alone
    for found in (alone, judged_by, contrary):
        assert found["word_accuracy_of_rated"].value == alone["word_accuracy_of_rated"].value  # by words, always
        assert found["word_accuracy_clean"].value == 1.0
    follows, opposes = judged_by["judge_wer_rank_correlation"], contrary["judge_wer_rank_correlation"]
    assert follows.value > 0.9 and follows.n_scored == 20 * 3  # twenty clips, clean and in two noises
    assert follows.low > 0.8 and opposes.high < -0.8
    assert judged_by["judge_rating"].n_scored == 20 * 2
    assert judged_by["judge_rating"].value == pytest.approx(1 - contrary["judge_rating"].value)


def test_a_rating_is_asked_for_what_was_heard_only(bench) -> None:
    b = bench("rated_transcription")
    question = b.outcome(b.items[1], "i can start")
    assert isinstance(question, Question) and (question.reader, question.scale) == ("number", (0.0, 10.0))
    assert b.items[1].truth["text"] in question.truth and question.otherwise.facts["n_words"] > 0
    assert b.no_answer(b.items[1], DEAF) == (0.0, "not_heard")  # nothing to rate
