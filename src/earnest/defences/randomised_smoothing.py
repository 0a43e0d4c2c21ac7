"""Randomised smoothing: a vote over noisy copies of the clip, and a certificate of what the vote withstands.

The *defence* asks the model about `k` noisy copies of a clip and gives the answer that most of them lead to. It certifies
nothing. The *certificate* (`certify`) is a statement about the smoothed decision for one clip: with confidence 1 - alpha,
no change of the waveform whose length (L2) is under the radius turns it. It holds under conditions that it states:

- the noise is added to the samples at the clip's rate, full scale being 1, and so the radius is a length there;
- nothing is done to a noisy copy before the model hears it: it is not clipped, not normalised, not rounded. A gain or a
  limit that depends on the copy changes the length of what was added, and the radius is void [park2026-representation];
- it is about the decision of infinitely many draws, which a vote of few may miss.

A radius is small beside what an attack at a usual budget may do: its signal-to-noise ratio (`Certificate.snr_db`) lies at about
52 to 58 dB at sigma 0.01, and at about 67 dB at 0.0025, on the requests of the probe set, where attacks are given 30. `Certificate.covers` says whether a change lies inside.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Stimulus
from earnest.audio.levels import decibels
from earnest.defences._base import Defence, Gradient, defences
from earnest.errors import AccessDenied, BadParameter, ModelFailed
from earnest.metrics.intervals import clopper_pearson
from earnest.metrics.refusal import READER, refusal_label
from earnest.models.access import Answer, Failure, Model, Reply, Sampling, System, rng_for
from earnest.models.delegate import Delegate

N_FIRST, N, ALPHA = 100, 10_000, 0.001
"""Draws that choose the class, draws that bound its probability, and the error allowed [cohen2019-certified]."""

SPACE = "waveform samples, full scale 1"
GAIN_POLICY = "none: a noisy copy is neither clipped nor normalised nor rounded before the model hears it"

FILE = "certificates.json"
"""What `earnest certify --out` writes, beside a run say."""

STIR = 2.0**-16
"""Noise that one question's votes share, at most: half a 16-bit step. Another draw stirs otherwise, and so votes otherwise."""

ABSTAINED = "abstained"

Decide = Callable[[Answer], str]
"""From an answer to its class, by a name of the user's own."""


def refuses_or_complies(answer: Answer) -> str:
    """`refuse` or `comply`: an answer that refuses in part refuses; silence complies with nothing and refuses nothing.

    >>> refuses_or_complies(Answer(text="Sorry, I cannot help with that."))
    'refuse'
    """
    if not answer.said.strip():
        return "silent"
    return "comply" if refusal_label(answer.said) == "compliance" else "refuse"


def contains(text: str) -> Decide:
    """Decides whether an answer contains a text, case aside: `says it` or `does not say it`.

    >>> contains("door")(Answer(text="I open the Door."))
    'says it'
    """
    wanted = text.casefold()
    return lambda answer: "says it" if wanted in answer.said.casefold() else "does not say it"


