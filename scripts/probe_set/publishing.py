"""Writes the set: clips, manifest, log of the admission, card."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from earnest.audio import AudioClip
from reference import speak

from . import kinds
from .hearing import RECOGNISERS
from .studio import Row, Studio, Tried

COLUMNS = (
    "path", "id", "text", "speaker", "gender", "age_band", "accent", "language", "label", "role", "pair", "licence", "consent", "engine", "voice_seen", "set", "split", "action", "category", "field",
    "secret", "phrase", "code_words", "answer", "made_from", "method", "seed", "level_dbfs", "floor_dbfs", "tilt_db", "lead_s", "tail_s", "sha256",
)  # fmt: skip  # a table: one row a line
EARS = tuple(RECOGNISERS["en"])
MAX_BYTES = 12_000_000
ROLES = {
    "request": "harmful requests and benign twins: same words but one or two, voice, manner, level, length and floor",
    "read": "statements in four blocks of three, each said by three women, three men and a child-like voice",
    "reason": "positive controls of the choice between two voices: one of a pair says what decides",
    "note": "private notes: a made-up door code, account number, room number or birthday",
    "passphrase": "phrases, each said rightly, wrongly (half one word off), replayed and cloned",
    "code_word": "sentences that carry two or three code words, no word twice: canaries",
    "babble": "five voices at once, backwards: no recogniser finds a code word",
    "silence": "a noise floor and nothing else",
    "sound": "eight classes of sounds",
    "order": "orders to a house, in Spanish",
    "question": "questions, in Spanish",
}


def clip(row: Row) -> AudioClip:
    """The clip as its file has it."""
    return AudioClip(row.samples.astype(np.float32), 16_000).quantised()


def n_bytes(rows: Sequence[Row]) -> int:
    """Bytes of the clips as FLAC."""
    return sum(len(clip(row).flac_bytes()) for row in rows)


def publish(rows: Sequence[Row], studio: Studio, out: Path) -> None:
    """Write all files of the set; an error where they are larger than the package may hold."""
    audio = out / "audio"
    shutil.rmtree(audio, ignore_errors=True)
    audio.mkdir(parents=True)
    for row in rows:
        path = audio / f"{row.facts['id']}.flac"
        clip(row).write(path)
        row.facts |= {
            "path": f"audio/{path.name}",
            "licence": "Apache-2.0",
            "consent": "synthetic",
            "set": "probe",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
    _table(out / "metadata.csv", COLUMNS, (row.facts for row in rows))
    _table(out / "admission.csv", ("id", "rule", *EARS), (admission(row) for row in rows if row.edits))
    _table(out / "candidates.csv", ("kind", "engine", "voice", "heard", "admitted", *EARS), candidates(studio.tried))
    (out / "CARD.md").write_text(card(rows, studio), encoding="utf-8")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.suffix in (".flac", ".csv", ".md"))
    print(f"{len(rows)} clips, {size / 1e6:.2f} MB in all")
    if size > MAX_BYTES:
        raise SystemExit(f"the set must be at most {MAX_BYTES / 1e6:g} MB; lower the counts in kinds.py")


def _table(path: Path, columns: Sequence[str], lines: Iterable[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(lines)


def admission(row: Row) -> dict[str, object]:
    """How many word edits each recogniser made, and by which rule the clip was admitted."""
    rule = (
        "none"
        if row.facts.get("label") == "replayed"
        else "base"
        if row.facts["language"] == "es"
        else "3 of 3"
        if row.facts["role"] == "code_word"
        else "2 of 3"
    )
    return {"id": row.facts["id"], "rule": rule, **row.edits}


def candidates(tried: Sequence[Tried]) -> list[dict[str, object]]:
    """How many candidates of each kind and voice were heard, admitted, and heard without an edit by each recogniser."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for one in tried:
        count = counts.setdefault((one.kind, speak.voice(one.voice).engine, one.voice), Counter())
        count.update(
            ["heard", *(["admitted"] if one.is_admitted else []), *(name for name, n in one.edits.items() if n == 0)]
        )
    return [
        {
            "kind": kind,
            "engine": engine,
            "voice": voice,
            "heard": count["heard"],
            "admitted": count["admitted"],
            **{name: count[name] if kind[:3] != "es_" or name == "base" else "" for name in EARS},
        }
        for (kind, engine, voice), count in sorted(counts.items())
    ]


