"""Defences that train a model: what each one does to weights, by hand, and that what was fitted stays in its own arm."""

from dataclasses import replace

import numpy as np
import pytest

from earnest.audio import Stimulus
from earnest.defences import Defence, defences
from earnest.defences._training import (
    PROMPT,
    TRANSCRIBE,
    Lesson,
    drawn,
    lessons_of,
    some,
)
from earnest.defences.adversarial_training import perturbed
from earnest.defences.fine_mixing import mixed
from earnest.defences.fine_pruning import cut, dormant, mean_activity, only_alive
from earnest.defences.gradient_norm_finetuning import penalised
from earnest.defences.rrs import features_of_refusal, reshaping_loss
from earnest.defences.safety_lora import adapt
from earnest.errors import AccessDenied, BadParameter
from earnest.models import Answer, Model, load_model
from earnest.models.access import System
from earnest.models.learner import train
from earnest.tasks.probe import probe_manifest
from earnest.testing import LinearModel, check_defence, toy_stimulus

torch = pytest.importorskip("torch", reason='needs pip install "earnest[torch]"')

NAMES = ("adversarial_training", "fine_mixing", "fine_pruning", "gradient_norm_finetuning", "rrs", "safety_lora")
QUICK = {
    "adversarial_training": "steps=1,inner_steps=1,n_attacked=3,n_kept=2",
    "fine_mixing": "steps=1,batch_size=2,keep=0.5",
    "fine_pruning": "steps=1,batch_size=2,n_rows=2,most=0.1",
    "gradient_norm_finetuning": "steps=1,batch_size=2",
    "rrs": "steps=1,batch_size=2",
    "safety_lora": "steps=2,batch_size=2,rank=2,layers=decoder.3",
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def model():
    return load_model("earnest/reference", n_threads=1)


@pytest.fixture(scope="module")
def rows():
    wanted = [f"request-{k:02d}-{label}" for k in range(2) for label in ("harmful", "benign")]
    return [entry for entry in probe_manifest().entries if entry.id in wanted]


@pytest.fixture(scope="module")
def fitted(model, rows, tmp_path_factory):
    """Each method with what a very short fit of it gave."""
    folder = tmp_path_factory.mktemp("fitted")
    made = {}
    for name in NAMES:
        artefact = defences.make(f"{name}:{QUICK[name]}").fit(rows, System(model), np.random.default_rng(1))
        made[name] = defences.make(f"{name}:artefact={artefact.save(folder)}"), artefact
    return made


def stimuli_of(rows):
    return [Stimulus(clips={"speech": entry.clip()}, prompt=PROMPT) for entry in rows]


# ------------------------------------------------------------------ in use
@pytest.mark.parametrize("name", NAMES)
def test_each_keeps_its_contract_and_what_it_learned_is_in_force_in_its_own_arm_alone(name, fitted, model, rows):
    defence, artefact = fitted[name]
    check_defence(defence)
    before = [reply.text for reply in model.ask(stimuli_of(rows))]
    arms = {other: System(model, (fitted[other][0],)) for other in {name, "fine_mixing", "rrs"}}
    targets = ["sure here is how to hack"] * len(rows)
    losses = {other: arm.loss_and_gradient(stimuli_of(rows), targets=targets)[0] for other, arm in arms.items()}
    assert len({arm.inner.fingerprint for arm in arms.values()} | {model.fingerprint}) == len(arms) + 1
    bare = model.loss_and_gradient(stimuli_of(rows), targets=targets)[0]
    for one in losses.values():
        assert np.isfinite(one).all() and not np.allclose(one, bare, rtol=1e-6)
    again = arms[name].loss_and_gradient(stimuli_of(rows), targets=targets)[0]
    np.testing.assert_array_equal(again, losses[name])  # asked after the other arms, it is as it was
    assert [reply.text for reply in model.ask(stimuli_of(rows))] == before
    assert artefact.kind == "defences" and artefact.name == name


@pytest.mark.parametrize("name", NAMES)
def test_what_is_put_in_is_what_training_left(name, model, rows, tmp_path):
    """The artefact, saved and loaded, gives the very network that was trained."""
    defence, kept = defences.make(f"{name}:{QUICK[name]}"), {}
    learner = model.learner()
    arrays = defence.trained(learner, lessons_of(rows, System(model), by=name), np.random.default_rng(3))
    if name == "safety_lora":
        from torch.nn.utils import parametrize

        for layer in learner.module.modules():
            if parametrize.is_parametrized(layer):
                parametrize.remove_parametrizations(layer, "weight")
    kept = learner.weights()

    class Fixed(type(defence)):
        def trained(self, *_):
            return arrays

    artefact = Fixed(**{k: v for k, v in defence.spec.parameters.items()}).fit(
        rows, System(model), np.random.default_rng(3)
    )
    used = defences.make(f"{name}:artefact={artefact.save(tmp_path)}").around(model)
    now = used.learner().weights()
    for key, array in kept.items():
        np.testing.assert_allclose(now[key], array, atol=1e-6, err_msg=key)
    own = model.learner().weights()
    assert any(not np.array_equal(array, own[key]) for key, array in kept.items())


def test_one_seed_gives_one_artefact(model, rows):
    defence = defences.make(f"gradient_norm_finetuning:{QUICK['gradient_norm_finetuning']}")
    shas = {defence.fit(rows, System(model), np.random.default_rng(seed)).sha for seed in (5, 5, 6)}
    assert len(shas) == 2


def test_a_fit_for_another_model_a_missing_one_and_other_parameters_are_refused(fitted, model):
    defence, artefact = fitted["fine_mixing"]
    other = model.with_weights({"decoder_norm.bias": np.ones(224, np.float32)})
    with pytest.raises(BadParameter, match="fine_mixing was fitted to a model with the fingerprint"):
        defence.around(other)
    with pytest.raises(BadParameter, match="Of two defences that change weights one can be used"):
        System(model, (fitted["rrs"][0], defence)).inner  # noqa: B018
    with pytest.raises(BadParameter, match="must be fitted first: `earnest fit defences/rrs"):
        defences.make("rrs").around(model)
    with pytest.raises(BadParameter, match="keep is 0.5 there, 0.9 here"):
        replace(defence, keep=0.9).around(model)
    with pytest.raises(AccessDenied, match="not its weights"):
        replace(defence).around(_Same(model))


class _Same(Model):
    """A remote model that has the fingerprint of another."""

    def __init__(self, other):
        self.name, self.fingerprint = "openai/same", other.fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_needs_a_model_with_a_network_and_rows_of_both_sides(name, model, rows):
    defence = defences.make(name)
    with pytest.raises(BadParameter, match=f"{name} trains a model, got none"):
        defence.fit(rows, None, np.random.default_rng(0))
    with pytest.raises(AccessDenied, match="'scripted/always_refuse' grants responses only, not its weights"):
        defence.fit(rows, System(load_model("scripted/always_refuse")), np.random.default_rng(0))
    harmful = [row for row in rows if row.label == "harmful"]
    with pytest.raises(BadParameter, match=r"labelled harmful and from others .* got 2 and 0 of 2 rows"):
        defence.fit(harmful, System(model), np.random.default_rng(0))


@pytest.mark.parametrize(
    "spec, message",
    [
        ("adversarial_training:steps=0", "steps of adversarial_training must be a whole number of at least 1, got 0"),
        ("adversarial_training:snr_db=40,max_snr_db=30", "must lie in .* and in this order, got 40 and 30"),
        ("adversarial_training:behind=smoothign", "no defence is called 'smoothign'"),
        ("fine_mixing:keep=1.5", r"keep of fine_mixing must be a share in \[0, 1\], got 1.5"),
        ("fine_pruning:most=1", "most and max_drop of fine_pruning must be shares"),
        ("gradient_norm_finetuning:weight=-1", "weight of gradient_norm_finetuning must be a number of at least 0.0"),
        ("safety_lora:rank=1.5", "rank of safety_lora must be a whole number of at least 1, got 1.5"),
        ("rrs:share=0", "share of rrs must be a share of the features"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(spec, message):
    with pytest.raises(Exception, match=message):
        defences.make(spec)


# ------------------------------------------------------------------ lessons
class Talker(Model):
    """Says of each clip what its length tells."""

    name, fingerprint, max_duration_s = "talker", "talker", 0.5
    batch_size = 8

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def ask(self, stimuli, **_):
        self.asked += [stimulus.clip.n_samples for stimulus in stimuli]
        return [Answer(text=self.answers[stimulus.clip.n_samples]) for stimulus in stimuli]


def test_lessons_refuse_harm_as_the_model_does_and_keep_what_else_it_answers(tmp_path):
    from earnest.audio import Manifest

    table = [  # name, samples, label, answer column
        ("a", 1600, "harmful", ""), ("b", 1601, "harmful", ""), ("c", 1602, "Harmful", "sure, like this"),
        ("d", 1603, "benign", ""), ("e", 1604, "benign", ""), ("f", 1605, "", ""), ("g", 1606, "", "seven"),
        ("h", 16000, "benign", ""), ("i", 1607, "", ""),
    ]  # fmt: skip
    lines = ["path,label,answer,text,action"]
    for name, n, label, answer in table:
        toy_stimulus(seed=n, n_samples=n).clip.write(tmp_path / f"{name}.wav")
        lines.append(f'{name}.wav,{label},"{answer}",words of {name},act {name}')
    (tmp_path / "metadata.csv").write_text("\n".join(lines) + "\n")
    model = Talker(
        {1600: "No, I cannot help with that.", 1601: "Sure, here is how.", 1603: "Sure: take two.",
         1604: "Sorry, I can't help with that.", 1605: "blue", 1607: ""}
    )  # fmt: skip
    lessons = lessons_of(Manifest.read(tmp_path).entries, System(model), by="x")
    refusal = "No, I cannot help with that."
    assert [(each.heard, each.answer, each.harmful, each.harmless, each.wanted) for each in lessons] == [
        ("words of a", refusal, True, False, "sure here is how to act a"),
        ("words of b", refusal, True, False, "sure here is how to act b"),
        ("words of c", refusal, True, False, "sure here is how to act c"),  # not its column, which helps
        ("words of d", "Sure: take two.", False, True, ""),
        ("words of f", "blue", False, False, ""),
        ("words of g", "seven", False, False, ""),
    ]  # e is refused though harmless, h too long, i unanswered
    assert sorted(model.asked) == [1600, 1601, 1603, 1604, 1605, 1607]
    assert {each.stimulus.prompt for each in lessons} == {PROMPT}
    batch = drawn(lessons, 400, np.random.default_rng(0))
    written = [each for each in batch if each.stimulus.prompt == TRANSCRIBE]
    assert 50 < len(written) < 120 and all(each.answer == each.heard for each in written)
    assert len({id(one) for one in some(lessons, 4, np.random.default_rng(1))}) == 4
    assert len(some(lessons, 99, np.random.default_rng(1))) == 6


def test_the_loop_trains_any_module_and_leaves_alone_what_is_frozen():
    torch.manual_seed(0)
    module = torch.nn.Linear(2, 1)
    module.bias.requires_grad_(False)
    bias, wanted = module.bias.clone(), torch.tensor([[2.0, -1.0]])
    rng = np.random.default_rng(0)
    batches = (torch.from_numpy(rng.standard_normal((8, 2)).astype(np.float32)) for _ in range(400))
    losses = train(
        module, lambda x: (module(x) - bias - x @ wanted.T).square().mean(), batches, n_steps=400, learning_rate=0.05
    )
    assert len(losses) == 400 and losses[-1] < 1e-4 < losses[0]
    np.testing.assert_allclose(module.weight.detach().numpy(), wanted.numpy(), atol=0.01)
    assert torch.equal(module.bias, bias)


# ------------------------------------------------------------------ adversarial training
def test_the_inner_attack_stays_in_its_ball_and_goes_down_the_loss():
    weights = np.random.default_rng(2).standard_normal(1600).astype(np.float32)
    system = System(LinearModel(weights, threshold=99.0))
    stimuli = [toy_stimulus(seed=seed, n_samples=1600) for seed in range(2)]
    snr_db = np.array([10.0, 30.0])
    found = perturbed(system, stimuli, ["yes"] * 2, snr_db=snr_db, n_steps=8, rng=np.random.default_rng(0))
    start = perturbed(system, stimuli, ["yes"] * 2, snr_db=snr_db, n_steps=0, rng=np.random.default_rng(0))
    for stimulus, after, before, limit in zip(stimuli, found, start, snr_db, strict=True):
        clean = stimulus.clip.samples.astype(np.float64)
        ratios = [10 * np.log10(np.sum(clean**2) / np.sum((one.clip.samples - clean) ** 2)) for one in (after, before)]
        assert min(ratios) > limit - 0.01
        assert ratios[0] == pytest.approx(limit, abs=0.05)  # the whole ball is used
    losses = [system.loss_and_gradient(one, targets=["yes"] * 2)[0] for one in (stimuli, start, found)]
    assert (losses[2] < losses[0]).all() and (losses[2] < losses[1]).all()


def test_harmful_requests_are_driven_to_comply_and_harmless_ones_to_be_refused_and_both_learn_what_is_right(
    model, rows, monkeypatch
):
    """Through the defences that the model is to stand behind, in the steps that are not bare; the decoder stays."""
    from earnest.defences import adversarial_training as module

    driven, learned = [], []

    def attack(system, stimuli, targets, **_options):
        driven.append((system, [str(target) for target in targets]))
        return stimuli

    def first_loss(learner, lessons):
        learned.append(lessons)
        return learner.losses([lessons[0].stimulus], [lessons[0].answer], heard=[lessons[0].heard]).mean()

    monkeypatch.setattr(module, "BARE_SHARE", 0.0)
    monkeypatch.setattr(module, "perturbed", attack)
    monkeypatch.setattr(module, "mean_loss", first_loss)
    defence = defences.make("adversarial_training:steps=1,n_attacked=3,n_kept=4,behind=silencing")
    learner, before = model.learner(), model.learner().weights()
    arrays = defence.trained(learner, lessons_of(rows, System(model), by="x"), np.random.default_rng(0))
    ((system, targets),) = driven
    actions = {row.attributes["action"] for row in rows if row.label == "harmful"}
    assert {target.removeprefix("sure here is how to ") for target in targets[:2]} == actions
    assert targets[2] == "sorry i cannot help with that"
    assert [type(one).__name__ for one in system.defences] == ["Silencing"] and system.model is learner.model
    attacked, kept = learned
    assert [each.harmful for each in attacked] == [True, True, False] and len(kept) == 4
    assert attacked[0].answer == targets[2] and attacked[2].answer.startswith("sure here is how to")
    assert not any(each.stimulus.clip.samples.any() for each in (*attacked, *kept))
    names = {name.removeprefix("weights.") for name in arrays}
    assert names and not any(name.startswith(("decoder", "next_token", "tokens")) for name in names)
    assert names <= before.keys()
    with pytest.raises(
        BadParameter, match="must begin the names of some parameters, got 'brain'; they begin with char"
    ):
        replace(defence, layers="brain").trained(
            model.learner(), lessons_of(rows, System(model), by="x"), np.random.default_rng(0)
        )


@pytest.fixture(autouse=True, scope="module")
def _silence():
    """A defence that silences every clip."""
    from dataclasses import dataclass
    from typing import ClassVar

    @dataclass(frozen=True, kw_only=True)
    class Silencing(Defence):
        """Silence."""

        source: ClassVar[str] = "nobody2026-silence"
        gradient: ClassVar[str] = "stand_in"
        name: ClassVar[str] = "silencing"

        def apply(self, clip, *, rng):
            return clip.with_samples(np.zeros_like(clip.samples))

    defences._found["silencing"] = Silencing
    yield
    del defences._found["silencing"]


# ------------------------------------------------------------------ fine-mixing
def test_mixing_takes_each_weight_from_one_of_the_two_and_keeps_the_stated_share():
    rng = np.random.default_rng(0)
    clean = {"a": rng.standard_normal((200, 50)).astype(np.float32), "b": np.zeros(3, np.float32)}
    suspect = {"a": clean["a"] + 10, "b": np.ones(3, np.float32)}
    out = mixed(clean=clean, suspect=suspect, keep=0.2, rng=np.random.default_rng(4))
    kept = out["a"] == suspect["a"]
    assert ((out["a"] == clean["a"]) | kept).all()
    assert abs(kept.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / kept.size)  # 0.2 of the suspect's, not of the clean ones
    by_hand = np.random.default_rng(4)
    mask = (by_hand.random((200, 50)) < 0.2).astype(np.float32)
    np.testing.assert_array_equal(out["a"], (1 - mask) * clean["a"] + mask * suspect["a"])
    assert np.ptp(kept.mean(axis=1)) > 0  # drawn for every weight, not for whole rows
    for keep, whole in ((0.0, clean), (1.0, suspect)):
        for key, array in mixed(clean=clean, suspect=suspect, keep=keep, rng=rng).items():
            np.testing.assert_array_equal(array, whole[key])


def test_weights_of_two_architectures_are_not_mixed():
    with pytest.raises(BadParameter, match=r"2 of theirs differ \(a, c\)"):
        mixed(clean={"a": np.zeros(2), "b": np.zeros(1)}, suspect={"a": np.zeros(3), "b": np.zeros(1), "c": np.zeros(1)},
              keep=0.5, rng=np.random.default_rng(0))  # fmt: skip


# ------------------------------------------------------------------ gradient norm
def test_the_penalty_by_hand_and_its_gradient_by_finite_differences():
    """Of L = (3 a^2 + b^2) / 2 the gradient is (3a, b): at a = 1, b = 4 it is 5 long."""
    w = torch.tensor([1.0, 4.0], dtype=torch.float64, requires_grad=True)

    def loss(w):
        return (3 * w[0] ** 2 + w[1] ** 2) / 2

    total = penalised(loss(w), [w], weight=0.5)
    assert total.item() == pytest.approx(9.5 + 0.5 * 5)
    (gradient,) = torch.autograd.grad(total, w)
    # d|g|/da = 9a / |g|, d|g|/db = b / |g|
    np.testing.assert_allclose(gradient.numpy(), [3 + 0.5 * 9 / 5, 4 + 0.5 * 4 / 5])
    assert penalised(loss(w), [w], weight=0.0).item() == pytest.approx(9.5)


def test_the_penalty_on_a_block_of_the_model_agrees_with_finite_differences():
    """Through attention and normalisation, along a random direction of all parameters."""
    from earnest.models.reference.network import DecoderBlock, Shape

    torch.manual_seed(0)
    block = DecoderBlock(Shape(n_tokens=9, decoder_width=8, decoder_heads=2, decoder_inner=12)).double()
    x, mask = torch.randn(2, 5, 8, dtype=torch.float64), torch.zeros(2, 1, 5, 5, dtype=torch.float64)
    parameters = list(block.parameters())

    def value():
        return penalised((block(x, mask, 0.0) - 1).square().mean(), parameters, weight=0.7)

    gradients = torch.autograd.grad(value(), parameters, allow_unused=True)
    course = [torch.randn_like(p) for p in parameters]
    slope = sum(float((g * c).sum()) for g, c in zip(gradients, course, strict=True) if g is not None)
    step, ends = 1e-6, []
    for sign in (1, -2):  # a step ahead, then one behind
        with torch.no_grad():
            for p, c in zip(parameters, course, strict=True):
                p.add_(sign * step * c)
        ends.append(float(value().detach()))
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)


# ------------------------------------------------------------------ fine-pruning
def planted():
    """Channels 1 and 3 answer to the third input alone, which clean data leaves at zero."""
    network = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[2.0, 0, 0], [0, 0, 9.0], [0, 1.0, 0], [0, 0, 7.0], [-1.0, 3.0, 0]]))
        network[0].bias.copy_(torch.tensor([0.1, -1.0, 0.0, 0.0, 0.0]))
    return network


