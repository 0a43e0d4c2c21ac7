"""Edits of a model's inner activations: steering, patching, ablation, clamping. numpy alone.

An *activation* is the state at a named site and a position, a row of `width` numbers. Sites are named as `activations`
of a model names them:

    features        the log-mel spectrum that a model hears, a row for each frame, where the model names the site
    encoder.<k>     of the audio encoder, a row for each of its frames
    projector       what the audio becomes for the decoder, a row for each audio token
    decoder.<k>     of the language model, a row for each token
    mlp.encoder.<k>, mlp.decoder.<k>
                    the neurons inside the perceptron of a block: what enters its last layer
    heads.encoder.<k>, heads.decoder.<k>
                    what the attention heads of a block give, one after the other: what enters its last layer

Positions of the decoder:

    answer                  where the model's turn opens
    sep                     the last position before the answer, where its first token is decided; in a model that
                            writes down what it heard before it answers the separator between the two, in others `answer`
    first_answer_token      the answer's first token
    generated               every position at which a token of the answer is decided: `sep`, and the answer's own tokens
    all                     every position of what is asked and of what is said

Sites before the decoder have no position but `all`.

    louder = Edit.add(site="decoder.3", at="sep", vector=direction, scale=4.0)
    with model.hooked([louder]) as steered:
        steered.ask(stimuli)

The formulas take arrays of numpy and tensors of torch alike, so that a model in torch can pass gradients through them.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter

NEURONS, HEADS = "mlp.", "heads."
"""What stands before a block's site to mean the neurons of its perceptron, or what its attention heads give."""

Position = Literal["sep", "answer", "first_answer_token", "generated", "all"]

