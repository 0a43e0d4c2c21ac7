"""Membership inference: statistics by hand, LiRA against its authors' code, the blind baseline, and a whole audit."""

import csv
import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from click.testing import CliRunner

from earnest.audio import AudioClip, Manifest
from earnest.errors import AccessDenied, BadAudio, BadData, BadParameter, UnknownName
from earnest.models.access import Answer, Model, TokenScores
from earnest.privacy.blind import (
    blind_baseline,
    features_of,
    fundamental_hz,
    n_arrangements,
    out_of_fold,
    permuted_sides,
)
from earnest.privacy.items import clusters_of
from earnest.privacy.lira import confidence, likelihood_ratios
from earnest.privacy.membership import ATTACKS, Scores, named
from earnest.privacy.min_k import min_k, min_k_plus_plus
from earnest.report.membership import SPLIT, as_text, page
from earnest.runs.privacy_audit import Shadow, audit, read_items

GOLDEN = Path(__file__).parent / "data" / "lira_by_the_authors.json"


# ------------------------------------------------------------------ statistics
def test_moments_of_a_place_by_hand():
    rows = np.log([[0.5, 0.25, 0.25], [1.0, 1e-300, 1e-300]])
    found = TokenScores.of(rows, np.array([rows[0, 1], rows[1, 0]]))
    mean = 0.5 * np.log(0.5) + 0.5 * np.log(0.25)
    assert found.expected == pytest.approx([mean, 0.0], abs=1e-9)
    assert found.spread == pytest.approx([np.log(2) / 2, 0.0], abs=1e-9)  # -0.69 and -1.39, half each


def test_min_k_by_hand():
    values = np.array([-0.1, -4.0, -0.2, -1.0, -0.3])
    of = TokenScores(log_probabilities=values, expected=np.full(5, -2.0), spread=np.array([1.0, 4.0, 1.0, 0.5, 1.0]))
    assert min_k(of, k=0.4) == -2.5  # the two least likely: -4 and -1
    assert min_k(of, k=0.01) == -4.0  # at least one
    # (x + 2) / spread: 1.9, -0.5, 1.8, 2.0, 1.7; the two lowest: -0.5 and 1.7
    assert min_k_plus_plus(of, k=0.4) == pytest.approx(0.6)
    sure = TokenScores(log_probabilities=np.zeros(2), expected=np.zeros(2), spread=np.zeros(2))
    assert min_k_plus_plus(sure) == 0.0
    with pytest.raises(BadParameter, match="k must be a share"):
        min_k(of, k=0)


def test_confidence_is_log_odds():
    assert confidence(np.log([0.5, 0.9, 1e-9])) == pytest.approx([0, np.log(9), np.log(1e-9)])
    assert np.isfinite(confidence(np.array([0.0, -2000.0]))).all()


def test_lira_gives_the_scores_of_its_authors_code():
    golden = json.loads(GOLDEN.read_text())
    keep, scores, observed = (np.array(golden[name]) for name in ("keep", "scores", "observed"))
    # their score is the difference of negative log-densities, lower meaning a member
    online = likelihood_ratios(observed, scores, keep == 1, pooled=False)
    assert online == pytest.approx(-np.array(golden["online"]))
    heights = likelihood_ratios(observed, scores, keep == 1, mode="offline", pooled=False)
    deviation = np.array([scores[keep[:, j] == 0, j].std() for j in range(len(observed))])
    density = [NormalDist().pdf(z) / s for z, s in zip(heights, deviation, strict=True)]
    assert np.log(density) == pytest.approx(np.array(golden["offline"]))


def test_lira_with_one_deviation_by_hand():
    shadows = np.array([[4.0, 1.0], [6.0, 1.0], [0.0, -1.0], [2.0, -3.0]])
    inside = np.array([[True, True], [True, True], [False, False], [False, False]])
    # in: centres 5 and 1, squares 1 + 1 + 0 + 0 over 4 - 2; out: centres 1 and -2, squares 1 + 1 + 1 + 1 over 2
    found = likelihood_ratios(np.array([5.0, -2.0]), shadows, inside)
    a, b = NormalDist(5, 1), NormalDist(1, np.sqrt(2))
    c, d = NormalDist(1, 1), NormalDist(-2, np.sqrt(2))
    wanted = [np.log(a.pdf(5) / b.pdf(5)), np.log(c.pdf(-2) / d.pdf(-2))]
    assert found == pytest.approx(wanted) and found[0] > 0 > found[1]
    assert likelihood_ratios(np.array([5.0, -2.0]), shadows, inside, mode="offline") == pytest.approx(
        [4 / np.sqrt(2), 0]
    )
    with pytest.raises(
        BadParameter, match="LiRA online needs at least 2 shadows that were trained on each item, got 1 for 2 of 2"
    ):
        likelihood_ratios(np.zeros(2), shadows[1:], inside[1:])
    with pytest.raises(BadParameter, match="shape"):
        likelihood_ratios(np.zeros(3), shadows, inside)


