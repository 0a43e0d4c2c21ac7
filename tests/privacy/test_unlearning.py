"""Training through a model, shadows, and unlearning, on a network small enough to know by heart."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from earnest.audio import AudioClip  # noqa: E402
from earnest.audio.entry import Entry  # noqa: E402
from earnest.errors import BadParameter  # noqa: E402
from earnest.metrics.membership import area_under_curve  # noqa: E402
from earnest.models.access import Answer, Model, TokenScores  # noqa: E402
from earnest.models.learner import Learner, put_weights, weights_of  # noqa: E402
from earnest.privacy.items import AuditItem  # noqa: E402
from earnest.privacy.shadows import halves, shadow_models  # noqa: E402
from earnest.privacy.training import Training, batches, trained_on  # noqa: E402
from earnest.privacy.unlearning import Ascent, ascended, judged, retrained  # noqa: E402

N_CLIPS, WORDS = 64, "ant bee cat dog elk fox gnu hen".split()
FAST = Training(steps=60, batch_size=8, learning_rate=0.2)


class Net(torch.nn.Module):
    """The answer's words from what a clip is and from what all clips share."""

    def __init__(self):
        super().__init__()
        self.clip = torch.nn.Embedding(N_CLIPS, 4 * len(WORDS))
        self.shared = torch.nn.Parameter(torch.zeros(4 * len(WORDS)))
        torch.nn.init.normal_(self.clip.weight, std=0.3, generator=torch.Generator().manual_seed(3))

    def forward(self, places):
        return (self.clip(places) + self.shared).view(-1, 4, len(WORDS)).log_softmax(-1)


class Tiny(Model):
    """A model of the net: a clip's first sample says which it is."""

    batch_size = 64

    def __init__(self, net=None):
        self.name = self.fingerprint = "toy/tiny"
        self.access, self.net = frozenset({"responses", "scores", "gradients"}), net or Net()

    def places(self, stimuli):
        return torch.tensor([round(float(stimulus.clip.samples[0]) * 256) for stimulus in stimuli])

    def logs(self, stimuli, texts):
        wanted = torch.tensor([[WORDS.index(word) for word in text.split()] for text in texts])
        rows = self.net(self.places(stimuli))
        return rows, rows.gather(2, wanted[:, :, None])[:, :, 0]

    def ask(self, stimuli, *, sampling=None):
        best = self.net(self.places(stimuli)).argmax(-1)
        return [Answer(text=" ".join(WORDS[k] for k in row)) for row in best]

    def score(self, stimuli, texts):
        return self.logs(stimuli, texts)[1].sum(1).detach().double().numpy()

    def token_scores(self, stimuli, texts):
        rows, each = (found.detach().double().numpy() for found in self.logs(stimuli, texts))
        return [TokenScores.of(row, own) for row, own in zip(rows, each, strict=True)]

    def learner(self):
        copied = Net()
        copied.load_state_dict(self.net.state_dict())
        return TinyLearner(Tiny(copied))

    def with_weights(self, weights):
        copied = Net()
        copied.load_state_dict(self.net.state_dict())
        put_weights(copied, weights, name=self.name)
        return Tiny(copied)


class TinyLearner(Learner):
    def __init__(self, model):
        self.model = model

    @property
    def module(self):
        return self.model.net

    def losses(self, stimuli, answers, *, heard):
        assert heard == ["who"] * len(stimuli)
        return -self.model.logs(stimuli, answers)[1].mean(1)

    def states(self, stimuli, *, site, heard):
        raise NotImplementedError

    def logits(self, states):
        raise NotImplementedError


class Row(Entry):
    """A row whose clip is made and not read."""

    def clip(self, **_):
        samples = np.zeros(160, np.float32)
        samples[0] = int(self.id) / 256
        return AudioClip(samples, 16_000)


def rows(first, n, speaker, *, member):
    rng = np.random.default_rng(first)
    return [
        AuditItem(
            entry=Row(path="x", id=str(first + k), text="who", speaker=speaker),
            member=member,
            prompt="who?",
            answer=" ".join(rng.choice(WORDS, 4)),
        )
        for k in range(n)
    ]


FORGET, UNSEEN = rows(0, 12, "anna", member=True), rows(12, 12, "anna", member=False)
RETAIN = rows(24, 24, "ben", member=True)


@pytest.fixture(scope="module")
def before():
    return Tiny()


@pytest.fixture(scope="module")
def trained(before):
    return trained_on(before, [*FORGET, *RETAIN], FAST, np.random.default_rng(0))


@pytest.fixture(scope="module")
def never(before):
    return trained_on(before, RETAIN, FAST, np.random.default_rng(1))


def area(model):
    scores = [[model.score([item.stimulus()], [item.answer])[0] for item in side] for side in (FORGET, UNSEEN)]
    return area_under_curve(members=scores[0], nonmembers=scores[1])


def test_training_leaves_the_model_as_it_was(before, trained):
    assert weights_of(before.net)["shared"].any() == 0
    assert area(trained) > 0.99 and 0.2 < area(before) < 0.8


