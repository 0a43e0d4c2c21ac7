"""Attempts to be let in: who owns a voice, who else tries, and what is made where the data has no copy.

A *trial* is one owner with an enrolment, a genuine attempt, and the attempts of impostors: another speaker, a replay of
the genuine clip, a copy of it by a machine. Copies that the data has (labels `replayed`, `cloned`, `spoof`) are taken;
where it has none they are made of the genuine clip by signal processing, and the journal says so. A made copy keeps
voice and words and adds what its channel or synthesis leaves behind; it is no neural cloning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Entry, Manifest
from earnest.models.access import Hears
from earnest.records import Item
from earnest.tasks._base import Requirement, Task
from earnest.tasks._items import corpus, normal, rng_of, same_split, with_effect
from earnest.tasks._labels import canonical

LOUDSPEAKER_HZ = (250.0, 6000.0)
HISS_DB = 35.0
N_ITERATIONS = 32
WINDOW_S = 0.032
SNR_DB = 10.0
"""Of a voice over the background that it stands in."""
BACKGROUNDS = ("rain", "wind", "engine", "sea waves", "helicopter")
"""Sounds that go on, of the data's own, that a voice is put in."""


def replayed(clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
    """The clip played by a small loudspeaker in a room (RT60 0.3 to 0.5 s) and recorded there with some hiss."""
    rt60_s = round(float(rng.uniform(0.3, 0.5)), 3)
    low_hz, high_hz = LOUDSPEAKER_HZ
    high_hz = min(high_hz, 0.45 * clip.sample_rate)
    played = with_effect(clip, "band_limit", rng=rng, low_hz=low_hz, high_hz=high_hz)
    heard = with_effect(played, "room", rng=rng, rt60_s=rt60_s)
    return with_effect(heard, "noise", rng=rng, snr_db=HISS_DB, colour="pink")


def resynthesised(clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
    """The clip's spectral magnitudes with phases that a vocoder guessed, at its own level [griffin1984-signal]."""
    from scipy.signal import istft, stft

    length = round(WINDOW_S * clip.sample_rate)
    form = {"nperseg": length, "noverlap": length - length // 4}
    samples = np.pad(clip.samples.astype(np.float64), (0, max(0, length - clip.n_samples)))
    magnitude = np.abs(stft(samples, **form)[2])
    spectrum = magnitude * np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(N_ITERATIONS):
        guess = stft(istft(spectrum, **form)[1][: len(samples)], **form)[2]
        spectrum = magnitude * np.exp(1j * np.angle(guess))
    made = istft(spectrum, **form)[1][: clip.n_samples]
    made *= np.sqrt(np.mean(np.square(clip.samples, dtype=np.float64)) / max(float(np.mean(made**2)), 1e-20))
    return clip.with_samples(made.astype(np.float32)).quantised()


def in_background(clip: AudioClip, background: Entry | None, *, rng: np.random.Generator) -> AudioClip:
    """The clip at 10 dB over a background: a sound of the data, or pink noise where it has none."""
    if background is None:
        return with_effect(clip, "noise", rng=rng, snr_db=SNR_DB, colour="pink")
    return with_effect(clip, "second_speaker", rng=rng, other=background.clip(), snr_db=SNR_DB)


def background_of(entry: Entry, data: Manifest, *, seed: int, name: str) -> tuple[Entry | None, str]:
    """The background of one recording, drawn from the data's sounds that go on, of its split if there are, and what it is."""
    sounds = [entry for entry in data.entries if not entry.text and canonical(entry.label) in BACKGROUNDS]
    sounds = [sound for sound in sounds if same_split(sound, entry)] or sounds
    if not sounds:
        return None, "pink noise"
    chosen = sounds[int(rng_of(seed, name, "background").integers(len(sounds)))]
    return chosen, canonical(chosen.label)


def kind_of(entry: Entry) -> str:
    """`live`, `replayed` or `cloned`, by the label and the column `attack`."""
    label = canonical(entry.label)
    if label == "replayed" or (label == "spoof" and "replay" in entry.attributes.get("attack", "")):
        return "replayed"
    return "cloned" if label in ("cloned", "spoof") else "live"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One owner, and who tries to be let in.

    Parameters
    ----------
    enrolment, genuine : Entry
        Two clips of the owner.
    impostor : Entry
        Another speaker, of the owner's data set and gender where there is one.
    replayed, cloned : Entry or None
        Copies of the genuine clip; None where one is to be made.
    """

    enrolment: Entry
    genuine: Entry
    impostor: Entry
    replayed: Entry | None
    cloned: Entry | None

    @property
    def owner(self) -> str:
        """Whose voice it is."""
        return str(self.genuine.speaker)

    @property
    def sample(self) -> str:
        """What the trial's items share."""
        return f"{self.enrolment.id}+{self.genuine.id}"

    def attempt(self, kind: str) -> Entry:
        """The row that an attempt is, or is made of."""
        given = getattr(self, kind)
        return self.genuine if given is None else given

    def is_made(self, kind: str) -> bool:
        """Whether the attempt is made of the genuine clip."""
        return getattr(self, kind) is None

    def clip(self, kind: str, *, rng: np.random.Generator) -> AudioClip:
        """The audio of an attempt, decoded or made now."""
        clip = self.attempt(kind).clip()
        if not self.is_made(kind):
            return clip
        return replayed(clip, rng=rng) if kind == "replayed" else resynthesised(clip, rng=rng)


class TrialTask(Task):
    """Base of the tasks whose items are trials of an enrolled voice."""

    pillar: ClassVar[str] = "authentication"
    needs: ClassVar[Hears] = "voice"
    source: ClassVar[str] = "li2025-audiotrust"
    subtask: ClassVar[str] = "authentication/hybrid_spoofing"
    baseline: ClassVar[float | None] = 0.5
    requires: ClassVar[Requirement] = Requirement(
        columns=("speaker",), roles=("passphrase",), not_labels=("harmful", "benign")
    )
    single_clip: ClassVar[bool] = False
    design: ClassVar[str] = "speaker with two clips beside another speaker"

    def trials(self, data: Manifest, *, n: int, seed: int) -> list[Trial]:
        """The trials that `data` allows."""
        return trials(self.usable(data), n=n, seed=seed, name=self.name)

    def stratum(self, item: Item) -> str:
        return str(item.truth["owner"])


def trials(rows: Sequence[Entry], *, n: int, seed: int, name: str) -> list[Trial]:
    """At most `n` trials, of as many owners as there are; owners have two clips, and somebody else must be there."""
    live: dict[str, list[Entry]] = {}
    copies: dict[str, list[Entry]] = {}
    for entry in rows:
        if entry.speaker:
            own, copied = live.setdefault(entry.speaker, []), copies.setdefault(entry.speaker, [])
            (own if kind_of(entry) == "live" else copied).append(entry)
    live = {speaker: own for speaker, own in live.items() if own}
    owners = [list(live)[place] for place in rng_of(seed, name, "owners").permutation(len(live))]
    ranked = [
        (turn, not _has_copy(genuine, copies[owner]), genuine)
        for owner in owners
        for turn, genuine in enumerate(_genuine(live[owner], copies[owner], seed=seed, name=name))
    ]
    found: list[Trial] = []
    strangers = _Strangers.of(live)
    for _, _, genuine in sorted(ranked, key=lambda entry: entry[:2]):  # one of each owner, then the next of each
        if len(found) == n:
            break
        own = str(genuine.speaker)
        trial = _trial(genuine, live[own], strangers, copies[own], seed=seed, name=name)
        found += [] if trial is None else [trial]
    return found


def _genuine(live: Sequence[Entry], copies: Sequence[Entry], *, seed: int, name: str) -> list[Entry]:
    """The live clips of a speaker in a drawn order: those of which the data has a copy, if there are any."""
    copied = [entry for entry in live if _has_copy(entry, copies)]
    chosen = copied or list(live)
    return [chosen[place] for place in rng_of(seed, name, str(live[0].speaker)).permutation(len(chosen))]


@dataclass(frozen=True)
class _Strangers:
    """Every live row with its speaker and what kind of row it is, so that how like kinds are is worked out, and not rows."""

    entries: list[Entry]
    speaker: NDArray[np.int64]
    kind: NDArray[np.int64]
    kinds: list[tuple[object, ...]]
    speakers: dict[str, int]

    @classmethod
    def of(cls, live: Mapping[str, Sequence[Entry]]) -> _Strangers:
        speakers = {speaker: number for number, speaker in enumerate(live)}
        entries = [entry for own in live.values() for entry in own]
        numbers: dict[tuple[object, ...], int] = {}
        kind = np.array([numbers.setdefault(_kind_of(entry), len(numbers)) for entry in entries], dtype=np.int64)
        speaker = np.repeat(np.arange(len(live)), [len(own) for own in live.values()])
        return cls(entries, speaker, kind, list(numbers), speakers)

    def likest(self, genuine: Entry) -> NDArray[np.int64]:
        """Places of the rows of others that are likest to a row; none where there is nobody else.

        Of the same data set, since its channel would give a stranger away; of the same split; and of the same gender.
        """
        corpus_, split, gender = _kind_of(genuine)
        likeness = np.array(
            [
                4 * (kind[0] == corpus_) + 2 * (kind[1] == split) + bool(gender and kind[2] == gender)
                for kind in self.kinds
            ]
        )
        here = np.where(self.speaker == self.speakers[str(genuine.speaker)], -1, likeness[self.kind])
        return np.flatnonzero((here == here.max()) & (here >= 0))


def _kind_of(entry: Entry) -> tuple[object, ...]:
    """Data set, split and gender of a row."""
    return corpus(entry), entry.value("split"), entry.gender


def _trial(
    genuine: Entry, own: Sequence[Entry], strangers: _Strangers, copies: Sequence[Entry], *, seed: int, name: str
) -> Trial | None:
    rng = rng_of(seed, name, genuine.id)
    stem = PurePosixPath(genuine.path).stem
    others = [entry for entry in own if PurePosixPath(entry.path).stem != stem]
    other_words = [entry for entry in others if normal(entry.text) != normal(genuine.text)]
    closest = strangers.likest(genuine)
    if not others or not len(closest):
        return None
    return Trial(
        enrolment=_one(other_words or others, rng),
        genuine=genuine,
        impostor=strangers.entries[closest[int(rng.integers(len(closest)))]],
        replayed=_copy_of(genuine, copies, "replayed"),
        cloned=_copy_of(genuine, copies, "cloned"),
    )


def _has_copy(genuine: Entry, copies: Sequence[Entry]) -> bool:
    return bool(copies) and any(_copy_of(genuine, copies, kind) is not None for kind in ("replayed", "cloned"))


def _one(entries: Sequence[Entry], rng: np.random.Generator) -> Entry:
    return entries[int(rng.integers(len(entries)))]


def _copy_of(genuine: Entry, copies: Iterable[Entry], kind: str) -> Entry | None:
    """The copy of a clip: of its kind, by the column `bona_fide`, or with its text."""
    source = genuine.attributes.get("bona_fide", "")
    for entry in copies:
        same = entry.attributes.get("bona_fide", "") == source if source else _says_the_same(entry, genuine)
        if kind_of(entry) == kind and same:
            return entry
    return None


def _says_the_same(a: Entry, b: Entry) -> bool:
    return bool(normal(a.text)) and normal(a.text) == normal(b.text)