def test_each_attack_has_the_right_direction():
    one = TokenScores(log_probabilities=np.array([-1.0, -3.0]), expected=np.full(2, -2.0), spread=np.ones(2))
    scores = Scores(totals=np.array([-4.0, np.nan]), tokens=[one, None], reference=np.array([-9.0, -1.0]))
    assert ATTACKS["loss"].of(scores)[0] == -2.0 and np.isnan(ATTACKS["loss"].of(scores)[1])
    assert ATTACKS["reference"].of(scores)[0] == 5.0
    assert ATTACKS["min_k"].of(scores)[0] == -3.0 and ATTACKS["min_k_plus_plus"].of(scores)[0] == -1.0
    assert ATTACKS["loss"].of(Scores(totals=np.array([-4.0])))[0] == -4.0


def test_attacks_that_cannot_be_made_say_what_they_need():
    given = {"tokens": False, "reference": False, "shadows": 0, "online": False}
    assert named((), **given) == ("loss",)
    assert named((), **(given | {"shadows": 4, "tokens": True})) == ("loss", "min_k", "min_k_plus_plus", "lira_offline")
    with pytest.raises(BadParameter, match="'reference' needs --reference MODEL"):
        named(["reference"], **given)
    with pytest.raises(BadParameter, match="scores of single tokens"):
        named(["min-k"], **given)
    with pytest.raises(UnknownName, match="did you mean 'lira'"):
        named(["lirra"], **given)


# ------------------------------------------------------------------ the blind baseline
def test_the_fundamental_of_a_hum():
    t = np.arange(16_000) / 16_000
    hum = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 6)).astype(np.float32)
    pitch = fundamental_hz(hum)
    assert np.median(pitch[pitch > 0]) == pytest.approx(140, rel=0.02) and (pitch > 0).mean() > 0.9
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert (fundamental_hz(noise) > 0).mean() < 0.2
    assert not fundamental_hz(np.zeros(1600, np.float32)).any()


def test_predictions_come_from_other_folds_alone():
    rng = np.random.default_rng(0)
    x, folds = rng.normal(size=(30, 4)), np.arange(30) % 3
    smoother = out_of_fold(x, folds)
    assert not smoother[folds[:, None] == folds].any()
    assert smoother.sum(axis=1) == pytest.approx(np.zeros(30), abs=1e-9)  # equal sides tell nothing
    y = np.where(rng.random(30) < 0.5, 1.0, -1.0)
    seen, unseen = folds != 1, folds == 1
    z = np.clip((x - x[seen].mean(0)) / (x[seen].std(0) + 1e-9), -5, 5)

    def kernel(a, b):
        return a @ b.T / 4 + np.exp(-((a[:, None] - b) ** 2).sum(2) / 8)

    dual = np.linalg.solve(kernel(z[seen], z[seen]) + np.eye(seen.sum()), y[seen] - y[seen].mean())
    assert (smoother @ y)[unseen] == pytest.approx(kernel(z[unseen], z[seen]) @ dual)


def test_sides_are_drawn_as_the_data_were_made():
    members = np.array([True, True, False, False, True, False, False, True])
    clusters = ["a", "a", "b", "b", "c", "c", "c", "d"]  # a and d are members, b is not, c is both
    drawn = permuted_sides(members, clusters, rng=np.random.default_rng(0), n=500)
    assert (drawn[:, 0] == drawn[:, 1]).all() and (drawn[:, 2] == drawn[:, 3]).all()
    assert (drawn[:, 4:7].sum(axis=1) == 1).all()
    assert (drawn[:, [0, 2, 7]].sum(axis=1) == 2).all()
    assert len(np.unique(drawn, axis=0)) == 9 and n_arrangements(members, clusters) == pytest.approx(9)  # 3 times 3


def fake_features(rng, n, shift):
    wide = {"text": 3, "spectrum": 4, "prosody": 2, "channel": 3}
    rows = []
    for k in range(n):
        row = {name: rng.normal(size=size) for name, size in wide.items()}
        row["channel"][1] += shift if k < n // 2 else 0.0
        rows.append(row)
    return rows


