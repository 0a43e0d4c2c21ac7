"""Activation patching between a clip and its twin: which place inside the model carries the decision over."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earnest.audio import Entry, Stimulus
from earnest.errors import BadParameter
from earnest.explainers._base import Asked, explainers
from earnest.explainers._inside import Beside, InnerExplainer, Inside, Row, blocks_of
from earnest.models.access import Answer, Model, System, Target
from earnest.models.edits import Edit, Position

POSITIONS: tuple[Position, ...] = ("answer", "sep")
"""Where states are patched: where the model's turn opens, and where its answer's first token is decided."""

Place = tuple[str, Position]
"""A site and a position."""


@explainers.register("patching")
@dataclass(frozen=True, kw_only=True)
class Patching(InnerExplainer):
    """What of the decision changes when one state of the twin's run is put in its place ([meng2022-locating], [wang2022-circuit]).

    The value of a place is the share of the way from the item's decision to the twin's: 0 changes nothing, 1 is as if the
    twin had been heard. The control is a state from each of other clips that are decided as the item is, at the same place:
    what any foreign state does. With `over` components are patched instead of the states that they add to: what
    attention heads give (`heads`), or the neurons (`mlp`). With `through` the path is patched, not the place: the twin's
    state goes from `through` to the component alone, and all components between them keep what they gave to the item.

    A model that writes a transcript first is patched after its own transcript of the item. Where it can hold one, how much
    of the difference between the twins goes by the transcript and how much by the audio past it is worked out from all four
    pairs of the clips and their transcripts, as Shapley values of the two.

    Parameters
    ----------
    over : {"states", "heads", "mlp"}
    through : str
        A site of the decoder from which the path starts; empty patches places.
    n_controls : int
        Other clips, at least 1.
    """

    source = "meng2022-locating"
    needs = "activations"
    over: str = "states"
    through: str = ""
    n_controls: int = 5

    def __post_init__(self) -> None:
        if self.over not in ("states", "heads", "mlp") or self.n_controls < 1:
            raise BadParameter(
                f"over must be states, heads or mlp and n_controls at least 1, got {self.over!r} and {self.n_controls!r}"
            )
        if self.through and self.over == "states":
            raise BadParameter("a path ends in a component, got over=states; take over=heads or over=mlp")

    def look(self, asked: Asked, beside: Beside, *, seed: int = 0) -> Inside:
        """What is found inside the model about this decision."""
        asked, twin = against_twin(asked, beside)
        model = asked.system.inner
        places = places_of(model, self.over, by=self.name)
        if self.through:
            starts = blocks_of(model, "decoder", by=self.name)
            if self.through not in starts:
                raise BadParameter(f"a path starts at one of {', '.join(starts)}, got {self.through!r}")
            places = [(site, at) for site, at in places if at == "sep" and _behind(model, site, self.through)]
        own, other = margins(asked, [asked.stimulus, twin])
        given = [twin, *alike_decided(asked, beside.rows, n=self.n_controls)]
        rows = []
        for site, at in places:
            found = [self._patched(asked, one, site, at) for one in given]
            shares = [(value - own) / (other - own) for value, _ in found]
            by_chance = np.array(shares[1:])
            rows.append(
                Row(
                    where=_named(site, at, self.through),
                    value=shares[0],
                    control=float(by_chance.mean()) if by_chance.size else None,
                    control_low=float(by_chance.min()) if by_chance.size else None,
                    control_high=float(by_chance.max()) if by_chance.size else None,
                    note="the answer is no longer that" if found[0][1] else "",
                )
            )
        carry = [row for row in rows if row.value > 0.5 and row.value > (row.control_high or 0.0)]
        shown = carry[0] if carry else max(rows, key=lambda row: row.value)
        sentence = (
            f"The {'first' if carry else 'best'} place that carries {'over half' if carry else 'anything'} of the difference "
            f"between the clips is {shown.where}: {100 * shown.value:.0f} %; states of other clips "
            f"{_percent(shown.control)}."
        )
        return Inside(
            unit="share of the way from the item's decision to the twin's",
            control="states of other clips that are decided alike, smallest to largest",
            rows=tuple(rows),
            sentence=" ".join([sentence, *by_what(asked, twin)]),
            beats_random=bool(carry),
        )

    def _patched(self, asked: Asked, source: Stimulus, site: str, at: Position) -> tuple[float, bool]:
        """The decision with a state of the source in its place, and whether another answer is given."""
        model = asked.system.inner
        edits = path_edits(model, asked.stimulus, source, self.through, site) if self.through else []
        if not edits:
            (read,) = model.activations([source], sites=[site], at=at)
            edits = [Edit.replace(site=site, at=at, vector=read[site])]
        return edited(asked, edits)


def places_of(model: Model, over: str, *, by: str) -> list[Place]:
    """Where a model may be patched."""
    sites = blocks_of(model, "decoder" if over == "states" else f"{over}.decoder", by=by)
    return [(site, at) for site in sites for at in (POSITIONS if model.holds_transcript else POSITIONS[-1:])]


def edited(asked: Asked, edits: Sequence[Edit]) -> tuple[float, bool]:
    """The decision as a margin under edits, and whether another decision is made."""
    model = asked.system.inner
    with model.hooked(edits) as changed:
        other = asked.of(System(changed))
        (value,) = margins(other, [asked.stimulus])
        (reply,) = changed.ask([asked.stimulus], sampling=asked.system.sampling)
    asked.count(2)
    return float(value), isinstance(reply, Answer) and not asked.decision.made_by(reply)


def margins(asked: Asked, stimuli: Sequence[Stimulus]) -> list[float]:
    """The logit of the answer's first token less that of `against`, or less the largest other, where it is decided."""
    model = asked.system.inner
    last = blocks_of(model, "decoder", by="patching")[-1]
    token, other = model.first_token(asked.answer), None if asked.against is None else model.first_token(asked.against)
    out = []
    for one in model.activations(stimuli, sites=[last], at="sep"):
        logits = model.lens(one[last][None], site=last)[0].astype(np.float64)
        rest = np.delete(logits, token).max() if other is None or other == token else logits[other]
        out.append(float(logits[token] - rest))
    asked.count(len(stimuli))
    return out