def test_only_named_layers_change(before):
    some = trained_on(before, RETAIN, Training(steps=3, layers=("shared",)), np.random.default_rng(0))
    after, was = weights_of(some.net), weights_of(before.net)
    assert (after["clip.weight"] == was["clip.weight"]).all() and after["shared"].any()
    with pytest.raises(
        BadParameter,
        match="layers must begin the names of some parameters, got 'encoder'; they begin with clip, shared",
    ):
        trained_on(before, RETAIN, Training(steps=3, layers=("encoder",)), np.random.default_rng(0))
    with pytest.raises(BadParameter, match="needs items, got none"):
        trained_on(before, [], FAST, np.random.default_rng(0))
    with pytest.raises(BadParameter, match="at least one step"):
        Training(steps=0)


def test_every_item_comes_once_before_any_comes_again():
    found = batches(FORGET, 5, np.random.default_rng(0))
    ids = [item.id for _ in range(12) for item in next(found)]
    assert len(ids) == 60 and all(set(ids[k : k + 12]) == {item.id for item in FORGET} for k in range(0, 60, 12))


def test_shadows_come_in_complements(before):
    items = [*FORGET, *UNSEEN]
    ids = [item.id for item in items]
    sets = halves(ids, 6, np.random.default_rng(0))
    assert all(sets[k] | sets[k + 1] == set(ids) and not sets[k] & sets[k + 1] for k in (0, 2, 4))
    assert len(set(sets)) == 6
    for n in (2, 5):
        with pytest.raises(BadParameter, match="an even number from 4"):
            halves(ids, n, np.random.default_rng(0))
    made = shadow_models(before, items, n=4, training=FAST, rng=np.random.default_rng(0))
    for model, chosen in made:
        scores = {item.id: model.score([item.stimulus()], [item.answer])[0] for item in items}
        inside, outside = [scores[k] for k in chosen], [scores[k] for k in set(ids) - chosen]
        assert area_under_curve(members=inside, nonmembers=outside) > 0.99
    with pytest.raises(BadParameter, match="ids that come twice"):
        shadow_models(before, [*items, items[0]], n=4, training=FAST, rng=np.random.default_rng(0))


def test_ascent_forgets_the_speaker_and_keeps_the_others(trained, never, before):
    how = Ascent(training=Training(steps=200, batch_size=6, learning_rate=0.05), check_every=5)
    gone = ascended(trained, FORGET, RETAIN, unseen=UNSEEN, how=how, rng=np.random.default_rng(0))
    assert gone.reached and 5 <= gone.n_steps < 200
    assert area(trained) > 0.99  # the model that was given is as it was
    again = retrained(before, RETAIN, training=FAST, rng=np.random.default_rng(2))
    models = {"trained": trained, "ascent": gone.model, "again": again.model, "never": never}
    found = {one.model: one for one in judged(models, never="never", forget=FORGET, unseen=UNSEEN, retain=RETAIN)}
    assert found["never"].from_never == 0.0 and found["trained"].from_never > 0.3
    assert found["trained"].extracted == 1.0 and found["trained"].retained == 1.0
    assert found["ascent"].extracted < 0.2 and found["ascent"].retained > 0.9
    assert abs(found["again"].from_never) < 0.2 and found["again"].extracted < 0.2 and found["again"].retained == 1.0
    for one in found.values():
        assert one.forgotten in one.interval and one.extracted in one.extracted_interval
        assert (one.n_forget, one.n_unseen, one.n_retain) == (12, 12, 24)
    mean = {
        name: float(np.mean([model.score([item.stimulus()], [item.answer])[0] for item in FORGET]))
        for name, model in models.items()
    }
    unseen = float(np.mean([trained.score([item.stimulus()], [item.answer])[0] for item in UNSEEN]))
    assert mean["ascent"] == pytest.approx(unseen, abs=3.0)  # it stops there, and does not go on for ever
    assert mean["trained"] > -1


def test_without_a_retained_set_others_are_lost_too(before, trained):
    """The shared parameter alone can be changed: forgetting costs the others, unless they hold it in place."""
    training = Training(steps=60, batch_size=6, learning_rate=0.5, layers=("shared",))
    kept, lost = (
        ascended(
            trained, FORGET, RETAIN, unseen=UNSEEN, how=Ascent(training=training, retain_weight=weight),
            rng=np.random.default_rng(0),
        ).model
        for weight in (20.0, 0.0)
    )  # fmt: skip
    loss = {
        name: -float(np.mean([model.score([item.stimulus()], [item.answer])[0] for item in RETAIN]))
        for name, model in (("kept", kept), ("lost", lost))
    }
    assert loss["lost"] > 2 * loss["kept"]


def test_a_speaker_that_was_never_there_takes_no_step(never):
    found = ascended(
        never, FORGET, RETAIN, unseen=[*UNSEEN[:1], *RETAIN], rng=np.random.default_rng(0)
    )  # whose loss is lower than the speaker's
    assert found.reached and found.n_steps == 0 and found.model.net is not never.net


def test_bad_input(trained, never):
    with pytest.raises(BadParameter, match="needs items to retain, got none"):
        ascended(trained, FORGET, [], unseen=UNSEEN, rng=np.random.default_rng(0))
    sides = {"forget": FORGET, "unseen": UNSEEN, "retain": RETAIN}
    with pytest.raises(BadParameter, match="got none called 'never'"):
        judged({"trained": trained}, never="never", **sides)
    with pytest.raises(BadParameter, match="must be of one speaker, got 'anna', 'ben'"):
        judged({"never": never}, never="never", forget=FORGET, unseen=RETAIN, retain=RETAIN)
