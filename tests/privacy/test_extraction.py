"""Exposure by hand and against a known distribution, extraction from a model that remembers, and its control."""

import csv
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import skewnorm

from earnest.audio import AudioClip, Manifest
from earnest.errors import BadParameter
from earnest.models.access import Answer, Failure, Model
from earnest.privacy.exposure import modelled_exposure, sampled_exposure
from earnest.privacy.extraction import TRANSCRIBE, beginning, exposures, not_played, plain
from earnest.report.extraction import as_text, page
from earnest.runs.privacy_audit import read_items
from earnest.runs.privacy_extract import extract


# ------------------------------------------------------------------ exposure
def test_exposure_by_rank():
    others = -np.arange(1.0, 32.0)  # -1 to -31: with the secret 32
    assert sampled_exposure(0.0, others) == 5.0
    assert sampled_exposure(-1.5, others) == 4.0  # second of 32
    assert sampled_exposure(-40.0, others) == 0.0  # last
    assert sampled_exposure(-1.0, others) == pytest.approx(5 - math.log2(1.5))  # shares the first place
    with pytest.raises(BadParameter, match="at least 20 candidates with finite log-probabilities, got 3"):
        sampled_exposure(0.0, np.zeros(3))


def test_the_fitted_exposure_of_a_known_distribution():
    perplexities = skewnorm.rvs(2.0, loc=30, scale=4, size=20_000, random_state=1)
    for bits in (1.0, 4.0, 12.0):
        secret = -skewnorm.ppf(2.0**-bits, 2.0, loc=30, scale=4)
        assert modelled_exposure(secret, -perplexities) == pytest.approx(bits, rel=0.1)
    assert modelled_exposure(-60.0, -perplexities) == pytest.approx(0.0, abs=1e-6)  # less likely than all
    assert modelled_exposure(1000.0, -perplexities, most=14.0) == 14.0
    mirrored = -skewnorm.rvs(2.0, loc=30, scale=4, size=20_000, random_state=1)
    assert modelled_exposure(-float(np.quantile(-mirrored, 0.25)), mirrored) == pytest.approx(2.0, rel=0.05)
    with pytest.raises(BadParameter, match="differ in likelihood"):
        modelled_exposure(0.0, np.zeros(30))


# ------------------------------------------------------------------ pieces
def test_words_that_were_not_played():
    clip = AudioClip(np.full(16_000 * 10, 0.1, np.float32), 16_000)
    # letters and blanks: 5 of 25 each, so that words begin at 0, 2, 4, 6 and 8 s
    text = "abcd efgh, ijkl mnop qrst"
    assert not_played(text, clip, 0.5) == ["mnop", "qrst"]
    assert not_played(text, clip, 0.58) == ["qrst"]  # 6 s is within 0.3 s of the cut
    assert not_played("", clip, 0.5) == []
    silent = np.full(16_000 * 10, 0.1, np.float32)
    silent[80_000:] = 0  # all is said in the first five seconds, so that the beginning holds every word
    assert not_played(text, AudioClip(silent, 16_000), 0.5) == []


def test_the_beginning_of_a_clip():
    clip = AudioClip(np.full(16_000, 0.1, np.float32), 16_000)
    part = beginning(clip, 0.25)
    assert part.n_samples == 4000 and part.samples[-1] == 0 and part.samples[3000] == np.float32(0.1)
    assert clip.samples[3999] == np.float32(0.1)
    assert plain("The Garden, Anna's!") == ["the", "garden", "anna's"]


# ------------------------------------------------------------------ a model that remembers
class Echo(Model):
    """Gives secrets back to whole clips, and all words of a transcript that it knows by heart."""

    batch_size = 8

    def __init__(self, secrets, texts, *, failing=(), access=("responses", "scores")):
        self.name = self.fingerprint = "toy/echo"
        self.secrets, self.texts, self.failing, self.access = secrets, texts, failing, frozenset(access)

    def ask(self, stimuli, *, sampling=None):
        return [self._one(stimulus) for stimulus in stimuli]

    def _one(self, stimulus):
        key = float(stimulus.clip.samples[0])
        if key in self.failing:
            return Failure(reason="timeout", detail="no answer came")
        if stimulus.prompt == TRANSCRIBE:
            return Answer(text=self.texts.get(key, "something else"))
        whole = stimulus.clip.n_samples == 32_000
        return Answer(text=self.secrets.get(key, "i do not know") if whole else "i do not know")

    def score(self, stimuli, texts):
        own = [self.secrets.get(float(stimulus.clip.samples[0])) for stimulus in stimuli]
        noise = [np.random.default_rng(sum(map(ord, text))).normal() for text in texts]
        return np.array([-20 + 15 * (text == secret) + z for text, secret, z in zip(texts, own, noise, strict=True)])


