"""Common Voice: recordings under `clips/`, tables `train.tsv`, `dev.tsv`, `test.tsv` and `validated.tsv` beside it.

Rows of the splits come first, then those that are validated and of no split. Recordings that listeners have turned down
(`invalidated.tsv`), or have not judged (`other.tsv`), are not read. Quotes are letters there.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_SPLITS = ("train", "dev", "test")
_TABLES = (*_SPLITS, "validated")
_HEADER = {"client_id", "path", "sentence"}


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """The rows of every language's folder; None where no table has Common Voice's header beside `clips/`."""
    folders = sorted(
        {PurePosixPath(path).parent.as_posix() for path in tree.texts_named(*(f"{name}.tsv" for name in _TABLES))}
    )
    folders = [at for at in folders if (tree.folder / at / "clips").is_dir()]
    found: list[Row] = []
    for at in folders:
        found += _of_folder(tree, at, reading)
    return found or None


def _of_folder(tree: Tree, at: str, reading: Reading) -> list[Row]:
    found: dict[str, Row] = {}
    for name in _TABLES:
        place = f"{at}/{name}.tsv".removeprefix("./")
        if place not in tree.texts:
            continue
        text = tables.text_of(tree.folder / place, place, reading)
        if text is None or not set(text.partition("\n")[0].strip().split("\t")) >= _HEADER:
            continue
        for line, cells in tables.csv_rows(text, place, reading, separator="\t", quoted=False):
            split = {"split": name} if name in _SPLITS else {}
            row = Row(place=f"{place} line {line}", cells=cells | split, bases=(f"{at}/clips".removeprefix("./"),))
            found.setdefault(cells["path"], row)
    return list(found.values())
