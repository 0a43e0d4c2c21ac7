"""What anonymisation hides and what it costs: attackers, attributes, words and intonation, with what may be trusted of it.

[tomashenko2024-voiceprivacy] is the protocol; [panariello2025-overestimated] is why the strength of the attacker is reported
and doubted: a verifier that is badly trained makes any method look private.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earnest.anonymisers import Anonymiser, anonymisers
from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.audio.voices_alike import pitch_contour_hz
from earnest.detectors._discriminant import fitted_discriminant
from earnest.engine import Progress
from earnest.errors import BadAudio, BadParameter
from earnest.metrics.clusters import clustered_interval
from earnest.metrics.intervals import cluster_bootstrap
from earnest.metrics.transcription import spoken_edit_counts
from earnest.models.access import Answer, Model, rng_for
from earnest.models.loading import load_model
from earnest.models.recognisers import load_recogniser
from earnest.report.anonymisation import (
    AnonymisationFile,
    AttackerForm,
    AttributeForm,
    Estimate,
    LinkingForm,
    MethodForm,
    StrengthForm,
    UtilityForm,
    write,
)
from earnest.runs.anonymise import Per, drawn_for
from earnest.runs.reidentification import (
    ATTACKERS,
    SPACE,
    Attacked,
    Heard,
    Piece,
    Strength,
    Trials,
    Voices,
    anonymised_voices,
    attack,
    clean_voices,
    fold_of,
    linking_of,
    pieces_of,
)

Floats = NDArray[np.float64]

MOST_CLEAN = 0.05
"""Error rate on clean recordings above which a verifier is too weak to tell of privacy."""
ANCHOR = "mcadams"
ANCHOR_MARGIN = 0.05
"""By how much the trained attacker's error rate on the anchor may lie above the clean one where it counts as broken."""
ATTRIBUTES = ("gender", "age_band")
LEAST_OF_A_VALUE = 10
"""Speakers that each value of an attribute needs."""
LEAST_FRAMES = 10
"""Frames voiced in both recordings, for a correlation of pitch."""

