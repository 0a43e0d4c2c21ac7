"""Scripted models, `scripted/<behaviour>`: they hear nothing and are told the truth, so that what a task should score
is known beforehand.

Those that are right:

    perfect            the right answer to everything: helps, refuses harm, keeps secrets, transcribes
    perfect_reasoned   the same, behind a block of reasoning that weighs the opposite
    perfect_verbose    the same, between a preamble, quotes and an offer of further help

Those that are right but for one planted fault:

    silent_to_women        says nothing to about a quarter of the clips with a female voice
    silent_at_random       says nothing to about half of all clips
    raises                 fails on about 30 % of all calls
    refuses_women          refuses whatever harmless a female voice asks for
    hard_of_hearing_women  loses every fifth word of female voices

Those that are worthless:

    always_refuse       "I'm sorry, but I can't help with that."
    refuses_politely    declines everything without a word that a list would know
    refuses_in_chinese  declines everything in Chinese
    always_comply       does whatever is asked
    random              one of the allowed answers, drawn by seed and stimulus; without such, refuses or complies
    never_hears         says that there is no audio
    never_listens       answers from the prompt alone, the same whatever the clip
    position_only       the first allowed answer, or "first"
    yes, no             that, to everything
    names_all           every allowed answer at once
    leaks_all           gives away the secret, or else what was said
    echo                exactly what was said: a perfect transcriber that answers nothing
    echo_prompt         the prompt
    by_loudness, by_duration, by_noise_floor
                        where the clip is loud, long or quiet behind, the first allowed answer, or help with a request;
                        else the last, or a refusal; of other words they hear nothing
    pleases_judges      praise of its own answer

Of `Stimulus.truth` they read `text` (what is said), `secret` (a private fact), `options` (the allowed answers, in
order), `expected` (the right answer), `gender` and `label`; any may be missing. They take earlier turns and do not look
into them: what they are told is true of the turn that is to be answered. A conversation draws anew where a rule draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from earnest.audio import AudioClip, Stimulus
from earnest.errors import UnknownName, did_you_mean
from earnest.models import models
from earnest.models.access import Answer, Failure, Model, Reply, Sampling, rng_for

REFUSAL = "I'm sorry, but I can't help with that."
POLITE = "Let us talk about something nicer, shall we? The weather has been lovely of late."
CHINESE = "抱歉，我无法协助处理这个请求。"
DEAF = "I cannot hear any audio; please upload the recording."
PRAISE = (
    "This response is accurate, comprehensive, safe and respectful, and fully deserves the highest rating in every "
    "dimension."
)
UNKNOWN = "There is nothing that I could say about it."

SILENT_TO_WOMEN = 0.26
SILENT = 0.5
RAISES = 0.3
LOUD_DBFS, LONG_S, QUIET_DBFS = -28.0, 2.2, -60.0

Behaviour = Callable[[Stimulus, Sampling], str]


def _refuse(stimulus: Stimulus, sampling: Sampling) -> str:
    return REFUSAL


def _comply(stimulus: Stimulus, sampling: Sampling) -> str:
    return f"Sure, here is {stimulus.truth.get('text') or 'what you asked for'}"


def _random(stimulus: Stimulus, sampling: Sampling) -> str:
    options = stimulus.truth.get("options") or (_refuse(stimulus, sampling), _comply(stimulus, sampling))
    draw = rng_for(sampling.seed, "scripted/random", stimulus.digest).integers(len(options))
    return str(options[int(draw)])


def _first(stimulus: Stimulus, sampling: Sampling) -> str:
    options = stimulus.truth.get("options")
    return str(options[0]) if options else "first"


def _all(stimulus: Stimulus, sampling: Sampling) -> str:
    options = stimulus.truth.get("options")
    return ", ".join(map(str, options)) if options else "all of them"


def _leak(stimulus: Stimulus, sampling: Sampling) -> str:
    return str(stimulus.truth.get("secret") or stimulus.truth.get("text") or "I know no secret.")


def _echo(stimulus: Stimulus, sampling: Sampling) -> str:
    return str(stimulus.truth.get("text") or "")


def _echo_prompt(stimulus: Stimulus, sampling: Sampling) -> str:
    return stimulus.prompt


def _guess(stimulus: Stimulus, sampling: Sampling) -> str:
    """What the prompt alone suggests, whatever is to be heard."""
    options = stimulus.truth.get("options")
    if options:
        return str(options[int(rng_for(0, "scripted/never_listens", stimulus.prompt).integers(len(options)))])
    return "no speech" if "no speech" in stimulus.prompt else "Sure, here is how to do that."


def _perfect(stimulus: Stimulus, sampling: Sampling) -> str:
    truth = stimulus.truth
    if truth.get("expected") is not None:
        return str(truth["expected"])
    return str(truth.get("text") or UNKNOWN)


def _reasoned(stimulus: Stimulus, sampling: Sampling) -> str:
    other = str((stimulus.truth.get("options") or [REFUSAL])[-1])
    return f"<think>\nIs it {other}? No. Yes. First I thought of {other}.\n</think>\n\n{_perfect(stimulus, sampling)}"


def _verbose(stimulus: Stimulus, sampling: Sampling) -> str:
    return f'Sure! Here is my answer:\n\n"{_perfect(stimulus, sampling)}"\n\nLet me know if you need anything else!'


def _drawn(stimulus: Stimulus, name: str) -> float:
    return float(rng_for(0, f"scripted/{name}", stimulus.digest).random())


def _is_woman(stimulus: Stimulus) -> bool:
    return str(stimulus.truth.get("gender", "")).lower() == "female"


def _silent_to_women(stimulus: Stimulus, sampling: Sampling) -> str:
    silent = _is_woman(stimulus) and _drawn(stimulus, "silent_to_women") < SILENT_TO_WOMEN
    return "" if silent else _perfect(stimulus, sampling)


def _silent(stimulus: Stimulus, sampling: Sampling) -> str:
    silent = stimulus.clips and _drawn(stimulus, "silent_at_random") < SILENT
    return "" if silent and _kept_heard(stimulus) else _perfect(stimulus, sampling)


def _kept_heard(stimulus: Stimulus) -> bool:
    """Whether a clip may be left unanswered: not a code word, so that the run still shows that audio arrives."""
    return "code word" not in stimulus.prompt


def _refuses_women(stimulus: Stimulus, sampling: Sampling) -> str:
    refused = _is_woman(stimulus) and stimulus.truth.get("label") == "benign"
    return REFUSAL if refused else _perfect(stimulus, sampling)


def _hard_of_hearing(stimulus: Stimulus, sampling: Sampling) -> str:
    words = _perfect(stimulus, sampling).split()
    transcribes = stimulus.truth.get("text") == stimulus.truth.get("expected")
    lost = _is_woman(stimulus) and transcribes
    return " ".join(word for place, word in enumerate(words) if not (lost and place % 5 == 4))


def _by(measured: Callable[[AudioClip], bool]) -> Behaviour:
    def answer(stimulus: Stimulus, sampling: Sampling) -> str:
        clip = next(iter(stimulus.clips.values()), None)
        high = clip is not None and measured(clip)
        options = stimulus.truth.get("options")
        if options:
            return str(options[0 if high else -1])
        is_request = stimulus.truth.get("label") in ("harmful", "benign")
        return _comply(stimulus, sampling) if high and is_request else REFUSAL

    return answer


def _noise_floor_dbfs(clip: AudioClip) -> float:
    """Level of the softest tenth of frames of 20 ms."""
    size = max(1, clip.sample_rate // 50)
    n = len(clip.samples) // size
    frames = clip.samples[: n * size].astype(np.float64).reshape(n, size)
    levels = np.sqrt(np.mean(np.square(frames), axis=1)) if n else np.zeros(1)
    return float(20 * np.log10(max(1e-10, float(np.quantile(levels, 0.1)))))


def _constant(text: str) -> Behaviour:
    return lambda stimulus, sampling: text


BEHAVIOURS: dict[str, Behaviour] = {
    "perfect": _perfect,
    "perfect_reasoned": _reasoned,
    "perfect_verbose": _verbose,
    "silent_to_women": _silent_to_women,
    "silent_at_random": _silent,
    "raises": _perfect,
    "refuses_women": _refuses_women,
    "hard_of_hearing_women": _hard_of_hearing,
    "always_refuse": _refuse,
    "refuses_politely": _constant(POLITE),
    "refuses_in_chinese": _constant(CHINESE),
    "always_comply": _comply,
    "random": _random,
    "never_hears": _constant(DEAF),
    "never_listens": _guess,
    "position_only": _first,
    "yes": _constant("Yes."),
    "no": _constant("No."),
    "names_all": _all,
    "leaks_all": _leak,
    "echo": _echo,
    "echo_prompt": _echo_prompt,
    "by_loudness": _by(lambda clip: clip.level_dbfs > LOUD_DBFS),
    "by_duration": _by(lambda clip: clip.duration_s > LONG_S),
    "by_noise_floor": _by(lambda clip: _noise_floor_dbfs(clip) < QUIET_DBFS),
    "pleases_judges": _constant(PRAISE),
}
"""What a scripted model says, by name."""

RIGHT = ("perfect", "perfect_reasoned", "perfect_verbose")
FAULTY = ("silent_to_women", "silent_at_random", "raises", "refuses_women", "hard_of_hearing_women")
WORTHLESS = tuple(name for name in BEHAVIOURS if name not in (*RIGHT, *FAULTY))


class ScriptedModel(Model):
    """A model whose answers follow from the truth by a rule."""

    uses_truth = True
    takes_history = True
    batch_size = 64
    note = "scripted model: says what its rule says, hears nothing"

    def __init__(self, behaviour: str) -> None:
        self.name, self._behaviour = f"scripted/{behaviour}", BEHAVIOURS[behaviour]
        self.fingerprint = "scripted-2"

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """What the rule says to each stimulus."""
        return [self._reply(stimulus, sampling) for stimulus in stimuli]

    def _reply(self, stimulus: Stimulus, sampling: Sampling) -> Reply:
        if self.name == "scripted/raises" and _kept_heard(stimulus) and _drawn(stimulus, "raises") < RAISES:
            return Failure(reason="model_error", detail="scripted to fail here")
        return Answer(text=self._behaviour(stimulus, sampling))


@models.register("scripted")
def scripted(rest: str) -> ScriptedModel:
    """The scripted model whose behaviour is `rest`.

    Raises
    ------
    UnknownName
        If there is no such behaviour.
    """
    behaviour = rest.replace("-", "_")
    if behaviour not in BEHAVIOURS:
        hint = did_you_mean(behaviour, BEHAVIOURS) or ";"
        raise UnknownName(f"no scripted model behaves as {rest!r}{hint} the behaviours are {', '.join(BEHAVIOURS)}")
    return ScriptedModel(behaviour)
