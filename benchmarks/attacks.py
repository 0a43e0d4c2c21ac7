"""What a step of PGD costs, beside loops written by hand on the same model.

    python benchmarks/attacks.py [--clips 16] [--steps 10] [--threads 1]
    python benchmarks/attacks.py --masking             the masking threshold, in milliseconds for a second of audio
    python benchmarks/attacks.py --attack "square:queries=20" --attack fgsm    whole attacks, in clips a minute

Three loops take the same steps on the same clips of the embedded reference model, several rounds in turn; the least
time of each is told, in milliseconds of CPU and of wall time for a step of the whole batch:

- `torch`: forward and backward alone, clips as tensors, the transcript decoded once; no budget but a clamp;
- `numpy`: the model's `loss_and_gradient` on arrays (which makes sure of the transcript in the same pass), then a sign and a clip;
- `pgd`: the attack with its victim, budget in SNR, best iterate and accounts, without queries, driving a target whose
  transcript was sought before (`Model.aimed`);
- `pgd + checks`: the same with a query every ten steps, which are answers of the model.

A further row, `aim`, tells what it takes to seek the transcripts of the batch, once. What `pgd` adds to `torch` is the price of all that the bare loop leaves out; what it adds to `numpy` that of the attack alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from earnest.attacks._victim import Victim
from earnest.attacks.adversarial.pgd import ProjectedGradientDescent
from earnest.audio import AudioClip, Stimulus
from earnest.models import System, load_model
from earnest.models.embedded import EmbeddedModel
from earnest.tasks import tasks
from earnest.tasks.probe import probe_manifest

EPSILON = 0.002


def main() -> None:
    """Run the loops and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--masking", action="store_true")
    parser.add_argument("--attack", action="append", default=[], metavar="SPEC")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if chosen.masking:
        tell(masking_times(rounds=chosen.rounds), as_json=chosen.json)
        return
    import torch

    torch.set_num_threads(chosen.threads)
    model = load_model("earnest/reference", n_threads=chosen.threads)
    stimuli = harmful_requests(chosen.clips)
    if chosen.attack:
        tell({spec: whole_attack(spec, model, stimuli) for spec in chosen.attack}, as_json=chosen.json)
        return
    aims = aim(model, stimuli)
    loops = {
        "torch": lambda: torch_loop(model, stimuli, chosen.steps),
        "aim": lambda: aim(model, stimuli),
        "numpy": lambda: numpy_loop(model, stimuli, chosen.steps),
        "pgd": lambda: pgd_loop(model, stimuli, aims, chosen.steps, check_every=0),
        "pgd + checks": lambda: pgd_loop(model, stimuli, aims, chosen.steps, check_every=10),
    }
    seconds = sum(stimulus.clip.duration_s for stimulus in stimuli)
    best = timed(loops, rounds=chosen.rounds)
    found = {}
    for name, (cpu_s, wall_s) in best.items():
        n = 1 if name == "aim" else chosen.steps + 1  # the transcripts are sought once, whatever the steps
        ratio = cpu_s / n / (best["torch"][0] / (chosen.steps + 1))
        found[name] = {"cpu_ms": 1e3 * cpu_s / n, "wall_ms": 1e3 * wall_s / n, "ratio": ratio}
    if chosen.json:
        print(json.dumps({"n_clips": len(stimuli), "audio_s": seconds, "steps": chosen.steps, "loops": found}))
        return
    print(f"{len(stimuli)} clips, {seconds:.1f} s of audio, {chosen.steps} steps, {chosen.threads} thread(s)")
    for name, row in found.items():
        print(
            f"{name:14s} {row['cpu_ms']:8.1f} ms CPU {row['wall_ms']:8.1f} ms wall a step   {row['ratio']:5.2f} of torch"
        )


def tell(found: dict[str, dict[str, float]], *, as_json: bool) -> None:
    """Print rows of numbers."""
    if as_json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(f"{name:28s} " + "  ".join(f"{key} {value:.4g}" for key, value in row.items()))


def masking_times(*, rounds: int, seconds: float = 5.0) -> dict[str, dict[str, float]]:
    """Least CPU milliseconds for a second of audio: of the threshold, and of the hinge with its gradient."""
    from earnest.audio.masking import Masking

    rng = np.random.default_rng(0)
    n = round(seconds * 16_000)
    clip = (0.1 * np.sin(2 * np.pi * 150 * np.arange(n) / 16_000) + 0.02 * rng.standard_normal(n)).astype(np.float32)
    change = (0.001 * rng.standard_normal(n)).astype(np.float32)
    masking = Masking.of(clip, 16_000)
    works = {"threshold": lambda: Masking.of(clip, 16_000), "hinge and gradient": lambda: masking.hinge(change)}
    best = timed(works, rounds=max(rounds, 5))
    return {name: {"cpu_ms_per_s": 1e3 * cpu_s / seconds} for name, (cpu_s, _) in best.items()}


