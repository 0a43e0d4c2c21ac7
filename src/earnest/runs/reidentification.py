"""Who speaks in anonymised recordings: the attackers of VoicePrivacy, with a verifier that is trained here.

Each speaker's recordings are divided into those that an attacker has of the speaker (*enrolment*) and those that are to be
linked (*trials*); a speaker with a single recording has it cut in halves. Trials are anonymised with the owner's voices. The
attackers of [tomashenko2024-voiceprivacy]:

- `clean`: nothing is anonymised; what the verifier can do at all;
- `ignorant`: knows nothing of the anonymisation: enrolment and training on recordings as they were;
- `lazy_informed`: anonymises the enrolment with the same method and voices that the attacker draws;
- `semi_informed`: has also trained the verifier on recordings anonymised with the same method, each in a voice of its own, in
  as many voices a recording as still help on speakers that were held out.

Speakers are divided into folds; the verifier of a fold has learnt from none of its speakers. Scores are pooled over the folds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earnest.anonymisers import Anonymiser
from earnest.audio import AudioClip, Entry, Manifest
from earnest.audio.voices_alike import median_pitch_hz
from earnest.detectors._voice import VoiceSpace, fitted_space, voice_frames
from earnest.errors import BadAudio, BadData
from earnest.metrics.detection import equal_error_rate
from earnest.metrics.intervals import Interval
from earnest.metrics.linkability import linkability, linkability_by_chance, speaker_error_rate_interval
from earnest.models.access import rng_for
from earnest.runs.anonymise import Per, drawn_for

Floats = NDArray[np.float64]

ATTACKERS = ("ignorant", "lazy_informed", "semi_informed")
N_FOLDS = 5
LEAST_SPEAKERS = 2 * N_FOLDS
LEAST_S = 1.0
"""Recordings shorter than this, or halves of recordings, are not used."""
MOST_PER_SPEAKER = 10
HELPS = 0.05
"""Share of the error rate on held-out speakers by which twice as much training must lower it to count as help."""
SPACE = {"n_components": 64, "n_principal": 150, "n_directions": 60}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A recording, or a half of one, of a known speaker."""

    id: str
    entry: Entry
    half: int | None
    speaker: str
    gender: str | None
    role: Literal["enrolment", "trial"]

    def clip(self) -> AudioClip:
        """Its samples."""
        clip = self.entry.clip()
        if self.half is None:
            return clip
        middle = clip.n_samples // 2
        return clip.with_samples(clip.samples[:middle] if self.half == 0 else clip.samples[middle:])


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What is kept of a piece: its frames, and its median pitch (None where nothing is voiced)."""

    frames: Floats
    pitch_hz: float | None

    @classmethod
    def of(cls, clip: AudioClip) -> Heard:
        """Of a clip that is not silent."""
        return cls(frames=voice_frames(clip).astype(np.float32), pitch_hz=median_pitch_hz(clip))


@dataclass(frozen=True, kw_only=True)
class Voices:
    """A data set under one method, as both sides have it; None where the method failed.

    Parameters
    ----------
    trial : list
        Of each piece, in the owner's voice.
    enrolment : list
        In the attacker's voice.
    copies : list of list
        Each in a voice of its own, for training.
    failed : mapping of str to int
        How often the method failed, by what was said.
    """

    trial: list[Heard | None]
    enrolment: list[Heard | None]
    copies: list[list[Heard | None]]
    failed: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Scores of enrolled speakers against trial pieces, higher for one speaker; equal arrays."""

    scores: Floats
    enrolled: list[str]
    spoken: list[str]
    genders: list[str | None]
    """Of a trial whose two sides have one gender; None of others."""

    def where(self, keep: Callable[[int], bool]) -> Trials:
        """Some of the trials."""
        places = [place for place in range(len(self.scores)) if keep(place)]
        return Trials(
            scores=self.scores[places],
            enrolled=[self.enrolled[place] for place in places],
            spoken=[self.spoken[place] for place in places],
            genders=[self.genders[place] for place in places],
        )

    def of_gender(self, gender: str) -> Trials:
        """Trials between speakers of one gender."""
        return self.where(lambda place: self.genders[place] == gender)

    def of_one_gender(self) -> Trials:
        """Trials whose two speakers have the same gender, as in VoicePrivacy; all where no gender is known."""
        if not any(self.genders):
            return self
        return self.where(lambda place: self.genders[place] is not None)

    @property
    def sides(self) -> tuple[Floats, Floats]:
        """Scores of one speaker and of two."""
        same = np.array([a == b for a, b in zip(self.enrolled, self.spoken, strict=True)], dtype=bool)
        return self.scores[same], self.scores[~same]


@dataclass(frozen=True, kw_only=True)
class Linking:
    """How well speakers are linked in some trials; error rates are fractions."""

    equal_error_rate: float
    interval: Interval | None
    linkability: float | None
    linkability_by_chance: float | None
    n_mated: int
    n_non_mated: int
    n_speakers: int