def test_the_blind_baseline_finds_a_channel_and_only_that():
    sides = [k < 40 for k in range(80)]
    options = {"members": sides, "clusters": [str(k) for k in range(80)], "clustered_by": "row", "n_permutations": 300}
    rng = np.random.default_rng(5)
    found = blind_baseline(fake_features(rng, 80, 2.5), rng=rng, **options)
    assert found.separates and found.areas["channel"] > 0.85 > found.bands["channel"][1]
    assert found.areas["text"] < found.bands["text"][1]
    separated = [blind_baseline(fake_features(rng, 80, 0.0), rng=rng, **options).p_value for _ in range(20)]
    assert min(separated) > 0.005 and np.mean(separated) == pytest.approx(0.5, abs=0.25)


def test_a_blind_baseline_of_three_speakers_says_that_it_knows_nothing():
    rng = np.random.default_rng(0)
    with pytest.raises(BadData, match=r"at least 100 ways, got 20 with 6 clusters \(speaker\); add speakers"):
        blind_baseline(
            fake_features(rng, 12, 0.0),
            members=[k < 6 for k in range(12)],
            clusters=[str(k // 2) for k in range(12)],
            clustered_by="speaker",
            rng=rng,
        )


# ------------------------------------------------------------------ whole audits
class Remembering(Model):
    """A model that finds the answers of some recordings likely, each by as much as its memory holds."""

    batch_size = 8

    def __init__(self, memory, *, name="toy/remembering", broken=()):
        self.name, self.memory, self.broken = name, memory, set(broken)
        self.fingerprint, self.access = name, frozenset({"responses", "scores"})

    def ask(self, stimuli, *, sampling=None):
        return [Answer(text="") for _ in stimuli]

    def score(self, stimuli, texts):
        return np.array([one.log_probabilities.sum() for one in self.token_scores(stimuli, texts)])

    def token_scores(self, stimuli, texts):
        found = []
        for stimulus, text in zip(stimuli, texts, strict=True):
            digest = stimulus.clip.digest
            if digest in self.broken:
                raise BadAudio(f"{digest[:6]} cannot be heard")
            rng = np.random.default_rng(int(digest[:8], 16))
            each = -rng.exponential(1.0, len(text.split()) + 1) - 0.2 + self.memory.get(digest, 0.0)
            each = np.minimum(each, -1e-3)
            found.append(
                TokenScores(log_probabilities=each, expected=np.full(len(each), -1.5), spread=np.ones(len(each)))
            )
        return found


def write_set(folder, names, *, speakers, seed=0, changed=lambda samples, rng: samples):
    """A data set of short noises, in which words are no speech but a row is a row."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    words = "window engine violin feather guitar ocean mountain silver turtle garden".split()
    with (folder / "metadata.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "id", "text", "speaker", "answer"])
        for k, name in enumerate(names):
            samples = changed(rng.normal(0, 0.05, 6400), rng).astype(np.float32)
            AudioClip(samples, 16_000).write(folder / f"{name}.wav")
            text = " ".join(rng.choice(words, 3))
            table.writerow([f"{name}.wav", name, text, speakers[k % len(speakers)], " ".join(rng.choice(words, 4))])
    return folder


def digests(folder):
    return [entry.clip().digest for entry in Manifest.read(folder)]


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sides")
    voices = [f"v{k}" for k in range(30)]
    return (
        write_set(folder / "in", [f"m{k}" for k in range(60)], speakers=voices),
        write_set(folder / "out", [f"n{k}" for k in range(60)], speakers=voices, seed=1),
    )


@pytest.fixture(scope="module")
def remembering(sides):
    return Remembering({digest: 1.0 for digest in digests(sides[0])})


def test_an_audit_finds_memory_and_none_where_there_is_none(sides, remembering):
    items = read_items(*sides)
    plain = Remembering({}, name="toy/plain")
    found = audit(remembering, items, reference=plain)
    assert found.verdict == "measured" and found.clustered_by == "speaker" and found.n_clusters == 30
    by_name = {one.attack: one for one in found.attacks}
    assert set(by_name) == {"loss", "min_k", "min_k_plus_plus", "reference"}
    assert by_name["loss"].area > 0.8 and by_name["reference"].area > 0.99
    assert by_name["loss"].low < by_name["loss"].area < by_name["loss"].high
    assert by_name["loss"].rates[0].value is None  # 60 non-members are fewer than 100
    assert found.not_made.keys() == {"lira", "lira_offline"}
    alone = audit(remembering, items, attacks=("loss",))
    assert [one.attack for one in alone.attacks] == ["loss"] and alone.not_made == {}  # nobody asked for the others
    text = as_text(found)
    assert "0.1 % false positives: cannot be measured with fewer than 1,000 non-members" in text
    assert "the model shows which recordings" in text and "cannot be measured" in page(found)
    none = audit(plain, items)
    assert all(one.low < 0.5 < one.high for one in none.attacks) and "is not seen to show" in none.sentence


def test_lira_with_shadows_beats_the_loss(sides, tmp_path):
    items = read_items(*sides)
    rng = np.random.default_rng(0)
    ids = [item.id for item in items]
    of = {item.id: item.entry.clip().digest for item in items}
    weak = Remembering({of[item.id]: 0.3 for item in items if item.member})
    shadows = []
    rows: set[str] = set()
    for k in range(6):  # halves and their complements, so that each item is in three
        rows = set(ids) - rows if k % 2 else set(rng.choice(ids, len(ids) // 2, replace=False).tolist())
        jitter = {of[name]: 0.3 + 0.05 * rng.normal() for name in rows}
        rest = {of[name]: 0.05 * rng.normal() for name in ids if name not in rows}
        shadows.append(Shadow(model=Remembering(jitter | rest, name=f"toy/{k}"), rows=frozenset(rows)))
    with pytest.raises(BadParameter, match="'lira' needs --shadow"):
        audit(weak, items, shadows=shadows[:1], attacks=["lira"])
    made = audit(weak, items, shadows=shadows, attacks=["loss", "lira"])
    found = {one.attack: one for one in made.attacks}
    assert found["lira"].area > 0.95 > found["loss"].area


def test_a_split_by_room_is_refused_without_a_figure(tmp_path, sides, remembering):
    def room(samples, rng):
        decay = np.exp(-np.arange(1600) / 400) * np.random.default_rng(3).normal(0, 1, 1600)
        return 0.2 * np.convolve(samples, decay / np.abs(decay).sum())[: samples.size]

    voices = [f"v{k}" for k in range(30)]
    members = write_set(tmp_path / "in", [f"m{k}" for k in range(60)], speakers=voices, changed=room)
    memory = Remembering({digest: 1.0 for digest in digests(members)})
    found = audit(memory, read_items(members, sides[1]))
    assert found.verdict == SPLIT and not found.attacks and found.blind_p <= 0.01
    for text in (as_text(found), page(found)):
        assert SPLIT in text and "loss" not in text.replace("loss: log-probabilities", "")


def test_what_cannot_be_scored_is_counted_with_its_direction(sides, remembering):
    items = read_items(*sides)
    broken = digests(sides[0])[:2] + digests(sides[1])[:1]
    model = Remembering(remembering.memory, broken=broken)
    found = audit(model, items, attacks=["loss"])
    (loss,) = found.attacks
    assert (loss.n_members, loss.n_unscored_members, loss.n_nonmembers, loss.n_unscored_nonmembers) == (58, 2, 59, 1)
    assert loss.area_if_unscored_lower_it < loss.area < loss.area_if_unscored_raise_it
    pairs = loss.area * 58 * 59
    assert loss.area_if_unscored_lower_it == pytest.approx(pairs / 3600)
    assert loss.area_if_unscored_raise_it == pytest.approx((pairs + 3600 - 58 * 59) / 3600)
    assert len(found.unscored) == 3 and "cannot be heard" in found.unscored[0].reason
    assert "2 members and 1 non-members unscored" in as_text(found)


def test_recordings_that_cannot_be_read_are_counted_too(tmp_path, sides, remembering):
    members = write_set(tmp_path / "in", [f"m{k}" for k in range(60)], speakers=[f"v{k}" for k in range(30)])
    (members / "m3.wav").write_bytes(b"RIFF")
    found = audit(remembering, read_items(members, sides[1]), attacks=["loss"])
    (loss,) = found.attacks
    assert (loss.n_members, loss.n_unscored_members) == (59, 1)
    pairs = loss.area * 59 * 60
    assert loss.area_if_unscored_lower_it == pytest.approx(pairs / 3600)
    assert loss.area_if_unscored_raise_it == pytest.approx((pairs + 60) / 3600)
    assert found.unscored[0].id == "m3"


def test_sides_that_overlap_name_the_rows(tmp_path, sides):
    same = write_set(tmp_path / "out", [f"m{k}" for k in range(60)], speakers=[f"v{k}" for k in range(30)])
    with pytest.raises(BadData, match="got 60 on both sides") as error:
        audit(Remembering({}), read_items(sides[0], same))
    assert "member 'm0' and non-member 'm0' have the same samples" in str(error.value)
    louder = write_set(
        tmp_path / "louder", [f"m{k}" for k in range(60)], speakers=[f"v{k}" for k in range(30)],
        changed=lambda samples, rng: 2 * samples,
    )  # fmt: skip
    with pytest.raises(BadData, match="have the same id, speaker, text and answer"):
        audit(Remembering({}), read_items(sides[0], louder))


def test_one_speaker_and_few_rows_are_refused_by_name(tmp_path, sides):
    alone = write_set(tmp_path / "alone", [f"x{k}" for k in range(20)], speakers=["anna"])
    with pytest.raises(BadData, match="one speaker, 'anna', in all 20 members .'x0', 'x1'"):
        audit(Remembering({}), read_items(alone, sides[1]))
    three = write_set(tmp_path / "three", ["a", "b", "c"], speakers=["v0", "v1"])
    with pytest.raises(BadData, match="at least 10 non-members, got 3 .'a', 'b', 'c'"):
        audit(Remembering({}), read_items(sides[0], three))


def test_rows_without_answers_and_models_without_scores(tmp_path, sides):
    folder = write_set(tmp_path / "in", [f"y{k}" for k in range(12)], speakers=["a", "b"])
    with pytest.raises(BadData, match="got 72 rows without.*") as error:
        read_items(folder, sides[1], answer="secret")
    assert "member 'y0' has nothing in the column 'secret'" in str(error.value)
    from earnest.models import load_model

    with pytest.raises(AccessDenied, match="grants responses only"):
        audit(load_model("scripted/always_refuse"), read_items(*sides))
    with pytest.raises(BadData, match="whose file 'nowhere.txt' is none"):
        Shadow.read("earnest/reference@nowhere.txt")
    with pytest.raises(BadParameter, match="got none of them, as in 'zzz'"):
        shadow = Shadow(model=Remembering({}), rows=frozenset({"zzz"}))
        audit(Remembering({}), read_items(*sides), shadows=[shadow, shadow], attacks=["lira_offline"])


def test_the_command(sides, tmp_path):
    from earnest.cli import cli

    given = [
        "privacy",
        "audit",
        "--model",
        "earnest/reference",
        "--members",
        str(sides[0]),
        "--nonmembers",
        str(sides[1]),
    ]
    dry = CliRunner().invoke(cli, [*given, "--reference", "earnest/reference", "--dry-run"])
    assert dry.exit_code == 0 and "2 models would score 240 answers" in dry.output
    done = CliRunner().invoke(
        cli, [*given, "--prompt", "Listen to the speaker and answer in one sentence.", "--attack", "loss", "--json",
              "--out", str(tmp_path)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    made = json.loads((tmp_path / "membership.json").read_text())
    assert made["verdict"] == "measured" and made["attacks"][0]["low"] < 0.5 < made["attacks"][0]["high"]
    assert "shows the toolkit, not real models" in (tmp_path / "membership.html").read_text()


# ------------------------------------------------------------------ real speech
def test_real_speech_split_by_gender_is_told_blind(real_data):
    """137 speakers of LibriSpeech: a draw by speaker is not told, a split by gender is."""
    rows = [entry for entry in Manifest.read(real_data / "librispeech") if entry.gender]
    features = [features_of(entry.clip(), entry.text or "") for entry in rows]
    rng = np.random.default_rng(0)
    speakers = [entry.speaker for entry in rows]
    side = {name: rng.random() < 0.5 for name in sorted(set(speakers))}
    options = {"clusters": speakers, "clustered_by": "speaker", "rng": rng, "n_permutations": 300}
    drawn = blind_baseline(features, members=[side[name] for name in speakers], **options)
    by_gender = blind_baseline(features, members=[entry.gender == "female" for entry in rows], **options)
    assert not drawn.separates
    assert by_gender.separates and by_gender.areas["all"] > 0.9


def test_rows_without_speakers_cluster_by_text_and_else_alone(tmp_path, sides):
    items = read_items(*sides)
    assert clusters_of(items)[1] == "speaker"
    bare = [
        type(item)(
            entry=item.entry.model_copy(update={"speaker": None}), member=item.member, prompt="", answer=item.answer
        )
        for item in items
    ]
    assert clusters_of(bare)[1] == "text"