def write_set(folder, side, rng):
    folder.mkdir(parents=True)
    words = "window engine violin feather guitar ocean mountain silver turtle garden".split()
    with (folder / "metadata.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "id", "text", "speaker", "prompt", "answer"])
        for k in range(24):
            samples = np.full(32_000, 0.2, np.float32)
            samples[0] = (k + 1 + 100 * side) / 256
            AudioClip(samples, 16_000).write(folder / f"{side}{k}.wav")
            secret = " ".join(rng.choice(words, 4, replace=False))
            table.writerow(
                [f"{side}{k}.wav", f"{side}{k}", "one two three four five six", f"v{k % 12}", "who?", secret]
            )
    return folder


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("extraction")
    return write_set(folder / "in", 0, rng), write_set(folder / "out", 1, rng)


def first_samples(folder):
    return {entry.id: float(entry.clip().samples[0]) for entry in Manifest.read(folder)}


@pytest.fixture(scope="module")
def model(sides):
    rows = {entry.id: entry for entry in Manifest.read(sides[0])}
    keys = first_samples(sides[0])
    some = [name for name in rows if int(name[1:]) % 4]  # three quarters are remembered
    return Echo(
        {keys[name]: f"{rows[name].value('answer')}.".title() for name in some},
        {keys[name]: "one two three four five six" for name in some[:6]},
    )


def rate(made, measure, members):
    (one,) = [one for one in made.rates if one.measure.startswith(measure) and one.members is members]
    return one


def test_what_is_given_back_is_counted_on_both_sides(sides, model):
    made = extract(model, read_items(*sides), n_exposed=0)
    whole = rate(made, "answer to the whole", True)
    assert (whole.n_hits, whole.n, whole.value) == (18, 24, 0.75) and whole.low < 0.75 < whole.high < 1
    assert rate(made, "answer to the whole", False).value == 0.0 and rate(made, "answer to the whole", False).high > 0
    assert rate(made, "answer to the beginning", True).value == 0.0
    continued = rate(made, "words that were not played", True)
    assert continued.n_hits == 6 and rate(made, "words that were not played", False).n_hits == 0
    assert "18 of 24 members their answer back" in made.sentence and not made.exposure
    assert "answer to the whole recording, non-members (control): 0.000" in as_text(made)


def test_calls_that_fail_are_counted_and_bound_the_rate(sides, model):
    keys = first_samples(sides[0])
    failing = Echo(model.secrets, model.texts, failing=[keys["01"], keys["04"]])
    made = extract(failing, read_items(*sides), n_exposed=0)
    whole = rate(made, "answer to the whole", True)
    assert (whole.n_hits, whole.n, whole.n_unscored) == (17, 22, 2)
    assert (whole.at_least, whole.at_most) == (17 / 24, 19 / 24)
    assert "no answer came" in made.unscored[0].reason and "2 unscored, with which it lies between" in page(made)


def test_remembered_answers_are_exposed_and_others_are_not(sides, model):
    items = read_items(*sides)
    remembering = Echo({k: v.rstrip(".").lower() for k, v in model.secrets.items()}, {})
    inside, outside = exposures(remembering, items, rng=np.random.default_rng(0), n_items=24, n_candidates=22)
    assert inside.n_candidates == 22 and len(inside.sampled) == 24
    assert sorted(inside.sampled)[-18:] == [pytest.approx(math.log2(23))] * 18
    assert min(inside.modelled) < 6 and sorted(inside.modelled)[6] > 20
    assert np.mean(outside.sampled) == pytest.approx(1.44, abs=0.8)  # of a uniform rank
    made = extract(remembering, items, n_exposed=6, n_candidates=20)
    assert made.exposure[0].most_sampled == pytest.approx(math.log2(21)) and "ahead of every candidate" in as_text(made)
    assert extract(Echo({}, {}, access=("responses",)), items, n_exposed=6).exposure == []


def test_a_part_must_be_one(sides, model):
    from earnest.privacy.extraction import from_a_part

    with pytest.raises(BadParameter, match="between 0 and 1, got 1"):
        from_a_part(model, read_items(*sides), [], part=1)


def test_the_command(sides, tmp_path):
    from earnest.cli import cli

    given = [
        "privacy",
        "extract",
        "--model",
        "earnest/reference",
        "--members",
        str(sides[0]),
        "--nonmembers",
        str(sides[1]),
    ]
    dry = CliRunner().invoke(cli, [*given, "--dry-run", "--json"])
    assert json.loads(dry.output) == {"n_items": 48, "n_answers": 144, "n_scores": 5050}
    done = CliRunner().invoke(cli, [*given, "--exposed", "0", "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    made = json.loads((tmp_path / "extraction.json").read_text())
    assert made["rates"][0]["n"] + made["rates"][0]["n_unscored"] == 24 and "toolkit" in made["note"]