@dataclass(frozen=True, kw_only=True)
class Strength:
    """How the verifier was trained: voices a recording, with the error rate on held-out speakers of each step."""

    steps: tuple[tuple[int, float], ...]
    n_copies: int
    saturated: bool
    """Whether the last doubling no longer helped."""


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """What attackers reach: trials by attacker, and the strength of the one that is trained."""

    trials: Mapping[str, Trials]
    strength: Strength | None
    n_unscored: Mapping[str, int] = field(default_factory=dict)
    """Trial pieces without a score, by attacker: the method failed on them."""


def pieces_of(manifest: Manifest) -> list[Piece]:
    """Recordings of known speakers by role: of each speaker the first half of them is enrolled.

    Raises
    ------
    BadData
        If fewer than ten speakers can be compared.
    """
    by_speaker: dict[str, list[Entry]] = defaultdict(list)
    for entry in manifest:
        if entry.speaker and (entry.length_s is None or entry.length_s >= LEAST_S):
            by_speaker[entry.speaker].append(entry)
    pieces = []
    for speaker, entries in sorted(by_speaker.items()):
        entries = entries[:MOST_PER_SPEAKER]
        parts = [(entry, None) for entry in entries]
        if len(entries) == 1:
            length = entries[0].length_s
            if length is not None and length < 2 * LEAST_S:
                continue
            parts = [(entries[0], 0), (entries[0], 1)]
        for place, (entry, half) in enumerate(parts):
            pieces.append(
                Piece(
                    id=entry.id if half is None else f"{entry.id}#{half}",
                    entry=entry,
                    half=half,
                    speaker=speaker,
                    gender=entry.gender,
                    role="enrolment" if 2 * place < len(parts) else "trial",
                )
            )
    n = len({piece.speaker for piece in pieces})
    if n < LEAST_SPEAKERS:
        named = ", ".join(sorted(by_speaker)[:3]) or "none"
        raise BadData(
            f"linking speakers needs {LEAST_SPEAKERS} of them, with 2 s of speech each, got {n} in {str(manifest.folder)!r} "
            f"({named}); fill the column speaker, or add recordings of others"
        )
    return pieces


def clean_voices(pieces: Sequence[Piece]) -> list[Heard | None]:
    """The pieces as they are; None of silent ones."""
    return [_heard(piece.clip) for piece in pieces]


