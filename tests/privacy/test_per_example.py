"""Gradients of single examples: by hand, an engine against the loop, and the refusal of engines that are wrong."""

from __future__ import annotations

import copy
import warnings

import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from earnest.errors import BadParameter, UnknownName, WrongGradients  # noqa: E402
from earnest.privacy.per_example import (  # noqa: E402
    check_gradients,
    distances,
    engine_of,
    looped_gradients,
    mapped_gradients,
    opacus_gradients,
)


class Tied(torch.nn.Module):
    """An embedding whose table is used once more as the output layer, past its own module."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = torch.nn.Embedding(7, 5)
        self.inner = torch.nn.Linear(5, 5)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(self.inner(self.tokens(tokens)).relu(), self.tokens.weight)


def token_losses(module: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(
        module(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none"
    ).sum(1)


def squared_losses(module: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (module(x)[:, 0] - y).square()


@pytest.fixture
def tied() -> tuple[Tied, tuple[torch.Tensor]]:
    torch.manual_seed(3)
    return Tied(), (torch.randint(7, (4, 6)),)


def lenient_opacus(module, losses, inputs):
    """What opacus would clip with strict=False."""
    opacus = pytest.importorskip("opacus", reason="opacus is an extra")
    wrapped = opacus.GradSampleModule(copy.deepcopy(module).train(), strict=False, loss_reduction="sum")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        losses(wrapped, *inputs).sum().backward()
    return {name.removeprefix("_module."): getattr(p, "grad_sample", None) for name, p in wrapped.named_parameters()}


@pytest.mark.parametrize("engine", [looped_gradients, mapped_gradients])
def test_gradients_by_hand(engine) -> None:
    """Loss (w x + b - y)^2 at w = 2, b = -1: of (3, 1) the residual is 4, so 24 and 8; of (-1, 2) it is -5, so 10 and -10."""
    module = torch.nn.Linear(1, 1)
    with torch.no_grad():
        module.weight.fill_(2.0)
        module.bias.fill_(-1.0)
    found = engine(module, squared_losses, (torch.tensor([[3.0], [-1.0]]), torch.tensor([1.0, 2.0])))
    assert found["weight"].tolist() == [[[24.0]], [[10.0]]]
    assert found["bias"].tolist() == [[8.0], [-10.0]]


def test_parameters_that_are_frozen_have_none_and_the_module_stays_as_it_was(tied) -> None:
    module, inputs = tied
    module.inner.bias.requires_grad_(False)
    before = copy.deepcopy(module.state_dict())
    for engine in (looped_gradients, mapped_gradients):
        assert engine(module, token_losses, inputs).keys() == {"tokens.weight", "inner.weight"}
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    with pytest.raises(BadParameter, match="all are frozen"):
        looped_gradients(module.requires_grad_(False), token_losses, inputs)


def test_a_tied_table_is_carried_by_torch_and_not_by_an_engine_that_sees_layers_alone(tied) -> None:
    module, inputs = tied
    assert check_gradients(mapped_gradients, module, token_losses, inputs) < 1e-5

    def layers_alone(module, losses, inputs):
        """The table's gradient through its layer only, as hooks on layers find it."""
        other = copy.deepcopy(module)
        head = other.tokens.weight.detach().clone()
        other.forward = lambda tokens: torch.nn.functional.linear(other.inner(other.tokens(tokens)).relu(), head)
        return looped_gradients(other, losses, inputs)

    with pytest.raises(
        WrongGradients,
        match=r"equal those of a plain loop to 0.001, but the engine's do not: tokens\.weight \(\d\d\.\d% off\); its",
    ):
        check_gradients(layers_alone, module, token_losses, inputs)


@pytest.mark.parametrize("engine", [lenient_opacus, opacus_gradients])
def test_opacus_is_refused_where_it_trains_in_silence(tied, engine) -> None:
    pytest.importorskip("opacus", reason="opacus is an extra")
    module, inputs = tied
    with pytest.raises(WrongGradients, match=r"tokens\.weight \(\d+\.\d% off\)"):
        check_gradients(engine, module, token_losses, inputs)


