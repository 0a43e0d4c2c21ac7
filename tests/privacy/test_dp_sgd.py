"""DP-SGD: against plain descent, by hand, what its noise and clipping are, against opacus' optimiser, and what it refuses."""

from __future__ import annotations

import copy
import math
import warnings

import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from earnest.errors import BadParameter, UnknownName, WrongGradients  # noqa: E402
from earnest.privacy import DPSGD, epsilon_of, renyi_epsilon_of, train  # noqa: E402
from earnest.privacy.dp_sgd import add_clipped, layers_of  # noqa: E402

USUAL = {"delta": 1e-3, "sampling_rate": 0.3, "n_steps": 5}


def losses(module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (module(x)[:, 0] - y).square()


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 1))


def data(n: int = 40) -> torch.utils.data.TensorDataset:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, 4, generator=generator)
    return torch.utils.data.TensorDataset(x, 3 * x[:, 0] - x[:, 1] ** 2)


PUBLIC = (torch.tensor([[1.0, 0.0, -1.0, 2.0], [0.5, 1.0, 0.0, -2.0]]), torch.tensor([0.5, -1.0]))


def trained(module, examples=None, *, lr=0.1, momentum=0.0, seed=7, after_step=None, **how):
    optimiser = torch.optim.SGD(module.parameters(), lr=lr, momentum=momentum)
    return train(
        module, losses, data() if examples is None else examples, how=DPSGD(**{**USUAL, **how}), optimiser=optimiser,
        public=PUBLIC, seed=seed, after_step=after_step,
    )  # fmt: skip  # two lines say it


class Recorded:
    """A data set that keeps which examples were asked for."""

    def __init__(self, examples) -> None:
        self.examples, self.drawn = examples, []

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, places):
        self.drawn.append(places.tolist())
        return self.examples[places]


@pytest.mark.parametrize("clipping", ["flat", "per_layer"])
@pytest.mark.parametrize("engine", ["mapped", "looped", "opacus"])
def test_without_noise_and_clipping_it_is_plain_descent_on_the_drawn_examples(engine, clipping) -> None:
    if engine == "opacus":
        pytest.importorskip("opacus", reason="opacus is an extra")
    ours, plain, examples = network(), network(), Recorded(data())
    spent = trained(
        ours,
        examples,
        noise_multiplier=0.0,
        clip=math.inf,
        clipping=clipping,
        engine=engine,
        momentum=0.9,
        n_at_once=64,
    )
    assert spent.epsilon == math.inf and spent.noise_multiplier == 0.0
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    assert len(examples.drawn) == 5 and len({tuple(places) for places in examples.drawn}) == 5
    for places in examples.drawn:
        optimiser.zero_grad()
        (losses(plain, *examples.examples[torch.tensor(places)]).sum() / (0.3 * 40)).backward()
        optimiser.step()
    for found, wanted in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(found, wanted, atol=1e-5)
    assert not torch.allclose(ours[0].weight, network()[0].weight, atol=1e-3)


def test_how_many_are_held_in_memory_changes_nothing() -> None:
    one, many = network(), network()
    for module, n in ((one, 1), (many, 64)):
        trained(module, noise_multiplier=0.7, n_at_once=n)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(one.parameters(), many.parameters(), strict=True))


def test_clipping_by_hand() -> None:
    """Lengths 5 and 0.5 over both layers; at clip 1 the first is divided by 5. Per layer the bound is 1 / sqrt(2) for each part."""
    gradients = {"a.weight": torch.tensor([[3.0], [0.3]]), "b.weight": torch.tensor([[4.0], [-0.4]])}
    flat = {name: torch.zeros(1) for name in gradients}
    add_clipped(flat, gradients, [["a.weight", "b.weight"]], clip=1.0)
    assert flat["a.weight"].item() == pytest.approx(0.6 + 0.3) and flat["b.weight"].item() == pytest.approx(0.8 - 0.4)
    layered = {name: torch.zeros(1) for name in gradients}
    add_clipped(layered, gradients, [["a.weight"], ["b.weight"]], clip=1.0)
    assert layered["a.weight"].item() == pytest.approx(0.7071 + 0.3, abs=1e-4)
    assert layered["b.weight"].item() == pytest.approx(0.7071 - 0.4, abs=1e-4)


