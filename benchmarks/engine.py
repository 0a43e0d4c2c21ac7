"""Items per second, CPU time, memory and bytes written of earnest's engine, beside Inspect on the same endpoint.

    python benchmarks/engine.py                          # earnest and Inspect, interleaved, and the memory case
    python benchmarks/engine.py --only earnest --n 5000 --seconds 10
    python benchmarks/engine.py --json

Both runners ask the same loopback endpoint (a process of its own, 50 ms, no faults) about the same distinct WAV files,
64 calls in flight, nothing cached. Each runs in a fresh process; figures are of the run itself, imports not counted.
Inspect needs a Python of its own with `inspect_ai` and `openai`: `--rival-python`, or a virtual environment
`.venv-bench` in the working directory. It is run as its documentation shows: files in the dataset, its `openai-api`
provider, its match scorer, its display off; once with its defaults, once with the log kept small (`log_images=False`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
RIVAL_VENV = Path(".venv-bench/bin/python")
RUNNERS = ("earnest", "inspect", "inspect_small_log")


def main() -> None:
    given = arguments()
    if given.child:
        CHILDREN[given.child](given)
        return
    from earnest.testing.loopback import in_own_process

    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch, in_own_process(given.latency_ms) as url:
        found = measured(given, Path(scratch), url)
    print(json.dumps(found, indent=2) if given.json else as_text(found))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=1000, help="items")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each recording")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=RUNNERS)
    parser.add_argument("--memory-n", type=int, default=5000, help="items of 10 s for the memory case; 0 leaves it out")
    parser.add_argument("--rival-python", default=str(RIVAL_VENV))
    parser.add_argument("--scratch", help="folder for recordings and run folders")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--wavs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(given: argparse.Namespace, scratch: Path, url: str) -> dict[str, Any]:
    """Every runner's figures in every round, and the memory case."""
    runners = [given.only] if given.only else list(RUNNERS)
    if not given.only and not Path(given.rival_python).exists():
        print(f"no {given.rival_python}: Inspect is left out; make it with", file=sys.stderr)
        print("  python -m venv .venv-bench && .venv-bench/bin/pip install inspect_ai openai", file=sys.stderr)
        runners = ["earnest"]
    wavs = make_wavs(scratch / "wavs", given.n, given.seconds)
    rounds: dict[str, list[dict[str, float]]] = {runner: [] for runner in runners}
    for round_ in range(given.rounds):
        for runner in runners[round_ % len(runners) :] + runners[: round_ % len(runners)]:
            rounds[runner].append(run_child(runner, given, url, wavs, scratch / f"{runner}-{round_}", given.n))
    case = f"{given.n} recordings of {given.seconds:g} s, {given.connections} in flight, {given.latency_ms:g} ms"
    found: dict[str, Any] = {
        "case": case,
        "load": os.getloadavg()[0],
        "runners": {r: medians(v) for r, v in rounds.items()},
    }
    if given.memory_n and not given.only:
        long_wavs = make_wavs(scratch / "long", given.memory_n, 10.0)
        found["memory_case"] = f"{given.memory_n} recordings of 10 s"
        found["memory"] = run_child("earnest", given, url, long_wavs, scratch / "memory", given.memory_n)
    return found


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}


def run_child(runner: str, given: argparse.Namespace, url: str, wavs: Path, out: Path, n: int) -> dict[str, float]:
    """The figures of one run in a fresh process."""
    python = sys.executable if runner == "earnest" else given.rival_python
    command = [python, str(HERE), "--child", runner, "--url", url, "--wavs", str(wavs), "--out", str(out)]
    command += ["--n", str(n), "--connections", str(given.connections)]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{runner} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    figures = json.loads(done.stdout.splitlines()[-1])
    return {**figures, "process_s": time.perf_counter() - begun}


def make_wavs(folder: Path, n: int, seconds: float) -> Path:
    """`n` distinct voiced recordings of 16 kHz, 16 bit."""
    import numpy as np

    from earnest.audio import AudioClip

    folder.mkdir(parents=True)
    time_s = np.arange(round(16_000 * seconds)) / 16_000
    rng = np.random.default_rng(0)
    noise = 0.02 * rng.standard_normal(time_s.size + n)
    for number in range(n):
        pitch_hz = 90 + number % 160
        voice = sum(0.2 / k * np.sin(2 * np.pi * k * pitch_hz * time_s) for k in range(1, 4))
        samples = voice * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time_s)) + noise[number : number + time_s.size]
        AudioClip(samples.astype(np.float32), 16_000).write(folder / f"{number:05d}.wav")
    return folder


# -- in a process of its own


