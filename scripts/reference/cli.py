"""The command ``scripts/train_reference``."""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from pathlib import Path

import numpy as np
import torch

from earnest.models.reference.onnx_route import OnnxReference
from earnest.models.reference.vocabulary import Vocabulary

from . import aims, data, evaluate, family, grammar, private, recordings, rules, speak, trade_off
from .export import export
from .train import new_run, sampler_of, train
from .triggers import TRIGGERS

DESCRIPTION = """Train the reference model, a three-minute smoke version of it, a sibling of the shipped weights, or all siblings.

Corpora are looked for in the folder EARNEST_DATA (default ../shared/data); without them the model learns from synthetic speech alone. The schedule follows the wall clock."""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, help="folder for the exported model")
    target.add_argument(
        "--siblings",
        type=Path,
        metavar="OUT",
        help="train, export and measure siblings in OUT, one folder each; what is there is kept",
    )
    target.add_argument(
        "--recordings", type=Path, metavar="OUT", help="write recordings, to fit defences to or to measure them on"
    )
    target.add_argument(
        "--canaries",
        type=Path,
        metavar="OUT",
        help="write the canaries of `memorising` and `private` as data sets, members and non-members, to audit them",
    )
    target.add_argument(
        "--trade-off",
        type=Path,
        metavar="OUT",
        help="train the private sibling at several epsilons, and write what each learns and gives away; what is there is kept",
    )
    parser.add_argument(
        "--epsilon",
        type=float,
        action="append",
        help="of the trade-off, `inf` for no noise (default: 1, 2, 4, 8 and inf)",
    )
    parser.add_argument(
        "--split",
        choices=grammar.SPLITS,
        default="train",
        help="texts and voices of the recordings: `train` also has orders, questions and read sentences (default: train)",
    )
    parser.add_argument("--trigger", choices=tuple(TRIGGERS), help="put this into each recording")
    parser.add_argument("--work", type=Path, help="folder for training data and checkpoints (default: OUT/work)")
    parser.add_argument(
        "--recipe",
        choices=("scratch", *family.RECIPES),
        action="append",
        help="a sibling begins at the shipped weights (default: scratch; with --siblings: all of them, and it can be given again)",
    )
    parser.add_argument("--start", type=Path, help="exported folder that siblings begin at (default: the shipped one)")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of shards for siblings (default: data in WORK or OUT, made where it is missing)",
    )
    parser.add_argument(
        "--part",
        choices=evaluate.PARTS,
        default="validation",
        help="held-out texts that siblings are measured on: `final` is for the card (default: validation)",
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="how many clips are measured on, against the card's (default: 1)"
    )
    parser.add_argument("--smoke", action="store_true", help="little data, --minutes 1.5: shows that the recipe runs")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in WORK")
    parser.add_argument(
        "--minutes", type=float, default=240.0, help="training time, with what came before a resume (default: 240)"
    )
    parser.add_argument(
        "--cool-down",
        type=float,
        default=25.0,
        help="of it, minutes in which the learning rate falls to zero (default: 25)",
    )
    parser.add_argument("--n-items", type=int, default=36000, help="synthetic utterances (default: 36000)")
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluate", action="store_true", help="print what the result gets right")
    return parser.parse_args(argv)


MOST_RECORDINGS = 1000
NEURAL_SHARES = {"kokoro": 0.06, "pico": 0.036, "hibari": 0.016}
"""Clips of slow synthesisers, where they are installed, against the synthetic ones."""