@pytest.mark.parametrize("clipping", ["flat", "per_layer"])
def test_no_example_moves_a_step_by_more_than_the_clip_over_the_expected_batch(clipping) -> None:
    """Two data sets that differ in one example, drawn alike: the steps differ by at most clip / (q n), and the extreme example comes near it."""
    base = data()
    x, y = (tensor.clone() for tensor in base.tensors)
    x[11], y[11] = 50.0, 1e6
    moved = {}
    for name, examples in (("base", base), ("other", torch.utils.data.TensorDataset(x, y))):
        module = network()
        recorded = Recorded(examples)
        trained(
            module, recorded, noise_multiplier=0.0, clip=0.01, clipping=clipping, n_steps=1, lr=1.0, sampling_rate=0.97
        )
        assert 11 in recorded.drawn[0]
        moved[name] = torch.cat([p.detach().flatten() for p in module.parameters()])
    distance = (moved["base"] - moved["other"]).norm().item() * 0.97 * 40
    assert 0.005 < distance <= 0.0201  # one example replaced is one taken away and one added


def test_a_gradient_that_is_not_finite_does_not_reach_the_model() -> None:
    examples = data()
    examples.tensors[1][3] = math.inf
    module = network()
    trained(module, examples, noise_multiplier=0.0, clip=1.0, sampling_rate=0.9)
    assert all(p.isfinite().all() for p in module.parameters())


def test_the_noise_is_a_multiple_of_the_clip_over_the_expected_batch() -> None:
    """Gradients of nothing: after one step at rate 1 the parameters are noise of deviation 2 * 3 / (0.3 * 40) = 0.5."""
    module = torch.nn.Linear(4, 500)
    before = copy.deepcopy(module.state_dict())

    def nothing(module, x, y):
        return 0.0 * module(x).sum(1)

    train(
        module, nothing, data(), public=PUBLIC, seed=3, how=DPSGD(**{**USUAL, "n_steps": 1}, noise_multiplier=2.0, clip=3.0),
        optimiser=torch.optim.SGD(module.parameters(), lr=1.0),
    )  # fmt: skip  # two lines say it
    change = (module.weight - before["weight"]).detach()
    assert change.std().item() == pytest.approx(0.5, rel=0.06)  # 2,000 numbers: a deviation is known to 1.6 %
    assert abs(change.mean().item()) < 0.045


def test_every_example_is_drawn_by_itself_and_noise_comes_in_every_step() -> None:
    """Numbers drawn over 60 steps have the variance of a binomial, not of batches of one size; empty draws are steps too."""
    examples = Recorded(data())
    trained(network(), examples, noise_multiplier=1.0, n_steps=60)
    counts = torch.tensor([float(len(places)) for places in examples.drawn])
    assert counts.mean().item() == pytest.approx(12, abs=1.5)
    assert 4 < counts.var().item() < 16  # 8.4
    module, few = network(), torch.utils.data.TensorDataset(*data()[torch.arange(2)])
    steps = []
    trained(module, few, noise_multiplier=1.0, sampling_rate=1e-6, n_steps=3, after_step=steps.append)
    assert steps == [0, 1, 2] and not torch.equal(module[0].weight, network()[0].weight)


def test_a_seed_repeats_and_none_does_not() -> None:
    def weights(seed):
        module = network()
        trained(module, noise_multiplier=1.0, seed=seed)
        return module[0].weight.detach()

    assert torch.equal(weights(5), weights(5))
    assert not torch.equal(weights(5), weights(6))
    assert not torch.equal(weights(None), weights(None))


