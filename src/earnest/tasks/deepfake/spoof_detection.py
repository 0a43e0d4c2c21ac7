"""Bona fide speech against spoofed speech, for data labelled so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from earnest.tasks._base import Requirement, tasks
from earnest.tasks._copies import LiveOrCopyTask

TRUTH = {"bona_fide": "live", "spoof": "copy"}


@tasks.register("spoof_detection")
@dataclass(frozen=True, kw_only=True)
class SpoofDetection(LiveOrCopyTask):
    """Whether the model distinguishes spoofed speech from bona fide speech.

    As `live_or_copy`, for data with the labels `bona_fide` and `spoof`; errors are reported by the column `attack`
    where there is one. It runs on a folder of recordings of that kind; the probe set has none.
    """

    pillar: ClassVar[str] = "deepfake"
    title: ClassVar[str] = "Does it distinguish spoofed speech from real speech?"
    version: ClassVar[int] = 2
    source: ClassVar[str] = "wang2020-asvspoof"
    requires: ClassVar[Requirement] = Requirement(columns=("label",), labels=tuple(TRUTH))
    truth_of: ClassVar[Mapping[str, str]] = TRUTH
