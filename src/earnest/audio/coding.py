"""Speech and music codecs, there and back: what a call, a stream or a stored file leaves of a clip.

A clip is resampled to a rate that the codec takes (at that bit rate), coded, decoded, and resampled back; length and alignment are kept.
Telephone codecs therefore also take away what lies above half their rate. mu_law, a_law, gsm, mp3, opus and vorbis come
with libsndfile; aac, g722 and amr_nb need `earnest[codecs]`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from earnest import registry
from earnest.audio.files import encoded
from earnest.audio.levels import to_pcm16
from earnest.audio.resampling import fitted, resampled
from earnest.errors import BadParameter

MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
MP3_BIT_RATES = ((32_000, (32_000, 320_000)), (16_000, (8_000, 160_000)), (8_000, (8_000, 64_000)))
"""Bit rates of MPEG 1, 2 and 2.5 by the lowest sample rate of each."""

MP3_DELAY = 1105
"""576 samples of the encoder and 529 of the decoder."""


@dataclass(frozen=True, kw_only=True)
class Codec:
    """A codec: how it is run and what it takes.

    Parameters
    ----------
    run : callable (samples, sample_rate, bit_rate) -> samples
        There and back at a rate that it takes.
    rates : tuple of int
        Sample rates in Hz that it takes, ascending; a clip goes to the next one up.
    bit_rates : tuple of int
        From and to in bit/s; both the same where there is no choice.
    bit_rate : int
        The usual one.
    delay : int
        Samples, at the codec's rate, by which what it gives back lags.
    module : str
        The optional dependency that it needs; empty where it needs none.
    """

    run: Callable[[np.ndarray, int, int], np.ndarray]
    rates: tuple[int, ...]
    bit_rates: tuple[int, int]
    bit_rate: int
    delay: int = 0
    module: str = ""


def coded(samples: np.ndarray, sample_rate: int, *, name: str, bit_rate: int | None = None) -> np.ndarray:
    """What a codec leaves of the samples, of the same length and aligned with them.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
        Amplitudes beyond full scale are clipped, as a codec's input is.
    sample_rate : int
        In Hz.
    name : str
        One of `CODECS`.
    bit_rate : int or None
        In bit/s; None takes the usual one.

    Raises
    ------
    BadParameter
        If the codec is unknown or does not take the bit rate.
    MissingExtra
        If it needs `earnest[codecs]`.
    """
    codec, bit_rate = chosen(name, bit_rate)
    rates = [rate for rate in codec.rates if name != "mp3" or _mp3_span(rate)[0] <= bit_rate <= _mp3_span(rate)[1]]
    rate = next((rate for rate in rates if rate >= sample_rate), rates[-1])
    inside = resampled(samples, sample_rate, to=rate)
    # a codec stops within its last frame: silence behind the clip keeps the end
    padded = fitted(np.clip(inside, -1.0, 1.0), len(inside) + codec.delay + rate // 10)
    back = codec.run(padded, rate, bit_rate)[codec.delay :]
    return fitted(resampled(fitted(back, len(inside)), rate, to=sample_rate), len(samples))


def chosen(name: str, bit_rate: int | None) -> tuple[Codec, int]:
    """The codec, and the bit rate in bit/s that it is to run at; whoever will run it asks this first.

    Raises
    ------
    BadParameter
        If there is no such codec, or it does not take the bit rate.
    MissingExtra
        If it needs `earnest[codecs]`.
    """
    if name not in CODECS:
        raise BadParameter(f"codec must be one of {', '.join(CODECS)}, got {name!r}; choose one of these")
    codec = CODECS[name]
    if codec.module and not registry.has_extra(codec.module):
        raise registry.missing_extra(codec.module, needed_by=f"codec {name!r}")
    low, high = codec.bit_rates
    bit_rate = codec.bit_rate if bit_rate is None else bit_rate
    if not low <= bit_rate <= high:
        takes = f"{low} bit/s" if low == high else f"{low} to {high} bit/s"
        raise BadParameter(f"bit_rate of {name} must be {takes}, got {bit_rate!r}; leave it out for {codec.bit_rate}")
    return codec, int(bit_rate)


@lru_cache(maxsize=2)
def _companding(coding: str) -> np.ndarray:
    """What G.711 makes of each 16-bit value: float32, shape (65536,), indexed by the value as uint16."""
    import soundfile

    coded_values = io.BytesIO()
    values = np.arange(65_536, dtype=np.uint16).view(np.int16)
    form: dict[str, Any] = {"samplerate": 8000, "format": "RAW", "subtype": coding}
    soundfile.write(coded_values, values, **form)
    coded_values.seek(0)
    table = soundfile.read(coded_values, channels=1, dtype="float32", **form)[0]
    table.flags.writeable = False
    return table


def _companded(coding: str) -> Callable[[np.ndarray, int, int], np.ndarray]:
    def run(samples: np.ndarray, sample_rate: int, bit_rate: int) -> np.ndarray:
        return _companding(coding)[to_pcm16(samples).view(np.uint16)]

    return run


def _gsm(samples: np.ndarray, sample_rate: int, bit_rate: int) -> np.ndarray:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, to_pcm16(samples), sample_rate, format="WAV", subtype="GSM610")
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def _in_file(kind: str, level: Callable[[int, int], float]) -> Callable[[np.ndarray, int, int], np.ndarray]:
    def run(samples: np.ndarray, sample_rate: int, bit_rate: int) -> np.ndarray:
        import soundfile

        data = encoded(samples, sample_rate, kind=kind, compression_level=level(sample_rate, bit_rate))
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            # at low bit rates an MP3 frame has no room for the tag that tells a decoder what to leave out
            lag = MP3_DELAY if kind == "mp3" and file.frames != len(samples) else 0
            back = file.read(dtype="float32")
            return resampled(back[lag:], file.samplerate, to=sample_rate)

    return run


def _mp3_span(sample_rate: int) -> tuple[int, int]:
    return next(span for rate, span in MP3_BIT_RATES if sample_rate >= rate)


def _mp3_level(sample_rate: int, bit_rate: int) -> float:
    """libsndfile's level for a constant bit rate; its scale runs over the bit rates of the MPEG version."""
    low, high = _mp3_span(sample_rate)
    return min((high - bit_rate) / (high - low), 0.9999)  # 1 is refused