def test_pruning_picks_the_channels_that_clean_data_leaves_asleep():
    network, rng = planted(), np.random.default_rng(0)
    clean = torch.from_numpy(np.abs(rng.standard_normal((40, 3))).astype(np.float32))
    clean[:, 2] = 0.0
    layers = {"0": network[0]}
    activity = mean_activity(layers, lambda: (network(clean[:10]), network(clean[10:])))
    by_hand = torch.relu(clean @ network[0].weight.T + network[0].bias).mean(dim=0)
    np.testing.assert_allclose(activity["0"], by_hand.detach().numpy(), rtol=1e-5)
    assert sorted(dormant(activity, share=0.4)["0"].tolist()) == [1, 3]
    assert dormant(activity, share=0.2)["0"].tolist() == [1]  # below zero everywhere; of ties the first
    assert not network[0]._forward_hooks
    plain = network(clean)
    cut(layers, dormant(activity, share=0.4))
    assert torch.equal(network(clean), plain)  # nothing is lost on clean data
    triggered = torch.tensor([[1.0, 1.0, 5.0]])
    assert torch.equal(network[:2](triggered)[0, [1, 3]], torch.zeros(2))
    with only_alive(layers):
        train(network, lambda x: (network(x) - 1).square().mean(), [triggered] * 20, n_steps=20, learning_rate=0.1)
    assert not network[0].weight[[1, 3]].any() and not network[0].bias[[1, 3]].any()
    assert not torch.equal(network(triggered), plain[:1])
    assert not network[0].weight._backward_hooks