# ------------------------------------------------------------------ card
def card(rows: Sequence[Row], studio: Studio) -> str:
    """The card, its figures filled in."""
    twins = _twins(rows)
    figures = {
        "n_clips": len(rows), "n_seconds": f"{sum(len(row.samples) for row in rows) / 16_000:.0f}", "n_megabytes": f"{n_bytes(rows) / 1e6:.1f}",
        "roles": "\n".join(_role_line(rows, role) for role in ROLES), "splits": _splits(rows),
        "n_pairs": len(twins), **_told_apart(twins),
        "n_heard": len(studio.tried), "n_admitted": sum(one.is_admitted for one in studio.tried), "engines": "\n".join(_engine_lines(studio.tried)),
        "recognisers": "\n".join(f"- {name}: `{fingerprint}`" for name, fingerprint in sorted(studio.ears.fingerprints.items())),
        "voices": "\n".join(_voice_lines(rows)),
        "unseen": _share(rows, lambda row: row.facts["voice_seen"] == "no"), "replays": _replays(rows),
    }  # fmt: skip  # a table: one row a line
    return (Path(__file__).parent / "card.md").read_text(encoding="utf-8").format(**figures)


def _twins(rows: Sequence[Row]) -> list[list[Row]]:
    by_id = {row.facts["id"]: row for row in rows if row.facts["role"] == "request"}
    return [[row, by_id[row.facts["pair"]]] for row in by_id.values() if row.facts["label"] == "harmful"]


def _told_apart(twins: Sequence[Sequence[Row]]) -> dict[str, str]:
    """The shares of twins told apart, by the report's classifier and the fuller one, in all and in English."""
    english = [pair for pair in twins if pair[0].facts["language"] == "en"]
    return {
        f"{name}_{which}": f"{kinds.told_apart([[vector(row) for row in pair] for pair in pairs]):.2f}"
        for name, vector in (("plain", kinds.plain), ("fuller", kinds.fuller))
        for which, pairs in (("all", twins), ("english", english))
    }


def _share(rows: Sequence[Row], wanted) -> str:  # noqa: ANN001
    spoken = [row for row in rows if row.facts.get("text")]
    return f"{sum(map(wanted, spoken))} of {len(spoken)}"


def _role_line(rows: Sequence[Row], role: str) -> str:
    these = [row for row in rows if row.facts["role"] == role]
    spanish = sum(row.facts.get("language") == "es" for row in these)
    train = sum(row.facts["split"] == "train" for row in these)
    return f"| `{role}` | {len(these)} | {spanish or '–'} | {train} / {len(these) - train} | {ROLES[role]} |"


def _splits(rows: Sequence[Row]) -> str:
    n = Counter(row.facts["split"] for row in rows)
    return f"{n['train']} clips are of `train`, {n['test']} of `test`"


def _engine_lines(tried: Sequence[Tried]) -> list[str]:
    lines = []
    for language in ("en", "es"):
        for engine in sorted(
            {speak.voice(one.voice).engine for one in tried if speak.voice(one.voice).language == language}
        ):
            these = [
                one
                for one in tried
                if speak.voice(one.voice).engine == engine and speak.voice(one.voice).language == language
            ]
            shares = [
                f"{np.mean([one.edits[name] == 0 for one in these]):.2f}" if name in these[0].edits else "–"
                for name in EARS
            ]
            lines.append(
                f"| {engine} | {language} | {len(these)} | {' | '.join(shares)} | {np.mean([one.is_admitted for one in these]):.2f} |"
            )
    return lines


def _voice_lines(rows: Sequence[Row]) -> list[str]:
    by_voice: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.facts.get("speaker"):
            by_voice.setdefault((row.facts["speaker"], row.facts["language"]), []).append(row)
    lines = []
    for (speaker, language), these in sorted(by_voice.items()):
        one = these[0].facts
        who = one["gender"] or "child-like"
        lines.append(
            f"| `{speaker}` | {language} | {who} | {one['accent']} | {one['voice_seen']} | {one['split']} | {len(these)} |"
        )
    return lines


def _replays(rows: Sequence[Row]) -> str:
    these = [row for row in rows if row.facts.get("label") == "replayed"]
    return f"{sum(sum(n == 0 for n in row.edits.values()) >= 2 for row in these)} of {len(these)}"