def path_edits(model: Model, item: Stimulus, source: Stimulus, start: str, end: str) -> list[Edit]:
    """Edits by which the source's state goes from a site to one component alone ([wang2022-circuit], appendix B).

    First the item is run with the source's state at the start, with every component behind it but the end given what it
    gave to the item, and what the end gives then is read; then that alone is put into a run of the item.
    """
    (came,) = model.activations([source], sites=[start], at="sep")
    between = [site for site in model.sites if site.startswith(("heads.decoder.", "mlp.decoder.")) and site != end]
    frozen = [site for site in between if _behind(model, site, start)]
    (own,) = model.activations([item], sites=frozen, at="sep") if frozen else ({},)
    edits = [Edit.replace(site=start, at="sep", vector=came[start])]
    edits += [Edit.replace(site=site, at="sep", vector=own[site]) for site in frozen]
    with model.hooked(edits) as held:
        (given,) = held.activations([item], sites=[end], at="sep")
    return [Edit.replace(site=end, at="sep", vector=given[end])]


def _behind(model: Model, site: str, start: str) -> bool:
    """Whether a component reads what stands at a site of the decoder, or what comes of it.

    Of the embedded model a state is what leaves its block; of others it is what enters it, and there is one more.
    """
    n_blocks = sum(one.startswith("heads.decoder.") for one in model.sites)
    leaves = sum(one.startswith("decoder.") for one in model.sites) == n_blocks
    block, at = (int(one.rpartition(".")[2]) for one in (site, start))
    return block > at if leaves else block >= at


def against_twin(asked: Asked, beside: Beside) -> tuple[Asked, Stimulus]:
    """The decision against what the twin is answered, and the twin.

    Raises
    ------
    BadParameter
        If there is no twin, it is decided as the item is, or both answers begin with the same token.
    """
    if beside.twin is None:
        raise BadParameter(
            "patching carries states over from a twin of the item, and there is none at hand; give one with --twin FILE"
        )
    (reply,) = asked.system.ask([beside.twin])
    asked.count(1)
    if not isinstance(reply, Answer) or asked.decision.made_by(reply):
        said = reply.said if isinstance(reply, Answer) else type(reply).__name__
        raise BadParameter(
            f"a twin must be decided otherwise than the item, got the answer {said[:80]!r}; give another"
        )
    other = copy.copy(asked)
    other.against = reply.text
    model = asked.system.inner
    if model.first_token(asked.answer) == model.first_token(reply.text):
        raise BadParameter(
            f"patching compares the first tokens of both answers, and {asked.answer[:60]!r} and {reply.text[:60]!r} begin "
            "alike; take a decision that shows in the first token"
        )
    return other, beside.twin


def by_what(asked: Asked, twin: Stimulus) -> list[str]:
    """A sentence on how much of the decision follows the transcript and how much the audio past it, where that can be told."""
    shares = shares_of_transcript(asked, twin)
    if shares is None:
        return []
    audio, written = shares
    follows = "the transcript" if written > audio else "the audio past the transcript"
    return [
        f"The answer follows {follows}: {100 * written:.0f} % of the difference goes by the transcript, "
        f"{100 * audio:.0f} % by the audio."
    ]


def shares_of_transcript(asked: Asked, twin: Stimulus) -> tuple[float, float] | None:
    """Shares of the difference between the twins that go by the audio and by the transcript, in sum 1.

    Shapley values of the two, from the four pairs of clip and transcript; None of a model that cannot hold one.
    """
    model, stimuli = asked.system.inner, [asked.stimulus, twin]
    if not model.holds_transcript or not asked.scored or asked.against is None:
        return None
    written = [reply.details.get("transcript") for reply in model.ask(stimuli) if isinstance(reply, Answer)]
    if len(written) < 2 or not all(isinstance(one, str) for one in written):
        return None
    values = np.zeros((2, 2))
    for k, stimulus in enumerate(stimuli):
        for m, transcript in enumerate(written):
            held = [
                Target(text, end_weight=None, transcript=transcript, held=True)
                for text in (asked.answer, asked.against)
            ]
            own, other = model.score([stimulus] * 2, held)
            values[k, m] = own - other
    asked.count(10)
    whole = values[0, 0] - values[1, 1]
    if not abs(whole) > 1e-9:
        return None
    audio = (values[0, 0] - values[1, 0] + values[0, 1] - values[1, 1]) / 2
    return float(audio / whole), float(1 - audio / whole)


def alike_decided(asked: Asked, rows: Sequence[Entry], *, n: int) -> list[Stimulus]:
    """The first `n` other clips that the model decides as it does the item, asked with its prompt."""
    found: list[Stimulus] = []
    for row in rows:
        if len(found) == n:
            break
        stimulus = asked.stimulus.with_clip(row.clip(), role=asked.stimulus.primary_role)
        if stimulus.clip.digest == asked.clip.digest:
            continue
        (reply,) = asked.system.ask([stimulus])
        asked.count(1)
        if isinstance(reply, Answer) and asked.decision.made_by(reply):
            found.append(stimulus)
    return found


def _named(site: str, at: str, through: str) -> str:
    return f"{through} to {site}, {at}" if through else f"{site}, {at}"


def _percent(share: float | None) -> str:
    return "were not at hand" if share is None else f"{100 * share:.0f} % on average"