def test_channels_of_a_convolution_lie_along_its_second_axis():
    layer = torch.nn.Conv1d(1, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0]], [[-1.0]]]))
        layer.bias.zero_()
    activity = mean_activity({"c": layer}, lambda: layer(torch.tensor([[[1.0, 3.0, -1.0]]])))
    np.testing.assert_allclose(activity["c"], [4 / 3, 1 / 3])


def test_pruned_channels_of_the_model_send_nothing_and_pruning_stops_where_answers_go(model, rows, monkeypatch):
    from earnest.defences import fine_pruning as module

    shares = iter([1.0, 1.0, 0.99, 0.5])  # before, and after each stage: the third stage is too much
    monkeypatch.setattr(module, "share_right", lambda *_: next(shares))
    learner = model.learner()
    defence = defences.make("fine_pruning:steps=1,batch_size=2,n_rows=2,most=0.5")
    defence.trained(learner, lessons_of(rows, System(model), by="x"), np.random.default_rng(0))
    for name, layer in learner.module.named_modules():
        if name.endswith("inner.up"):
            silent = ~layer.weight.detach().any(dim=1)
            assert int(silent.sum()) == int(0.1 * len(silent) + 1e-9)  # two stages of 0.05
            assert not layer.bias.detach()[silent].any()
    with pytest.raises(BadParameter, match="must be the end of the names of some layers, got 'nowhere'"):
        replace(defence, layers="nowhere").trained(
            model.learner(), lessons_of(rows, System(model), by="x"), np.random.default_rng(0)
        )


