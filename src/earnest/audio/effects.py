"""What happens to speech on its way: noise, other voices, rooms, codecs, speed, clipping, lost packets.

Every effect is a pure function `name(samples, sample_rate, *, ..., rng) -> (samples, drawn)`:

- `samples` are float32, shape (n_samples,), and are not changed. The result is float32, finite and of the same length
  (`speed` and `tempo` excepted, which give round(n_samples / factor)), aligned with the input.
- Nothing is rescaled to fit: where a result passes full scale it stays as it is, and `drawn["n_clipped"]` counts the
  samples outside [-1, 1] that 16-bit audio would clip.
- `drawn` holds every parameter, also those that were drawn from `rng`, as plain JSON values; given back, they replay
  the effect bit for bit, without `rng`: `apply(name, samples, sample_rate, **drawn)`. Keys in `MEASURED` are outcomes
  and are ignored then. A clip (`other`, `impulse_response`) is drawn as its digest; give the clip itself again.
- An effect that does nothing (gain 0, factor 1, an infinite ratio, no packets lost) returns the samples bit for bit.

`SEVERITY` holds five steps for each effect, from mild to severe.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from earnest.audio import coding, noises, rooms
from earnest.audio.clip import AudioClip, check_form, check_samples, checked_rate
from earnest.audio.concealment import concealed
from earnest.audio.levels import n_clipped, power
from earnest.audio.resampling import fitted, resampled
from earnest.audio.stretching import stretched
from earnest.errors import BadParameter, UnknownName

Drawn = dict[str, Any]
Changed = tuple[np.ndarray, Drawn]

Response = Callable[[np.ndarray], np.ndarray]
"""Gains by frequency in Hz."""

MEASURED = ("n_clipped", "gain_applied_db")
"""Keys of `drawn` that are outcomes, not parameters."""


def noise(
    samples: np.ndarray,
    sample_rate: int,
    *,
    snr_db: float | None,
    colour: str = "white",
    offset: int | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """Noise added at an exact signal-to-noise ratio over the whole clip.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
    sample_rate : int
        In Hz.
    snr_db : float or None
        Power of the clip over power of the noise; None (or inf) adds nothing.
    colour : {"white", "pink", "brown", "blue", "speech"}
        "speech" has the long-term spectrum of speech.
    offset : int or None
        Where the stretch begins in the bank of noise; None draws it. Stretches may overlap, see `earnest.audio.noises`.
    rng : Generator or None
        Only needed to draw the offset.

    Raises
    ------
    BadParameter
        If the clip is silent: a ratio to silence has no meaning.

    Examples
    --------
    >>> hiss, drawn = noise(np.ones(8, np.float32), 16_000, snr_db=20, rng=np.random.default_rng(1))
    >>> drawn["snr_db"], drawn["colour"], hiss.shape
    (20, 'white', (8,))
    """
    samples = _checked(samples, sample_rate)
    ratio_db = _ratio(snr_db)
    if offset is None:
        offset = int(_needed(rng, "noise", "offset").integers(noises.n_offsets(len(samples))))
    if not 0 <= offset < noises.n_offsets(len(samples)):
        raise BadParameter(
            f"offset must be from 0 to {noises.n_offsets(len(samples)) - 1} for {len(samples)} samples, "
            f"got {offset!r}; leave it out to draw one"
        )
    stretch = noises.noise_stretch(len(samples), sample_rate, colour=colour, offset=offset)
    changed = _mixed(samples, stretch, ratio_db, "noise")
    return _with_outcome(changed, {"snr_db": _plain(ratio_db, snr_db), "colour": colour, "offset": offset})


def second_speaker(
    samples: np.ndarray,
    sample_rate: int,
    *,
    other: AudioClip,
    snr_db: float | None,
    offset_s: float | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """Another clip mixed in at an exact signal-to-noise ratio.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
    sample_rate : int
        In Hz; the other clip is resampled to it.
    other : AudioClip
        Repeated where it is shorter.
    snr_db : float or None
        Power of the clip over power of the other, each over the whole length; None (or inf) adds nothing.
    offset_s : float or None
        Where in the other clip to begin, in seconds; None draws it.
    """
    changed, drawn = babble(
        samples,
        sample_rate,
        others=[other],
        snr_db=snr_db,
        offsets_s=None if offset_s is None else [offset_s],
        rng=rng,
    )
    return changed, {
        "other": drawn["others"][0],
        "snr_db": drawn["snr_db"],
        "offset_s": drawn["offsets_s"][0],
        "n_clipped": drawn["n_clipped"],
    }


def babble(
    samples: np.ndarray,
    sample_rate: int,
    *,
    others: Sequence[AudioClip],
    snr_db: float | None,
    offsets_s: Sequence[float] | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """Several other clips, each at one level, mixed in together at an exact signal-to-noise ratio.

    Parameters
    ----------
    others : sequence of AudioClip
        At least one; none silent. Each is repeated where it is shorter.
    snr_db : float or None
        Power of the clip over power of all others together; None (or inf) adds nothing.
    offsets_s : sequence of float or None
        Where in each clip to begin, in seconds; None draws them.
    """
    samples = _checked(samples, sample_rate)
    ratio_db = _ratio(snr_db)
    if not others or not all(isinstance(other, AudioClip) for other in others):
        raise BadParameter(f"other speech must be given as AudioClip, got {others!r}; read one with AudioClip.read")
    if offsets_s is None:
        generator = _needed(rng, "other speech", "offset_s")
        offsets_s = [round(float(generator.uniform(0.0, other.duration_s)), 4) for other in others]
    if len(offsets_s) != len(others):
        raise BadParameter(
            f"there must be one offset for each of {len(others)} clips, got {len(offsets_s)}; leave them out"
        )
    together = np.zeros(len(samples), dtype=np.float32)
    for other, offset_s in zip(others, offsets_s):
        voice = other.resampled(sample_rate).samples
        start = round(offset_s * sample_rate) % len(voice)
        stretch = np.resize(np.concatenate([voice[start:], voice[:start]]), len(samples))
        level = power(stretch)
        if level == 0.0:
            raise BadParameter("other speech must sound within the clip's length, got silence; choose another clip")
        together += stretch * np.float32(1.0 / math.sqrt(level))
    changed = _mixed(samples, together, ratio_db, "other speech")
    return _with_outcome(
        changed,
        {
            "others": [other.digest for other in others],
            "snr_db": _plain(ratio_db, snr_db),
            "offsets_s": [float(offset_s) for offset_s in offsets_s],
        },
    )


def room(
    samples: np.ndarray,
    sample_rate: int,
    *,
    rt60_s: float | None = None,
    impulse_response: AudioClip | None = None,
    size_m: Sequence[float] | None = None,
    source_m: Sequence[float] | None = None,
    microphone_m: Sequence[float] | None = None,
    tail_seed: int | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """The clip heard in a room, at its own level.

    The direct sound stays where it was, so length and onsets are kept; the reverberation after the end is cut. The
    result is brought to the RMS level of the input, by the gain told as `gain_applied_db`, so that reverberation is
    not mistaken for loudness.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
    sample_rate : int
        In Hz.
    rt60_s : float or None
        Reverberation time of a shoebox room, 0.05 to 10 s; 0 changes nothing.
    impulse_response : AudioClip or None
        A measured or simulated response instead; its direct sound is its largest peak. Resampled to `sample_rate`.
    size_m, source_m, microphone_m : three floats, or None
        The shoebox room; None draws a room of 3 to 10 by 3 to 8 by 2.5 to 4 m, and places in it.
    tail_seed : int or None
        Draws the late reverberation.

    Raises
    ------
    BadParameter
        If neither or both of `rt60_s` and `impulse_response` are given.
    """
    samples = _checked(samples, sample_rate)
    if (rt60_s is None) == (impulse_response is None):
        raise BadParameter("a room must have either rt60_s or impulse_response, got both or neither; give one of them")
    if impulse_response is not None:
        if not isinstance(impulse_response, AudioClip):
            raise BadParameter(
                f"impulse_response must be an AudioClip, got {impulse_response!r}; read one with AudioClip.read"
            )
        response = _prepared_clip(impulse_response, sample_rate)
        drawn: Drawn = {"impulse_response": impulse_response.digest}
    else:
        if rt60_s == 0:
            return _with_outcome(samples.copy(), {"rt60_s": 0, "gain_applied_db": 0.0})
        given = (size_m, source_m, microphone_m, tail_seed)
        if all(value is not None for value in given):
            box = rooms.Shoebox(
                size_m=tuple(size_m),
                source_m=tuple(source_m),
                microphone_m=tuple(microphone_m),
                rt60_s=rt60_s,
                tail_seed=tail_seed,
            )
        elif all(value is None for value in given):
            box = rooms.Shoebox.drawn(rt60_s=rt60_s, rng=_needed(rng, "room", "size_m"))
        else:
            raise BadParameter(
                "a room must have all of size_m, source_m, microphone_m and tail_seed, or none, got some of them; "
                "give all four or leave all out"
            )
        response = _prepared_box(box, sample_rate)
        drawn = {
            "rt60_s": rt60_s,
            "size_m": list(box.size_m),
            "source_m": list(box.source_m),
            "microphone_m": list(box.microphone_m),
            "tail_seed": box.tail_seed,
        }
    wet = rooms.convolved(samples, response)
    before, after = power(samples), power(wet)
    gain = math.sqrt(before / after) if after > 0 else 1.0
    wet *= np.float32(gain)
    return _with_outcome(wet, {**drawn, "gain_applied_db": round(20.0 * math.log10(gain), 4)})


def codec(
    samples: np.ndarray,
    sample_rate: int,
    *,
    name: str,
    bit_rate: int | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """The clip coded and decoded, its length and alignment kept.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
        Clipped to full scale on the way in.
    sample_rate : int
        In Hz; the codec may run at another (mu_law, a_law, gsm and amr_nb at 8 kHz, g722 at 16 kHz).
    name : {"mu_law", "a_law", "gsm", "mp3", "opus", "vorbis", "aac", "g722", "amr_nb"}
        The last three need `earnest[codecs]`.
    bit_rate : int or None
        In bit/s; None takes the codec's usual one. Vorbis is led by quality and comes near it only.
    """
    samples = _checked(samples, sample_rate)
    _, chosen = coding.chosen(name, bit_rate)
    changed = coding.coded(samples, sample_rate, name=name, bit_rate=chosen)
    return _with_outcome(changed, {"name": name, "bit_rate": chosen})


def speed(samples: np.ndarray, sample_rate: int, *, factor: float, rng: np.random.Generator | None = None) -> Changed:
    """The clip played `factor` times as fast: tempo and pitch change together.

    Returns
    -------
    float32 array, shape (round(n_samples / factor),), at least one sample, and drawn
    """
    samples = _checked(samples, sample_rate)
    factor = _factor(factor)
    return _with_outcome(resampled(samples, factor, to=1.0), {"factor": factor})


def tempo(samples: np.ndarray, sample_rate: int, *, factor: float, rng: np.random.Generator | None = None) -> Changed:
    """The clip spoken `factor` times as fast, its pitch kept [verhelst1993-wsola].

    Returns
    -------
    float32 array, shape (round(n_samples / factor),), at least one sample, and drawn
    """
    samples = _checked(samples, sample_rate)
    factor = _factor(factor)
    return _with_outcome(stretched(samples, sample_rate, factor=factor), {"factor": factor})


def pitch(samples: np.ndarray, sample_rate: int, *, cents: float, rng: np.random.Generator | None = None) -> Changed:
    """The clip at another pitch, its tempo kept; 100 cents are a semitone up. Formants move along.

    Parameters
    ----------
    cents : float
        From -2400 to 2400.
    """
    samples = _checked(samples, sample_rate)
    if not -2400 <= cents <= 2400:
        raise BadParameter(f"cents must be from -2400 to 2400, got {cents!r}; 1200 is an octave up")
    if cents == 0:
        return _with_outcome(samples.copy(), {"cents": cents})
    ratio = 2.0 ** (cents / 1200.0)
    longer = stretched(samples, sample_rate, factor=1.0 / ratio)
    return _with_outcome(fitted(resampled(longer, ratio, to=1.0), len(samples)), {"cents": cents})


def clipping(samples: np.ndarray, sample_rate: int, *, level: float, rng: np.random.Generator | None = None) -> Changed:
    """The clip's peaks cut off, as by an amplifier that is driven too hard.

    Parameters
    ----------
    level : float
        Where to cut, as a share of the clip's own peak: 1 changes nothing, 0.1 leaves little. Above 0.
    """
    samples = _checked(samples, sample_rate)
    if not 0 < level <= 1:
        raise BadParameter(f"level must be above 0 and at most 1, got {level!r}; it is a share of the clip's peak")
    ceiling = np.float32(level) * np.float32(max(samples.max(), -samples.min()))
    return _with_outcome(np.clip(samples, -ceiling, ceiling), {"level": level})


def band_limit(
    samples: np.ndarray,
    sample_rate: int,
    *,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """Only what lies between two frequencies, without delay.

    Parameters
    ----------
    low_hz : float
        0 keeps the lowest.
    high_hz : float or None
        None, or half the sample rate and above, keeps the highest.

    Notes
    -----
    The edges are raised cosines a tenth of the edge wide, centred on it (half the amplitude there).
    """
    samples = _checked(samples, sample_rate)
    top = math.inf if high_hz is None else high_hz
    if not 0 <= low_hz < top:
        raise BadParameter(f"low_hz must be at least 0 and under high_hz, got {low_hz!r} and {high_hz!r}; swap them?")
    drawn = {"low_hz": low_hz, "high_hz": high_hz}
    if low_hz == 0 and top >= sample_rate / 2:
        return _with_outcome(samples.copy(), drawn)
    padded = _filter_length(len(samples), sample_rate)
    kept = _band(padded, sample_rate, low_hz, top)
    return _with_outcome(_through(samples, kept, padded), drawn)


def filtered(samples: np.ndarray, sample_rate: int, *, gain: Response) -> np.ndarray:
    """Samples with each frequency multiplied by a real gain, without delay; a linear map that is its own adjoint.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
    sample_rate : int
        In Hz.
    gain : callable (frequency_hz) -> array of the same shape
        Of a smooth curve: what it spreads over time beyond 50 ms comes round to the other end.

    Returns
    -------
    float32 array, shape (n_samples,)
    """
    from scipy import fft

    padded = _filter_length(len(samples), sample_rate)
    return _through(samples, gain(fft.rfftfreq(padded, 1.0 / sample_rate)).astype(np.float32), padded)


def _filter_length(n_samples: int, sample_rate: int) -> int:
    """The clip and 50 ms of silence, and what makes the transform fast."""
    from scipy import fft

    return int(fft.next_fast_len(n_samples + sample_rate // 20, real=True))


def _through(samples: np.ndarray, gains: np.ndarray, padded: int) -> np.ndarray:
    from scipy import fft

    spectrum = fft.rfft(samples, padded)
    spectrum *= gains
    return fft.irfft(spectrum, padded, overwrite_x=True)[: len(samples)]


@lru_cache(maxsize=16)
def _band(padded: int, sample_rate: int, low_hz: float, high_hz: float) -> np.ndarray:
    """The gains of a band, float32, read-only."""
    frequency = np.fft.rfftfreq(padded, 1.0 / sample_rate)
    kept = (_edge(frequency, low_hz) * (1.0 - _edge(frequency, high_hz))).astype(np.float32)
    kept.flags.writeable = False
    return kept


def gain(samples: np.ndarray, sample_rate: int, *, gain_db: float, rng: np.random.Generator | None = None) -> Changed:
    """The clip louder (above 0 dB) or softer (below); peaks may pass full scale.

    Parameters
    ----------
    gain_db : float
        From -200 to 200.
    """
    samples = _checked(samples, sample_rate)
    if not -200 <= gain_db <= 200:
        raise BadParameter(f"gain_db must be from -200 to 200, got {gain_db!r}; 6 dB doubles the amplitude")
    with np.errstate(over="ignore"):  # told below, as a result that is not finite
        changed = samples * np.float32(10.0 ** (gain_db / 20.0))
    return _with_outcome(changed, {"gain_db": gain_db})


def quantise(samples: np.ndarray, sample_rate: int, *, n_bits: int, rng: np.random.Generator | None = None) -> Changed:
    """The clip rounded to `n_bits` bits, and clipped to what they hold; soft clips may fall silent.

    Parameters
    ----------
    n_bits : int
        From 2 to 16.
    """
    check_form(samples)
    checked_rate(sample_rate)
    if not (2 <= n_bits <= 16 and int(n_bits) == n_bits):
        raise BadParameter(f"n_bits must be a whole number from 2 to 16, got {n_bits!r}; 8 is a telephone's")
    step = np.float32(2.0 ** (1 - int(n_bits)))
    # around 1.5 * 2^23 steps float32 holds whole steps alone, so that adding it rounds, ties to even, in one pass
    far = np.float32(1.5 * 2**23) * step
    with np.errstate(invalid="ignore"):
        steps = samples + far
        steps -= far
    top = np.float32(1.0) - step
    if not (steps.max() <= top and steps.min() >= -1.0):  # looking costs less than clipping
        check_samples(samples)  # a value that is not finite comes here too
        np.clip(steps, np.float32(-1.0), top, out=steps)
    return steps, {"n_bits": int(n_bits), "n_clipped": 0}  # nothing lies beyond full scale by now


def packet_loss(
    samples: np.ndarray,
    sample_rate: int,
    *,
    rate: float,
    frame_ms: float = 20.0,
    conceal: bool = False,
    lost: Sequence[int] | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """Frames lost on the way, each with the same chance, and left silent or concealed.

    Parameters
    ----------
    rate : float
        Chance that a frame is lost, in [0, 1].
    frame_ms : float
        Length of a frame in milliseconds, 1 to 1000.
    conceal : bool
        Whether the receiver fills what is lost from what it heard last (`earnest.audio.concealment`), as calls do.
    lost : sequence of int or None
        The numbers of the frames to lose; None draws them.
    """
    samples = _checked(samples, sample_rate)
    if not 0 <= rate <= 1:
        raise BadParameter(f"rate must be from 0 to 1, got {rate!r}; 0.1 loses a tenth of the frames")
    if not 1 <= frame_ms <= 1000:
        raise BadParameter(f"frame_ms must be from 1 to 1000, got {frame_ms!r}; calls use 20")
    frame = max(1, round(frame_ms * sample_rate / 1000.0))
    n_frames = -(-len(samples) // frame)
    if lost is None:
        chances = _needed(rng, "packet_loss", "lost").random(n_frames)
        lost = np.flatnonzero(chances < rate).tolist()
    gaps = _gaps(sorted({int(number) for number in lost}), frame)
    drawn = {"rate": rate, "frame_ms": frame_ms, "conceal": bool(conceal), "lost": [int(number) for number in lost]}
    if conceal:
        return _with_outcome(concealed(samples, sample_rate, gaps=gaps), drawn)
    changed = samples.copy()
    for begin, end in gaps:
        changed[begin:end] = 0.0
    return _with_outcome(changed, drawn)


def microphone(
    samples: np.ndarray,
    sample_rate: int,
    *,
    low_hz: float = 150.0,
    high_hz: float = 6000.0,
    drive_db: float = 0.0,
    noise_dbfs: float = -60.0,
    offset: int | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """The clip through a poor microphone: a narrow band, an amplifier that saturates, and noise of its own.

    The level of the band is kept but for what saturates.

    Parameters
    ----------
    low_hz, high_hz : float
        Band that it passes, as in `band_limit`.
    drive_db : float
        How far the clip's peak is above the level at which the amplifier saturates (a hyperbolic tangent), from -40 to 60.
    noise_dbfs : float
        RMS level of its own noise, from -120 to 0.
    offset : int or None
        Where the stretch of noise begins in the bank, as in `noise`; None draws it.
    """
    if not -40 <= drive_db <= 60:
        raise BadParameter(f"drive_db must be from -40 to 60, got {drive_db!r}; 10 is plainly distorted")
    if not -120 <= noise_dbfs <= 0:
        raise BadParameter(f"noise_dbfs must be from -120 to 0, got {noise_dbfs!r}; -60 is a cheap headset")
    passed, _ = band_limit(samples, sample_rate, low_hz=low_hz, high_hz=high_hz)
    peak = float(np.abs(passed).max())
    if peak > 0:
        ceiling = np.float32(peak * 10 ** (-drive_db / 20))
        passed = ceiling * np.tanh(passed / ceiling)
    if offset is None:
        offset = int(_needed(rng, "microphone", "offset").integers(noises.n_offsets(len(samples))))
    hiss = noises.noise_stretch(len(samples), sample_rate, colour="pink", offset=offset)
    changed = passed + np.float32(10 ** (noise_dbfs / 20)) * hiss
    drawn = {"low_hz": low_hz, "high_hz": high_hz, "drive_db": drive_db, "noise_dbfs": noise_dbfs, "offset": offset}
    return _with_outcome(changed, drawn)


def telephone(
    samples: np.ndarray,
    sample_rate: int,
    *,
    codecs: Sequence[str] = ("mu_law",),
    rate: float = 0.0,
    lost: Sequence[int] | None = None,
    rng: np.random.Generator | None = None,
) -> Changed:
    """The clip over a telephone line: 300 to 3,400 Hz, the codecs of the way one after the other, lost packets concealed.

    Parameters
    ----------
    codecs : sequence of str
        As `codec` takes them, in their order; several are a call that is passed from one network to the next.
    rate : float
        Chance that a frame of 20 ms is lost on the last leg.
    lost : sequence of int or None
        The frames to lose; None draws them.
    """
    changed, _ = band_limit(samples, sample_rate, low_hz=300.0, high_hz=3400.0)
    for name in codecs:
        changed, _ = codec(changed, sample_rate, name=name)
    dropped: Drawn = {"rate": rate, "lost": []}
    if rate or lost:
        changed, dropped = packet_loss(changed, sample_rate, rate=rate, conceal=True, lost=lost, rng=rng)
    drawn = {"codecs": list(codecs), "rate": dropped["rate"], "lost": dropped["lost"]}
    return _with_outcome(changed, drawn)


EFFECTS: dict[str, Callable[..., Changed]] = {
    effect.__name__: effect
    for effect in (
        noise,
        second_speaker,
        babble,
        room,
        codec,
        speed,
        tempo,
        pitch,
        clipping,
        band_limit,
        gain,
        quantise,
        packet_loss,
        microphone,
        telephone,
    )
}
"""Every effect by name."""

SEVERITY: dict[str, tuple[dict[str, Any], ...]] = {
    "noise": tuple({"snr_db": snr_db} for snr_db in (30, 20, 10, 5, 0)),
    "second_speaker": tuple({"snr_db": snr_db} for snr_db in (20, 15, 10, 5, 0)),
    "babble": tuple({"snr_db": snr_db} for snr_db in (20, 15, 10, 5, 0)),
    "room": tuple({"rt60_s": rt60_s} for rt60_s in (0.2, 0.4, 0.7, 1.1, 1.8)),
    "codec": (
        {"name": "mp3", "bit_rate": 64_000},
        {"name": "mp3", "bit_rate": 32_000},
        {"name": "opus", "bit_rate": 12_000},
        {"name": "gsm"},
        {"name": "mp3", "bit_rate": 8_000},
    ),
    "speed": tuple({"factor": factor} for factor in (1.05, 1.1, 1.2, 1.35, 1.5)),
    "tempo": tuple({"factor": factor} for factor in (1.1, 1.25, 1.5, 1.75, 2.0)),
    "pitch": tuple({"cents": cents} for cents in (100, 200, 400, 600, 800)),
    "clipping": tuple({"level": level} for level in (0.5, 0.3, 0.2, 0.1, 0.05)),
    "band_limit": (
        {"low_hz": 80, "high_hz": 7000},
        {"low_hz": 150, "high_hz": 5500},
        {"low_hz": 300, "high_hz": 3400},
        {"low_hz": 400, "high_hz": 2400},
        {"low_hz": 500, "high_hz": 1500},
    ),
    "gain": tuple({"gain_db": gain_db} for gain_db in (-6, -12, -20, -30, -40)),
    "quantise": tuple({"n_bits": n_bits} for n_bits in (10, 8, 6, 5, 4)),
    "packet_loss": tuple({"rate": rate} for rate in (0.01, 0.03, 0.05, 0.1, 0.2)),
    "microphone": (
        {"low_hz": 80, "high_hz": 7000, "drive_db": -6, "noise_dbfs": -70},
        {"low_hz": 150, "high_hz": 6000, "drive_db": 0, "noise_dbfs": -60},
        {"low_hz": 200, "high_hz": 5000, "drive_db": 10, "noise_dbfs": -52},
        {"low_hz": 250, "high_hz": 4000, "drive_db": 20, "noise_dbfs": -46},
        {"low_hz": 300, "high_hz": 3000, "drive_db": 30, "noise_dbfs": -40},
    ),
    "telephone": (
        {"codecs": ["mu_law"]},
        {"codecs": ["gsm"]},
        {"codecs": ["gsm"], "rate": 0.02},
        {"codecs": ["gsm", "gsm"], "rate": 0.05},
        {"codecs": ["gsm", "gsm"], "rate": 0.1},
    ),
}
"""Five steps for each effect, from mild to severe."""


def apply(
    name: str,
    samples: np.ndarray,
    sample_rate: int,
    /,
    *,
    severity: int | None = None,
    rng: np.random.Generator | None = None,
    **parameters: Any,
) -> Changed:
    """The effect called `name`.

    Parameters
    ----------
    name : str
        One of `EFFECTS`.
    severity : int or None
        A step of `SEVERITY`, 1 (mild) to 5 (severe); parameters given beside it win.
    rng : Generator or None
    **parameters
        Of the effect; the `drawn` of an earlier call replays it.

    Raises
    ------
    UnknownName
        If there is no such effect.
    BadParameter
        If the severity or a parameter is out of its range.

    Examples
    --------
    >>> loud, drawn = apply("gain", np.ones(4, np.float32), 16_000, gain_db=6)
    >>> drawn
    {'gain_db': 6, 'n_clipped': 4}
    """
    if name not in EFFECTS:
        raise UnknownName(f"no effect is called {name!r}; there are {', '.join(EFFECTS)}")
    step: dict[str, Any] = {}
    if severity is not None:
        if severity not in range(1, len(SEVERITY[name]) + 1):
            raise BadParameter(f"severity must be a whole number from 1 to 5, got {severity!r}; 1 is mild")
        step = SEVERITY[name][int(severity) - 1]
    given = {key: value for key, value in {**step, **parameters}.items() if key not in MEASURED}
    try:
        bound = _signature(EFFECTS[name]).bind(samples, sample_rate, rng=rng, **given)
    except TypeError as error:
        takes = ", ".join(list(_signature(EFFECTS[name]).parameters)[2:])
        raise BadParameter(
            f"{name} must get its own parameters, got {', '.join(given) or 'none'}: {error}; it takes {takes}"
        ) from error
    return EFFECTS[name](*bound.args, **bound.kwargs)


def _checked(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    check_samples(samples)
    checked_rate(sample_rate)
    return samples


def _needed(rng: np.random.Generator | None, who: str, what: str) -> np.random.Generator:
    if rng is None:
        raise BadParameter(f"{who} must have rng or {what}, got neither; pass rng=numpy.random.default_rng(seed)")
    return rng


def _ratio(snr_db: float | None) -> float:
    ratio_db = math.inf if snr_db is None else float(snr_db)
    if not -120 <= ratio_db <= 200 and ratio_db != math.inf:
        raise BadParameter(
            f"snr_db must be from -120 to 200, or None to add nothing, got {snr_db!r}; 10 is a loud street"
        )
    return ratio_db


def _plain(ratio_db: float, given: float | None) -> float | None:
    return None if ratio_db == math.inf else given


def _mixed(samples: np.ndarray, added: np.ndarray, ratio_db: float, what: str) -> np.ndarray:
    """Samples with `added` at a ratio of powers."""
    if ratio_db == math.inf:
        return samples.copy()
    wanted = power(samples) / 10.0 ** (ratio_db / 10.0)
    if wanted == 0.0:
        raise BadParameter(
            f"samples must hold some sound for {what} at {ratio_db:g} dB, got silence; "
            "leave the item out, or pass snr_db=None to keep it as it is"
        )
    mixed = added * np.float32(math.sqrt(wanted / power(added)))
    mixed += samples
    return mixed


def _gaps(lost: Sequence[int], frame: int) -> list[tuple[int, int]]:
    """Where frames are lost, those side by side as one, in samples."""
    gaps: list[tuple[int, int]] = []
    for number in lost:
        begin = number * frame
        if gaps and gaps[-1][1] == begin:
            gaps[-1] = (gaps[-1][0], begin + frame)
        else:
            gaps.append((begin, begin + frame))
    return gaps


def _with_outcome(changed: np.ndarray, drawn: Drawn) -> Changed:
    n_beyond = n_clipped(changed)
    if n_beyond and not np.isfinite(changed).all():
        raise BadParameter("the result must be finite, got amplitudes beyond float32; lower the gain or the input")
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in drawn.items()}
    return changed, {**plain, "n_clipped": n_beyond}


def _factor(factor: float) -> float:
    if not 0.1 <= factor <= 10:
        raise BadParameter(f"factor must be from 0.1 to 10, got {factor!r}; 1.1 is a tenth faster")
    return factor


def _edge(frequency: np.ndarray, edge_hz: float) -> np.ndarray:
    """0 below the edge, 1 above, half a cosine between."""
    if edge_hz in (0, math.inf):
        return np.full(len(frequency), float(edge_hz == 0))
    across = np.clip((frequency - 0.95 * edge_hz) / (0.1 * edge_hz), 0.0, 1.0)
    return 0.5 - 0.5 * np.cos(np.pi * across)


@lru_cache(maxsize=32)
def _prepared_clip(response: AudioClip, sample_rate: int) -> rooms.PreparedResponse:
    return rooms.prepared(response.resampled(sample_rate).samples, sample_rate)


@lru_cache(maxsize=32)
def _prepared_box(box: rooms.Shoebox, sample_rate: int) -> rooms.PreparedResponse:
    response = rooms.impulse_response(box, sample_rate)
    return rooms.prepared(response, sample_rate, direct=round(box.direct_s * sample_rate))


@cache
def _signature(effect: Callable[..., Changed]) -> inspect.Signature:
    return inspect.signature(effect)
