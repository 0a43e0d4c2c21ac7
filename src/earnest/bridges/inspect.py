"""The bridge to Inspect AI (`pip install "earnest[inspect]"`).

    inspect eval earnest/safety_harmful_refusal --model openai/gpt-4o-audio-preview
    inspect eval earnest/safety_harmful_refusal --model earnest/reference
    earnest run core --model inspect/openai/gpt-4o-audio-preview --out runs/first
    earnest export runs/first --inspect

Three ways lead over it: each task is an Inspect task `earnest/<pillar>_<task>`, each earnest model an Inspect provider
`earnest/<model>`, each Inspect model an earnest model `inspect/<provider>/<name>`, as subject or judge. Fourth, a run
is written as Inspect logs whose clips play in its viewer.

What Inspect does with audio is met here: clips go in as WAV, which every provider takes; an item that could not be
scored becomes an unscored score and not a wrong one; a spoken answer arrives as its transcript; usage is always given.
Conversations cross in both directions, the assistant's turns as text; what is no turn of user or assistant is refused.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from inspect_ai import Task as InspectTask
from inspect_ai import task as inspect_task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalLog,
    EvalMetric,
    EvalResults,
    EvalSample,
    EvalScore,
    EvalSpec,
    EvalStats,
    write_eval_log,
)
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    Content,
    ContentAudio,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate
from inspect_ai.tool import ToolChoice, ToolInfo

from earnest.audio import AudioClip, Manifest, Stimulus, Turn
from earnest.errors import BadAudio, BadData, BadParameter, EarnestError, HistoryRefused, ModelFailed
from earnest.models import load_model
from earnest.models.access import Answer, Failure, Model, Sampling, System, rng_for, written_answer
from earnest.records import NO_ANSWER, Item, JournalLine, Question, Unscored, Verdict
from earnest.registry import registry
from earnest.results.build import build, read_lines
from earnest.results.proof import reason_unproven
from earnest.run_folder import clip_file, taken_as_data
from earnest.tasks.probe import probe_manifest


# --- earnest's models in Inspect ------------------------------------------------------------------------------------
@modelapi(name="earnest")
class EarnestAPI(ModelAPI):
    """Inspect's provider `earnest/<model>`: `earnest/reference`, `earnest/scripted/always_refuse`, ..."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self._model = load_model(model_name if "/" in model_name else f"earnest/{model_name}", **model_args)

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """The model's answer to the last message, with the system messages and the earlier turns.

        Raises
        ------
        ModelFailed
            If the conversation is none that a stimulus can hold, or the model takes no earlier turns.
        """
        sampling = Sampling(temperature=config.temperature or 0.0, max_tokens=config.max_tokens or 256)
        answer = await self._model.ask_one(_stimulus(input), sampling=sampling)
        output = ModelOutput.from_content(self.model_name, answer.text)
        output.usage = _usage(answer.usage)
        return output

    def should_retry(self, ex: BaseException) -> bool:
        """Whether another attempt may succeed."""
        return isinstance(ex, ModelFailed) and ex.retryable

    def max_connections(self) -> int:
        """As many as a batch of a local model takes."""
        return self._model.batch_size or 16

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._model.aclose()


def _stimulus(messages: list[ChatMessage]) -> Stimulus:
    system = [message.text for message in messages if isinstance(message, ChatMessageSystem)]
    turns = [_turn(message) for message in messages if not isinstance(message, ChatMessageSystem)]
    if not turns or turns[-1].role != "user":
        raise HistoryRefused("a conversation must end with the user's message, and does not; ask with one at its end")
    *earlier, last = turns
    return Stimulus(clips=last.clips, prompt=last.text, system_prompt="\n".join(system) or None, history=tuple(earlier))


def _turn(message: ChatMessage) -> Turn:
    if isinstance(message, ChatMessageAssistant):
        if message.tool_calls:
            raise HistoryRefused("an earlier answer must be words or a recording, got calls of tools; leave tools out")
        return Turn(role="assistant", text=message.text, clips=_clips(message))
    if isinstance(message, ChatMessageUser):
        return Turn(role="user", text=message.text, clips=_clips(message))
    raise HistoryRefused(
        f"a message must be of the system, the user or the assistant, got {message.role!r}; leave tools out"
    )


