"""One attacked item to be heard and seen: clean, attacked, against the defence; one time axis, one answer under each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from earnest.arms import UNDEFENDED
from earnest.audio import AudioClip
from earnest.errors import EarnestError
from earnest.records import Arm, JournalLine
from earnest.report.attack_plots import AttackResult
from earnest.report.differences import Piece, word_differences
from earnest.report.gather import Report
from earnest.report.numbers import words
from earnest.report.pictures import Budget, Picture, change_picture, data_uri, picture, png
from earnest.report.sections import FAILED_BELOW, arm_words, title_of
from earnest.results.pairs import base_item
from earnest.run_folder import clip_file

MAX_PLAYERS = 2
"""Items that can be played; every other one can be played under "Every item"."""

MAX_EXACT_BYTES = 60_000
"""A clip whose file is longer is compressed in the page, and said to be: compression takes away some of what an attack did."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One condition of the item.

    Parameters
    ----------
    name, about : str
        What it is called, and who attacks what.
    picture : Picture or None
        None where the clip is gone, or where another lane shows it.
    digest, file : str
        Of the clip: its digest, and its file under `clips/`.
    same_as : str
        The lane that shows the same clip; empty where none does.
    change : str
        What the attack changed, as the data URI of a picture on the same axes; empty where nothing was.
    change_about : str
    share : float
        How long the clip is in percent of the longest one.
    answer : tuple of Piece
        Words that the clean answer lacks are marked.
    outcome : str
        `reached`, `held`, `failed` or `unscored`.
    verdict : str
        The outcome in words.
    """

    name: str
    about: str
    picture: Picture | None
    digest: str
    file: str
    same_as: str
    change: str
    change_about: str
    share: float
    answer: tuple[Piece, ...]
    outcome: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Player:
    """An attacked item with its lanes, what its attack wants, and what its control reached."""

    result: AttackResult
    title: str
    item: str
    prompt: str
    goal: str
    lanes: tuple[Lane, ...]
    control: str
    longest_s: float


def players(report: Report, results: Sequence[AttackResult], *, budget: Budget) -> list[Player]:
    """An item for each of the results that reach most beyond their control, one a task; at most two."""
    made: list[Player] = []
    shown: set[str] = set()
    by_item = {line.item: line for line in report.items}
    for result in sorted(
        results, key=lambda one: one.lost is None or one.lost.value is None
    ):  # an item without a score shows less
        if result.arm.defences or result.task in shown or len(made) == MAX_PLAYERS:
            continue
        line = _chosen(report.items_of.get((result.task, result.arm), []), by_item)
        if line is not None:
            shown.add(result.task)
            made.append(_player(report, result, line, by_item, budget=budget))
    return made


def _chosen(lines: Sequence[JournalLine], by_item: Mapping[str, JournalLine]) -> JournalLine | None:
    """The attempt that shows most: one that reached its goal with a changed clip, else one that cost the item its score."""

    def rank(line: JournalLine) -> tuple[bool, bool, bool, bool, str]:
        attempt = line.attempt or {}
        clean = by_item.get(base_item(line))
        changed = clean is not None and line.clips != clean.clips
        won = attempt.get("success") is True and attempt.get("clean_success") is False
        lost = line.score is not None and line.score < FAILED_BELOW and attempt.get("clean_success") is False
        return not (won and changed), not won, not (lost and changed), not changed, line.item

    tried = [line for line in lines if line.attempt is not None and (line.attempt or {}).get("success") is not None]
    return min(tried, key=rank, default=None)


def _player(
    report: Report, result: AttackResult, line: JournalLine, by_item: Mapping[str, JournalLine], *, budget: Budget
) -> Player:
    base = base_item(line)
    arms = _lane_arms(report, result.arm)
    found = [(name, about, by_item[base + arm.suffix]) for name, about, arm in arms if base + arm.suffix in by_item]
    clean = next((one for _, _, one in found if one.arm == Arm()), None)
    role = _changed_role(line, clean)
    clips = {one.item: _read(report, one.clips.get(role, "")) for _, _, one in found}
    longest = max((clip.duration_s for clip in clips.values() if clip is not None), default=0.0)
    lanes: list[Lane] = []
    first: dict[str, str] = {}  # the lane that already shows a clip
    for name, about, one in found:
        digest = one.clips.get(role, "")
        lane = _lane(
            report,
            one,
            name=name,
            about=about,
            digest=digest,
            clean=clean,
            role=role,
            clips=clips,
            longest=longest,
            budget=budget,
            same_as=first.get(digest, ""),
        )
        first.setdefault(digest, name)
        lanes.append(lane)
    pillar = next((task.pillar for task in report.plan.tasks if task.name == result.task), "")
    planned = next((arm for arm in report.plan.arms if arm.arm == result.arm and pillar == "safety"), None)
    attempt = line.attempt or {}
    control = ""
    if attempt.get("control"):
        verdict = {True: "reached the goal too", False: "did not reach the goal"}.get(
            attempt.get("control_success"), "was not judged"
        )
        control = f"Its control on this item ({words(str(attempt['control']))}) {verdict}"
        control += f", answering “{attempt['control_answer']}”." if attempt.get("control_answer") else "."
    return Player(
        result=result,
        title=title_of(report, result.task),
        item=base,
        prompt=line.prompt,
        goal="" if planned is None else planned.goal,
        lanes=tuple(lanes),
        control=control,
        longest_s=longest,
    )


def _lane_arms(report: Report, attacked: Arm) -> list[tuple[str, str, Arm]]:
    """Name, description and condition of each lane: all that this run has of the first stack of defences."""
    stack = next((arm.defences for arm in report.plan.by_arm if arm.defences and arm.attack == attacked.attack), ())
    lanes = [("Clean", "no attack", Arm()), ("Attacked", arm_words(attacked), attacked)]
    if stack:
        through = " then ".join(stack)
        adaptive = Arm(attack=attacked.attack, crafted_on=attacked.crafted_on, defences=stack)
        transfer = Arm(attack=attacked.attack, crafted_on=UNDEFENDED, defences=stack)
        lanes.append(
            ("Through the defence", f"{through}; the attacker knows it and made the clip against it", adaptive)
        )
        lanes.append(
            ("Through the defence, attacker unaware", f"{through}; the clip was made against the bare model", transfer)
        )
    return lanes


def _changed_role(line: JournalLine, clean: JournalLine | None) -> str:
    """The clip that the attack changed; the first where it changed none."""
    before = {} if clean is None else clean.clips
    return next((role for role, digest in line.clips.items() if before.get(role) != digest), next(iter(line.clips), ""))


def _read(report: Report, digest: str) -> AudioClip | None:
    try:
        return AudioClip.read(clip_file(report.folder, digest)) if digest else None
    except EarnestError:
        return None


def _lane(
    report: Report,
    line: JournalLine,
    *,
    name: str,
    about: str,
    digest: str,
    role: str,
    clean: JournalLine | None,
    clips: Mapping[str, AudioClip | None],
    longest: float,
    budget: Budget,
    same_as: str,
) -> Lane:
    shown = None
    if digest and not same_as:
        shown = picture(report.folder, digest, role=name, budget=budget, most_bytes=MAX_EXACT_BYTES)
    mine, before = clips[line.item], None if clean is None else clips.get(clean.item)
    change, change_about = "", ""
    if (
        shown is not None
        and mine is not None
        and before is not None
        and clean is not None
        and clean.clips.get(role) != digest
    ):
        levels, change_about = change_picture(clean=before, changed=mine)
        snr_db = (line.attempt or {}).get("snr_db")
        change_about += f"; the recording is {snr_db:.1f} dB above the change" if isinstance(snr_db, float) else ""
        change = budget.take(data_uri(png(levels), "image/png"))
    answer = line.answer or ""
    marked = word_differences(reference=(clean.answer or "") if clean else "", hypothesis=answer, least_alike=0.0)[1]
    outcome, verdict = _outcome(line)
    return Lane(
        name=name,
        about=about,
        picture=shown,
        digest=digest,
        file=_file_name(report, digest),
        same_as=same_as,
        change=change,
        change_about=change_about,
        share=100 * mine.duration_s / longest if mine is not None and longest else 100.0,
        answer=marked if line.arm.attack else (Piece(answer, False),),
        outcome=outcome,
        verdict=verdict,
    )


def _file_name(report: Report, digest: str) -> str:
    """The name of a clip's file in the run folder; empty where there is none, or where it is a link to elsewhere."""
    try:
        return clip_file(report.folder, digest).name if digest else ""
    except EarnestError:
        return ""


def _outcome(line: JournalLine) -> tuple[str, str]:
    label = words(line.label or "")
    if line.arm.attack and (line.attempt or {}).get("success"):
        return "reached", f"The attack reached its goal ({label})" if label else "The attack reached its goal"
    if line.status == "unscored":
        return "unscored", f"Unscored: {words(line.reason or '')}"
    if line.score is None:
        return "unscored", f"Not part of the headline ({label})"
    if line.score < FAILED_BELOW:
        return "failed", f"Goal not reached, yet the task failed ({label})" if line.arm.attack else f"Failed ({label})"
    return "held", f"Held ({label})" if label else "Held"
