#!/usr/bin/env python3
"""How long the catalogue takes: reading, lint, search, and the site, at its size and at 5,000 works.

    python benchmarks/papers.py [--works 5000] [--json]

Ratios are aim by measured, above 1 where the aim is met: a site built in 5 s and under 1 MB compressed, a search within
50 ms. The rival of the search is SQLite's full-text index (FTS5) over the same titles, authors and topics. The page's own
search runs in a browser and is measured by `./scripts/test --browser`, which prints it. CPU time, best of three.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from earnest.catalogue import works
from earnest.catalogue.lint import lint
from earnest.catalogue.searching import Index
from earnest.catalogue.site import write_site
from earnest.catalogue.work import Work

AIM_BUILD_S, AIM_SITE_BYTES, AIM_SEARCH_MS = 5.0, 1_000_000, 50.0
WORDS = ("jailbreak", "audio benchmark", "qwen", "speech deepfake detection", "lee")


def best_s(work: Callable[[], Any], *, runs: int = 3) -> float:
    """CPU seconds of the fastest of several runs."""
    times = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def synthetic(n: int) -> dict[str, Work]:
    """`n` works made of those shipped, each with a key and title of its own."""
    some = list(works().values())
    made = {}
    for number in range(n):
        work = some[number % len(some)]
        key = f"synthetic{number}x{work.year}-work"
        made[key] = work.model_copy(update={"id": key, "title": f"{work.title} {number}"})
    return made


def measured(n: int) -> dict[str, Any]:
    """Every figure."""
    shipped, many = works(), synthetic(n)
    with tempfile.TemporaryDirectory() as folder:
        build_s = best_s(lambda: write_site(Path(folder)))
        site = write_site(Path(folder))
    index = Index(many)
    ours = 1e3 * best_s(lambda: [index.search(words) for words in WORDS]) / len(WORDS)
    theirs = 1e3 * best_s(_sqlite(many)) / len(WORDS)
    return {
        "works": len(shipped),
        "read_s": round(best_s(lambda: (works.cache_clear(), works())), 3),
        "lint_s": round(best_s(lint, runs=1), 2),
        "site_s": round(build_s, 2),
        "site_ratio_to_aim": round(AIM_BUILD_S / build_s, 1),
        "site_gzipped_bytes": site.gzipped_bytes,
        "size_ratio_to_aim": round(AIM_SITE_BYTES / site.gzipped_bytes, 1),
        "synthetic_works": n,
        "search_ms": round(ours, 1),
        "sqlite_fts5_ms": round(theirs, 2),
        "search_ratio_to_sqlite": round(theirs / ours, 4),
        "search_ratio_to_aim": round(AIM_SEARCH_MS / ours, 2),
    }


def _sqlite(many: dict[str, Work]) -> Callable[[], Any]:
    base = sqlite3.connect(":memory:")
    base.execute("create virtual table works using fts5(id, title, authors, topics)")
    rows = [
        (work.id, work.title, " ".join(work.authors) if work.authors != "unverified" else "", " ".join(work.topics))
        for work in many.values()
    ]
    base.executemany("insert into works values (?, ?, ?, ?)", rows)
    queries = [" ".join(f"{word}*" for word in words.split()) for words in WORDS]
    ask = "select id from works where works match ? order by rank"
    return lambda: [base.execute(ask, (query,)).fetchall() for query in queries]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", type=int, default=5000, help="synthetic works to search")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(options.works)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:<24} {value}")


if __name__ == "__main__":
    main()