@pytest.mark.parametrize(("accountant", "account"), [("prv", epsilon_of), ("rdp", renyi_epsilon_of)])
def test_an_epsilon_gives_its_noise_and_is_what_was_spent(accountant, account) -> None:
    spent = trained(network(), epsilon=3.0, accountant=accountant)
    assert 2.98 < spent.epsilon <= 3.0
    found = account(noise_multiplier=spent.noise_multiplier, **USUAL).high
    assert found <= spent.epsilon <= found + 0.001
    assert spent.n_examples == 40 and spent.n_trained == 4 * 6 + 6 + 6 + 1 and spent.gradients_off_by_at_most < 1e-3
    assert spent.as_dict()["sampling"] == "Poisson"


def test_it_learns_what_examples_share() -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(800, 4, generator=generator)
    examples = torch.utils.data.TensorDataset(x, x[:, 0] - 2 * x[:, 2])
    module = torch.nn.Linear(4, 1)
    before = losses(module, *examples.tensors).mean().item()
    spent = trained(module, examples, epsilon=2.0, sampling_rate=0.2, n_steps=60, clip=2.0, lr=0.3)
    assert spent.epsilon <= 2.0
    assert losses(module, *examples.tensors).mean().item() < 0.1 * before


@pytest.mark.parametrize("clipping", ["flat", "per_layer"])
def test_steps_are_those_of_opacus(clipping) -> None:
    """The same draws through opacus' engine and its optimiser, without noise."""
    opacus = pytest.importorskip("opacus", reason="opacus is an extra")
    from opacus.optimizers import DPOptimizer, DPPerLayerOptimizer

    def unbiased():
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Linear(4, 6, bias=False), torch.nn.Tanh(), torch.nn.Linear(6, 1, bias=False)
        )

    ours, examples = unbiased(), Recorded(data())
    trained(ours, examples, noise_multiplier=0.0, clip=0.5, clipping=clipping)
    theirs = opacus.GradSampleModule(unbiased(), loss_reduction="sum")
    plain = torch.optim.SGD(theirs.parameters(), lr=0.1)
    usual = {"noise_multiplier": 0.0, "expected_batch_size": 12, "loss_reduction": "mean"}
    if clipping == "flat":
        optimiser = DPOptimizer(plain, max_grad_norm=0.5, **usual)
    else:
        optimiser = DPPerLayerOptimizer(plain, max_grad_norm=[0.5 / math.sqrt(2)] * 2, **usual)
    for places in examples.drawn:
        optimiser.zero_grad()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            losses(theirs, *examples.examples[torch.tensor(places)]).sum().backward()
        optimiser.step()
    for found, wanted in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(found, wanted, atol=1e-6)
    assert not torch.allclose(ours[0].weight, unbiased()[0].weight, atol=1e-4)


def test_layers_are_named_by_what_holds_the_parameters() -> None:
    assert layers_of(["a.weight", "a.bias", "a.b.weight"]) == [["a.weight", "a.bias"], ["a.b.weight"]]


def test_a_wrong_engine_stops_before_the_first_step(monkeypatch) -> None:
    from earnest.privacy import per_example

    module = network()
    monkeypatch.setitem(
        per_example.ENGINES, "mapped",
        lambda *asked: {name: 1.01 * g for name, g in per_example.looped_gradients(*asked).items()},
    )  # fmt: skip  # two lines say it
    with pytest.raises(WrongGradients, match=r"\(1\.0% off\)"):
        trained(module, noise_multiplier=1.0)
    assert torch.equal(module[0].weight, network()[0].weight)