class Summed(torch.nn.Module):
    """A layer, then the mean over all places but the first axis: one number an example."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer, self.end = layer, torch.nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        y = y[0] if isinstance(y, tuple) else y
        return self.end(y.transpose(1, -1)).flatten(1).tanh().mean(1, keepdim=True)


LAYERS = {
    "linear": lambda: torch.nn.Linear(6, 6),
    "conv1d": lambda: torch.nn.Conv1d(6, 6, 3, padding=1, groups=2),
    "layer_norm": lambda: torch.nn.LayerNorm(6),
    "group_norm": lambda: torch.nn.GroupNorm(2, 6),
    "dropout": lambda: torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Dropout(0.5)),
    "transformer": lambda: torch.nn.TransformerEncoderLayer(6, 2, 12, batch_first=True),
}


@pytest.mark.parametrize("engine", ["mapped", "opacus"])
@pytest.mark.parametrize("layer", LAYERS)
def test_an_engine_is_right_on_every_parameter_or_is_refused(engine, layer) -> None:
    if engine == "opacus":
        pytest.importorskip("opacus", reason="opacus is an extra")
    torch.manual_seed(2)
    module = Summed(LAYERS[layer]())
    inputs = (torch.randn(4, 6, 6), torch.randn(4))
    modes = [part.training for part in module.modules()]
    state = {name: value.clone() for name, value in module.state_dict().items()}
    module.end.weight.grad = torch.ones(1, 6)
    if (engine, layer) == ("opacus", "transformer"):  # its attention holds a parameter of its own
        with pytest.raises(
            WrongGradients, match=r"it fails on it: TypeError: MultiheadAttention.*'looped' carries all"
        ):
            check_gradients(engine_of(engine), module, squared_losses, inputs)
    else:
        assert check_gradients(engine_of(engine), module, squared_losses, inputs) < 1e-3
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())
    assert torch.equal(module.end.weight.grad, torch.ones(1, 6)) and module.end.bias.grad is None
    assert not any(part._forward_hooks or part._backward_hooks for part in module.modules())
    assert not any(hasattr(p, "grad_sample") for p in module.parameters())


def test_what_mixes_examples_is_refused_by_name() -> None:
    x, y = torch.randn(4, 6, 6), torch.randn(4)
    mixing = Summed(torch.nn.BatchNorm1d(6))
    with pytest.raises(WrongGradients, match="one by one, but layer normalises over the batch; put GroupNorm"):
        check_gradients(mapped_gradients, mixing, squared_losses, (x, y))
    assert check_gradients(mapped_gradients, mixing.eval(), squared_losses, (x, y)) < 1e-5

    def centred(module, x, y):
        values = module(x)[:, 0]
        return (values - values.mean() - y).square()

    with pytest.raises(WrongGradients, match="must not depend on the others in its batch"):
        check_gradients(mapped_gradients, Summed(torch.nn.Identity()), centred, (x, y))


def test_a_buffer_that_remembers_examples_is_refused_and_is_as_before() -> None:
    module = Summed(torch.nn.InstanceNorm1d(6, track_running_stats=True))
    with pytest.raises(WrongGradients, match=r"the buffers layer\.running_mean, layer\.running_var"):
        check_gradients(mapped_gradients, module, squared_losses, (torch.randn(4, 6, 6) + 5, torch.zeros(4)))
    assert torch.equal(module.layer.running_mean, torch.zeros(6))


def test_losses_that_are_random_summed_or_infinite_are_refused() -> None:
    inputs = (torch.randn(4, 6, 6), torch.zeros(4))
    module = Summed(torch.nn.Identity())

    def random(module, x, y):
        return torch.nn.functional.dropout(module(x)[:, 0], 0.5)

    with pytest.raises(WrongGradients, match="something draws at random there too"):
        check_gradients(mapped_gradients, module, random, inputs)
    with pytest.raises(BadParameter, match=r"for each of the 4 examples, got shape \(\); do not sum"):
        check_gradients(mapped_gradients, module, lambda m, x, y: m(x).sum(), inputs)
    with pytest.raises(BadParameter, match="values that are not finite"):
        check_gradients(mapped_gradients, module, lambda m, x, y: m(x)[:, 0] / y, inputs)


def test_an_unknown_engine_and_one_that_opacus_refuses_itself() -> None:
    with pytest.raises(UnknownName, match="no engine of gradients is called 'opakus'; did you mean 'opacus'"):
        engine_of("opakus")
    pytest.importorskip("opacus", reason="opacus is an extra")
    module = Summed(torch.nn.BatchNorm1d(6)).eval()
    with pytest.raises(WrongGradients, match="fails on it: NotImplementedError.*layer with buffers"):
        check_gradients(opacus_gradients, module, squared_losses, (torch.randn(4, 6, 6), torch.zeros(4)))


def test_a_missing_gradient_is_wholly_off_and_all_that_are_off_are_counted(tied) -> None:
    module, inputs = tied
    found = looped_gradients(module, token_losses, inputs)
    assert distances(found | {"inner.bias": None}, found) == {
        "tokens.weight": 0.0,
        "inner.weight": 0.0,
        "inner.bias": pytest.approx(1.0),
    }
    many = torch.nn.Sequential(*(torch.nn.Linear(1, 1) for _ in range(5)))
    with pytest.raises(WrongGradients, match=r"\(100.0% off\) and 4 more; its"):
        check_gradients(lambda *_: {}, many, squared_losses, (torch.ones(2, 1), torch.zeros(2)))


def test_one_wrong_example_among_many_is_enough(tied) -> None:
    module, inputs = tied
    wrong = looped_gradients(module, token_losses, inputs)
    wrong["inner.weight"][2] *= 1.002
    with pytest.raises(WrongGradients, match=r"inner\.weight \(0\.2% off\)"):
        check_gradients(lambda *_: wrong, module, token_losses, inputs)
    assert check_gradients(lambda *_: wrong, module, token_losses, inputs, tolerance=0.01) == pytest.approx(
        0.002, rel=0.01
    )


def test_sums_over_the_batch_and_what_is_no_number_are_refused(tied) -> None:
    module, inputs = tied
    with pytest.raises(
        WrongGradients, match=r"inner\.weight must have the shape \(4, 5, 5\), one for each example, got \(5, 5\)"
    ):
        check_gradients(lambda *_: {"inner.weight": torch.zeros(5, 5)}, module, token_losses, inputs)
    broken = {name: value * float("nan") for name, value in looped_gradients(module, token_losses, inputs).items()}
    with pytest.raises(WrongGradients, match="nan% off"):
        check_gradients(lambda *_: broken, module, token_losses, inputs)
