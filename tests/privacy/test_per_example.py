"""Gradients of single examples: by hand, an engine against the loop, and the refusal of engines that are wrong."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from earnest.errors import BadParameter, WrongGradients  # noqa: E402
from earnest.privacy.per_example import (  # noqa: E402
    check_gradients,
    distances,
    looped_gradients,
    mapped_gradients,
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


def opacus_gradients(module, losses, inputs, *, strict=True):
    """What opacus would clip."""
    opacus = pytest.importorskip(
        "opacus", reason="needs opacus, which the environment of the tests leaves out: it pins torch"
    )
    wrapped = opacus.GradSampleModule(copy.deepcopy(module), strict=strict, loss_reduction="sum")
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


def test_opacus_is_refused_where_it_trains_in_silence(tied) -> None:
    module, inputs = tied
    with pytest.raises(WrongGradients, match=r"tokens\.weight \(\d+\.\d% off\)"):
        check_gradients(lambda *asked: opacus_gradients(*asked, strict=False), module, token_losses, inputs)
    untied = torch.nn.Sequential(torch.nn.Embedding(7, 5), torch.nn.Linear(5, 7))
    assert check_gradients(opacus_gradients, untied, token_losses, inputs) < 1e-5


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