def _opus_level(sample_rate: int, bit_rate: int) -> float:
    return (256_000 - bit_rate) / 250_000


def _vorbis_level(sample_rate: int, bit_rate: int) -> float:
    """Vorbis is led by quality: the bit rates that it takes for speech at 16 kHz."""
    return float(np.interp(bit_rate, [28_000, 38_000, 49_000, 63_000, 78_000], [1.0, 0.75, 0.5, 0.25, 0.0]))


def _with_pyav(coder: str, decoder: str | None = None) -> Callable[[np.ndarray, int, int], np.ndarray]:
    def run(samples: np.ndarray, sample_rate: int, bit_rate: int) -> np.ndarray:
        av = registry.extra("av", needed_by=f"codec {coder!r}")
        encoder = av.CodecContext.create(coder, "w")
        encoder.sample_rate, encoder.layout, encoder.bit_rate = sample_rate, "mono", bit_rate
        encoder.format = encoder.codec.audio_formats[0].name
        encoder.open()
        to_coder = av.AudioResampler(encoder.format.name, "mono", sample_rate, frame_size=encoder.frame_size or 320)
        frame = av.AudioFrame.from_ndarray(to_pcm16(samples)[None], format="s16", layout="mono")
        frame.sample_rate = sample_rate
        packets = [
            packet for part in (frame, None) for block in to_coder.resample(part) for packet in encoder.encode(block)
        ]
        packets += encoder.encode(None)
        decoding = av.CodecContext.create(decoder or coder, "r")
        decoding.sample_rate, decoding.layout = sample_rate, "mono"
        if encoder.extradata:
            decoding.extradata = encoder.extradata
        to_float = av.AudioResampler("fltp", "mono", sample_rate)
        blocks = [
            block.to_ndarray()[0]
            for packet in [*packets, None]
            for decoded in decoding.decode(packet)
            for block in to_float.resample(decoded)
        ]
        return np.concatenate(blocks)

    return run


CODECS: dict[str, Codec] = {
    "mu_law": Codec(run=_companded("ULAW"), rates=(8_000,), bit_rates=(64_000, 64_000), bit_rate=64_000),
    "a_law": Codec(run=_companded("ALAW"), rates=(8_000,), bit_rates=(64_000, 64_000), bit_rate=64_000),
    "gsm": Codec(run=_gsm, rates=(8_000,), bit_rates=(13_000, 13_000), bit_rate=13_000),
    "mp3": Codec(run=_in_file("mp3", _mp3_level), rates=MPEG_RATES, bit_rates=(8_000, 320_000), bit_rate=32_000),
    "opus": Codec(
        run=_in_file("opus", _opus_level),
        rates=(8_000, 12_000, 16_000, 24_000, 48_000),
        bit_rates=(6_000, 256_000),
        bit_rate=16_000,
    ),
    "vorbis": Codec(
        run=_in_file("ogg", _vorbis_level),
        rates=(8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000),
        bit_rates=(28_000, 78_000),
        bit_rate=49_000,
    ),
    "aac": Codec(
        run=_with_pyav("aac"),
        rates=MPEG_RATES,
        bit_rates=(8_000, 256_000),
        bit_rate=32_000,
        delay=1024,
        module="av",
    ),
    "g722": Codec(
        run=_with_pyav("g722"),
        rates=(16_000,),
        bit_rates=(64_000, 64_000),
        bit_rate=64_000,
        delay=22,
        module="av",
    ),
    "amr_nb": Codec(
        run=_with_pyav("libopencore_amrnb", "amrnb"),
        rates=(8_000,),
        bit_rates=(4_750, 12_200),
        bit_rate=12_200,
        delay=40,
        module="av",
    ),
}
"""Every codec, by the name that `effects.codec` takes."""