def anonymised_voices(
    pieces: Sequence[Piece],
    method: Anonymiser,
    *,
    per: Per,
    n_copies: int,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> Voices:
    """The pieces anonymised for both sides, and for training; all voices of a piece in turn, so that it is analysed once."""
    failed: Counter[str] = Counter()

    def heard(piece: Piece, clip: AudioClip, whom: str) -> Heard | None:
        def made() -> AudioClip:
            return method.anonymised(piece.entry, clip, drawn=drawn_for(method, whom, seed=seed))

        return _heard(made, failed)

    trial, enrolment, copies = [], [], [[] for _ in range(n_copies)]
    for piece in pieces:
        clip = piece.clip()
        whose = f"speaker {piece.speaker}" if per == "speaker" else f"utterance {piece.id}"
        trial.append(heard(piece, clip, f"owner: {whose}") if piece.role == "trial" else None)
        enrolment.append(heard(piece, clip, f"attacker: {whose}"))
        for number, copy in enumerate(copies):
            copy.append(heard(piece, clip, f"training {number}: utterance {piece.id}"))
        tick()
    return Voices(trial=trial, enrolment=enrolment, copies=copies, failed=dict(failed))


def _heard(make: Callable[[], AudioClip], failed: Counter[str] | None = None) -> Heard | None:
    try:
        return Heard.of(make())
    except BadAudio as error:
        if failed is not None:
            failed[str(error)[:200]] += 1
        return None


def fold_of(pieces: Sequence[Piece], seed: int) -> dict[str, int]:
    """The fold of each speaker, genders spread over the folds."""
    genders = {piece.speaker: piece.gender or "" for piece in pieces}
    names = sorted(genders)
    shuffled = [names[place] for place in rng_for(seed, "folds").permutation(len(names))]
    ordered = sorted(shuffled, key=lambda name: genders[name])
    return {name: place % N_FOLDS for place, name in enumerate(ordered)}


def attack(
    pieces: Sequence[Piece],
    clean: Sequence[Heard | None],
    voices: Voices | None,
    *,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> Attacked:
    """The trials of every attacker; without anonymised voices those of the clean recordings alone."""
    folds = fold_of(pieces, seed)

    def trained(sources: Sequence[Sequence[Heard | None]], leave: Sequence[int]) -> VoiceSpace:
        kept = [
            (heard, piece.speaker)
            for source in sources
            for piece, heard in zip(pieces, source, strict=True)
            if heard is not None and folds[piece.speaker] not in leave
        ]
        rng = rng_for(seed, "verifier", str(sorted(leave)))
        return fitted_space([h.frames for h, _ in kept], [speaker for _, speaker in kept], rng=rng, **SPACE)

    def scored(
        spaces: Sequence[VoiceSpace], enrolled: Sequence[Heard | None], spoken: Sequence[Heard | None]
    ) -> Trials:
        parts = [
            _trials(space, pieces, enrolled, spoken, lambda speaker, fold=fold: folds[speaker] == fold)  # type: ignore[misc]
            for fold, space in enumerate(spaces)
        ]
        tick()
        return Trials(
            scores=np.concatenate([part.scores for part in parts]),
            enrolled=[name for part in parts for name in part.enrolled],
            spoken=[name for part in parts for name in part.spoken],
            genders=[gender for part in parts for gender in part.genders],
        )

    untrained = [trained([clean], [fold]) for fold in range(N_FOLDS)]
    trials = {"clean": scored(untrained, clean, clean)}
    if voices is None:
        return Attacked(trials=trials, strength=None)
    trials["ignorant"] = scored(untrained, clean, voices.trial)
    trials["lazy_informed"] = scored(untrained, voices.enrolment, voices.trial)
    strength = _grown(len(voices.copies), lambda n: _validated(trained, scored, voices, n))
    spaces = [trained(voices.copies[: strength.n_copies], [fold]) for fold in range(N_FOLDS)]
    trials["semi_informed"] = scored(spaces, voices.enrolment, voices.trial)
    n_trials = sum(piece.role == "trial" for piece in pieces)
    lost = n_trials - sum(heard is not None for heard in voices.trial)
    return Attacked(trials=trials, strength=strength, n_unscored=dict.fromkeys(ATTACKERS, lost))


def _validated(
    trained: Callable[..., VoiceSpace], scored: Callable[..., Trials], voices: Voices, n_copies: int
) -> float:
    """Error rate, on speakers of the next fold, of verifiers that have learnt from neither it nor their own fold."""
    spaces = [
        trained(voices.copies[:n_copies], [fold, (fold - 1) % N_FOLDS]) for fold in range(N_FOLDS)
    ]  # the verifier at `fold` is tried on the speakers of `fold`, and stands for the one that is tested on the fold before
    same, other = scored(spaces, voices.enrolment, voices.copies[-1]).of_one_gender().sides
    return equal_error_rate(bona_fide=same, spoof=other)


def _grown(most: int, error_rate: Callable[[int], float]) -> Strength:
    """Twice as many voices a recording as long as that helps."""
    steps: list[tuple[int, float]] = []
    n, saturated = 1, False
    while n <= most:
        steps.append((n, error_rate(n)))
        if len(steps) > 1 and steps[-1][1] > (1 - HELPS) * steps[-2][1]:
            saturated = True
            break
        n *= 2
    best = min(steps, key=lambda step: (step[1], step[0]))
    return Strength(steps=tuple(steps), n_copies=best[0], saturated=saturated)


def _trials(
    space: VoiceSpace,
    pieces: Sequence[Piece],
    enrolled: Sequence[Heard | None],
    spoken: Sequence[Heard | None],
    inside: Callable[[str], bool],
) -> Trials:
    owners: dict[str, list[Floats]] = defaultdict(list)
    genders = {piece.speaker: piece.gender for piece in pieces}
    vectors, who = [], []
    for piece, first, second in zip(pieces, enrolled, spoken, strict=True):
        if not inside(piece.speaker):
            continue
        if piece.role == "enrolment" and first is not None:
            owners[piece.speaker].append(space.vector(first.frames))
        if piece.role == "trial" and second is not None:
            vectors.append(space.vector(second.frames))
            who.append(piece.speaker)
    if not owners or not vectors:
        return Trials(scores=np.zeros(0), enrolled=[], spoken=[], genders=[])
    names = sorted(owners)
    table = space.ratios(np.stack([space.joined(owners[name]) for name in names]), np.stack(vectors))
    pairs = [(a, b) for a in names for b in who]
    return Trials(
        scores=table.ravel(),
        enrolled=[a for a, _ in pairs],
        spoken=[b for _, b in pairs],
        genders=[genders[a] if genders[a] == genders[b] else None for a, b in pairs],
    )


def linking_of(trials: Trials, *, rng: np.random.Generator) -> Linking | None:
    """Error rate and linkability of some trials; None where a side is empty or a single speaker is left."""
    same, other = trials.sides
    n_speakers = len({*trials.enrolled, *trials.spoken})
    if not len(same) or not len(other):
        return None
    enough = len(same) >= 10
    return Linking(
        equal_error_rate=equal_error_rate(bona_fide=same, spoof=other),
        interval=speaker_error_rate_interval(scores=trials.scores, first=trials.enrolled, second=trials.spoken, rng=rng)
        if n_speakers >= 3
        else None,
        linkability=linkability(mated=same, non_mated=other) if enough else None,
        linkability_by_chance=linkability_by_chance(mated=same, non_mated=other, rng=rng, n_draws=50)
        if enough
        else None,
        n_mated=len(same),
        n_non_mated=len(other),
        n_speakers=n_speakers,
    )
