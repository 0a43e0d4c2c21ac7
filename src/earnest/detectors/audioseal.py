"""AudioSeal's watermark, by its authors' package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from earnest.audio import AudioClip
from earnest.detectors._base import detectors
from earnest.detectors._watermark import Reading, Watermark, bits_of, message_of
from earnest.registry import extra

SAMPLE_RATE = 16_000


@detectors.register("audioseal")
@dataclass(frozen=True, kw_only=True)
class AudioSealMark(Watermark):
    """The watermark of AudioSeal, 16 bits at 16 kHz [sanroman2024-audioseal].

    Clips are resampled to 16 kHz and back around the authors' generator and detector (the extra `watermark`). The statistic is
    the share of samples that the detector takes for marked, and the threshold a half, as in its code. The score is minus that.

    Without paths the package fetches its weights from the network when they are first needed. A checkpoint is a pickle, which
    executes code when it is read: give files that you trust.

    Parameters
    ----------
    generator, detector : str
        Names of the package's cards, or paths of checkpoints.

    Notes
    -----
    Nothing was measured with the published weights here: adapter, shapes and messages were checked with networks of the package
    that have random weights. The true rate of false positives is for `earnest watermark sweep` to measure.
    """

    source: ClassVar[str] = "sanroman2024-audioseal"
    detects: ClassVar[str] = "AudioSeal's watermark"
    limits: ClassVar[str] = "anybody can embed and detect it, since its weights are public; not measured in earnest"

    generator: str = "audioseal_wm_16bits"
    detector: str = "audioseal_detector_16bits"

    @property
    def n_bits(self) -> int:
        """16."""
        return 16

    @property
    def threshold(self) -> float:
        """Minus a half."""
        return -0.5

    @cached_property
    def _networks(self) -> tuple[Any, Any]:
        package = extra("audioseal", needed_by="detector 'audioseal'")
        made = package.AudioSeal.load_generator(self.generator), package.AudioSeal.load_detector(self.detector)
        return tuple(network.eval() for network in made)  # type: ignore[return-value]

    def embed(self, clip: AudioClip, *, message: str = "") -> AudioClip:
        """The clip with the mark, at its own sample rate; only the mark is resampled, and the clip stays."""
        torch = extra("torch", needed_by="detector 'audioseal'")
        bits = torch.tensor([bits_of(message, n_bits=self.n_bits, name=self.name)])
        with torch.no_grad():
            mark = self._networks[0].get_watermark(self._tensor(clip), message=bits)[0, 0].numpy()
        added = AudioClip(mark.astype(np.float32), SAMPLE_RATE).resampled(clip.sample_rate).samples
        samples = clip.samples.copy()
        samples[: added.size] += added[: samples.size]
        return clip.with_samples(samples)

    def read(self, clip: AudioClip) -> Reading:
        """The share of samples that are taken for marked, and the message."""
        torch = extra("torch", needed_by="detector 'audioseal'")
        with torch.no_grad():
            result, message = self._networks[1](self._tensor(clip))
        share = float((result[0, 1] > 0.5).float().mean())
        bits = [int(one) for one in (message[0] > 0.5).tolist()]
        return Reading(statistic=share, marked=share > 0.5, message=message_of(bits))

    def _tensor(self, clip: AudioClip) -> Any:
        torch = extra("torch", needed_by="detector 'audioseal'")
        return torch.from_numpy(clip.resampled(SAMPLE_RATE).samples.copy())[None, None]