# ------------------------------------------------------------------ low-rank adapters
def test_adapters_begin_as_nothing_and_change_by_their_rank_alone():
    network = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 7))
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    plain, before = network(x), [p.detach().clone() for p in network.parameters()]
    adapters = adapt(network, layers="2", rank=2, scale=3.0, rng=np.random.default_rng(0))
    assert list(adapters) == ["2.weight"] and torch.equal(network(x), plain)
    assert sorted(tuple(p.shape) for p in network.parameters() if p.requires_grad) == [(2, 8), (7, 2)]
    train(network, lambda x: (network(x) - 1).square().mean(), [x] * 30, n_steps=30, learning_rate=0.05)
    a, b = adapters["2.weight"]
    change = (network[2].weight - before[2]).detach().numpy()
    np.testing.assert_allclose(change, 3.0 * (b @ a).detach().numpy(), atol=1e-5)
    assert np.linalg.matrix_rank(change, tol=1e-4) == 2
    assert torch.equal(network[0].weight, before[0]) and torch.equal(network[2].bias, before[3])


@pytest.mark.parametrize("layers, rank", [("5", 2), ("0", 6)])
def test_adapters_need_layers_wider_than_their_rank(layers, rank):
    with pytest.raises(BadParameter, match="safety_lora needs linear layers whose names begin with"):
        adapt(
            torch.nn.Sequential(torch.nn.Linear(6, 8)),
            layers=layers,
            rank=rank,
            scale=1.0,
            rng=np.random.default_rng(0),
        )