Change = Callable[[Any], Any]
"""Float32 array, shape (n_positions, width), to one of the same shape; treats each row by itself."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change of the activations at one site and position.

    Parameters
    ----------
    site : str
    at : {"sep", "answer", "first_answer_token", "generated", "all"}
    change : callable (array) -> array
        See `Change`. `Edit.add`, `Edit.replace`, `Edit.project_out` and `Edit.clamp` make the usual ones.
    key : str
        What tells this change from others, as part of the model's fingerprint. By default no other change has the same,
        not even in another run; name a function of your own where its answers may be taken from a cache.
    differentiable : bool
        Whether `change` takes tensors of torch as well, so that gradients pass through it.

    Raises
    ------
    BadParameter
        If there is no such position, or a vector is not of finite numbers.
    """

    site: str
    at: Position
    change: Change = field(compare=False, repr=False)
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    differentiable: bool = False

    def __post_init__(self) -> None:
        _check_position(self.at)
        if not callable(self.change):
            raise BadParameter(
                f"change must be a function from array to array, got {type(self.change).__name__}; see Edit.add"
            )

    @classmethod
    def add(cls, *, site: str, at: Position, vector: ArrayLike, scale: float = 1.0) -> Edit:
        """Steering: `scale * vector` added, shape (width,)."""
        step = float(scale) * _numbers(vector, "vector", n_axes=(1,))
        return cls._of("add", partial(_added, vector=step), site=site, at=at, values=[step])

    @classmethod
    def replace(cls, *, site: str, at: Position, vector: ArrayLike, where: ArrayLike | None = None) -> Edit:
        """Patching: the activation of another clip in place of this one; 0 ablates.

        Shape () or (width,) for every position alike, or (n_positions, width) where the length is known: frames of an
        encoder, audio tokens. `where`, shape (width,), names the numbers that are replaced; None takes all of them.

        Raises
        ------
        BadParameter
            If `where` is not of truth values.
        """
        patch = _numbers(vector, "vector", n_axes=(0, 1, 2))
        if where is None:
            return cls._of("replace", partial(_replaced, vector=patch), site=site, at=at, values=[patch])
        mask = np.array(where)
        if mask.dtype != bool or mask.ndim != 1 or not mask.any():
            raise BadParameter(
                f"where must be truth values of shape (width,), at least one of them true, got {mask.dtype} of shape {mask.shape}"
            )
        kept = (~mask).astype(np.float64)
        change = partial(_replaced_where, vector=patch, kept=kept)
        return cls._of("replace_where", change, site=site, at=at, values=[patch, kept])

    @classmethod
    def project_out(cls, *, site: str, at: Position, directions: ArrayLike) -> Edit:
        """Directional ablation: what lies along the directions taken away; shape (width,) or (n_directions, width).

        Raises
        ------
        BadParameter
            If the directions are not linearly independent.
        """
        rows = np.atleast_2d(_numbers(directions, "directions", n_axes=(1, 2)))
        _, strengths, basis = np.linalg.svd(rows, full_matrices=False)
        if len(rows) > rows.shape[1] or strengths[-1] <= 1e-10 * strengths[0]:
            raise BadParameter(
                f"directions must be linearly independent and not zero, got {len(rows)} of rank "
                f"{int((strengths > 1e-10 * strengths[0]).sum())}; leave some out"
            )
        return cls._of("project_out", partial(_projected_out, basis=basis), site=site, at=at, values=[rows])

    @classmethod
    def clamp(
        cls,
        *,
        site: str,
        at: Position,
        low: ArrayLike = -np.inf,
        high: ArrayLike = np.inf,
        direction: ArrayLike | None = None,
    ) -> Edit:
        """Clamping: the component along `direction` kept within [low, high]; without a direction each number by itself.

        Parameters
        ----------
        low, high : float, or without a direction an array of shape (width,)
            One may be infinite.
        direction : array, shape (width,), or None
            Of any length but 0.

        Raises
        ------
        BadParameter
            If the range is empty or leaves everything as it is.
        """
        ends = [np.asarray(end, dtype=np.float64) for end in (low, high)]
        if np.isnan(ends).any() if ends[0].shape == ends[1].shape else any(np.isnan(end).any() for end in ends):
            raise BadParameter("low and high must be numbers, got nan; leave one out for a half-open range")
        if not (ends[0] <= ends[1]).all() or all(np.isinf(end).all() for end in ends):
            raise BadParameter(
                f"a range must have low <= high, one of them finite, got {low!r} and {high!r}; give low or high"
            )
        if direction is None:
            return cls._of("clamp", partial(_clamped, low=ends[0], high=ends[1]), site=site, at=at, values=ends)
        if any(end.ndim for end in ends):
            raise BadParameter(
                "low and high must be single numbers along a direction, got arrays; give one direction an edit"
            )
        along = _numbers(direction, "direction", n_axes=(1,))
        length = float(np.linalg.norm(along))
        if length == 0:
            raise BadParameter(
                "direction must not be zero, got only zeros; leave it out to clamp each number by itself"
            )
        change = partial(_clamped_along, direction=along / length, low=float(ends[0]), high=float(ends[1]))
        return cls._of("clamp_along", change, site=site, at=at, values=[along / length, *ends])

    @classmethod
    def _of(cls, name: str, change: Change, *, site: str, at: Position, values: Sequence[NDArray[np.float64]]) -> Edit:
        """An edit whose key follows from what it does."""
        digest = hashlib.sha256()
        for value in values:
            rounded = np.asarray(value, dtype="<f4")
            digest.update(f"{rounded.shape}".encode() + rounded.tobytes())
        return cls(site=site, at=at, change=change, key=f"{name}:{digest.hexdigest()[:16]}", differentiable=True)

    def applied(self, activations: Any) -> Any:
        """The changed activations, shape (n_positions, width).

        Raises
        ------
        BadParameter
            If the change gives another shape.
        """
        changed = self.change(activations)
        wanted, came = tuple(activations.shape), tuple(getattr(changed, "shape", ()))
        if wanted != came:
            raise BadParameter(f"the change at {self.site!r} must keep the shape {wanted}, got {came}; mend `change`")
        return changed


