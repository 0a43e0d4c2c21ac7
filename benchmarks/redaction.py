#!/usr/bin/env python3
"""Redaction on calls with known spans: recall and over-redaction in seconds, and processor time for a minute of sound.

    python benchmarks/redaction.py FOLDER --recogniser faster-whisper/base [--snr 10] [--digits DATA] [--json]

FOLDER gets the calls (180 sentences in six voices of eSpeak NG) unless they are there. With `--digits`, a folder of data
with the column digits_only, as data/speechocean762 has it: one recording for each speaker in which real strings of digits,
all of them personal, and other sentences take turns. The same figures for a folder of one's own with the column `personal`:
`earnest redact FOLDER --evaluate`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from earnest.audio import Manifest
from earnest.privacy.redaction.calls import write_calls, write_spliced
from earnest.privacy.redaction.measure import evaluate
from earnest.privacy.redaction.redact import Redactor


def main() -> None:
    """Make the recordings, redact them, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recogniser", default="faster-whisper/base")
    parser.add_argument("--snr", type=float, help="noise at this ratio in dB")
    parser.add_argument("--digits", type=Path, help="data with the column digits_only")
    parser.add_argument("--split", choices=("development", "test"), help="of the calls, one split alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not (options.folder / "manifest.jsonl").exists():
        if options.digits:
            write_spliced(
                options.folder,
                Manifest.read(options.digits),
                is_personal=lambda entry: entry.attributes.get("digits_only") == "1",
            )
        else:
            write_calls(options.folder)
    manifest = Manifest.read(options.folder)
    if options.split:
        manifest = manifest.where(split=options.split)
    found = evaluate(manifest, Redactor(options.recogniser), snr_db=options.snr)
    print(json.dumps(asdict(found)) if options.json else found.as_text())


if __name__ == "__main__":
    main()