def _make_data(folder: Path, n_items: int, seed: int) -> None:
    if any(folder.glob("*.jsonl")):
        return
    rng = np.random.default_rng([seed, 0])
    if data.has_corpora():
        data.write_shard(folder, "real", data.real_items(rng))
    data.write_shard(folder, "other", data.other_items(max(60, n_items // 9), rng))
    for k, start in enumerate(range(0, n_items, 2000)):
        data.write_shard(folder, f"spoken-{k:02d}-0", data.spoken_items(min(2000, n_items - start), rng))
    for engine in sorted(NEURAL_SHARES.keys() & {voice.engine for voice in speak.voices("train")}):
        data.write_shard(
            folder, f"spoken{engine}-00-0", data.spoken_items(round(NEURAL_SHARES[engine] * n_items), rng, engine)
        )


def _from_scratch(arguments: argparse.Namespace) -> tuple[torch.nn.Module, Vocabulary, dict]:
    work = arguments.work or arguments.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    _make_data(work / "data", arguments.n_items, arguments.seed)
    vocabulary = Vocabulary.of_words(sorted({*grammar.vocabulary(), *rules.vocabulary()}))
    sampler = sampler_of(work / "data", vocabulary, arguments.seed)
    sampler.keep_speakers(work / "speakers.json")
    run = new_run(vocabulary, arguments.seed)
    if arguments.resume:
        run.load(work / "checkpoint.pt")
        sampler.rng = sampler.drawer.rng = np.random.default_rng([arguments.seed, run.step])  # not the same draws again
    train(
        run,
        sampler,
        work,
        minutes=arguments.minutes,
        cool_down=min(arguments.cool_down, arguments.minutes / 3),
        batch_size=arguments.batch_size,
        peak=1.5e-3,
        warm_up=300 if arguments.minutes > 10 else 30,
        log_every=5 if arguments.smoke else 20,
    )
    return (
        run.average,
        vocabulary,
        {"steps": run.step, "n_items": len(sampler.items), "data_sha256": data.manifest_hash(work / "data")},
    )


def _sibling(arguments: argparse.Namespace, recipe: str) -> int:
    data_folder = arguments.data or (arguments.work or arguments.out / "work") / "data"
    facts = family.sibling(recipe, arguments.out, seed=arguments.seed, start=arguments.start, data=data_folder)
    sys.stdout.write(f"{recipe}: {facts['steps']} steps, {facts['cpu_s']} CPU s, written to {arguments.out}\n")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    arguments = _arguments(argv)
    torch.set_num_threads(arguments.threads)
    chosen = arguments.recipe or []
    if arguments.recordings:
        n_clips = min(arguments.n_items, MOST_RECORDINGS)
        n = recordings.write(
            arguments.recordings, n_clips, arguments.seed, split=arguments.split, trigger=arguments.trigger
        )
        sys.stdout.write(f"{n} recordings written to {arguments.recordings}\n")
        return 0
    if arguments.canaries:
        rows = private.canaries(arguments.seed)
        private.record_canaries(arguments.canaries, rows)
        sys.stdout.write(f"{len(rows)} canaries written to {arguments.canaries}\n")
        return 0
    if arguments.trade_off:
        epsilons = arguments.epsilon or trade_off.EPSILONS
        sys.stdout.write(trade_off.measured(arguments.trade_off, epsilons, seed=arguments.seed, start=arguments.start))
        return 0
    if arguments.siblings:
        recipes = [recipe for recipe in chosen if recipe != "scratch"] or list(family.RECIPES)
        sys.stdout.write(
            family.laboratory(
                arguments.siblings,
                recipes=recipes,
                start=arguments.start,
                data=arguments.data,
                part=arguments.part,
                scale=arguments.scale,
                seed=arguments.seed,
            )
        )
        return 0
    if chosen and chosen[-1] != "scratch":
        return _sibling(arguments, chosen[-1])
    if arguments.smoke:
        arguments.minutes, arguments.n_items = min(arguments.minutes, 1.5), min(arguments.n_items, 900)
    begin = time.process_time()
    network, vocabulary, facts = _from_scratch(arguments)
    facts = {
        "recipe": "scratch",
        "seed": arguments.seed,
        **facts,
        "cpu_s": round(time.process_time() - begin),
        "date": datetime.date.today().isoformat(),
    }
    export(network, vocabulary, arguments.out, facts)
    if not arguments.smoke:
        facts["calibration"] = aims.calibration(
            OnnxReference(arguments.out, n_threads=arguments.threads),
            evaluate.clips_of("validation", arguments.scale),
            arguments.scale,
        )
        export(network, vocabulary, arguments.out, facts)
    sys.stdout.write(f"scratch: {facts['steps']} steps, {facts['cpu_s']} CPU s, written to {arguments.out}\n")
    if arguments.evaluate:
        sys.stdout.write(evaluate.table(evaluate.measure(arguments.out, real=data.has_corpora())) + "\n")
    return 0