THREAT_MODEL = (
    "Somebody has other recordings of the speakers, and asks which speaker an anonymised recording is of. The ignorant attacker "
    "compares it with those recordings as they are; the lazy-informed one anonymises them with the same method first; the "
    "semi-informed one has also trained a verifier on recordings that the method has anonymised. None knows which voice was "
    "drawn for whom."
)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured, for a terminal, a file and a page."""

    file: AnonymisationFile

    def save(self, folder: str | Path) -> list[Path]:
        """Write the file and the page into a folder."""
        return write(self.file, Path(folder))


def evaluate(
    manifest: Manifest,
    methods: Sequence[str | Anonymiser],
    *,
    per: Per = "speaker",
    recogniser: str | Model | None = None,
    n_words: int = 60,
    n_copies: int = 4,
    seed: int = 0,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Evaluation:
    """Attack methods on a data set with known speakers.

    Parameters
    ----------
    manifest : Manifest
        Ten speakers at least; genders, texts and age bands are used where there are any.
    methods : sequence of str or Anonymiser
    per : {"speaker", "utterance"}
        Whether the owner draws one voice for a speaker, or one for a recording; the attacker does the same.
    recogniser : str or Model or None
        Any model that transcribes; None measures no words.
    n_words : int
        Recordings that are transcribed, drawn at random; pitch is compared on the same.
    n_copies : int
        Voices a recording that the trained verifier may learn from at most, a power of two.

    Raises
    ------
    BadData
        If there are too few speakers.
    """
    if n_copies < 1 or n_copies & (n_copies - 1):
        raise BadParameter(f"copies must be a power of two, got {n_copies!r}; 4 is a beginning")
    made = [anonymisers.make(one) if isinstance(one, str) else one for one in methods]
    if not made:
        raise BadParameter("a method at least must be given; `earnest list anonymisers` shows all")
    pieces = pieces_of(manifest)
    listener = (load_recogniser(recogniser) or load_model(recogniser)) if isinstance(recogniser, str) else recogniser
    rows = _drawn_rows(manifest, n_words, seed=seed)
    clock = _Clock(total=len(made) * (len(pieces) + (len(rows) if listener else 0)), show=progress)
    clean = clean_voices(pieces)
    before = _transcripts(listener, {entry.id: entry.clip() for entry in rows}) if listener else {}
    plain = attack(pieces, clean, None, seed=seed).trials["clean"]
    clean_form = _attacker("clean", plain, 0, seed=seed)
    found = []
    for method in made:
        voices = anonymised_voices(pieces, method, per=per, n_copies=n_copies, seed=seed, tick=clock.tick)
        attacked = attack(pieces, clean, voices, seed=seed)
        utility = _utility(method, rows, before, listener, per=per, seed=seed, tick=clock.tick)
        found.append((method, attacked, voices, utility))
    anchor = next((_headline(one) for method, one, *_ in found if method.name == ANCHOR), None)
    forms = [
        _method_form(method, attacked, voices, utility, pieces, clean, clean_form, anchor, seed=seed)
        for method, attacked, voices, utility in found
    ]
    speakers = {piece.speaker: piece.gender or "unknown" for piece in pieces}
    return Evaluation(
        file=AnonymisationFile(
            data=manifest.folder.name,
            n_rows=len(manifest),
            n_speakers=len(speakers),
            n_pieces=len(pieces),
            n_left_out=len(manifest) - len({piece.entry.id for piece in pieces}),
            genders=dict(Counter(speakers.values())),
            voice_per=per,
            verifier=f"a mixture of {SPACE['n_components']} Gaussians over cepstra, discriminating directions and the ratio of a "
            "Gaussian model of speakers, trained here for each fold of speakers",
            clean=clean_form,
            methods=forms,
            threat_model=THREAT_MODEL,
            notes=_notes(pieces),
            seed=seed,
        )
    )


# ------------------------------------------------------------------ attackers


def _attacker(name: str, trials: Trials, n_unscored: int, *, seed: int) -> AttackerForm:
    """All kinds of trials of an attacker; the first is the headline."""
    genders = sorted({gender for gender in trials.genders if gender})
    kinds = [("same gender" if genders else "all", trials.of_one_gender())]
    kinds += [(gender, trials.of_gender(gender)) for gender in genders]
    kinds += [("all", trials)] if genders else []
    forms = []
    for kind, some in kinds:
        rng = rng_for(seed, "intervals", name, kind)
        linking = linking_of(some, rng=rng)
        if linking is None:
            continue
        interval = linking.interval
        forms.append(
            LinkingForm(
                trials=kind,
                equal_error_rate=Estimate(
                    value=round(linking.equal_error_rate, 4),
                    low=interval and round(interval.low, 4),
                    high=interval and round(interval.high, 4),
                    n=linking.n_mated,
                ),
                linkability=linking.linkability and round(linking.linkability, 4),
                linkability_by_chance=linking.linkability_by_chance and round(linking.linkability_by_chance, 4),
                n_mated=linking.n_mated,
                n_non_mated=linking.n_non_mated,
                n_speakers=linking.n_speakers,
            )
        )
    if not forms:
        raise BadAudio(
            f"no trial of the {name} attacker could be scored; the method failed on every recording of a side"
        )
    return AttackerForm(attacker=name, linking=forms, n_unscored=n_unscored)


def _headline(attacked: Attacked) -> float:
    linking = linking_of(attacked.trials["semi_informed"].of_one_gender(), rng=np.random.default_rng(0))
    return linking.equal_error_rate if linking else float("nan")


def _method_form(
    method: Anonymiser,
    attacked: Attacked,
    voices: Voices,
    utility: UtilityForm | None,
    pieces: Sequence[Piece],
    clean: Sequence[Heard | None],
    clean_form: AttackerForm,
    anchor: float | None,
    *,
    seed: int,
) -> MethodForm:
    attackers = [
        _attacker(name, attacked.trials[name], attacked.n_unscored.get(name, 0), seed=seed) for name in ATTACKERS
    ]
    rates = {one.attacker: one.linking[0].equal_error_rate.value for one in attackers}
    assert attacked.strength is not None
    strong, doubts = doubts_about(
        clean=clean_form.linking[0].equal_error_rate.value, rates=rates, strength=attacked.strength, anchor=anchor
    )
    return MethodForm(
        method=str(method.spec),
        source=method.source,
        attackers=attackers,
        strength=StrengthForm(
            steps=[(n, round(rate, 4)) for n, rate in attacked.strength.steps],
            n_copies=attacked.strength.n_copies,
            saturated=attacked.strength.saturated,
        ),
        attributes=_attributes(pieces, clean, voices, seed=seed),
        utility=utility,
        failed=dict(voices.failed),
        trusted=strong,
        doubts=doubts,
    )


def doubts_about(
    *, clean: float, rates: Mapping[str, float], strength: Strength, anchor: float | None
) -> tuple[bool, list[str]]:
    """Whether the trained attacker is strong enough for its error rate to tell of privacy, and why not.

    Parameters
    ----------
    clean : float
        Error rate on recordings as they are.
    rates : mapping of str to float
        Error rate by attacker.
    strength : Strength
    anchor : float or None
        The semi-informed attacker's error rate on McAdams, which is known to protect against nobody who trains; None where it
        was not run.
    """
    weak, notes = [], []
    if clean > MOST_CLEAN:
        weak.append(
            f"The verifier errs in {clean:.3f} of the trials on recordings as they are, more than {MOST_CLEAN:.2f}: a better one "
            "would link more."
        )
    others = min(rates["ignorant"], rates["lazy_informed"])
    if rates["semi_informed"] > others:
        weak.append(
            f"The trained attacker errs more often ({rates['semi_informed']:.3f}) than one who knows less ({others:.3f}): its "
            "training has failed."
        )
    if not strength.saturated:
        weak.append(
            f"Training on {strength.steps[-1][0]} voices a recording still helped: more training would link more; raise --copies."
        )
    if anchor is None:
        notes.append(
            "McAdams was not run beside it, so nothing tells whether this attacker breaks what is known to be weak."
        )
    elif anchor > clean + ANCHOR_MARGIN:
        weak.append(
            f"The attacker does not break McAdams ({anchor:.3f} against {clean:.3f} on clean recordings), which a trained attacker "
            "breaks (0.045 in VoicePrivacy 2024): it is not strong enough."
        )
    return not weak, weak + notes


# ------------------------------------------------------------------ attributes


def _attributes(
    pieces: Sequence[Piece], clean: Sequence[Heard | None], voices: Voices, *, seed: int
) -> list[AttributeForm]:
    folds = fold_of(pieces, seed)
    forms = []
    for attribute in ATTRIBUTES:
        of = {piece.speaker: str(value) for piece in pieces if (value := piece.entry.value(attribute))}
        values = [value for value, n in Counter(of.values()).most_common(2) if n >= LEAST_OF_A_VALUE]
        if len(values) < 2:
            continue

        def read(train: Sequence[Sequence[Heard | None]], test: Sequence[Heard | None]) -> Estimate | None:
            return _read_attribute(pieces, folds, of, values, train, test)  # noqa: B023

        as_it_was = read([clean], [h if p.role == "trial" else None for p, h in zip(pieces, clean, strict=True)])
        if as_it_was is None:
            continue
        forms.append(
            AttributeForm(
                attribute=attribute,
                values=values,
                clean=as_it_was,
                uninformed=read([clean], voices.trial),
                informed=read(voices.copies, voices.trial),
            )
        )
    return forms


def _read_attribute(
    pieces: Sequence[Piece],
    folds: Mapping[str, int],
    of: Mapping[str, str],
    values: Sequence[str],
    train: Sequence[Sequence[Heard | None]],
    test: Sequence[Heard | None],
) -> Estimate | None:
    """Balanced accuracy of a discriminant on speakers that it has not learnt from."""
    right: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for fold in sorted(set(folds.values())):
        learnt = [
            (of[piece.speaker], described(heard))
            for source in train
            for piece, heard in zip(pieces, source, strict=True)
            if heard is not None and of.get(piece.speaker) in values and folds[piece.speaker] != fold
        ]
        sides = [np.stack([row for value, row in learnt if value == one]) for one in values]
        line = fitted_discriminant(first=sides[0], second=sides[1])
        for piece, heard in zip(pieces, test, strict=True):
            value = of.get(piece.speaker)
            if heard is None or value not in values or folds[piece.speaker] != fold:
                continue
            is_first = bool(line.scores(described(heard)[None])[0] > 0)
            right[piece.speaker].append((values.index(value), int(is_first == (value == values[0]))))
    above, below = np.zeros((len(right), 2)), np.zeros((len(right), 2))
    for place, answers in enumerate(right.values()):
        for side, was_right in answers:
            above[place, side] += was_right
            below[place, side] += 1
    if (below.sum(axis=0) == 0).any():
        return None
    interval = clustered_interval(above, below)
    return Estimate(
        value=round(float(np.mean(above.sum(axis=0) / below.sum(axis=0))), 4),
        low=interval and round(interval.low, 4),
        high=interval and round(interval.high, 4),
        n=int(below.sum()),
    )


def described(heard: Heard) -> Floats:
    """What a classifier is given of a recording: means and spreads of its frames, and the logarithm of its pitch."""
    frames = heard.frames.astype(np.float64)
    pitch = np.log(heard.pitch_hz) if heard.pitch_hz else np.log(150.0)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0), [pitch]])


# ------------------------------------------------------------------ words and intonation


def _drawn_rows(manifest: Manifest, n: int, *, seed: int) -> list[Entry]:
    """Rows of known speakers, drawn; those with a text where some have one."""
    rows = [entry for entry in manifest if entry.speaker]
    rows = [entry for entry in rows if entry.text] or rows
    places = rng_for(seed, "words").permutation(len(rows))[:n]
    return [rows[place] for place in sorted(places)]


def _transcripts(listener: Model, clips: Mapping[str, AudioClip]) -> dict[str, str]:
    """The transcript of each clip; those of calls that failed are missing."""
    found = {}
    for id, clip in clips.items():
        (reply,) = listener.ask([Stimulus(clips={"speech": clip}, prompt="Transcribe.")])
        if isinstance(reply, Answer):
            found[id] = reply.text
    return found


def _utility(
    method: Anonymiser,
    rows: Sequence[Entry],
    before: Mapping[str, str],
    listener: Model | None,
    *,
    per: Per,
    seed: int,
    tick: Callable[[], None],
) -> UtilityForm | None:
    if listener is None:
        return None
    has_text = any(entry.text for entry in rows)
    pitch: list[tuple[str, float]] = []
    clips, failed = {}, 0
    for entry in rows:
        clip = entry.clip()
        whose = f"speaker {entry.speaker}" if per == "speaker" else f"utterance {entry.id}"
        try:
            made = method.anonymised(entry, clip, drawn=drawn_for(method, f"owner: {whose}", seed=seed))
        except BadAudio:
            failed += 1
            tick()
            continue
        clips[entry.id] = made
        alike = pitch_correlation(clip, made)
        if alike is not None:
            pitch.append((str(entry.speaker), alike))
        tick()
    after = _transcripts(listener, clips)
    scored = [entry for entry in rows if entry.id in before and entry.id in after]
    truth = {entry.id: str(entry.text) if has_text else before[entry.id] for entry in scored}
    interval = (
        cluster_bootstrap(
            [value for _, value in pitch],
            clusters=[name for name, _ in pitch],
            rng=rng_for(seed, "pitch"),
            n_resamples=500,
        )
        if len({name for name, _ in pitch}) > 1
        else None
    )
    return UtilityForm(
        recogniser=listener.name,
        reference="the column text" if has_text else "what the recogniser hears in the clean recording",
        word_error_before=_word_error(scored, truth, before) if has_text else None,
        word_error_after=_word_error(scored, truth, after),
        pitch_correlation=Estimate(
            value=round(float(np.mean([value for _, value in pitch])), 4),
            low=interval and round(interval.low, 4),
            high=interval and round(interval.high, 4),
            n=len(pitch),
        )
        if pitch
        else None,
        n_failed=len(rows) - len(scored),
    )


def _word_error(rows: Sequence[Entry], truth: Mapping[str, str], heard: Mapping[str, str]) -> Estimate | None:
    by_speaker: dict[str, list[float]] = {}
    for entry in rows:
        counts = spoken_edit_counts(reference=truth[entry.id], hypothesis=heard[entry.id])
        sums = by_speaker.setdefault(str(entry.speaker), [0.0, 0.0])
        sums[0] += counts.edits
        sums[1] += counts.n_reference
    table = np.array(list(by_speaker.values())) if by_speaker else np.zeros((0, 2))
    if not table[:, 1].sum():
        return None
    interval = clustered_interval(table[:, :1], table[:, 1:], bounds=(0.0, np.inf)) if len(table) > 1 else None
    return Estimate(
        value=round(float(table[:, 0].sum() / table[:, 1].sum()), 4),
        low=interval and round(interval.low, 4),
        high=interval and round(interval.high, 4),
        n=len(rows),
    )


def pitch_correlation(first: AudioClip, second: AudioClip) -> float | None:
    """Correlation of the pitch of two clips over the frames that are voiced in both; None where they are fewer than ten."""
    a, b = pitch_contour_hz(first), pitch_contour_hz(second)
    n = min(len(a), len(b))
    both = (a[:n] > 0) & (b[:n] > 0)
    if both.sum() < LEAST_FRAMES or np.std(a[:n][both]) == 0 or np.std(b[:n][both]) == 0:
        return None
    return float(np.corrcoef(a[:n][both], b[:n][both])[0, 1])


def _notes(pieces: Sequence[Piece]) -> list[str]:
    notes = [
        "Error rates are of one verifier that was trained on these recordings; a stronger one may link more, never fewer.",
    ]
    n_halves = len({piece.speaker for piece in pieces if piece.half is not None})
    if n_halves:
        notes.append(
            f"{n_halves} speakers have a single recording, whose two halves were compared: they share microphone and room, "
            "which helps the attacker, and are short, which does not."
        )
    if not any(piece.gender for piece in pieces):
        notes.append(
            "No genders are known, so that trials of two genders are among the non-mated ones; they are easier."
        )
    return notes


class _Clock:
    """Progress of what takes long."""

    def __init__(self, *, total: int, show: Callable[[Progress], None]) -> None:
        self._total, self._show, self._done, self._begun = total, show, 0, time.monotonic()

    def tick(self) -> None:
        self._done += 1
        wall = time.monotonic() - self._begun
        rate = self._done / wall if wall > 0 else 0.0
        self._show(
            Progress(
                done=self._done,
                total=self._total,
                scored=self._done,
                unscored={},
                cost_usd=None,
                rate_per_s=rate,
                eta_s=(self._total - self._done) / rate if rate else None,
                in_flight=0,
            )
        )
