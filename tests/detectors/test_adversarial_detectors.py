"""Detectors of adversarial audio: what they compare, by hand; what they count; and the attacker who knows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Manifest, Stimulus
from earnest.audio.masking import Masking
from earnest.defences import defences
from earnest.detectors import detectors
from earnest.detectors._discriminant import fitted_discriminant
from earnest.detectors.masking_statistics import statistics
from earnest.detectors.temporal_dependency import agreement
from earnest.detectors.transform_disagreement import disagreement
from earnest.errors import BadAudio, BadParameter, ModelFailed
from earnest.models.access import Answer, Failure, Model, Reply, Sampling, System
from earnest.models.detector import DetectorModel
from earnest.testing import LinearModel
from earnest.testing.toys import CurvedModel


class Loudness(Model):
    """Says what it hears by the clip's peak and length: a transcript that a louder or shorter clip changes."""

    name, fingerprint, batch_size, destination = "toy/loudness", "1", 2, "somewhere.example"

    def __init__(self, *, transcripts: bool = True, fails: bool = False) -> None:
        self.transcripts, self.fails, self.asked = transcripts, fails, 0

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        assert len(stimuli) <= 2, "no batch is larger than the model's own"
        self.asked += len(stimuli)
        if self.fails:
            return [Failure(reason="timeout", detail="too late") for _ in stimuli]
        return [self._reply(stimulus.clip) for stimulus in stimuli]

    def _reply(self, clip: AudioClip) -> Answer:
        words = "open the door now please".split()[: clip.n_samples // 400]
        heard = " ".join(words) if clip.peak > 0.5 else " ".join(["shut", *words[1:]])
        return Answer(
            text="yes" if clip.peak > 0.5 else "no way",
            usage={"output_tokens": 3.0},
            details={"transcript": heard} if self.transcripts else {},
        )


def spiky(n_samples: int = 2000) -> AudioClip:
    """One sample of 0.9 in quiet: a median takes it away, and with it what the toy hears."""
    samples = np.full(n_samples, 0.1, np.float32)
    samples[7] = 0.9
    return AudioClip(samples, 16_000)


def test_two_texts_disagree_by_their_edits_over_the_longer() -> None:
    assert disagreement("ab", "abcd") == disagreement("abcd", "ab") == 0.5
    assert (
        disagreement("", "") == 0.0
        and disagreement("", "abc") == 1.0
        and disagreement("kitten", "sitting") == pytest.approx(3 / 7)
    )


def test_the_disagreement_by_hand_and_what_it_took() -> None:
    """`open` to `shut` are 4 edits of 24 characters, `yes` to `no way` is 6 of 6; the second transform changes nothing."""
    model = Loudness()
    detector = detectors.make("transform_disagreement:transforms=smoothing:kind=median|smoothing:kind=none").asking(
        model
    )
    found = detector.evidence(spiky())
    transcript = 4 / len("open the door now please")
    assert found.details["before"] == ["open the door now please", "yes"]
    assert found.details["after"] == [["shut the door now please", "no way"], ["open the door now please", "yes"]]
    assert found.score == pytest.approx(-(transcript + disagreement("yes", "no way")) / 4)
    assert found.n_calls == model.asked == 3 and found.usage == {"output_tokens": 9.0}
    one = detectors.make(
        "transform_disagreement:compare=transcript,transforms=smoothing:kind=median;width_ms=0.3"
    ).asking(model)
    assert one.score(spiky()) == pytest.approx(-transcript)
    steady = AudioClip(np.full(2000, 0.1, np.float32), 16_000)
    assert detector.score(steady) == 0.0


def test_a_call_that_fails_gives_no_score_and_a_model_without_transcripts_is_told() -> None:
    detector = detectors.make("transform_disagreement")
    with pytest.raises(ModelFailed, match="gave no answer: too late"):
        detector.asking(Loudness(fails=True)).score(spiky())
    with pytest.raises(BadParameter, match="take compare=answer"):
        detector.asking(Loudness(transcripts=False)).score(spiky())
    answers = detectors.make("transform_disagreement:compare=answer").asking(Loudness(transcripts=False))
    assert answers.score(spiky()) == pytest.approx(
        -disagreement("yes", "no way") / 2 * (1 + (answers.evidence(spiky()).details["after"][1] == ["no way"]))
    )
    with pytest.raises(BadParameter, match="specifications of defences with | between"):
        detectors.make("transform_disagreement:transforms=smoothing||codec")
    with pytest.raises(BadParameter, match="no defence is called 'smothing'"):
        detectors.make("transform_disagreement:transforms=smothing")
    with pytest.raises(BadParameter, match="compare of detector"):
        detectors.make("transform_disagreement:compare=words")


def test_as_a_subject_it_tells_whom_it_asks_and_what_that_used() -> None:
    asked = Loudness()
    subject = DetectorModel(
        detectors.make("transform_disagreement").asking(asked), name="detector/transform_disagreement"
    )
    (reply,) = subject.ask([Stimulus(clips={"speech": spiky()}, prompt="?")])
    assert isinstance(reply, Answer) and reply.value is not None and reply.value < 0
    assert reply.usage == {"output_tokens": 9.0} and reply.details["n_calls"] == 3
    assert subject.destination == "somewhere.example", "recordings leave this machine where the asked model's do"
    other = DetectorModel(
        detectors.make("transform_disagreement").asking(LinearModel(np.ones(3, np.float32))), name="x"
    )
    assert other.fingerprint != subject.fingerprint
    failing = DetectorModel(detectors.make("transform_disagreement").asking(Loudness(fails=True)), name="x")
    (reply,) = failing.ask([Stimulus(clips={"speech": spiky()}, prompt="?")])
    assert isinstance(reply, Failure) and reply.reason == "timeout"


def test_who_knows_the_detector_descends_on_the_mean_over_the_transforms() -> None:
    """The loss is the mean of the model's on the clip and on what each transform makes of it; its gradient is checked by differences."""
    model = CurvedModel(np.array([1.0, -2.0, 0.5], np.float32))
    detector = detectors.make("transform_disagreement:transforms=smoothing")
    against = detector.against(model)
    clip = AudioClip((0.1 * np.random.default_rng(0).standard_normal(64)).astype(np.float32), 16_000)
    smooth = defences.make("smoothing").apply(clip, rng=np.random.default_rng(0))

    def loss(given: AudioClip, of: Model) -> float:
        return float(of.loss_and_gradient([Stimulus(clips={"speech": given}, prompt="?")], targets=["yes"])[0][0])

    assert loss(clip, against) == pytest.approx((loss(clip, model) + loss(smooth, model)) / 2)
    _, (gradient,) = against.loss_and_gradient([Stimulus(clips={"speech": clip}, prompt="?")], targets=["yes"])
    for place in (0, 31):
        step = np.zeros(64, np.float32)
        step[place] = 1e-3
        up, down = (loss(clip.with_samples(clip.samples + sign * step), against) for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / 2e-3, rel=0.02, abs=1e-3)
    assert against.fingerprint != model.fingerprint
    behind = System(
        model, (defences.make("screening:detector=transform_disagreement:transforms=smoothing,threshold=-0.5"),)
    )
    losses, _ = behind.loss_and_gradient([Stimulus(clips={"speech": clip}, prompt="?")], targets=["yes"])
    assert losses[0] == pytest.approx(loss(clip, against)), (
        "in front of a model, attacks get the detector's own gradient"
    )


def test_temporal_dependency_by_hand() -> None:
    assert agreement("help me rob", "help me rob a museum", measure="cer") == 0.0
    assert agreement("help we rob", "help me rob a museum", measure="cer") == pytest.approx(-1 / 11)
    assert agreement("help we rob", "help me rob a museum", measure="wer") == pytest.approx(-1 / 3)
    assert agreement("help we rob", "help me rob a museum", measure="lcp") == pytest.approx(5 / 11)
    assert agreement("", "words", measure="cer") == -1.0 and agreement("", "", measure="cer") == 0.0
    assert agreement("", "words", measure="lcp") == 0.0 and agreement("", "", measure="lcp") == 1.0
    model = Loudness()
    detector = detectors.make("temporal_dependency:share=0.6,measure=wer").asking(model)
    loud = AudioClip(np.full(2000, 0.9, np.float32), 16_000)
    assert (
        detector.evidence(loud).details == {"part": "open the door", "whole": "open the door now please"}
        and detector.score(loud) == 0
    )
    late = np.full(2000, 0.1, np.float32)
    late[1900] = 0.9  # what makes the whole loud is not in the part: one word of three is another
    assert detector.score(AudioClip(late, 16_000)) == pytest.approx(-1 / 3)
    with pytest.raises(BadAudio, match="long enough to be cut"):
        detector.score(AudioClip(np.full(1, 0.9, np.float32), 16_000))
    with pytest.raises(BadParameter, match="between 0 and 1"):
        detectors.make("temporal_dependency:share=1.0")
    with pytest.raises(BadParameter, match="transcript or answer"):
        detectors.make("temporal_dependency:compare=both")


def test_statistics_below_the_masking_threshold() -> None:
    """Noise in the valleys of a tone raises their level; the clip's level changes nothing; a share of bins is a share."""
    rng = np.random.default_rng(0)
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.float32)
    clean = AudioClip(tone + (1e-4 * rng.standard_normal(16_000)).astype(np.float32), 16_000)
    noisy = AudioClip(tone + (1e-3 * rng.standard_normal(16_000)).astype(np.float32), 16_000)
    first, second = statistics(clean).reshape(5, 5), statistics(noisy).reshape(5, 5)
    assert ((first[:, 0] >= 0) & (first[:, 0] <= 1)).all() and first[1, 0] == 1, "beside the tone, all of it is masked"
    assert second[2, 1] > first[2, 1] + 10 and (second[1:, 1] >= first[1:, 1]).all(), (
        "what lies below comes nearer to the threshold, by some 20 dB of noise"
    )
    assert statistics(clean.with_samples(0.1 * clean.samples)) == pytest.approx(statistics(clean), abs=0.1)
    with pytest.raises(BadAudio, match="got silence"):
        statistics(clean.with_samples(np.zeros(4000, np.float32)))
    assert Masking.of(tone, 16_000).threshold_db.shape[1] == 1025


