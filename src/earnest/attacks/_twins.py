"""The harmless twin of an attacked request under the same distortion: does the attack break hearing?

An answer that refuses nothing may only show that nothing was understood. So what was done to the attacked clip is done to
the clip of a harmless request in the same words but one, and both answers to that, before and after, are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from earnest.attacks._budget import energy, padded
from earnest.attacks._candidate import as_files, held_role
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import drawn_replies, marked
from earnest.audio import AudioClip, Stimulus, Twin
from earnest.errors import BadAudio
from earnest.models.access import CLEAN_DRAW, VERIFY_DRAW, Answer, Failure, Reply, System


@dataclass(frozen=True, kw_only=True)
class TwinTrial:
    """The harmless twin, asked as it is and under the distortion.

    Parameters
    ----------
    answer, clean : Answer, Blocked or Failure
        Under the distortion, and as it is.
    served, served_clean : bool or None
        Whether they help with what the twin asks for; None where it cannot be told.
    """

    answer: Reply
    clean: Reply
    served: bool | None
    served_clean: bool | None


def twin_trials(
    system: System,
    crafted: Sequence[Crafted],
    *,
    taken: System,
    distorted: Callable[[Crafted, AudioClip], AudioClip | None],
) -> dict[int, TwinTrial]:
    """What comes of the distortions on the twins, by place; where there is no twin, or no telling what to do to it, nothing.

    They are asked clean of the system as it is, and distorted as it is `taken`.
    """
    pairs: dict[int, tuple[Twin, Stimulus, Stimulus]] = {}
    for one in crafted:
        twin = one.before.goal.twin if one.before.goal is not None else None
        made = None if twin is None else _pair(one, twin, distorted)
        if twin is not None and made is not None:
            pairs[one.place] = (twin, *made)
    clean = drawn_replies(system, [pair[1] for pair in pairs.values()], draws=[CLEAN_DRAW] * len(pairs))
    after = drawn_replies(taken, [pair[2] for pair in pairs.values()], draws=[VERIFY_DRAW] * len(pairs))
    return {
        place: TwinTrial(answer=late, clean=early, served=_served(twin, late), served_clean=_served(twin, early))
        for (place, (twin, before, asked)), early, reply in zip(pairs.items(), clean, after, strict=True)
        for late in [marked(reply, clean=before, asked=asked, drawn={})]
    }


def change_on(clip: AudioClip, *, crafted: Crafted) -> AudioClip | None:
    """The clip with the change that was added to a crafted one, at the same SNR; see `Attack.distorted`."""
    role = held_role(crafted.before)
    if role is None or crafted.before.clips[role].sample_rate != clip.sample_rate:
        return None
    clean, after = crafted.before.clips[role].samples, crafted.stimulus.clips[role].samples
    n_before, n_after = crafted.n_before, crafted.n_after
    if after.size != clean.size + n_before + n_after:
        return None
    change = after - padded(clean, n_before=n_before, n_after=n_after)
    inside = change[n_before : n_before + clean.size]
    added = np.resize(inside, clip.n_samples)
    length = math.sqrt(energy(added))
    if length and energy(clean):
        wanted = math.sqrt(energy(inside) * energy(clip.samples) / energy(clean))
        added = added * np.float32(wanted / length)
    parts = [change[:n_before], clip.samples + added, change[n_before + clean.size :]]
    return clip.with_samples(np.concatenate(parts).astype(np.float32)).quantised()


def _pair(
    crafted: Crafted, twin: Twin, distorted: Callable[[Crafted, AudioClip], AudioClip | None]
) -> tuple[Stimulus, Stimulus] | None:
    """The twin as it is, and as the attack's distortion and changes of texts leave it."""
    try:
        clean = as_files(twin.load())
    except BadAudio:
        return None
    clip = distorted(crafted, clean.clip)
    if clip is None:
        return None
    before, after = crafted.before, crafted.stimulus
    texts = {
        name: getattr(after, name)
        for name in ("prompt", "system_prompt")
        if getattr(after, name) != getattr(before, name)
    }
    return clean, replace(clean.with_clip(clip.quantised()), **texts)


def _served(twin: Twin, reply: Reply) -> bool | None:
    if isinstance(reply, Failure):
        return None
    return twin.served(reply.own(repeats=False)) if isinstance(reply, Answer) else False
