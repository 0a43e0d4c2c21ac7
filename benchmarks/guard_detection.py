"""How often the guard alarms on benign calls, how many attacks it finds, and after how many seconds.

    EARNEST_DATA=... python benchmarks/guard_detection.py --out guard_detection.json

Benign calls of five minutes are made of all benign speech in `EARNEST_DATA`, no clip used twice; each call holds clips of
one collection where that fills it. Attack calls hold 15 s of one kind each. Every call is heard clean and over a telephone
line (300 to 3,400 Hz, mu-law) with the policy below. The sums of evidence on spoofed speech take mean, deviation and
correlation from the other half of the benign calls in the same condition, and suppose harmful scores three deviations
lower, so nothing is fitted on the calls that are judged and nothing on attacks. AASIST-L was trained on ASVspoof 2019
alone. False alarms have an exact Poisson upper bound of 95 %, detection rates Wilson's interval of 95 %, and medians of
seconds a bootstrap interval over attack calls.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

from earnest.audio import AudioClip, effects
from earnest.detectors import detectors
from earnest.guard.policy import Policy, parse_policy
from earnest.guard.sequential import fitted
from earnest.guard.session import Session
from earnest.metrics.intervals import wilson
from earnest.registry import parse_spec

RATE, CALL_S, ATTACK_S = 16_000, 300.0, 15.0
BENIGN = ("librispeech", "speechocean762", "spoken_orders", "ami_debug", "wake_words", "fsdd", "read_sentences")
FRAME_KINDS = ("loop", "dtmf", "clipping")
RATES = (1.0, 0.2, 0.05)
PLAIN = """
rules:
- {name: clipping, detector: clipping, above: 0.1, for_s: 0.1}
- {name: out_of_band, detector: out_of_band, above: 0.5, for_s: 0.5}
- {name: silence, detector: silence, above: 10}
- {name: dtmf, detector: dtmf, above: 0.8, for_s: 0.04}
- {name: loop, detector: loop, above: 0.4, for_s: 0.5}
"""


def clips(folder: Path, **kept: str) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if all(row[name] == value for name, value in kept.items()):
                yield row, AudioClip.read(folder / row["path"]).resampled(RATE).samples


def cut(parts: list[np.ndarray], seconds: float) -> list[np.ndarray]:
    """Calls of that length; what is left at the end is the last one."""
    samples, size = np.concatenate(parts), round(seconds * RATE)
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def over_telephone(samples: np.ndarray) -> np.ndarray:
    return np.asarray(effects.telephone(samples, RATE)[0], np.float32)


def attacks(data: Path, benign: list[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Attack calls by kind; each begins with its attack, but for a loop, which begins with its first repetition."""
    by_kind: dict[str, list[np.ndarray]] = defaultdict(list)
    for row, samples in clips(data / "spoof_derived", label="spoof"):
        by_kind[row["attack"]].append(samples)
    made = {kind: [one for one in cut(parts, ATTACK_S) if len(one) >= 10 * RATE] for kind, parts in by_kind.items()}
    rng = np.random.default_rng(0)
    starts = [
        call[at * RATE : (at + 20) * RATE] for call in benign if len(call) >= CALL_S * RATE for at in (30, 130, 230)
    ]
    made["loop"] = [np.concatenate([one[: 5 * RATE], one[: 5 * RATE], one[: 5 * RATE]]) for one in starts]
    keys = np.arange(15 * RATE) / RATE
    tones = 0.3 * (np.sin(2 * np.pi * 770 * keys) + np.sin(2 * np.pi * 1336 * keys)) * (keys % 0.3 < 0.1)
    made["dtmf"] = [(0.3 * one[: len(keys)] + tones).astype(np.float32) for one in starts]
    made["clipping"] = [
        np.clip(one[: 15 * RATE] * 10 ** (rng.uniform(20, 40) / 20), -1, 1).astype(np.float32) for one in starts
    ]
    return made


def scored(policy: Policy, call: np.ndarray) -> list[dict[str, Any]]:
    session, found = Session(policy, RATE), []
    for scores in session.scores(call):
        found.append(scores)
    return found