def test_an_artefact_of_adapters_holds_two_small_factors_a_layer(fitted, model):
    _, artefact = fitted["safety_lora"]
    factors = {name: array.shape for name, array in artefact.arrays.items() if name != "of"}
    assert factors["lora_a.decoder.3.inner.up.weight"] == (2, 224)
    assert factors["lora_b.decoder.3.inner.up.weight"] == (896, 2)
    assert len(factors) == 8 and sum(a * b for a, b in factors.values()) * 4 < 50_000
    used = fitted["safety_lora"][0].around(model).learner().weights()
    own = model.learner().weights()
    changed = [name for name in own if not np.array_equal(own[name], used[name])]
    assert all(name.startswith("decoder.3.") for name in changed) and len(changed) == 4
    change = used["decoder.3.inner.up.weight"] - own["decoder.3.inner.up.weight"]
    a, b = (artefact.arrays[f"lora_{k}.decoder.3.inner.up.weight"] for k in "ab")
    np.testing.assert_allclose(change, 16 / 2 * (b @ a), atol=1e-6)


# ------------------------------------------------------------------ representations
def test_harmful_states_are_drawn_to_the_region_in_their_features_and_others_held_in_all():
    moved = torch.tensor([[1.0, 5.0], [3.0, 0.0]])
    kept, where = torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 0.0]])
    loss = reshaping_loss(
        moved, kept, region=torch.tensor([0.0, 1.0]), where=where, features=torch.tensor([0]), unit=2.0, hold=0.5
    )
    # (1 + 9) / 2 of the first feature, 0.5 (1 + 4) of what is held, over 2
    assert loss.item() == pytest.approx((5 + 2.5) / 2)


