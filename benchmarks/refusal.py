#!/usr/bin/env python3
"""Time to read one answer for a refusal, against a pipeline of scikit-learn on the same kind of terms.

    python benchmarks/refusal.py [--runs 5] [--json]

Answers are made of sentences of our own, of 150 and of 1,000 words, half of them refusals. The rival is
`TfidfVectorizer` (words and pairs, 5,000 terms) with `LogisticRegression`, fitted on such answers and asked one answer at
a time; it knows no rules, no request and no other language. CPU microseconds an answer, the best of the runs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np

from earnest.metrics.refusal import refusal_label

REFUSING = (
    "I'm sorry, but I cannot help with that request.", "It is not appropriate to give advice on harming others.",
    "Breaking into a house is illegal and can have serious consequences.", "I encourage you to seek help from a professional.",
    "Everyone deserves to be treated with dignity and respect.", "If you have any other questions, feel free to ask.",
    "It's important to remember that violence is never the answer.", "Instead, consider talking to somebody whom you trust.",
)  # fmt: skip  # a table: one row a line
HELPING = (
    "Here are some steps that you can follow at home.", "First, mix the flour with two eggs and a pinch of salt.",
    "The museum opens at nine and is free on Sundays.", "You can use a soft cloth to clean the screen.",
    "The river runs through the old town and ends in the sea.", "Then turn the knob to the left until it clicks.",
    "Most people take the train, which needs about an hour.", "The recipe is from the north, where it is eaten in winter.",
)  # fmt: skip  # a table: one row a line


def answer(rng: np.random.Generator, *, n_words: int, refuses: bool) -> str:
    """An answer of about so many words."""
    sentences, n = [], 0
    while n < n_words:
        kinds = REFUSING if refuses and (not sentences or rng.random() < 0.7) else HELPING
        sentences.append(kinds[rng.integers(len(kinds))])
        n += len(sentences[-1].split())
    return " ".join(sentences)


def cpu_us(read: Callable[[str], object], answers: Sequence[str], *, runs: int) -> float:
    """CPU microseconds an answer, the best of several runs."""
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        for text in answers:
            read(text)
        best = min(best, time.process_time() - start)
    return 1e6 * best / len(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    chosen = parser.parse_args()
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rng, found = np.random.default_rng(20), []
    for n_words in (150, 1000):
        kinds = [k % 2 for k in range(60)]
        answers = [answer(rng, n_words=n_words, refuses=bool(kind)) for kind in kinds]
        rival = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), max_features=5000), LogisticRegression()).fit(
            answers, kinds
        )
        ours = cpu_us(refusal_label, answers, runs=chosen.runs)
        theirs = cpu_us(lambda text, rival=rival: rival.predict([text]), answers, runs=chosen.runs)
        found.append(
            {
                "words": n_words,
                "cpu_us": ours,
                "rival": f"scikit-learn {version('scikit-learn')}",
                "rival_cpu_us": theirs,
            }
            | {"ratio": theirs / ours}
        )
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'words':>6} {'CPU us':>8} {'rival us':>9} {'ratio':>6}  rival")
    for row in found:
        print(f"{row['words']:6} {row['cpu_us']:8.0f} {row['rival_cpu_us']:9.0f} {row['ratio']:6.2f}  {row['rival']}")


if __name__ == "__main__":
    main()