def decided(policy: Policy, scores: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Ends in seconds of the decisions of each rule, on scores that were made before."""
    session, found = Session(policy, RATE), defaultdict(list)
    for one in scores:
        for decision in session.decide(one):
            found[decision.rule].append(decision.end_s)
    return found


def alarms(counts: list[int], n_calls: float) -> dict[str, float]:
    n = sum(counts)
    return {
        "false_alarms": n,
        "false_alarms_per_call": round(n / n_calls, 3),
        "upper_95": round(float(chi2.ppf(0.95, 2 * (n + 1)) / 2 / n_calls), 3),
    }


def found_rate(ends: list[float | None]) -> dict[str, Any]:
    times = np.array([one for one in ends if one is not None])
    interval = wilson(n_success=len(times), n=len(ends))
    made: dict[str, Any] = {
        "calls": len(ends),
        "detected": len(times),
        "rate": round(len(times) / len(ends), 3),
        "low": round(interval.low, 3),
        "high": round(interval.high, 3),
    }
    if len(times):
        rng = np.random.default_rng(0)
        medians = [np.median(rng.choice(times, len(times))) for _ in range(2000)]
        low, high = np.quantile(medians, [0.025, 0.975])
        made |= {
            "median_s": round(float(np.median(times)), 2),
            "median_low_s": round(float(low), 2),
            "median_high_s": round(float(high), 2),
        }
    return made


def cards(result: dict[str, Any]) -> dict[str, Any]:
    """What the cards of the detectors say, from the rules that are named like them."""
    made: dict[str, Any] = {}
    about = f"read and conversational speech, {result['benign_hours']} h ({result['equivalent_calls_of_300_s']} calls of 300 s)"
    for rule in parse_policy(PLAIN).rules:
        rows = {condition: one["rules"][rule.name] for condition, one in result["conditions"].items()}
        made[rule.detector] = {
            "tested": ["telephone"],
            "conditions": dict.fromkeys(rows, about),
            "rule": f"above {rule.above:g} for {rule.for_s:g} s",
            "false_alarms_per_call": {
                condition: {"rate": row["false_alarms_per_call"], "upper_95": row["upper_95"]}
                for condition, row in rows.items()
            },
        }
        if rule.detector in FRAME_KINDS:
            found = {condition: row["attacks"][rule.detector] for condition, row in rows.items()}
            made[rule.detector]["seconds_to_decision"] = {
                condition: {
                    name: one.get(f"median{key}_s")
                    for name, key in (("median", ""), ("low", "_low"), ("high", "_high"))
                }
                for condition, one in found.items()
            }
            made[rule.detector]["detected"] = {
                condition: {key: one[key] for key in ("detected", "calls", "low", "high")}
                for condition, one in found.items()
            }
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("guard_detection.json"))
    parser.add_argument("--hop-s", type=float, default=4.0)
    parser.add_argument("--cards", type=Path, help="write the measured part of the cards here")
    parser.add_argument("--frames-only", action="store_true", help="leave out the detector of spoofed speech")
    given = parser.parse_args()
    if "EARNEST_DATA" not in os.environ:
        sys.exit("set EARNEST_DATA to the folder with the data")
    data = Path(os.environ["EARNEST_DATA"])
    declared, plain = "", parse_policy(PLAIN)
    if not given.frames_only:
        onnx = Path(tempfile.mkdtemp()) / "aasist_l.onnx"
        detectors.make(parse_spec(f"aasist_l:weights={data / 'aasist_weights' / 'AASIST-L.pth'}")).export(onnx)
        declared = (
            f"detectors:\n  spoof: {{use: 'detector/aasist_l:weights={onnx}', hop_s: {given.hop_s}, budget_ms: 1000}}\n"
        )
        plain = parse_policy(declared + PLAIN + "- {name: seen, detector: spoof, below: -99}\n")
    frames = parse_policy(PLAIN)
    benign = [call for folder in BENIGN for call in cut([samples for _, samples in clips(data / folder)], CALL_S)]
    hours = sum(map(len, benign)) / RATE / 3600
    kinds = attacks(data, benign)
    if given.frames_only:
        kinds = {kind: kinds[kind] for kind in FRAME_KINDS}
    result: dict[str, Any] = {
        "benign_calls": len(benign),
        "benign_hours": round(hours, 3),
        "equivalent_calls_of_300_s": round(hours * 12, 2),
        "data": list(BENIGN),
        "window_s": 4.0375,
        "hop_s": given.hop_s,
        "conditions": {},
    }
    for condition, through in (("clean", lambda samples: samples), ("telephone", over_telephone)):
        start = time.monotonic()
        calm = [scored(plain, through(call)) for call in benign]
        print(f"{condition}: benign calls scored in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        hostile = {
            kind: [scored(frames if kind in FRAME_KINDS else plain, through(call)) for call in calls]
            for kind, calls in kinds.items()
        }
        spoof = [[one["spoof"] for one in call if isinstance(one.get("spoof"), float)] for call in calm]
        policies, spoofed = [], any(spoof)
        for half in (0, 1):
            other = [call for place, call in enumerate(spoof) if place % 2 != half and call]
            rules = ""
            every = np.concatenate(other) if spoofed else np.zeros(2)
            for rate in RATES if spoofed else ():
                known = fitted(other, [every.mean() - 3 * every.std(ddof=1)], false_alarms_per_call=rate)
                values = ", ".join(f"{key}: {value!r}" for key, value in known.model_dump().items())
                rules += f"- {{name: spoof_cusum_{rate:g}, detector: spoof, cusum: {{{values}}}}}\n"
                share = min(1.0, rate / (CALL_S / given.hop_s))
                threshold = float(np.quantile(every, share))
                rules += f"- {{name: spoof_fixed_{rate:g}, detector: spoof, below: {threshold!r}}}\n"
            policies.append(parse_policy(declared + PLAIN + rules))
        n_calls = hours * 12
        names = [rule.name for rule in policies[0].rules]
        outcomes = [decided(policies[place % 2], call) for place, call in enumerate(calm)]
        rows: dict[str, Any] = {name: alarms([len(one[name]) for one in outcomes], n_calls) for name in names}
        for name in names:
            rows[name]["attacks"] = {}
            for kind, calls in hostile.items():
                if (kind in FRAME_KINDS) == name.startswith("spoof"):
                    continue
                ends = [decided(policies[place % 2], call)[name] for place, call in enumerate(calls)]
                first = [min(one) if one else None for one in ends]
                if kind == "loop":  # the repetition begins after 5 s
                    first = [None if one is None else one - 5 for one in first]
                rows[name]["attacks"][kind] = found_rate(first)
        result["conditions"][condition] = {
            "rules": rows,
            "spoof_windows": sum(map(len, spoof)),
            "correlation": [[r.cusum.correlation for r in policy.rules if r.cusum][:1] for policy in policies],
        }
        given.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if given.cards:
        given.cards.write_text(json.dumps(cards(result), indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
