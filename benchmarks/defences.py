"""What each input defence costs: milliseconds of CPU per second of audio, forward and gradient, all in one process.

    python benchmarks/defences.py                      # audiomentations beside, from .venv-bench (benchmarks/effects.py)
    python benchmarks/defences.py --rival-python PATH  # a Python that has audiomentations
    python benchmarks/defences.py --json               # figures for a machine

Every registered defence that changes clips runs with its defaults on the same clips of 5 s at 16 kHz, one clip a call,
on one thread; the median over rounds is printed. Where audiomentations has the same, it is called in turns with ours:
room, band limit and quantisation are held to a ratio of CPU time. Codecs and what needs an extra are left out where the
extra is missing, and said.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import effects as beside  # noqa: E402  (the benchmark of the effects, for its clips, its rival and its clock)

N_CLIPS = 12
TARGETS = {"room": 4.4, "band_limit": 1.0, "quantise": 1.0}
"""How many times as fast as the rival we want to be."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival-python", type=Path, help=f"a Python with {beside.RIVAL}")
    parser.add_argument("--clips", type=int, default=N_CLIPS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        json.dump(measured(n_clips=options.clips, n_rounds=options.rounds), sys.stdout)
        return 0
    python = beside.rival_python(options.rival_python)
    if python is None:
        return 2
    command = [str(python), str(Path(__file__).resolve()), "--worker"]
    command += ["--clips", str(options.clips), "--rounds", str(options.rounds)]
    paths = os.pathsep.join([str(beside.ROOT / "src"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, **beside.ONE_THREAD, "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE)
    if done.returncode:
        return done.returncode
    result = json.loads(done.stdout)
    print(json.dumps(result, indent=2) if options.json else table(result))
    return 0


def measured(*, n_clips: int, n_rounds: int) -> dict[str, Any]:
    """Milliseconds per second of audio of each defence, and the ratios to the rival."""
    samples = beside.made_clips(n_clips)
    costs, left_out = defence_costs(samples, n_rounds)
    with tempfile.TemporaryDirectory() as folder:
        sides = beside.operations(Path(folder))
        ratios = {
            name: {**beside.timed(*sides[name], samples, n_rounds), "target_ratio": TARGETS[name]} for name in TARGETS
        }
    return {
        "what": "ms of CPU per second of audio, one thread, median of rounds",
        "clips": {"n": n_clips, "duration_s": beside.CLIP_S, "sample_rate": beside.SAMPLE_RATE},
        "n_rounds": n_rounds,
        "defences": costs,
        "left_out": left_out,
        "beside_audiomentations": ratios,
    }


def defence_costs(samples: list[Any], n_rounds: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Cost of `apply` and of `backward`, by name; and why others were left out."""
    import numpy as np

    from earnest.audio import AudioClip
    from earnest.defences import Defence, defences
    from earnest.errors import EarnestError
    from earnest.registry import names

    clips = [AudioClip(clip, beside.SAMPLE_RATE) for clip in samples]
    audio_s = sum(clip.duration_s for clip in clips)
    found, left_out = {}, {}
    for name in names("defences"):
        if defences.get(name).apply is Defence.apply:
            continue  # it changes no clip
        try:
            defence = defences.make(name)
            heard = [defence.apply(clip, rng=np.random.default_rng(0)) for clip in clips]
        except EarnestError as error:
            left_out[name] = str(error).splitlines()[0]
            continue
        pairs = [(clip, np.ones(one.n_samples, np.float32)) for clip, one in zip(clips, heard, strict=True)]

        def ahead(clip: Any, of: Any = defence) -> None:
            of.apply(clip, rng=np.random.default_rng(0))

        def back(pair: Any, of: Any = defence) -> None:
            of.backward(pair[1], clip=pair[0], rng=np.random.default_rng(0))

        spent = {"apply": [beside.cpu_s(ahead, clips) for _ in range(n_rounds)]}
        spent["backward"] = [beside.cpu_s(back, pairs) for _ in range(n_rounds)]
        found[name] = {
            **{f"{what}_ms_per_s": round(1e3 * statistics.median(each) / audio_s, 3) for what, each in spent.items()},
            "gradient": defence.gradient,
            "random": defence.random,
        }
    return found, left_out


def table(result: dict[str, Any]) -> str:
    """The figures for a person."""
    lines = [f"{'defence':22}{'apply':>10}{'backward':>10}  gradient"]
    for name, line in sorted(result["defences"].items(), key=lambda item: item[1]["apply_ms_per_s"]):
        drawn = ", random" if line["random"] else ""
        lines.append(f"{name:22}{line['apply_ms_per_s']:>10}{line['backward_ms_per_s']:>10}  {line['gradient']}{drawn}")
    lines += [f"{name:22} left out: {why}" for name, why in result["left_out"].items()]
    lines += [result["what"], "", f"{'effect':12}{'ratio to audiomentations':>26}{'wanted':>9}"]
    for name, line in result["beside_audiomentations"].items():
        missed = "" if line["ratio"] >= line["target_ratio"] else "  missed"
        lines.append(f"{name:12}{line['ratio']:>26}{line['target_ratio']:>9}{missed}")
    return "\n".join(lines)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