def _clips(message: ChatMessage) -> dict[str, AudioClip]:
    content = [] if isinstance(message.content, str) else message.content
    clips = [_clip(part.audio) for part in content if isinstance(part, ContentAudio)]
    roles = ["speech"] if len(clips) == 1 else [f"clip {number}" for number in range(1, len(clips) + 1)]
    return dict(zip(roles, clips, strict=True))


def _clip(audio: str) -> AudioClip:
    if audio.startswith("data:"):
        return AudioClip.from_bytes(base64.b64decode(audio.partition(",")[2]))
    return AudioClip.read(audio)


def _usage(usage: Any) -> ModelUsage:
    input_tokens, output_tokens = (int(usage.get(key, 0)) for key in ("input_tokens", "output_tokens"))
    return ModelUsage(input_tokens=input_tokens, output_tokens=output_tokens, total_tokens=input_tokens + output_tokens)


# --- Inspect's models in earnest ------------------------------------------------------------------------------------
class InspectModel(Model):
    """An Inspect model as an earnest one, subject or judge: `inspect/<provider>/<name>`."""

    takes_history = True

    def __init__(self, name: str, **model_args: Any) -> None:
        try:
            self._model = get_model(name, **model_args)
        except Exception as error:  # noqa: BLE001  (a missing vendor package, a wrong name: Inspect has no public class)
            raise BadParameter(f"Inspect cannot load {name!r}: {getattr(error, 'message', error)}") from error
        self.name = f"inspect/{name}"
        self.fingerprint = f"inspect {name}"
        self.destination = None if name.startswith(("mockllm/", "earnest/")) else name.partition("/")[0]

    async def ask_one(self, stimulus: Stimulus, *, sampling: Sampling = Sampling()) -> Answer:  # noqa: B008
        """The answer by Inspect's provider, whose own retries apply.

        Raises
        ------
        ModelFailed
            If the provider raises; its message is passed on. `history_refused`, if an earlier answer is a recording
            without words.
        """
        messages = _messages(stimulus, audio=_data_uri, name=self.name)
        config = GenerateConfig(temperature=sampling.temperature, max_tokens=sampling.max_tokens, seed=sampling.seed)
        try:
            output = await self._model.generate(messages, config=config)
        except EarnestError:
            raise
        except Exception as error:  # noqa: BLE001  (every provider raises errors of its own)
            raise ModelFailed(f"Inspect's {self.name} failed: {error}") from error
        usage = output.usage
        counts = {} if usage is None else {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
        return Answer(text=output.completion, usage=counts, details={"finish_reason": str(output.stop_reason)})


def _messages(stimulus: Stimulus, *, audio: Callable[[AudioClip], str], name: str) -> list[ChatMessage]:
    """The conversation as Inspect's messages; `audio` makes of a clip what a message holds."""
    messages: list[ChatMessage] = [ChatMessageSystem(content=stimulus.system_prompt)] if stimulus.system_prompt else []
    for turn in stimulus.turns:
        if turn.role == "assistant":
            messages.append(ChatMessageAssistant(content=written_answer(turn, name=name)))
        else:
            parts: list[Content] = [ContentAudio(audio=audio(clip), format="wav") for clip in turn.clips.values()]
            words = [ContentText(text=turn.text)] if turn.text or not parts else []
            messages.append(ChatMessageUser(content=[*parts, *words]))
    return messages


def _data_uri(clip: AudioClip) -> str:
    return "data:audio/wav;base64," + base64.b64encode(clip.wav_bytes()).decode()


# --- earnest's tasks in Inspect -------------------------------------------------------------------------------------
def _task_builder(name: str, task: Any) -> Callable[..., InspectTask]:
    """The Inspect task of an earnest task: same items, same prompts, same scoring."""

    @inspect_task(name=f"{task.pillar}_{name}")
    def build_task(data: str | None = None, seed: int = 0) -> InspectTask:
        manifest = probe_manifest() if data is None else Manifest.read(Path(data))
        found, missing = task.items_or_lack(manifest, seed=seed)
        if missing is not None:
            raise BadData(f"task {name!r} cannot run on {data or 'the probe set'}: {missing}")
        items = {item.id: item for item in found}
        if any(item.follow is not None for item in found):
            raise BadData(
                f"task {name!r} asks in turns, which Inspect's samples do not; run it with `earnest run --task {name}`"
            )
        return InspectTask(
            dataset=MemoryDataset(
                [_sample(item, seed=seed) for item in items.values()], name=data or "earnest probe set"
            ),
            solver=generate(),
            scorer=earnest_scorer(name, items),
            version=task.version,
            metadata={"pillar": task.pillar, "source": task.source, "headline": task.headline},
        )

    return build_task


def _sample(item: Item, *, seed: int) -> Sample:
    messages = _messages(_attacked(item, seed=seed), audio=lambda clip: str(_wav(clip)), name=item.id)
    expected = item.truth.get("expected", "")
    return Sample(
        id=item.id,
        input=messages,
        target=expected if isinstance(expected, str) else str(expected),
        metadata={"cluster": item.cluster or item.sample, "truth": dict(item.truth)},
    )


def _attacked(item: Item, *, seed: int) -> Stimulus:
    """What is asked of an item, after the attack that is part of it, if any: Inspect asks its samples as they are.

    Raises
    ------
    BadAudio
        If the attack makes nothing of it.
    """
    own = item.own_attack
    if own is None:
        return item.load()
    stimulus = replace(item.load(), goal=own.goal)
    rng = rng_for(seed, "attack", own.attack)
    (attempt,) = registry("attacks").make(own.attack).run(System(_source(own.crafted_on)), [stimulus], rng=rng).attempts
    trial = attempt.control_trial if own.control else attempt
    if trial is None or isinstance(trial.answer, Failure):
        detail = "it has no control" if trial is None else trial.answer.detail or trial.answer.reason
        raise BadAudio(f"{item.id} cannot be asked: {own.attack} makes nothing of its clip: {detail}")
    return trial.stimulus


@lru_cache(maxsize=1)
def _source(spec: str) -> Model:
    return load_model(spec)


def _wav(clip: AudioClip) -> Path:
    """The clip as a WAV file by content: Inspect wants paths in a data set, so that memory stays small."""
    home = Path(os.environ.get("EARNEST_CACHE", Path.home() / ".cache" / "earnest"))
    path = home / "wav" / f"{clip.digest}.wav"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(clip.wav_bytes())
        partial.replace(path)
    return path


@scorer(metrics=[mean(), stderr(cluster="cluster")], name="earnest")
def earnest_scorer(name: str, items: dict[str, Item]) -> Scorer:
    """The task's own scoring; what it cannot score is unscored with the reason.

    Inspect asks no canaries, so a reply that answers nothing is unscored: it may be that nothing was heard.
    """
    task = registry("tasks").make(name)

    async def score(state: TaskState, target: Target) -> Score:
        text = state.output.completion
        answer = Answer(text=text, details={"finish_reason": str(state.output.stop_reason)})
        outcome = task.score(items[str(state.sample_id)], answer) if text.strip() else Unscored(reason="empty_answer")
        if isinstance(outcome, Question) and outcome.otherwise is not None:
            outcome = outcome.otherwise
        if isinstance(outcome, Verdict) and outcome.label == NO_ANSWER:
            return Score.unscored(reason=reason_unproven(str(outcome.facts.get("why", ""))), answer=text)
        if isinstance(outcome, Verdict) and outcome.score is not None:
            return Score(value=outcome.score, answer=outcome.label, metadata=dict(outcome.facts))
        if isinstance(outcome, Verdict):
            return Score.unscored(reason="control", answer=outcome.label, metadata=dict(outcome.facts))
        return Score.unscored(reason=outcome.reason if isinstance(outcome, Unscored) else "unjudged", answer=text)

    return score


for _name in registry("tasks").names():
    _made = registry("tasks").make(_name)
    if _made.layout != "manifest":
        continue  # a benchmark's own setups need its files and its judges: `earnest run` asks them
    globals()[f"{_made.pillar}_{_name}"] = _task_builder(_name, _made)


# --- runs as Inspect logs -------------------------------------------------------------------------------------------
def export(folder: Path, out: Path | None = None) -> Iterator[Path]:
    """Write a run as Inspect logs, one `.eval` file a task and arm, with clips that its viewer plays.

    Parameters
    ----------
    folder : Path
        A run folder.
    out : Path or None
        Folder for the logs; default: `inspect/` in the run folder.

    Yields
    ------
    Path
        Each log as it is written.
    """
    out = folder / "inspect" if out is None else out
    out.mkdir(parents=True, exist_ok=True)
    with taken_as_data(folder):
        yield from _written(folder, out)


def _written(folder: Path, out: Path) -> Iterator[Path]:
    by_log: dict[tuple[str, str], list[JournalLine]] = {}
    for line in read_lines(folder):
        if line.kind == "item":
            by_log.setdefault((line.task, line.arm.suffix), []).append(line)
    findings = build(folder)
    for (task, suffix), lines in by_log.items():
        headline = next((f for f in findings if f.task == task and f.headline and f.id.endswith(suffix)), None)
        path = out / f"{_stem(task)}{_safe(suffix)}.eval"
        write_eval_log(_log(folder, task + suffix, lines, headline), path)
        yield path


def _stem(task: str) -> str:
    """The name of a task as the stem of a file's name; one that is no plain name is told apart by its hash."""
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in task)[:80]
    return task if plain == task else f"{plain}-{hashlib.sha256(task.encode()).hexdigest()[:8]}"


