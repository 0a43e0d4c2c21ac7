"""How fast the effects are: seconds of audio per CPU second, beside audiomentations in one process.

    python benchmarks/effects.py                      # makes .venv-bench beside the checkout's src, once
    python benchmarks/effects.py --rival-python PATH  # a Python that has audiomentations
    python benchmarks/effects.py --json               # figures for a machine

Both run in the same interpreter (audiomentations needs an older soxr, so in its own environment), on one thread, with
the same numpy and scipy, in turns of a few clips, and only CPU time counts. Each side is called as its users call it:
one clip a call, float32 in, float32 out, the same length, the same impulse response. Ours draws noise from a bank that
is made once; theirs makes fresh noise in each call.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RIVAL = "audiomentations==0.43.1"
SAMPLE_RATE = 16_000
CLIP_S = 5.0
N_CLIPS = 200
TURN = 10
TARGETS = {"noise": 1.5, "room": 4.4, "tempo": 6.2}
"""How many times as fast as the rival we want to be; the other lines are for information."""

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rival-python", type=Path, help=f"a Python with {RIVAL} (default: .venv-bench, made if needed)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="medians are taken over these")
    parser.add_argument("--clips", type=int, default=N_CLIPS)
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        json.dump(measured(n_clips=options.clips, n_rounds=options.rounds), sys.stdout)
        return 0
    python = rival_python(options.rival_python)
    if python is None:
        return 2
    command = [str(python), str(Path(__file__).resolve()), "--worker"]
    command += ["--clips", str(options.clips), "--rounds", str(options.rounds)]
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths}, stdout=subprocess.PIPE)
    if done.returncode:
        return done.returncode
    result = json.loads(done.stdout)
    print(json.dumps(result, indent=2) if options.json else table(result))
    return 0


def rival_python(given: Path | None) -> Path | None:
    """A Python that can import the rival; None, with the reason told, where there is none."""
    python = given or ROOT / ".venv-bench" / "bin" / "python"
    if given is None and not python.exists():
        print(f"making {python.parent.parent} with {RIVAL} ...", file=sys.stderr)
        venv.create(python.parent.parent, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", RIVAL, "soundfile", "pydantic"], check=False)
    found = (
        python.exists()
        and not subprocess.run([str(python), "-c", "import audiomentations"], capture_output=True).returncode
    )
    if found:
        return python
    print(
        f"the benchmark needs a Python with {RIVAL}, got {python}, which has none; "
        f"install it there with: {python} -m pip install {RIVAL} soundfile pydantic",
        file=sys.stderr,
    )
    return None


def measured(*, n_clips: int, n_rounds: int) -> dict[str, Any]:
    """The figures of every operation, both sides."""
    import audiomentations
    import numpy
    import scipy

    with tempfile.TemporaryDirectory() as folder:
        sides = operations(Path(folder))
        clips = made_clips(n_clips)
        lines = {name: timed(ours, theirs, clips, n_rounds) for name, (ours, theirs) in sides.items()}
    versions = {
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "audiomentations": audiomentations.__version__,
    }
    return {
        "what": "seconds of audio per CPU second, one thread, median of rounds",
        "clips": {"n": n_clips, "duration_s": CLIP_S, "sample_rate": SAMPLE_RATE},
        "n_rounds": n_rounds,
        "versions": versions,
        "operations": {name: {**line, "target_ratio": TARGETS.get(name)} for name, line in lines.items()},
    }


def operations(folder: Path) -> dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
    """What is timed: ours and theirs, each from one clip to one clip."""
    import audiomentations as rival
    import numpy as np

    from earnest.audio import AudioClip, effects
    from earnest.audio.rooms import Shoebox, impulse_response

    rng = np.random.default_rng(0)
    room = impulse_response(Shoebox.drawn(rt60_s=0.4, rng=rng), SAMPLE_RATE)[: round(0.4 * SAMPLE_RATE)]
    AudioClip(room.copy(), SAMPLE_RATE).write(folder / "room.wav")
    response = AudioClip.read(folder / "room.wav")
    theirs = {
        "noise": rival.AddGaussianSNR(min_snr_db=10.0, max_snr_db=10.0, p=1.0),
        "room": rival.ApplyImpulseResponse(str(folder / "room.wav"), p=1.0, leave_length_unchanged=True),
        "tempo": rival.TimeStretch(min_rate=1.1, max_rate=1.1, leave_length_unchanged=False, p=1.0),
        "pitch": rival.PitchShift(min_semitones=2.0, max_semitones=2.0, p=1.0),
        "band_limit": rival.BandPassFilter(
            min_center_freq=1000.0,
            max_center_freq=1000.0,
            min_bandwidth_fraction=1.0,
            max_bandwidth_fraction=1.0,
            p=1.0,
        ),
        "quantise": rival.BitCrush(min_bit_depth=8, max_bit_depth=8, p=1.0),
    }
    ours = {
        "noise": lambda samples: effects.noise(samples, SAMPLE_RATE, snr_db=10.0, rng=rng),
        "room": lambda samples: effects.room(samples, SAMPLE_RATE, impulse_response=response),
        "tempo": lambda samples: effects.tempo(samples, SAMPLE_RATE, factor=1.1),
        "pitch": lambda samples: effects.pitch(samples, SAMPLE_RATE, cents=200),
        "band_limit": lambda samples: effects.band_limit(samples, SAMPLE_RATE, low_hz=500, high_hz=1500),
        "quantise": lambda samples: effects.quantise(samples, SAMPLE_RATE, n_bits=8),
    }
    return {name: (ours[name], lambda samples, call=theirs[name]: call(samples, SAMPLE_RATE)) for name in ours}


def made_clips(n_clips: int) -> list[Any]:
    """Voices of a kind: harmonics of a gliding pitch that swell and fade, and some breath; float32, (n_samples,)."""
    import numpy as np

    time_s = np.arange(round(CLIP_S * SAMPLE_RATE)) / SAMPLE_RATE
    clips = []
    for number in range(n_clips):
        rng = np.random.default_rng(number)
        pitch_hz = rng.uniform(90, 240) * (1.0 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.3, 1.0) * time_s))
        phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
        voice = sum(np.sin(k * phase) / k for k in range(1, 12))
        syllables = np.maximum(0.0, np.sin(2 * np.pi * rng.uniform(2.0, 4.0) * time_s))
        clips.append((0.1 * syllables * voice + 0.003 * rng.standard_normal(len(time_s))).astype(np.float32))
    return clips


def timed(
    ours: Callable[[Any], Any], theirs: Callable[[Any], Any], clips: list[Any], n_rounds: int
) -> dict[str, float]:
    """Seconds of audio per CPU second of each side, and the median over rounds of how many times as fast ours is."""
    for call in (ours, theirs):
        call(clips[0])  # first calls import and fill caches
    spent: list[tuple[float, float]] = []
    for turn in range(n_rounds):
        totals = [0.0, 0.0]
        for first in range(0, len(clips), TURN):
            order = (0, 1) if (first // TURN + turn) % 2 == 0 else (1, 0)
            for side in order:
                totals[side] += cpu_s((ours, theirs)[side], clips[first : first + TURN])
        spent.append((totals[0], totals[1]))
    audio_s = len(clips) * CLIP_S
    return {
        "earnest": round(audio_s / statistics.median(ours_s for ours_s, _ in spent)),
        "audiomentations": round(audio_s / statistics.median(theirs_s for _, theirs_s in spent)),
        "ratio": round(statistics.median(theirs_s / ours_s for ours_s, theirs_s in spent), 2),
    }


def cpu_s(call: Callable[[Any], Any], clips: list[Any]) -> float:
    start = time.process_time()
    for clip in clips:
        call(clip)
    return time.process_time() - start


def table(result: dict[str, Any]) -> str:
    """The figures for a person."""
    lines = [f"{'effect':12}{'earnest':>10}{'audiomentations':>18}{'ratio':>9}{'wanted':>9}"]
    for name, line in result["operations"].items():
        wanted = line["target_ratio"]
        told = "" if wanted is None else f"{wanted:>9}{'' if line['ratio'] >= wanted else '  missed'}"
        lines.append(f"{name:12}{line['earnest']:>10,}{line['audiomentations']:>18,}{line['ratio']:>9}{told}")
    return "\n".join([*lines, result["what"]])


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the rival's, about clips and versions; nothing of ours warns here
    sys.exit(main())