@defences.register("randomised_smoothing")
@dataclass(frozen=True, kw_only=True)
class RandomisedSmoothing(Defence):
    """The answer that most of `k` noisy copies of the clip lead to, by whether it refuses.

    White noise is added to every copy; the copies are asked, their answers sorted into refusals, help and silence, and
    the first answer of the largest class is given. A tie goes to the refusal. `details["votes"]` of the answer hold the
    counts. A call that fails has no vote; where fewer than half of the copies are answered, the whole call has failed.
    Asking costs `k` times as much. Attackers are given the mean loss and gradient over copies of their own.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, full scale being 1, above 0 and up to 1. On the requests of the probe set a
        certificate's radius lies at a signal-to-noise ratio of about 52 to 58 dB at sigma 0.01, and of about 67 dB at 0.0025:
        far below what an attack at 30 dB adds.
    k : int
        Copies, 1 to 1,000.

    Notes
    -----
    The prediction of [cohen2019-certified], without its test of the margin: a vote of few draws certifies nothing, and what
    `earnest certify` states is about another number of draws. Which noise the copies get follows from the clip and, since
    `apply` stirs the clip by at most half a 16-bit step, from the draw.
    """

    source: ClassVar[str] = "cohen2019-certified"
    gradient: ClassVar[Gradient] = "exact"
    reader: ClassVar[str] = READER

    sigma: float = 0.0025
    k: int = 9

    def __post_init__(self) -> None:
        _check_sigma(self.sigma)
        if not (isinstance(self.k, int) and 1 <= self.k <= 1000):
            raise BadParameter(f"k of randomised_smoothing must be a whole number from 1 to 1000, got {self.k!r}")

    @property
    def random(self) -> bool:
        """Another draw gives the copies other noise."""
        return True

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip stirred, so that the copies of another draw are others."""
        stir = rng.uniform(-self._stir, self._stir, clip.n_samples)
        return clip.with_samples((clip.samples + stir).astype(np.float32))

    def around(self, model: Model) -> Model:
        """The model asked about noisy copies."""
        return Voted(model, sigma=math.sqrt(self.sigma**2 - self._stir**2 / 3), k=self.k, key=str(self.spec))

    @property
    def _stir(self) -> float:
        return min(STIR, self.sigma / 2)


def _check_sigma(sigma: float) -> None:
    if not 0 < sigma <= 1:
        raise BadParameter(
            f"sigma of randomised_smoothing must lie above 0 and up to 1, full scale being 1, got {sigma!r}"
        )


class Voted(Delegate):
    """A model that answers by the vote of noisy copies of the clip.

    Parameters
    ----------
    model : Model
    sigma : float
        Of the noise of each copy.
    k : int
        Copies.
    key : str
        What tells it from the model, as part of its fingerprint.
    """

    def __init__(self, model: Model, *, sigma: float, k: int, key: str) -> None:
        self.model, self._sigma, self._k, self._key = model, sigma, k, key

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        """That of the model, changed by the key."""
        return f"{self.model.fingerprint}|{self._key}"

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus, by the vote of its copies."""
        replies = iter(self.model.ask(self._every(stimuli), sampling=sampling))
        return [voted([next(replies) for _ in range(self._k)]) for _ in stimuli]

    def ask_each(self, stimuli: Sequence[Stimulus], *, samplings: Sequence[Sampling]) -> list[Reply]:
        """As `ask`, each stimulus with a sampling of its own."""
        each = [sampling for sampling in samplings for _ in range(self._k)]
        replies = iter(self.model.ask_each(self._every(stimuli), samplings=each))
        return [voted([next(replies) for _ in range(self._k)]) for _ in stimuli]

    async def ask_one(self, stimulus: Stimulus, *, sampling: Sampling = Sampling(), **held: Any) -> Answer:  # noqa: B008
        """As `ask`; of a model that is asked by requests, one request after the other."""
        if self.batch_size is not None:
            return await Model.ask_one(self, stimulus, sampling=sampling)  # by `ask`, in the model's own thread
        replies: list[Reply] = []
        for copied in self._copies(stimulus):
            try:
                replies.append(await self.model.ask_one(copied, sampling=sampling, **held))
            except ModelFailed as error:
                if error.ends_run != "no" or error.retryable:
                    raise  # whoever asked repeats it, or stops
                replies.append(Failure.of(error))
        reply = voted(replies)
        if isinstance(reply, Failure):
            raise ModelFailed(reply.detail or reply.reason, reason=reply.reason, retryable=reply.passing)
        assert isinstance(reply, Answer)
        return reply

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """Means over the copies: noise does not depend on the clip, so the mean gradient is that of the mean loss."""
        losses = np.zeros(len(stimuli))
        means = []
        for place, (stimulus, target) in enumerate(zip(stimuli, targets, strict=True)):
            each, gradients = self.model.loss_and_gradient(list(self._copies(stimulus)), targets=[target] * self._k)
            losses[place] = np.mean(each)
            means.append(np.mean(gradients, axis=0, dtype=np.float64).astype(np.float32))
        return losses, means

    def hooked(self, edits: Any) -> Any:
        """Not of a model that answers by a vote.

        Raises
        ------
        AccessDenied
            Always: edit the model, and put the edited one behind the defence.
        """
        raise AccessDenied(f"{self.name!r} answers by a vote; edit the model itself, and put that behind the defence")

    @property
    def _own_thread(self) -> Any:  # type: ignore[override]
        return self.model._own_thread

    def _every(self, stimuli: Sequence[Stimulus]) -> list[Stimulus]:
        return [copied for stimulus in stimuli for copied in self._copies(stimulus)]

    def _copies(self, stimulus: Stimulus) -> Iterable[Stimulus]:
        """Noisy copies of the stimulus; its noise depends on what is asked alone, not on batch or order."""
        rng = rng_for(self._k, "randomised_smoothing", stimulus.digest)
        return [noisy(stimulus, sigma=self._sigma, rng=rng) for _ in range(self._k)]


def noisy(stimulus: Stimulus, *, sigma: float, rng: np.random.Generator) -> Stimulus:
    """The stimulus with white noise added to the clips of its last turn: not clipped, not normalised, not rounded."""
    for role, clip in stimulus.clips.items():
        noise = rng.standard_normal(clip.n_samples, dtype=np.float32)
        stimulus = stimulus.with_clip(clip.with_samples(clip.samples + np.float32(sigma) * noise), role=role)
    return stimulus


