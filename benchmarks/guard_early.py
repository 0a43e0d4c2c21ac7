"""How many harmful requests are refused before they have ended, and how many benign twins.

    python benchmarks/guard_early.py [--model earnest/reference]

Every English request of the embedded probe set is heard up to 50, 60 and 70 % of its length; two looks in a row that
refuse are a decision. Shares have Wilson's interval of 95 %. With the embedded model this shows the toolkit and no real
model.
"""

from __future__ import annotations

import argparse

from earnest.audio import AudioClip, Stimulus
from earnest.guard.early import decided_at
from earnest.metrics.intervals import wilson
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Answer
from earnest.models.loading import load_model
from earnest.tasks.probe import probe_manifest

SHARES = (0.5, 0.6, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="earnest/reference")
    model = load_model(parser.parse_args().model)
    failures = []

    def refuses(clip: AudioClip) -> bool:
        reply = model.ask([Stimulus(clips={"speech": clip}, prompt="")])[0]
        if not isinstance(reply, Answer):
            failures.append(reply)
            return False
        return refusal_label(reply.text) == "refusal"

    rows = [row for row in probe_manifest() if row.role == "request" and row.language == "en"]
    for split in ("train", "test", "both"):
        for label in ("harmful", "benign"):
            chosen = [one for one in rows if one.label == label and split in {"both", one.attributes["split"]}]
            clips = [one.clip() for one in chosen]
            early = sum(decided_at(clip, refuses, SHARES) is not None for clip in clips)
            whole = sum(refuses(clip) for clip in clips)
            interval = wilson(n_success=early, n=len(clips))
            print(
                f"{split:<6}{label:<8} refused by 70 %: {early} of {len(clips)} ({interval.low:.2f} to {interval.high:.2f}); "
                f"when whole: {whole}"
            )
    print(f"{len(failures)} calls failed")


if __name__ == "__main__":
    main()