def whole_attack(spec: str, model: EmbeddedModel, stimuli: Sequence[Stimulus]) -> dict[str, float]:
    """Clips a minute of CPU of an attack with its control, its verification and its twins, all clips in one batch."""
    from earnest.attacks import attacks

    cpu, wall = time.process_time(), time.perf_counter()
    result = attacks.make(spec).run(System(model), stimuli, rng=np.random.default_rng(0))
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    n = len(result.attempts)
    return {
        "clips_per_cpu_minute": 60 * n / cpu_s,
        "clips_per_minute": 60 * n / wall_s,
        "n": n,
        "on_target": result.n_on_target,
        "judged": result.n_judged,
    }


def harmful_requests(n_clips: int) -> list[Stimulus]:
    """The first `n_clips` harmful requests of the probe set with their goals."""
    task = tasks.get("harmful_refusal")()
    items = task.items(probe_manifest(), seed=0)[:n_clips]
    return [replace(item.load(), goal=task.goal(item)) for item in items]


def timed(loops: dict[str, Callable[[], None]], *, rounds: int) -> dict[str, tuple[float, float]]:
    """Least CPU and wall seconds of each loop; the first round only warms up."""
    best = {name: (np.inf, np.inf) for name in loops}
    for turn in range(rounds + 1):
        for name, loop in loops.items():
            wall, cpu = time.perf_counter(), time.process_time()
            loop()
            spent = time.process_time() - cpu, time.perf_counter() - wall
            if turn:
                best[name] = tuple(np.minimum(best[name], spent))
    return best


def torch_loop(model: EmbeddedModel, stimuli: Sequence[Stimulus], n_steps: int) -> None:
    """Forward, backward, sign and clamp on tensors; what is to be said is fixed before."""
    import torch

    from earnest.models.reference.instructions import Question

    route = model._differentiable
    heard = [reply.details["transcript"] for reply in model.ask(stimuli)]
    texts = [f"{said}<sep>{stimulus.goal.target}" for said, stimulus in zip(heard, stimuli, strict=True)]
    tokens = [route.checkpoint.vocabulary.encode(f"<answer>{text}<end>") for text in texts]
    questions = [Question(samples=stimulus.clip.samples, prompt=stimulus.prompt) for stimulus in stimuli]
    clean = [torch.from_numpy(stimulus.clip.samples.copy()) for stimulus in stimuli]
    waves = [wave.clone().requires_grad_() for wave in clean]
    for _ in range(n_steps + 1):
        logits = route._teacher_forced(*route._ahead(questions, waves), [each[:-1] for each in tokens])
        loss = sum(
            torch.nn.functional.cross_entropy(row, torch.tensor(each[1:]))
            for row, each in zip(logits, tokens, strict=True)
        )
        gradients = torch.autograd.grad(loss, waves)
        with torch.no_grad():
            for wave, start, gradient in zip(waves, clean, gradients, strict=True):
                wave -= 0.1 * EPSILON * gradient.sign()
                wave.clamp_(start - EPSILON, start + EPSILON)


def numpy_loop(model: EmbeddedModel, stimuli: Sequence[Stimulus], n_steps: int) -> None:
    """The model's own loss and gradient, then a sign and a clip."""
    targets = [stimulus.goal.target for stimulus in stimuli]
    clips = [stimulus.clip.samples for stimulus in stimuli]
    for _ in range(n_steps + 1):
        asked = [s.with_clip(s.clip.with_samples(clip)) for s, clip in zip(stimuli, clips, strict=True)]
        _, gradients = model.loss_and_gradient(asked, targets=targets)
        clips = [
            np.clip(clip - np.float32(0.1 * EPSILON) * np.sign(g), s.clip.samples - EPSILON, s.clip.samples + EPSILON)
            for clip, g, s in zip(clips, gradients, stimuli, strict=True)
        ]


def aim(model: EmbeddedModel, stimuli: Sequence[Stimulus]) -> list[str]:
    """The targets with the transcripts that are driven along with them."""
    return model.aimed(stimuli, targets=[stimulus.goal.target for stimulus in stimuli])


class Aimed(Victim):
    """A victim whose targets were sought before the clock was started."""

    def __init__(self, *parts: object, aims: Sequence[str], **options: object) -> None:
        super().__init__(*parts, **options)
        self._aims = aims

    def aimed(self, clips: Mapping[int, AudioClip], *, targets: Mapping[int, str]) -> dict[int, str]:
        """What was sought."""
        return {place: self._aims[place] for place in clips}


def pgd_loop(
    model: EmbeddedModel, stimuli: Sequence[Stimulus], aims: Sequence[str], n_steps: int, *, check_every: int
) -> None:
    """The attack's search, without verification and control; no stimulus leaves the batch before the last step."""
    attack = ProjectedGradientDescent(steps=n_steps, check_every=check_every, stop_early=False)
    victim = Aimed(System(model), stimuli, aims=aims, budget=attack.budget, reached_clean=[False] * len(stimuli))
    list(attack.propose(victim, stimuli, rngs=[np.random.default_rng(0)] * len(stimuli)))


if __name__ == "__main__":
    main()
