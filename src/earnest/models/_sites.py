"""Reading and editing the states of a decoder in transformers, by hooks that are gone when the network has run.

Sites are `decoder.0`, what the first block is given, `decoder.<k>`, what block k is given, and as the last one what the
decoder's final normalisation gives; `projector` is `decoder.0` at the audio tokens alone; `mlp.decoder.<k>` are the
neurons of block k's perceptron, what its `down_proj` is given, and `heads.decoder.<k>` what its attention heads give,
what its `o_proj` is given. A batch is padded on the left; a *column* is a place in its padded rows, counted on while an answer is generated token by token.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earnest.errors import AccessDenied
from earnest.models.edits import HEADS, NEURONS, Edit, block_of

if TYPE_CHECKING:
    import torch

PROJECTOR = "projector"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the tokens of an item lie in its padded row.

    Parameters
    ----------
    begin, answer : int
        Columns of the first token of what is asked, and of the answer's first token.
    audio : sequence of int
        Columns of the audio tokens, in order.
    """

    begin: int
    answer: int
    audio: Sequence[int]

    def columns(self, site: str, at: str, *, start: int, stop: int) -> list[int]:
        """The columns from `start` up to `stop` that a position means."""
        if site == PROJECTOR:
            return [column for column in self.audio if start <= column < stop]
        if at == "all":
            return list(range(max(self.begin, start), stop))
        if at == "generated":
            return list(range(max(self.answer - 1, start), stop))
        column = self.answer if at == "first_answer_token" else self.answer - 1
        return [column] if start <= column < stop else []


@dataclass(kw_only=True)
class _Point:
    """A module of the decoder, what is changed and read there, and how many columns it has seen."""

    edits: list[Edit] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    n_seen: int = 0


class Decoder:
    """The language model inside a network: a list of blocks and a final normalisation.

    Parameters
    ----------
    module : torch.nn.Module
        With `layers` and `norm`.
    """

    def __init__(self, module: Any) -> None:
        self._layers, self._norm = list(module.layers), module.norm

    @classmethod
    def inside(cls, network: Any) -> Decoder | None:
        """That of a network; None where it is built otherwise."""
        parts = ("embed_tokens", "layers", "norm")
        return next((cls(each) for each in network.modules() if all(hasattr(each, part) for part in parts)), None)

    @property
    def sites(self) -> tuple[str, ...]:
        """Those of the decoder, from the embedding to what leaves it."""
        return tuple(f"decoder.{place}" for place in range(len(self._layers) + 1))

    @property
    def neurons(self) -> tuple[str, ...]:
        """Sites of the perceptrons, of blocks that have one with `down_proj`."""
        return tuple(
            f"{NEURONS}decoder.{place}"
            for place, layer in enumerate(self._layers)
            if hasattr(getattr(layer, "mlp", None), "down_proj")
        )

    @property
    def heads(self) -> dict[str, int]:
        """Sites of the attention heads, of blocks that have them with `o_proj`, and how many there are."""
        found = {}
        for place, layer in enumerate(self._layers):
            attention = getattr(layer, "self_attn", None)
            n_heads = getattr(getattr(attention, "config", None), "num_attention_heads", None)
            if hasattr(attention, "o_proj") and n_heads:
                found[f"{HEADS}decoder.{place}"] = int(n_heads)
        return found

    def at_the_end(self, states: torch.Tensor, *, site: str) -> torch.Tensor:
        """States as the head would be given them if the site were the last: normalised, where they are not yet."""
        return states if site == self.sites[-1] else self._norm(states)

    @contextlib.contextmanager
    def hooked(
        self, places: Sequence[Places], *, edits: Sequence[Edit] = (), reads: Sequence[str] = (), at: str = "all"
    ) -> Iterator[dict[str, list[NDArray[np.float32]]]]:
        """Edits in force and states gathered while the block lasts.

        Parameters
        ----------
        places : sequence of Places
            One for each row of the batch.
        edits : sequence of Edit
        reads : sequence of str
            Sites whose states are kept as the edits leave them.
        at : str
            Where they are read.

        Yields
        ------
        dict
            By site, for each row what was read so far, shape (n_positions, width).
        """
        points: dict[tuple[str, int], _Point] = {}
        for edit in edits:
            points.setdefault(self._place(edit.site), _Point()).edits.append(edit)
        for site in reads:
            points.setdefault(self._place(site), _Point()).reads.append(site)
        kept: dict[str, list[NDArray[np.float32]]] = {}
        handles = []
        try:
            for place, point in points.items():
                handles.append(
                    self._attached(place, lambda states, point=point: _passed(states, point, places, at, kept))
                )
            yield kept
        finally:
            for handle in handles:
                handle.remove()

    def _place(self, site: str) -> tuple[str, int]:
        """Whether states, neurons or heads are meant, and of which block."""
        states = block_of(site)
        return site.removesuffix(states), 0 if site == PROJECTOR else int(states.removeprefix("decoder."))

    def _attached(self, where: tuple[str, int], passed: Callable[[torch.Tensor], torch.Tensor]) -> Any:
        kind, place = where
        if kind:
            layer = self._layers[place]
            last = layer.mlp.down_proj if kind == NEURONS else layer.self_attn.o_proj
            return last.register_forward_pre_hook(lambda module, args: (passed(args[0]), *args[1:]))
        if place == len(self._layers):
            return self._norm.register_forward_hook(lambda module, args, output: passed(output))

        def before(
            module: Any, args: tuple[Any, ...], options: Mapping[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            if args:
                return (passed(args[0]), *args[1:]), dict(options)
            return args, {**options, "hidden_states": passed(options["hidden_states"])}

        return self._layers[place].register_forward_pre_hook(before, with_kwargs=True)


def _passed(
    states: torch.Tensor, point: _Point, places: Sequence[Places], at: str, kept: dict[str, list[NDArray[np.float32]]]
) -> torch.Tensor:
    """The states of one pass, shape (n_rows, n_columns, width), after the edits; what is read is kept."""
    start, point.n_seen = point.n_seen, point.n_seen + states.shape[1]
    for edit in point.edits:
        states = _edited(states, edit, places, start=start)
    for site in point.reads:
        rows = kept.setdefault(site, [])
        for row, place in enumerate(places):
            columns = [column - start for column in place.columns(site, at, start=start, stop=point.n_seen)]
            rows.append(states[row, columns].detach().float().cpu().numpy())
    return states


def _edited(states: torch.Tensor, edit: Edit, places: Sequence[Places], *, start: int) -> torch.Tensor:
    changed = states.clone()
    for row, place in enumerate(places):
        columns = place.columns(edit.site, edit.at, start=start, stop=start + states.shape[1])
        if columns:
            inside = [column - start for column in columns]
            changed[row, inside] = _applied(edit, states[row, inside].float()).to(states.dtype)
    return changed


def _applied(edit: Edit, rows: torch.Tensor) -> torch.Tensor:
    import torch

    if edit.differentiable:
        return edit.applied(rows)
    if rows.requires_grad:
        raise AccessDenied(
            f"gradients need an edit at {edit.site!r} whose `change` takes tensors, and it does not say so; "
            "write it for tensors and set differentiable=True"
        )
    return torch.from_numpy(np.array(edit.applied(rows.cpu().numpy()), dtype=np.float32)).to(rows)
