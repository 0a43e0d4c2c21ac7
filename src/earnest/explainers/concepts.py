"""Concepts: directions from two lists of clips, and whether a decision follows them (testing with concept activation vectors)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.audio import Entry, Stimulus
from earnest.errors import BadParameter
from earnest.explainers._base import Asked, explainers
from earnest.explainers._inside import (
    Beside,
    InnerExplainer,
    Inside,
    Row,
    as_stimuli,
    blocks_of,
    gradients_at,
    ridge_weights,
    states_of,
    value_of,
)
from earnest.models.access import Answer, Model, rng_for
from earnest.models.edits import Edit

LEVEL = 0.05
PERMUTATIONS = 1_999


@explainers.register("concepts")
@dataclass(frozen=True, kw_only=True)
class Concepts(InnerExplainer):
    """How often a decision would gain from more of a concept, layer by layer ([kim2017-tcav]).

    The concept is the rows with a value in a column of the data; the other list is rows with any other value of it. A
    direction is that of ridge regression of the list on the states; each of `n_runs` is fitted to a half of either list. The
    value of a layer is the TCAV score, the mean over runs of the share of clips that are decided as the item is whose
    decision rises along the direction; 0.5 is no preference. The control is the score of directions between two random
    lists of the same sizes, drawn from all of these rows. Whether they differ is tested by permuting runs, two-sided, with
    the correction of Holm over layers (the paper: a t test); at a layer that is not significant nothing was found.

    The note says how well the direction of one half tells the concept in the other (area under the curve), and what happens
    where the decided clips that no direction was fitted to are moved along it by the distance between the lists, away from
    the side on which they lie, beside a random direction of that length.

    Parameters
    ----------
    column : str
        A column of the data: `label`, `gender`, `accent`, ...
    value : str
        Of the concept in this column; empty takes that of most rows.
    n_rows : int
        Of either list at most, at least 6.
    n_clips : int
        Decided clips at most.
    n_runs, n_random : int
        Directions of the concept and random ones, at least 5 and 10.
    """

    source = "kim2017-tcav"
    needs = "activations"
    column: str = "label"
    value: str = "harmful"
    n_rows: int = 40
    n_clips: int = 12
    n_runs: int = 10
    n_random: int = 20

    def __post_init__(self) -> None:
        if self.n_rows < 6 or self.n_clips < 2 or self.n_runs < 5 or self.n_random < 10:
            raise BadParameter(
                "concepts take n_rows of at least 6, n_clips of 2, n_runs of 5 and n_random of 10, got "
                f"{self.n_rows!r}, {self.n_clips!r}, {self.n_runs!r} and {self.n_random!r}"
            )

    def look(self, asked: Asked, beside: Beside, *, seed: int = 0) -> Inside:
        """What is found inside the model about this decision."""
        model = asked.system.inner
        asked.need("gradients", of=self.name)
        sites = blocks_of(model, "decoder", by=self.name)
        rng = rng_for(seed, "concepts", self.column, self.value)
        inside, outside, decided = self._lists(asked, beside, rng)
        prompt = asked.stimulus.prompt
        asked.count(len(inside) + len(outside))
        own, rest = (states_of(model, as_stimuli(rows, prompt=prompt), sites, at="sep") for rows in (inside, outside))
        clips = [asked.stimulus, *decided]
        slopes = self._slopes(asked, clips, sites)
        rows = []
        for site in sites:
            found = [self._direction(own[site], rest[site], rng) for _ in range(self.n_runs)]
            pool = np.concatenate([own[site], rest[site]])
            by_chance = []
            for _ in range(self.n_random):
                order = rng.permutation(len(pool))
                split = order[: len(own[site])], order[len(own[site]) :]
                by_chance.append(self._direction(pool[split[0]], pool[split[1]], rng))
            scores = np.array([tcav_score(slopes[site], one) for one, _ in found])
            controls = np.array([tcav_score(slopes[site], one) for one, _ in by_chance])
            low, high = np.quantile(controls, [0.025, 0.975])
            rows.append(
                (
                    permutation_p(scores, controls, rng=rng),
                    float(np.mean([area for _, area in found])),
                    self._moved(asked, decided, site, own[site], rest[site], rng) if decided else "",
                    scores,
                    (float(controls.mean()), float(low), float(high)),
                )
            )
        adjusted = holm([p for p, *_ in rows])
        shown = tuple(
            Row(
                where=f"{site}, sep",
                value=float(scores.mean()),
                low=float(np.quantile(scores, 0.025)),
                high=float(np.quantile(scores, 0.975)),
                control=mean,
                control_low=low,
                control_high=high,
                n=len(clips),
                note=f"p = {p:.3f}; told in the other half with area {area:.2f}{moved}",
            )
            for site, p, (_, area, moved, scores, (mean, low, high)) in zip(sites, adjusted, rows, strict=True)
        )
        best = int(np.argmin(adjusted))
        beats = adjusted[best] <= LEVEL
        name = f"{self.column} {self.value}".strip()
        return Inside(
            unit=f"share of decided clips whose decision gains along {name!r} (0.5: no preference)",
            control=f"directions between random lists: mean, and the middle 95 % of {self.n_random}",
            rows=shown,
            sentence=(
                f"At {shown[best].where} {100 * shown[best].value:.0f} % of {len(clips)} clips that are decided so gain "
                f"along {name!r}, and along random directions {100 * (shown[best].control or 0):.0f} %"
                + (f" (p = {adjusted[best]:.3f})." if beats else f"; this is no difference (p = {adjusted[best]:.3f}).")
            ),
            beats_random=bool(beats),
        )

    def _lists(
        self, asked: Asked, beside: Beside, rng: np.random.Generator
    ) -> tuple[list[Entry], list[Entry], list[Stimulus]]:
        """Rows of the concept and others, and clips that are decided as the item is and are among neither."""
        with_value = [row for row in beside.rows if value_of(row, self.column)]
        inside = [row for row in with_value if value_of(row, self.column) == self.value]
        outside = [row for row in with_value if value_of(row, self.column) != self.value]
        if self.column == "label" and self.value in ("harmful", "benign"):
            outside = [row for row in outside if row.label in ("harmful", "benign")]
        if min(len(inside), len(outside)) < 6:
            raise BadParameter(
                f"a concept needs 6 rows with {self.column} {self.value!r} and 6 with another, got {len(inside)} and "
                f"{len(outside)}; name others with concepts:column=...,value=..."
            )
        kept, left = [], []
        for rows in (inside, outside):
            order = rng.permutation(len(rows))
            n = min(self.n_rows, max(6, len(rows) * 2 // 3))
            kept.append([rows[k] for k in order[:n]])
            left += [rows[k] for k in order[n:]]
        decided = []
        for row in left[: 4 * self.n_clips]:
            if len(decided) == self.n_clips:
                break
            stimulus = asked.stimulus.with_clip(row.clip(), role=asked.stimulus.primary_role)
            (reply,) = asked.system.ask([stimulus])
            asked.count(1)
            if isinstance(reply, Answer) and asked.decision.made_by(reply):
                decided.append(stimulus)
        return kept[0], kept[1], decided

    def _slopes(self, asked: Asked, clips: list[Stimulus], sites: list[str]) -> dict[str, NDArray[np.float64]]:
        model, found = asked.system.inner, {}
        for text, sign in ((asked.answer, 1.0), *([(asked.against, -1.0)] if asked.against is not None else [])):
            asked.count(len(clips))
            for site, slopes in gradients_at(model, clips, [text] * len(clips), sites=sites, at="sep").items():
                found[site] = found.get(site, 0.0) + sign * slopes
        return found

    def _direction(
        self, own: NDArray[np.float64], rest: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], float]:
        """The direction between halves of two lists, and how well it tells the other halves apart."""
        halves = [rng.permutation(len(one)) for one in (own, rest)]
        learns = [one[: (one.size + 1) // 2] for one in halves]
        direction = concept_direction(own[learns[0]], rest[learns[1]])
        tests = [one[(one.size + 1) // 2 :] for one in halves]
        return direction, area(own[tests[0]] @ direction, rest[tests[1]] @ direction)

    def _moved(
        self,
        asked: Asked,
        decided: list[Stimulus],
        site: str,
        own: NDArray[np.float64],
        rest: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> str:
        step = own.mean(axis=0) - rest.mean(axis=0)
        length = float(np.linalg.norm(step))
        states = states_of(asked.system.inner, decided, [site], at="sep")[site]
        middle = (own.mean(axis=0) + rest.mean(axis=0)) / 2
        side = -1.0 if float(((states - middle) @ step).mean()) > 0 else 1.0
        random = rng.normal(0, 1, step.size)
        random *= length / np.linalg.norm(random)
        ended = [n_ended(asked, decided, site, side * one) for one in (step, random)]
        return (
            f"; moved {'away from' if side < 0 else 'towards'} it the decision ends in {ended[0]} of {len(decided)}, "
            f"at random in {ended[1]}"
        )


def n_ended(asked: Asked, stimuli: list[Stimulus], site: str, step: NDArray[np.float64]) -> int:
    """In how many of the clips the decision ends where a step is added to the states."""
    model: Model = asked.system.inner
    with model.hooked([Edit.add(site=site, at="sep", vector=step)]) as moved:
        replies = moved.ask(stimuli)
    asked.count(2 * len(stimuli))
    return sum(isinstance(reply, Answer) and not asked.decision.made_by(reply) for reply in replies)


def concept_direction(own: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """The unit direction of ridge regression of the list (1 and 0) on the states, its strength their mean variance."""
    states, list_of = np.concatenate([own, rest]), np.repeat([1.0, 0.0], [len(own), len(rest)])
    x = states - states.mean(axis=0)
    direction = ridge_weights(x, list_of - list_of.mean())
    return np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-300))


def tcav_score(slopes: NDArray[np.float64], direction: NDArray[np.float64]) -> float:
    """Share of clips whose decision rises along a direction; slopes have shape (n_clips, width)."""
    return float(np.mean(slopes @ direction > 0))


def area(own: NDArray[np.float64], rest: NDArray[np.float64]) -> float:
    """Share of pairs of which the first list's has the larger number, ties as a half."""
    return float(np.mean((own[:, None] > rest) + 0.5 * (own[:, None] == rest)))


def permutation_p(one: NDArray[np.float64], other: NDArray[np.float64], *, rng: np.random.Generator) -> float:
    """Two-sided p of a difference of means, by `PERMUTATIONS` of who belongs to which."""
    pool, n = np.concatenate([one, other]), one.size
    seen = abs(one.mean() - other.mean())
    drawn = np.array([rng.permutation(pool) for _ in range(PERMUTATIONS)])
    apart = np.abs(drawn[:, :n].mean(axis=1) - drawn[:, n:].mean(axis=1))
    return float((1 + (apart >= seen - 1e-12).sum()) / (1 + PERMUTATIONS))


def holm(ps: list[float]) -> list[float]:
    """P values corrected for their number, step down, at most 1."""
    order = np.argsort(ps, kind="stable")
    corrected = np.minimum(1.0, np.maximum.accumulate([(len(ps) - k) * ps[place] for k, place in enumerate(order)]))
    out = np.zeros(len(ps))
    out[order] = corrected
    return out.tolist()