@contextlib.contextmanager
def figures(n: int, out: Path) -> Iterator[None]:
    """Measure what happens inside, and print it as a line of JSON."""
    before, begun, wrote = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter(), written_mib()
    yield
    wall_s, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    kept = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    found = {
        "items_per_s": n / wall_s,
        "wall_s": wall_s,
        "cpu_ms_per_item": 1e3 * cpu_s / n,
        "peak_mib": after.ru_maxrss / 1024,
        "written_mib": written_mib() - wrote,
        "kept_mib": kept / 2**20,
    }
    print(json.dumps(found))


def written_mib() -> float:
    """MiB that this process gave to write calls so far, sockets included; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/io").read_text().splitlines():
            if line.startswith("wchar:"):
                return int(line.split()[1]) / 2**20
    return 0.0


def earnest_child(given: argparse.Namespace) -> None:
    from earnest.audio import AudioClip, Stimulus
    from earnest.engine import Job, Settings, execute
    from earnest.models import load_model
    from earnest.models.access import Answer
    from earnest.plan import Plan, PlannedTask
    from earnest.records import Arm, Item, Outcome, Verdict

    def score(item: Item, answer: Answer) -> Outcome:
        return Verdict(score=float(answer.text.strip().lower() == item.truth["expected"]), label=answer.text[:20])

    def job(path: Path) -> Job:
        def load() -> Stimulus:
            return Stimulus(clips={"speech": AudioClip.read(path)}, prompt="Answer in one word: what do you hear?")

        item = Item(id=f"bench/{path.stem}", task="bench", sample=path.stem, load=load, truth={"expected": "ok"})
        return Job(item=item, arm=Arm(), score=score)

    model = load_model(f"{given.url}#fake")
    task = PlannedTask(name="bench", pillar="robustness", version=1, n_items=given.n)
    plan = Plan(
        earnest="bench",
        suite="bench",
        suite_version=1,
        model=model.name,
        fingerprint=model.fingerprint,
        data="wavs",
        data_digest="0",
        tasks=(task,),
        items_digest="0",
    )
    settings = Settings(max_connections=given.connections, cache=None)
    with figures(given.n, given.out):
        jobs = [job(path) for path in sorted(given.wavs.glob("*.wav"))]
        summary = execute(plan, jobs, model=model, folder=given.out, settings=settings)
    assert summary.n_scored == given.n, summary


def inspect_child(given: argparse.Namespace) -> None:
    os.environ.update(BENCH_BASE_URL=given.url, BENCH_API_KEY="none", INSPECT_LOG_DIR=str(given.out))
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageUser, ContentAudio, ContentText
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    def sample(path: Path) -> Sample:
        parts = [
            ContentAudio(audio=str(path), format="wav"),
            ContentText(text="Answer in one word: what do you hear?"),
        ]
        return Sample(id=path.stem, input=[ChatMessageUser(content=parts)], target="ok")

    small = {"log_images": False} if given.child == "inspect_small_log" else {}
    given.out.mkdir(parents=True)
    with figures(given.n, given.out):
        samples = [sample(path) for path in sorted(given.wavs.glob("*.wav"))]
        task = Task(dataset=MemoryDataset(samples), solver=generate(), scorer=match())
        (log,) = eval(
            task,
            model="openai-api/bench/fake",
            max_connections=given.connections,
            max_samples=given.connections,
            display="none",
            log_dir=str(given.out),
            **small,
        )
    assert log.status == "success" and log.results.completed_samples == given.n, log.error


CHILDREN = {"earnest": earnest_child, "inspect": inspect_child, "inspect_small_log": inspect_child}


# -- in words

COLUMNS = (
    ("items_per_s", "items/s", "{:.0f}"),
    ("cpu_ms_per_item", "CPU ms/item", "{:.2f}"),
    ("peak_mib", "peak MiB", "{:.0f}"),
    ("written_mib", "MiB written", "{:.0f}"),
    ("kept_mib", "MiB kept", "{:.1f}"),
    ("process_s", "process s", "{:.1f}"),
)


def as_text(found: dict[str, Any]) -> str:
    lines = [found["case"] + f"; median of rounds; load {found['load']:.1f}"]
    lines.append(f"{'':20}" + "".join(f"{title:>14}" for _, title, _ in COLUMNS))
    for runner, row in found["runners"].items():
        lines.append(f"{runner:20}" + "".join(f"{form.format(row[key]):>14}" for key, _, form in COLUMNS))
    ours = found["runners"].get("earnest")
    for rival, row in found["runners"].items():
        if ours and rival != "earnest":
            lines.append(
                f"earnest asks {ours['items_per_s'] / row['items_per_s']:.1f} times as many items per second as {rival}, "
                f"with 1/{row['cpu_ms_per_item'] / ours['cpu_ms_per_item']:.1f} of its CPU time an item"
            )
    if "memory" in found:
        row = found["memory"]
        lines.append(
            f"{found['memory_case']}: {row['items_per_s']:.0f} items/s, {row['cpu_ms_per_item']:.2f} ms CPU an item, "
            f"peak {row['peak_mib']:.0f} MiB"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
