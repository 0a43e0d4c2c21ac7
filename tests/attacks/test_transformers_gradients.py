"""pgd and targets of the end on two tiny transformers families: gradients by differences, and a loss that falls."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from earnest.attacks.adversarial.dos_never_stop import unending  # noqa: E402
from earnest.attacks.adversarial.pgd import ProjectedGradientDescent  # noqa: E402
from earnest.audio import AudioClip, Goal, Stimulus  # noqa: E402
from earnest.models import Sampling, System, load_model  # noqa: E402
from earnest.models.access import Target, ending_weights  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

import tiny  # noqa: E402

FAMILIES = ("qwen2_audio", "voxtral")
TARGETS = {
    "plain": "Sure",
    "beginning": Target("Sure"),
    "beginning, its end punished": Target("Sure", end_weight=2.0),
    "silence": Target(""),
    "unending": Target("on and on", unending=True),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    made = {}

    def model(family):
        if family not in made:
            made[family] = load_model(f"transformers/{tiny.write(family, tmp_path_factory.mktemp(family))}")
        return made[family]

    return model


def asked(seed=0, goal=None):
    samples = np.random.default_rng(seed).normal(0, 0.1, 8000).astype(np.float32)
    return Stimulus(clips={"speech": AudioClip(samples, 16_000).quantised()}, prompt="What is said?", goal=goal)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", TARGETS)
def test_the_gradient_of_every_target_is_that_of_its_loss(loaded, family, kind):
    model, stimulus, target = loaded(family), asked(), TARGETS[kind]
    (loss,), (gradient,) = model.loss_and_gradient([stimulus], targets=[target])
    assert np.isfinite(loss) and gradient.shape == (8000,) and np.abs(gradient).max() > 0
    direction = np.sign(gradient) * np.float32(2e-5)
    moved = [stimulus.with_clip(AudioClip(stimulus.clip.samples + way * direction, 16_000)) for way in (1, -1)]
    (up, down), _ = model.loss_and_gradient(moved, targets=[target] * 2)
    assert (up - down) / 2 == pytest.approx(float(gradient @ direction), rel=0.05)


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_of_ends_are_those_worked_out_from_scores(loaded, family):
    model, stimulus = loaded(family), asked()
    ends = [float(model.score([stimulus], [text])[0]) for text in ("", "o", "on")]  # each with its end
    n_tokens = 2  # a byte is a token
    (beginning, punished, silence, unended), _ = model.loss_and_gradient(
        [stimulus] * 4, targets=[Target("on"), Target("on", end_weight=3.0), Target(""), Target("on", unending=True)]
    )
    end_after = ends[2] + n_tokens * beginning  # log p(end | "on") = log p("on", end) - log p("on")
    assert punished - beginning == pytest.approx(3.0 * np.exp(end_after), rel=1e-3)
    assert silence == pytest.approx(-ends[0], rel=1e-4)
    (first,), _ = model.loss_and_gradient([stimulus], targets=[Target("o")])
    by_place = np.exp([ends[0], ends[1] + first, end_after])
    assert unended == pytest.approx(float(ending_weights(3) @ -np.log1p(-by_place)), rel=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("end_weight", [None, 1.0])
def test_pgd_lowers_the_loss_and_leaves_the_model_alone(loaded, family, end_weight):
    model = loaded(family)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    attack = ProjectedGradientDescent(snr_db=20, steps=4, check_every=2, eos_weight=end_weight)
    stimuli = [asked(seed, Goal(target="Sure", reached=lambda text: text.startswith("Sure"))) for seed in (1, 2)]
    system = System(model, sampling=Sampling(max_tokens=4))
    together = attack.run(system, stimuli, rng=np.random.default_rng(0)).attempts
    for attempt in together:
        assert (
            attempt.within_budget
            and attempt.distortion.snr_db >= 20
            and attempt.n_gradients == 5
            and attempt.n_queries == 2
        )
        assert attempt.success or attempt.drawn["loss"] < attempt.drawn["first_loss"]
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items())
    assert all(parameter.grad is None for parameter in model.network.parameters())
    (alone,) = attack.run(system, stimuli[:1], rng=np.random.default_rng(0)).attempts
    assert alone.drawn["first_loss"] == pytest.approx(together[0].drawn["first_loss"], rel=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_limit_on_tokens_is_told_as_the_end_of_an_answer(loaded, family):
    reply = loaded(family).ask([asked()], sampling=Sampling(max_tokens=2))[0]
    cut = len(reply.text) > 0 and reply.usage["output_tokens"] == 2 and reply.reading.finish == "length"
    assert cut and unending(99).reached_by(reply.said, finish=reply.reading.finish) is True