def test_the_discriminant_is_the_ratio_of_two_gaussians() -> None:
    """Classes at +1 and -1 with unit variance in one direction and nothing in the other: the ratio of x is 2 x."""
    rng = np.random.default_rng(0)
    first, second = rng.normal([1, 0], 1, (4000, 2)), rng.normal([-1, 0], 1, (4000, 2))
    found = fitted_discriminant(first=first, second=second, shrinkage=0.0)
    assert found.weights == pytest.approx([2, 0], abs=0.1) and found.offset == pytest.approx(0, abs=0.1)
    assert found.scores(np.array([[1.0, 5.0]]))[0] == pytest.approx(2, abs=0.5)


def test_masking_statistics_find_noise_that_they_were_fitted_to(tmp_path: Path) -> None:
    lines = ["path,label,speaker"]
    for n in range(40):
        rng = np.random.default_rng(n)
        hz = rng.uniform(180, 260)
        tone = sum(np.sin(2 * np.pi * k * hz * np.arange(8000) / 16_000) / k for k in range(1, 6))
        samples = 0.2 * tone + (2e-3 if n % 2 else 5e-5) * rng.standard_normal(8000)
        AudioClip(samples.astype(np.float32), 16_000).write(tmp_path / f"{n}.flac")
        lines.append(f"{n}.flac,{'adversarial' if n % 2 else 'bona_fide'},s{n}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    rows = Manifest.read(tmp_path).entries
    made = detectors.make("masking_statistics").fit(rows[:28], None, np.random.default_rng(0))
    fitted = detectors.make(f"masking_statistics:artefact={made.save(tmp_path / 'kept')}")
    scores = [fitted.score(entry.clip()) for entry in rows[28:]]
    ranked = np.mean([first > second for first in scores[::2] for second in scores[1::2]])
    assert ranked > 0.9 and np.median(scores[::2]) > 0 > np.median(scores[1::2]) and not fitted.calibrated
