"""Asking again: one item of a run, or a model whether it hears at all."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.engine import clip_path, heard_by
from earnest.engine.learning import learnt_by
from earnest.errors import BadData, BadParameter, UnknownName
from earnest.models import load_model
from earnest.models.access import Answer, Blocked, Defence, Failure, Model, Reply, Sampling, System
from earnest.models.options import Given, options_of
from earnest.plan import Plan, is_own
from earnest.records import JournalLine
from earnest.registry import parse_spec, registry
from earnest.results.build import read_lines
from earnest.results.proof import audio_proof
from earnest.results.reasons import reason_counts
from earnest.run_folder import taken_as_data
from earnest.tasks._canary import Canary, canary_lines
from earnest.tasks.probe import probe_manifest


@dataclass(frozen=True, kw_only=True)
class Replay:
    """An item asked again.

    Parameters
    ----------
    item : str
    before, now : str
        The answers, or why there was none.
    same : bool
        Whether they agree word for word.
    heard_before, heard_now : mapping of str to str, or None
        What a recogniser before the model wrote down, by role; None where the model hears by itself.
    saved : tuple of str
        Files of the clips that were sent, where they were asked for.
    """

    item: str
    before: str
    now: str
    same: bool
    heard_before: Mapping[str, str] | None = None
    heard_now: Mapping[str, str] | None = None
    saved: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The replay as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """The replay for a terminal."""
        said = "the same answer" if self.same else "another answer"
        files = [f"  saved {path}" for path in self.saved]
        told = [
            *([f"  heard before: {in_words(self.heard_before)}"] if self.heard_before else []),
            f"  before: {self.before}",
            *([f"  heard now: {in_words(self.heard_now)}"] if self.heard_now else []),
            f"  now:    {self.now}",
        ]
        return "\n".join([f"{self.item}: {said}", *told, *files])


def in_words(heard: Mapping[str, str]) -> str:
    """What was heard, by role where there are several clips."""
    texts = {role: repr(" ".join(text.split())) if text.strip() else "nothing" for role, text in heard.items()}
    return ", ".join(texts.values() if len(texts) == 1 else (f"{role}: {text}" for role, text in texts.items()))


def replay(
    folder: str | Path,
    item: str,
    *,
    save: str | Path | None = None,
    model: str | Model | None = None,
    model_options: Given = (),
) -> Replay:
    """Ask an item of a run again, uncached, with the clips that were sent, and compare the answers.

    An attacked item is asked with its attacked clip; defences stand before the model as they did. A run folder is data:
    the embedded and the scripted models are asked because it names them, any other only where it is given here too.

    Parameters
    ----------
    item : str
        Id of the journal line, with the arm's suffix.
    save : path or None
        Folder to write the clips into.
    model : str or Model or None
        The run's own, as its plan names it, or any object; None takes the embedded or scripted model of the plan.

    model_options : sequence of str, or mapping
        How it is asked: `KEY=VALUE`, or values by key. Those of the plan are not taken from it: a run folder is data.

    Raises
    ------
    UnknownName
        If the run has no such item.
    BadParameter
        If the model must be given, or another is given; or a defence is a plug-in that was not loaded.
    BadData
        If a clip of it is no longer there, or it was asked with more than its journal line holds (earlier turns, say).
    """
    folder = Path(folder)
    with taken_as_data(folder):
        plan, line = Plan.read(folder), _line(folder, item)
        stimulus, sampling = _stimulus(folder, line), Sampling(**line.parameters)
        defences = _defences(line)
    if isinstance(model, Model):
        asked = model
    else:
        asked = load_model(_checked_model(plan, model), **options_of(plan.model, model_options))
    (reply,) = System(asked, defences, plan.seed).ask([stimulus], sampling=sampling, draw=line.draw)
    before, now = _words_before(line), _reply_words(reply)
    heard = heard_by(reply, stimulus) if isinstance(reply, Answer) else None
    saved = _saved(stimulus, save, item=item)
    return Replay(
        item=item, before=before, now=now, same=before == now, heard_before=line.heard, heard_now=heard, saved=saved
    )


def probe_hearing(model: str | Model, *, options: Given = ()) -> dict[str, Any]:
    """Whether audio reaches a model, and whether it understands words: every spoken code word and silence, asked now.

    Returns
    -------
    dict
        `model`; `hears`, whether the audio arrives; `arrival` (`heard`, `misheard`, `unproven`, `refused`,
        `not_tested`); `answered`, whether any call was; `why` in words, with the commonest detail of every reason; by code
        word, and for silence, what was answered; and `learnt`, what the endpoint refuses of a request.
    """
    asked = model if isinstance(model, Model) else load_model(model, **options_of(model, options))
    items = Canary().items(probe_manifest(), seed=0)
    replies = asked.ask([item.load() for item in items])
    lines = canary_lines(items, replies, model=asked.name)
    proof = audio_proof(lines)
    failed = [f"{count}." for count in reason_counts(lines)]
    said = {item.id.partition("/")[2]: _reply_words(reply) for item, reply in zip(items, replies, strict=True)}
    return {
        "model": asked.name,
        "hears": proof.arrival in ("heard", "misheard"),
        "arrival": proof.arrival,
        "answered": any(isinstance(reply, Answer) for reply in replies),
        "why": " ".join([proof.words, *(["Without a score:", *failed] if failed else [])]),
        "answers": said,
        "learnt": [str(one) for one in learnt_by([asked])],
    }


def _checked_model(plan: Plan, given: str | None) -> str:
    """The specification of the model that may be asked: the plan's, where the user gave it or it is earnest's own."""
    if given is None and plan.asks_own_model:
        return plan.model
    if given is None:
        raise BadParameter(
            f"this run asked {plan.model!r}, and a run folder is data: no code is run and no address called because a file "
            f"names it; if you trust it, give --model {shlex.quote(plan.model)}"
        )
    if given != plan.model:
        raise BadParameter(
            f"an item is asked again of the model of its run, {plan.model!r}, got {given!r}; give --model "
            f"{shlex.quote(plan.model)}, or make a run of the other one"
        )
    return given


def _defences(line: JournalLine) -> tuple[Defence, ...]:
    """The defences that an item was asked behind, built; those of other packages only where they were loaded before."""
    defences = registry("defences")
    waiting = [name for spec in line.defences if defences.waits(name := parse_spec(spec).name)]
    if waiting:
        raise BadParameter(
            f"the run was defended by plug-ins of other packages: {', '.join(waiting)}; a run folder is data, and does not "
            f"load them: if you trust the packages, give {' '.join(f'--plugin {name}' for name in waiting)}"
        )
    made = tuple(defences.make(spec) for spec in line.defences)
    others = [spec for one in made for spec in getattr(one, "asks", ()) if spec and not is_own(spec)]
    if others:
        raise BadParameter(
            f"{line.item} was asked behind defences that ask {', '.join(others)}; a run folder is data, and nobody is asked "
            "because it says so. Run it again: earnest run with the same options and another --out"
        )
    return made


def _line(folder: Path, item: str) -> JournalLine:
    lines = {line.item: line for line in read_lines(folder)}
    if item not in lines:
        raise UnknownName(f"{folder} has no item {item!r}; `earnest show {folder}` lists them")
    return lines[item]


def _stimulus(folder: Path, line: JournalLine) -> Stimulus:
    paths = {role: clip_path(folder, digest) for role, digest in line.clips.items()}
    earlier = {
        f"turn {k}, {role}": clip_path(folder, name)
        for k, turn in enumerate(line.turns, 1)
        for role, name in turn.clips.items()
    }
    gone = [f"{role}: {path.name}" for role, path in (paths | earlier).items() if not path.is_file()]
    if gone or not (paths or line.prompt):  # a written request has no clip
        raise BadData(f"{line.item} cannot be asked again: its clips are not in {folder}", gone)
    clips = {role: AudioClip.read(path) for role, path in paths.items()}
    system_prompt = line.truth.get("system_prompt")
    history = tuple(
        Turn(
            role=turn.role,
            text=turn.text,
            clips={role: AudioClip.read(clip_path(folder, name)) for role, name in turn.clips.items()},
        )
        for turn in line.turns
    )
    stimulus = Stimulus(clips=clips, prompt=line.prompt, system_prompt=system_prompt, history=history, truth=line.truth)
    if line.prompt_hash not in ("", stimulus.prompt_hash):
        raise BadData(
            f"{line.item} cannot be asked again as it was: its prompts or earlier turns were others than its journal "
            "line holds; run its task again"
        )
    return stimulus


def _saved(stimulus: Stimulus, folder: str | Path | None, *, item: str) -> tuple[str, ...]:
    if folder is None:
        return ()
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = [(Path(folder) / f"{_plain(item)}.{_plain(role)}.wav", clip) for role, clip in stimulus.clips.items()]
    for path, clip in paths:
        clip.write(path)
    return tuple(str(path) for path, _ in paths)


def _plain(name: str) -> str:
    """A name that a run folder gives, as part of a file's name."""
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in name)[:80]


def _reply_words(reply: Reply) -> str:
    if isinstance(reply, Blocked):
        return f"blocked: {reply.reason}"
    return f"none: {reply.reason}" if isinstance(reply, Failure) else reply.text


def _words_before(line: JournalLine) -> str:
    if line.blocked is not None:
        return f"blocked: {line.blocked}"
    return line.answer if line.answer is not None else f"none: {line.reason}"
