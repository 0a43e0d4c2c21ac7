"""Whether what a clip says gives orders to an assistant in place of its user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.detectors._base import detectors
from earnest.detectors._spoken_cues import CueDetector, Cues, cues

CUES: Cues = cues(
    override=r"(?:ignore|disregard|forget|override|stop) (?:all |any |everything |what |your |the )*(?:previous|earlier|other|above|first|last|user|"
    r"users|instructions?|said|was asked|request)\w*",
    addresses_assistant=r"(?:attention|dear|hey|hello|note to|message (?:for|to)|instructions? (?:for|to)) (?:the |my |any |all )?(?:ai|assistants?|"
    r"language models?|systems?|voice assistants?|agents?)|(?:ai|assistant|language model|agent)s?,? (?:please|you must|must|should|do)",
    instead=r"(?:instead|from now on|new (?:instructions?|task|rule)s?|your (?:new|real|actual) (?:task|instructions?))",
    acts=r"(?:send|forward|email|transfer|wire|delete|unlock|open|call|post|share|read out|reveal|upload)\b.{0,40}?\b(?:to this|to the following|to me|"
    r"password|passwords|code|codes|contacts|account|accounts|files|messages|emails|money|dollars|door|doors|calendar)",
    secrecy=r"(?:do not|don't|never|without) (?:tell(?:ing)?|mention(?:ing)?|say(?:ing)?|inform(?:ing)?|ask(?:ing)?)(?: it to)? (?:the |your )?(?:user|owner|"
    r"anyone|anybody|them|him|her)",
    authority=r"(?:this is|i am|speaking as) (?:the |your )?(?:system|administrator|admin|developer|developers|security team|owner)|system (?:prompt|message|"
    r"override)|(?:admin|developer) (?:mode|override)",
)
"""What an instruction to an assistant has that speech to people seldom has."""


@detectors.register("injection")
@dataclass(frozen=True, kw_only=True)
class InjectionDetector(CueDetector):
    """Minus the number of kinds of cues that a clip instructs an assistant in place of its user, by rules over words.

    Six kinds are known: earlier instructions overridden, the assistant addressed, a new task in place of the user's, an act with somebody's
    data or doors, secrecy towards the user, and claimed authority. It is meant for recordings that a tool plays or an assistant overhears, in
    which nobody should give it orders: of a user's own request, a single cue is ordinary. The transcript is that of the model, as of `jailbreak`.

    Notes
    -----
    The threat is that of [bagdasaryan2023-abusing]; the rules are our own, in English, a floor to compare other detectors with.
    """

    source: ClassVar[str] = "bagdasaryan2023-abusing"
    detects: ClassVar[str] = "an instruction to the assistant from somebody who is not its user"
    limits: ClassVar[str] = (
        "rules over English words: orders in other words pass, a user's own orders are false alarms, and who speaks is not known; it is as good as the "
        "transcript, and a quiet second voice may not be transcribed"
    )
    cues: ClassVar[Cues] = CUES