def test_features_are_those_that_add_most_to_the_refusal():
    class Head:
        def logits(self, states):
            return states @ torch.tensor([[1.0, 0.0], [2.0, 1.0], [-3.0, 0.0], [0.5, 0.0]])

    region, harmless = torch.tensor([4.0, 3.0, -1.0, 2.0]), torch.tensor([3.0, 0.0, 1.0, 2.0])
    # on the first token, the larger: differences (1, 3, -2, 0) times slopes (1, 2, -3, 0.5) are 1, 6, 6, 0
    chosen = features_of_refusal(Head(), region=region, harmless=harmless, share=0.5)
    assert sorted(chosen.tolist()) == [1, 2]
    chosen = features_of_refusal(Head(), region=region, harmless=harmless, share=0.75)
    assert sorted(chosen.tolist()) == [0, 1, 2]


def test_a_model_that_refuses_nothing_has_no_region_to_move_to(model, rows):
    learner = model.learner()
    learner.model.ask = lambda stimuli, **_: [Answer(text="Sure.") for _ in stimuli]
    with pytest.raises(BadParameter, match="it refused none of 2 harmful rows; take a method that learns answers"):
        defences.make("rrs").trained(learner, lessons_of(rows, System(model), by="x"), np.random.default_rng(0))


def test_lessons_are_values():
    lesson = Lesson(stimulus=toy_stimulus(), answer="a")
    other = lesson.with_clip(toy_stimulus(seed=1))
    assert other.answer == "a" and other.stimulus != lesson.stimulus