def test_a_tied_table_is_refused_with_opacus_and_trained_with_ours() -> None:
    pytest.importorskip("opacus", reason="opacus is an extra")

    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = torch.nn.Embedding(7, 5)

        def forward(self, tokens):
            return torch.nn.functional.linear(self.tokens(tokens), self.tokens.weight)

    def token_losses(module, tokens):
        return torch.nn.functional.cross_entropy(
            module(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none"
        ).sum(1)

    examples = torch.utils.data.TensorDataset(torch.randint(7, (30, 6)))
    for engine in ("opacus", "mapped"):
        module = Tied()
        before = module.tokens.weight.detach().clone()
        usual = {
            "how": DPSGD(**USUAL, epsilon=5.0, engine=engine), "public": (torch.randint(7, (3, 6)),), "seed": 1,
            "optimiser": torch.optim.SGD(module.parameters(), lr=0.1),
        }  # fmt: skip  # two lines say it
        if engine == "opacus":
            with pytest.raises(WrongGradients, match=r"tokens\.weight \(\d+\.\d% off\)"):
                train(module, token_losses, examples, **usual)
            assert torch.equal(module.tokens.weight, before)
        else:
            assert train(module, token_losses, examples, **usual).gradients_off_by_at_most < 1e-4


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epsilon": 0.0}, BadParameter, "epsilon must lie between 0 and 100, got 0.0; at 0 nothing could be learnt"),
        ({"epsilon": -1.0}, BadParameter, "epsilon must lie between 0 and 100, got -1.0"),
        ({"epsilon": math.nan}, BadParameter, "epsilon must lie between 0 and 100, got nan"),
        (
            {"epsilon": None},
            BadParameter,
            "exactly one of epsilon and noise_multiplier must be given, got None and None",
        ),
        ({"noise_multiplier": 1.0}, BadParameter, "exactly one of epsilon and noise_multiplier must be given, got 3.0"),
        ({"epsilon": None, "noise_multiplier": -0.5}, BadParameter, "must be 0 or at least 0.01, got -0.5"),
        ({"delta": -1e-5}, BadParameter, "delta must be at least 1e-10 and below 1, got -1e-05"),
        ({"delta": 0.0}, BadParameter, "delta must be at least 1e-10"),
        ({"delta": 0.05}, BadParameter, r"delta must be below one over the number of examples \(0.025\), got 0.05"),
        ({"sampling_rate": 1.0}, BadParameter, r"sampling_rate must lie between 0 and 1 \(neither included\), got 1.0"),
        ({"sampling_rate": 0.0}, BadParameter, "sampling_rate must lie between 0 and 1"),
        ({"n_steps": 0}, BadParameter, "n_steps must be a whole number of at least 1, got 0"),
        ({"n_at_once": 0}, BadParameter, "n_at_once must be a whole number of at least 1, got 0"),
        ({"clip": 0.0}, BadParameter, "clip must be above 0, got 0.0"),
        ({"clip": math.inf}, BadParameter, "an infinite clip must go with noise_multiplier=0"),
        (
            {"clipping": "per_layr"},
            UnknownName,
            "clipping must be one of flat, per_layer, got 'per_layr'; did you mean",
        ),
        ({"accountant": "gdp"}, UnknownName, "accountant must be one of prv, rdp, got 'gdp'"),
        ({"engine": "mapd"}, UnknownName, "no engine of gradients is called 'mapd'; did you mean 'mapped'"),
    ],
)
def test_what_makes_no_sense_is_refused(change, error, message) -> None:
    with pytest.raises(error, match=message):
        trained(network(), **{"epsilon": 3.0, **change})


def test_an_optimiser_of_other_parameters_is_refused() -> None:
    module, other = network(), network()
    usual = {"how": DPSGD(**USUAL, epsilon=3.0), "public": PUBLIC}
    with pytest.raises(BadParameter, match=r"4 parameters .* but it holds 4 and lacks 0\.weight"):
        train(module, losses, data(), optimiser=torch.optim.SGD(other.parameters(), lr=0.1), **usual)
    with pytest.raises(BadParameter, match=r"4 parameters .* but it holds 8; make it"):
        both = [*module.parameters(), *other.parameters()]
        train(module, losses, data(), optimiser=torch.optim.SGD(both, lr=0.1), **usual)
    with pytest.raises(BadParameter, match="at least 2 examples, got 1"):
        one = torch.utils.data.TensorDataset(*data()[torch.arange(1)])
        train(module, losses, one, optimiser=torch.optim.SGD(module.parameters(), lr=0.1), **usual)


def test_the_example_of_the_guide_runs(capsys) -> None:
    from pathlib import Path

    page = Path(__file__).parents[2] / "docs" / "private_computation.md"
    if not page.is_file():
        pytest.skip("the guide is in the repository and the source package only")
    code = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    exec(compile(code, page.name, "exec"), {})
    assert "epsilon=" in capsys.readouterr().out