def voted(replies: Sequence[Reply]) -> Reply:
    """The first answer of the largest class, with the counts; a failure where fewer than half of the calls were answered."""
    answers = [reply for reply in replies if isinstance(reply, Answer)]
    failures = [reply for reply in replies if isinstance(reply, Failure)]
    if 2 * len(answers) < len(replies) or not answers:
        return failures[0]
    classes = [refuses_or_complies(answer) for answer in answers]
    counts = Counter(classes)
    most = max(counts.values())
    winner = "refuse" if counts["refuse"] == most else next(name for name in classes if counts[name] == most)
    usage: Counter[str] = Counter()
    for answer in answers:
        usage.update(answer.usage)
    chosen = answers[classes.index(winner)]
    votes = {**dict(sorted(counts.items())), **({"failed": len(failures)} if failures else {})}
    total_ms = sum(answer.duration_ms for answer in answers)
    return replace(chosen, usage=usage, duration_ms=total_ms, details={**chosen.details, "votes": votes})


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What is known of the smoothed decision about one clip.

    Parameters
    ----------
    decision : str
        The class, or `abstained`: no class was shown to be in the majority, and nothing is known.
    radius : float
        Length (L2) under which no change of the samples turns the decision, full scale being 1; 0 where it abstained.
    snr_db : float
        Energy of the clip over that of the longest such change, in dB: an attack that is given a lower ratio lies outside.
        Infinite where the radius is 0.
    p_lower : float
        Lower bound of the probability of the class under the noise (Clopper and Pearson, one-sided at `alpha`).
    n_class, n, n_first : int
        How many of the `n` draws fell to the class, and the draws that chose it.
    n_failed : int
        Of the `n`, calls that gave no answer: each counts against the class.
    counts : mapping of str to int
        The `n` draws by class.
    sigma, alpha : float
    sample_rate : int
        Of the space, in Hz.
    n_samples : int
        Its dimension.
    space, gain_policy : str
    """

    decision: str
    radius: float
    snr_db: float
    p_lower: float
    n_class: int
    n: int
    n_first: int
    n_failed: int
    counts: dict[str, int]
    sigma: float
    alpha: float
    sample_rate: int
    n_samples: int
    space: str = SPACE
    gain_policy: str = GAIN_POLICY

    @property
    def abstained(self) -> bool:
        """Whether nothing is known."""
        return self.decision == ABSTAINED

    def covers(self, *, clean: AudioClip, perturbed: AudioClip) -> bool:
        """Whether a change lies inside the radius: the certificate says something of it.

        False for another rate or length, which is another space.
        """
        if (clean.sample_rate, clean.n_samples) != (self.sample_rate, self.n_samples):
            return False
        if (perturbed.sample_rate, perturbed.n_samples) != (self.sample_rate, self.n_samples):
            return False
        change = perturbed.samples.astype(np.float64) - clean.samples
        return bool(np.linalg.norm(change) < self.radius)

    def as_json(self) -> dict[str, Any]:
        """Every field, as plain JSON values; an infinite ratio is null."""
        plain = asdict(self)
        return {**plain, "snr_db": self.snr_db if math.isfinite(self.snr_db) else None}

    def as_text(self) -> str:
        """For a person, with the conditions."""
        drawn = f"{self.n_class} of {self.n} draws (after {self.n_first} that chose the class)"
        failed = f"; {self.n_failed} calls failed and count against it" if self.n_failed else ""
        if self.abstained:
            return f"abstained: no class is shown to be in the majority; the commonest has {drawn}{failed}. Nothing is certified."
        return (
            f"{self.decision}: no change shorter than {self.radius:.4g} (L2, {self.space}, at {self.sample_rate} Hz) turns the "
            f"smoothed decision, with confidence {1 - self.alpha:g}.\n"
            f"  that is an SNR of {self.snr_db:.1f} dB for this clip; an attack that is given less SNR is not covered\n"
            f"  {drawn}{failed}; probability at least {self.p_lower:.4f}; sigma {self.sigma:g}\n"
            f"  gain policy: {self.gain_policy}"
        )


def certified_radius(*, n_class: int, n: int, sigma: float, alpha: float = ALPHA) -> tuple[float, float]:
    """The lower bound of a class's probability, and the radius that follows: sigma times its normal quantile.

    Parameters
    ----------
    n_class, n : int
        Draws of the class among all.
    sigma : float
        Of the noise.
    alpha : float
        The chance that the bound is too high.

    Returns
    -------
    p_lower, radius : float
        The radius is 0 where the bound is at most one half.

    Examples
    --------
    >>> p_lower, radius = certified_radius(n_class=1000, n=1000, sigma=0.0025)
    >>> round(p_lower, 5), round(radius, 6)  # 0.001 ** (1 / 1000), and 2.4624 sigma
    (0.99312, 0.006156)

    References
    ----------
    [cohen2019-certified], theorem 1 and section 3.2.2
    """
    p_lower = clopper_pearson(n_success=n_class, n=n, confidence=1 - 2 * alpha).low
    return p_lower, sigma * NormalDist().inv_cdf(p_lower) if p_lower > 0.5 else 0.0


def certify(
    system: System,
    stimulus: Stimulus,
    *,
    rng: np.random.Generator,
    decide: Decide = refuses_or_complies,
    sigma: float = 0.0025,
    n_first: int = N_FIRST,
    n: int = N,
    alpha: float = ALPHA,
    batch: int = 64,
) -> Certificate:
    """What changes of the clip the smoothed decision about it withstands.

    `n_first` noisy copies choose the class; `n` others bound its probability from below. Where the bound is not above one
    half, the certificate abstains.

    Parameters
    ----------
    system : System
        Its defences are part of what is smoothed, so they must draw nothing: the noise comes before all of them.
    stimulus : Stimulus
        With one clip in its last turn.
    rng : numpy.random.Generator
        Draws the noise.
    decide : callable (answer) -> str
        The class of an answer; by default whether it refuses.
    sigma : float
        Of the noise, full scale being 1.
    n_first, n : int
        100 and 10,000 in [cohen2019-certified].
    alpha : float
        The chance that the certificate is wrong.
    batch : int
        Copies asked at once; it only affects speed and memory.

    Raises
    ------
    BadParameter
        If a number is out of its range, the stimulus has not one clip, a defence draws, or answers are sampled.
    """
    _check(system, stimulus, sigma=sigma, n_first=n_first, n=n, alpha=alpha)

    def counted(how_many: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        for start in range(0, how_many, batch):
            copies = [noisy(stimulus, sigma=sigma, rng=rng) for _ in range(min(batch, how_many - start))]
            for reply in system.ask(copies):
                counts[_class_of(reply, decide)] += 1
        return counts

    first = counted(n_first)
    named = {name: count for name, count in first.items() if name != FAILED}
    counts = counted(n) if named else Counter({FAILED: n})
    chosen = max(named, key=lambda name: (named[name], name)) if named else ABSTAINED
    p_lower, radius = certified_radius(n_class=counts[chosen], n=n, sigma=sigma, alpha=alpha)
    signal = float(np.sum(np.square(stimulus.clip.samples, dtype=np.float64)))
    return Certificate(
        decision=chosen if radius > 0 else ABSTAINED,
        radius=radius,
        snr_db=decibels(signal / radius**2) if radius > 0 else math.inf,
        p_lower=p_lower,
        n_class=counts[chosen],
        n=n,
        n_first=n_first,
        n_failed=counts[FAILED],
        counts={name: count for name, count in sorted(counts.items()) if name != FAILED},
        sigma=sigma,
        alpha=alpha,
        sample_rate=stimulus.clip.sample_rate,
        n_samples=stimulus.clip.n_samples,
    )


FAILED = "\x00failed"
"""The class of a call that gave no answer; no name that a user could give."""


def _class_of(reply: Reply, decide: Decide) -> str:
    if isinstance(reply, Failure):
        return FAILED
    answer = reply if isinstance(reply, Answer) else reply.as_answer
    return str(decide(answer))


def _check(system: System, stimulus: Stimulus, *, sigma: float, n_first: int, n: int, alpha: float) -> None:
    _check_sigma(sigma)
    if not (n_first >= 1 and n >= 1 and 0 < alpha < 0.5):
        raise BadParameter(
            f"n_first and n must be at least 1 and alpha between 0 and 0.5, got {n_first!r}, {n!r} and {alpha!r}"
        )
    if len(stimulus.clips) != 1:
        raise BadParameter(
            f"a certificate is about one clip, got a stimulus with {len(stimulus.clips)}; its radius would not say which"
        )
    if drawing := [
        str(getattr(defence, "spec", defence)) for defence in system.defences if getattr(defence, "random", False)
    ]:
        raise BadParameter(
            f"defences under a certificate must draw nothing, got {', '.join(drawing)}; leave them out: the noise is certify's own"
        )
    if system.sampling.temperature > 0:
        raise BadParameter(
            f"answers under a certificate must not be sampled, got a temperature of {system.sampling.temperature:g}; set it to 0"
        )