def _safe(suffix: str) -> str:
    """The suffix of an arm as part of a file's name, short and unique."""
    if not suffix:
        return ""
    word = "".join(c if c.isalnum() else "-" for c in suffix)[:40]
    return f"{word}-{hashlib.sha256(suffix.encode()).hexdigest()[:8]}"


def _log(folder: Path, name: str, lines: list[JournalLine], headline: Any) -> EvalLog:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    metrics = {}
    if headline is not None and headline.value is not None:
        for key, value in (("mean", headline.value), ("low", headline.low), ("high", headline.high)):
            metrics[key] = EvalMetric(name=key, value=value)
    n_unscored = sum(line.status == "unscored" for line in lines)
    score = EvalScore(
        name="earnest",
        scorer="earnest",
        scored_samples=len(lines) - n_unscored,
        unscored_samples=n_unscored,
        metrics=metrics,
    )
    return EvalLog(
        status="success",
        eval=EvalSpec(
            created=now,
            task=f"earnest/{name}",
            dataset=EvalDataset(name=name, samples=len(lines), sample_ids=[line.item for line in lines]),
            model=lines[0].model,
            config=EvalConfig(),
        ),
        results=EvalResults(total_samples=len(lines), completed_samples=len(lines), scores=[score]),
        stats=EvalStats(started_at=now, completed_at=now),
        samples=[_eval_sample(folder, line) for line in lines],
    )


def _eval_sample(folder: Path, line: JournalLine) -> EvalSample:
    audio = [clip_file(folder, digest) for digest in line.clips.values()]
    parts: list[Content] = [
        ContentAudio(audio=_data_uri(AudioClip.read(path)), format="wav") for path in audio if path.exists()
    ]
    asked = ChatMessageUser(content=[*parts, ContentText(text=line.prompt)])
    output = ModelOutput.from_content(line.model, line.answer or "")
    output.usage = _usage(line.usage)
    verdict = line.verdict or {}
    score = (
        Score(
            value=float("nan") if line.score is None else line.score, answer=line.label, metadata=verdict.get("facts")
        )
        if line.status == "scored"
        else Score.unscored(reason=line.reason, explanation=line.detail)
    )
    return EvalSample(
        id=line.item,
        epoch=1,
        input=[asked],
        target=str(line.truth.get("expected", "")),
        messages=[asked, ChatMessageAssistant(content=line.answer or "", model=line.model)],
        output=output,
        scores={"earnest": score},
        metadata={"truth": line.truth, "attempt": line.attempt, "attack": line.attack, "defence": line.defence},
    )