def checked_edits(edits: Sequence[Edit], *, sites: Collection[str], name: str) -> tuple[Edit, ...]:
    """The edits, which a model called `name` can make.

    Raises
    ------
    BadParameter
        If one is none, or its site or position is not there.
    """
    for edit in edits:
        if not isinstance(edit, Edit):
            raise BadParameter(f"edits must be a list of Edit, got {type(edit).__name__}; make one with Edit.add, say")
        checked_sites([edit.site], at=edit.at, sites=sites, name=name)
    return tuple(edits)


def checked_sites(wanted: Sequence[str], *, at: str | None, sites: Collection[str], name: str) -> tuple[str, ...]:
    """The sites, which a model called `name` has, and which have the position.

    Raises
    ------
    BadParameter
        If one of them is not there.
    """
    if at is not None:
        _check_position(at)
    for site in wanted:
        if site not in sites:
            raise BadParameter(f"{name!r} has no site {site!r}; its sites are {', '.join(sites)}")
        if at not in (None, "all") and not block_of(site).startswith("decoder."):
            raise BadParameter(
                f"site {site!r} of {name!r} has no position {at!r}, which is of the decoder; use at='all'"
            )
    return tuple(wanted)


def block_of(site: str) -> str:
    """The site of the block that neurons or heads belong to; a state's own."""
    return site.removeprefix(NEURONS).removeprefix(HEADS)


def edited_fingerprint(fingerprint: str, edits: Sequence[Edit]) -> str:
    """The fingerprint of a model under edits: another for every other list of them."""
    told = json.dumps([[edit.site, edit.at, edit.key] for edit in edits])
    return f"{fingerprint}+edits:{hashlib.sha256(told.encode()).hexdigest()[:16]}" if edits else fingerprint


def _check_position(at: str) -> None:
    if at not in get_args(Position):
        raise BadParameter(f"at must be one of {', '.join(get_args(Position))}, got {at!r}")


def _numbers(values: ArrayLike, name: str, *, n_axes: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.array(values, dtype=np.float64)
    if array.ndim not in n_axes or not array.size or not np.isfinite(array).all():
        shapes = " or ".join({0: "()", 1: "(width,)", 2: "(n, width)"}[n] for n in n_axes)
        raise BadParameter(
            f"{name} must be finite and of shape {shapes}, got shape {array.shape}; check where it comes from"
        )
    return array


# ---- the formulas, for arrays and tensors alike


def _like(activations: Any, values: NDArray[np.float64]) -> Any:
    """The values in the type of the activations; a tensor's own method makes a tensor, on its device."""
    if isinstance(activations, np.ndarray):
        return values.astype(activations.dtype)
    return activations.new_tensor(values)


def _added(activations: Any, *, vector: NDArray[np.float64]) -> Any:
    return activations + _like(activations, vector)


def _replaced(activations: Any, *, vector: NDArray[np.float64]) -> Any:
    try:
        patch = np.broadcast_to(vector, tuple(activations.shape))
    except ValueError as error:
        raise BadParameter(
            f"a patch must fit activations of shape {tuple(activations.shape)}, got shape {vector.shape}; "
            "take it at the same site and position, of a clip of the same length"
        ) from error
    return _like(activations, patch)


def _replaced_where(activations: Any, *, vector: NDArray[np.float64], kept: NDArray[np.float64]) -> Any:
    own = _like(activations, kept)
    return activations * own + _replaced(activations, vector=vector) * (1 - own)


def _projected_out(activations: Any, *, basis: NDArray[np.float64]) -> Any:
    rows = _like(activations, basis)
    return activations - (activations @ rows.T) @ rows


def _clamped(activations: Any, *, low: NDArray[np.float64], high: NDArray[np.float64]) -> Any:
    return activations.clip(_like(activations, low), _like(activations, high))


def _clamped_along(activations: Any, *, direction: NDArray[np.float64], low: float, high: float) -> Any:
    unit = _like(activations, direction)
    component = activations @ unit
    return activations + (component.clip(low, high) - component)[..., None] * unit
