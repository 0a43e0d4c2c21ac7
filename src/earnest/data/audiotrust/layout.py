"""The official data of AudioTrust, where the user has it.

Two layouts are read. The one of the repository: `data/<dimension>/*.jsonl` for the rows, `registry/prompt/*.yaml` for
the prompts, and the audio beside the rows, or in parquet files as the Hugging Face hub has it. And the one of the hub
alone: parquet files of six splits, whose rows bring their prompts along.

Paths in the rows are relative to the folder and begin with `data/`; none may lead out of it. Rows are known by their
file and their line. Repeated rows (36, all in safety, one recording twice in a file) are taken once. Nothing here
decodes audio or writes into the folder.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml

from earnest.data.audiotrust.files import Files
from earnest.data.audiotrust.hub import cells_beside, hub_rows
from earnest.data.audiotrust.parquet import parquet_files
from earnest.data.audiotrust.rows import STALE, OfficialRow, Recordings, path_columns, path_fault
from earnest.data.audiotrust.setups import DIMENSIONS, RUNS, OfficialRun
from earnest.data.audiotrust.templates import LOADER, Template, read_templates
from earnest.errors import BadData, UnknownName

WHERE = (
    "the rows and prompts are in the repository github.com/JusperLee/AudioTrust (folders data and registry), "
    "the audio is in the Hugging Face dataset JusperLee/AudioTrust"
)
"""Where the data is to be had."""

_STEMS = frozenset(run.stem for run in RUNS)


@dataclass(frozen=True, kw_only=True, eq=False)
class OfficialData:
    """The benchmark's rows and prompts.

    Parameters
    ----------
    folder : Path
    layout : {"repository", "huggingface"}
    shipped : mapping of str to sequence of OfficialRow
        Every row by stem, repeated ones included, in the order of the file.
    templates : mapping of str to Template
        Empty where rows bring their prompts along.
    digest : str
        SHA-256 (hex) of rows and prompts; it does not follow the audio.
    absent_files : tuple of str
        Files of rows that the benchmark's registry names and that are not there.
    unplaced : mapping of str to int
        Rows that belong to no run that is known, by the reason.
    passed_over : tuple of str
        Files of lines in the folders of the dimensions that no run reads.
    entries : tuple
        Rows in the form of a manifest: none, so that a task over manifests finds nothing here.
    """

    folder: Path
    layout: Literal["repository", "huggingface"]
    shipped: Mapping[str, Sequence[OfficialRow]]
    templates: Mapping[str, Template] = field(default_factory=dict)
    digest: str
    absent_files: tuple[str, ...] = ()
    unplaced: Mapping[str, int] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    entries: tuple[()] = ()

    @classmethod
    def read(cls, folder: str | Path, *, allow_missing: bool = False) -> OfficialData:
        """The official data in `folder`, which may also be the `data` folder inside it.

        Parameters
        ----------
        allow_missing : bool
            Whether recordings may be missing; a clip of such a row then raises `BadAudio`.

        Raises
        ------
        BadData
            With all faults: no such layout, no prompts, lines that cannot be read, columns that a prompt needs and a
            row has not, paths that lead out of the folder, missing recordings.
        MissingExtra
            If there are parquet files and nothing to read them with.
        """
        place, layout = _recognised(Path(folder))
        if layout is None:
            raise BadData(
                f"the official data must be a folder with data/<dimension>/*.jsonl and registry/prompt/*.yaml, or with "
                f"parquet files of its splits, got {str(folder)!r}, which has neither; {WHERE}"
            )
        data = _repository(cls, place) if layout == "repository" else _huggingface(cls, place)
        if data.missing and not allow_missing:
            raise lacks_audio(data, data.missing)
        return data

    @property
    def stems(self) -> dict[str, list[str]]:
        """The files of rows by dimension, without suffix."""
        found: dict[str, list[str]] = {}
        for stem, rows in self.shipped.items():
            found.setdefault(rows[0].dimension, []).append(stem)
        return found

    def rows(self, stem: str) -> list[OfficialRow]:
        """The rows of a file, each recording of safety once; none where the file is not there."""
        return _distinct(self.shipped.get(stem, ()))

    def rows_of(self, run: OfficialRun, *, shipped: bool = False) -> list[OfficialRow]:
        """The rows that a run asks about; with `shipped`, repeated ones too."""
        rows = list(self.shipped.get(run.stem, ())) if shipped else self.rows(run.stem)
        return rows if self.layout == "repository" else [row for row in rows if row.run == run]

    def row(self, id: str) -> OfficialRow:
        """The row of that `stem/number`."""
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownName(f"a row must be named stem/number, got {id!r}, which {self.folder} has not") from None

    @property
    def n_rows(self) -> int:
        """How many rows there are, repeated ones included."""
        return sum(map(len, self.shipped.values()))

    @property
    def n_duplicates(self) -> int:
        """How many rows repeat another one."""
        return sum(len(rows) - len(self.rows(stem)) for stem, rows in self.shipped.items())

    def prompt(self, name: str) -> Template:
        """An official template by its name.

        Raises
        ------
        UnknownName
            If the registry has none of that name.
        """
        try:
            return self.templates[name]
        except KeyError:
            raise UnknownName(f"{self.folder} has no prompt {name!r}; {WHERE}") from None

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Paths of the single recordings that some run needs and that are not there, sorted."""
        return self.missing_for(RUNS)

    def missing_for(self, runs: Iterable[OfficialRun]) -> tuple[str, ...]:
        """As `missing`, of some runs alone."""
        heard = self._heard(runs)
        return _missing((row, names) for stem, names in heard.items() for row in self.shipped.get(stem, ()))

    def missing_of(self, samples: Iterable[str], *, setup: str | None = None) -> tuple[str, ...]:
        """As `missing`, of the rows of those ids, and of what one setup plays of them."""
        heard = self._heard(run for run in RUNS if setup in (None, run.setup))
        rows = [self.row(sample) for sample in dict.fromkeys(samples)]
        return _missing((row, heard.get(row.stem, frozenset())) for row in rows)

    @cached_property
    def recordings(self) -> dict[str, Recordings]:
        """Every recording that some run plays and that is there, and where it lies; joint ones where they are files."""
        heard = self._heard(RUNS)
        return {
            path: row.recordings
            for stem, rows in self.shipped.items()
            for row in rows
            for name in sorted(heard.get(stem, ()))
            if name in row.columns
            for path in row.played(name)
        }

    def _heard(self, runs: Iterable[OfficialRun]) -> dict[str, frozenset[str]]:
        """The columns that some runs play, by file."""
        columns: dict[str, frozenset[str]] = {}
        for run in runs:
            if run.stem in self.shipped:
                columns[run.stem] = columns.get(run.stem, frozenset()).union(self.columns_heard(run))
        return columns

    def columns_heard(self, run: OfficialRun) -> tuple[str, ...]:
        """The columns of the clips that a run plays: the question's, and the reference's where there is one."""
        if self.layout == "huggingface":
            rows = self.rows_of(run)
            return tuple(dict.fromkeys(name for row in rows for name in path_columns(row.columns)))
        prompts = [self.prompt(name) for name in (run.prompt, run.reference) if name is not None]
        return tuple(prompt.audio for prompt in prompts if prompt.audio is not None)

    @cached_property
    def _by_id(self) -> dict[str, OfficialRow]:
        return {row.id: row for rows in self.shipped.values() for row in rows}


def _missing(played: Iterable[tuple[OfficialRow, frozenset[str]]]) -> tuple[str, ...]:
    return tuple(
        sorted({path for row, names in played for name in names if name in row.columns for path in row.missing(name)})
    )


def is_official(folder: Path) -> bool:
    """Whether a folder holds the official data in one of its layouts."""
    return _recognised(folder)[1] is not None


def lacks_audio(data: OfficialData, missing: Sequence[str]) -> BadData:
    """The error that counts and names recordings that are not there."""
    folders = (path.split("/")[1] for path in missing)
    by_dimension = Counter(DIMENSIONS.get(folder, folder) for folder in folders)
    counts = ", ".join(f"{dimension} {n}" for dimension, n in sorted(by_dimension.items()))
    return BadData(
        f"{data.folder} lacks {len(missing)} recordings ({counts}); {WHERE}; or pass --allow-missing to count their "
        "items as unscored",
        missing,
    )


def _recognised(folder: Path) -> tuple[Path, Literal["repository", "huggingface"] | None]:
    for place in (folder, folder.resolve().parent) if folder.resolve().name == "data" else (folder,):
        if any(_row_files(place)):
            return place, "repository"
    return folder, "huggingface" if parquet_files(folder, DIMENSIONS) else None


def _row_files(folder: Path) -> list[Path]:
    """The files in the folders of the dimensions that some run reads."""
    return [file for file in _line_files(folder) if file.stem in _STEMS]


def _line_files(folder: Path) -> list[Path]:
    found = (sorted((folder / "data" / name).glob("*.jsonl")) for name in DIMENSIONS)
    return [file for files in found for file in files]


def _huggingface(cls: type[OfficialData], folder: Path) -> OfficialData:
    rows = hub_rows(folder)
    if rows.faults:
        told = f"the official data in {str(folder)!r} has {len(rows.faults)} faults; fetch these files anew"
        raise BadData(told, rows.faults)
    return cls(folder=folder, layout="huggingface", shipped=rows.shipped, digest=rows.digest, unplaced=rows.unplaced)


def _repository(cls: type[OfficialData], folder: Path) -> OfficialData:
    prompts = sorted((folder / "registry" / "prompt").glob("*.yaml"))
    if not prompts:
        raise BadData(
            f"{folder} has rows but no prompts; they are not shipped with earnest: copy registry/prompt/*.yaml from "
            "github.com/JusperLee/AudioTrust next to the folder data"
        )
    faults: list[str] = []
    named = _named_files(folder)
    others = (folder / name for name in named if PurePosixPath(name).stem in _STEMS and _is_inside(folder, name))
    files = list(dict.fromkeys([*_row_files(folder), *others]))
    shipped, digest = _shipped(folder, files, faults)
    digest.update(b"\n".join(file.name.encode() + b"\n" + file.read_bytes() for file in prompts))
    templates = read_templates(prompts, faults)
    faults += _unserved(shipped, templates)
    if faults:
        raise BadData(f"the official data in {str(folder)!r} has {len(faults)} faults; fetch these files anew", faults)
    return cls(
        folder=folder,
        layout="repository",
        shipped=shipped,
        templates=templates,
        digest=digest.hexdigest(),
        absent_files=tuple(name for name in named if not (folder / name).is_file()),
        passed_over=tuple(file.relative_to(folder).as_posix() for file in _line_files(folder) if file not in files),
    )


def _named_files(folder: Path) -> list[str]:
    """The files of rows that `registry/dataset` names, as it writes them."""
    named: list[str] = []
    for file in sorted((folder / "registry" / "dataset").glob("*.yaml")):
        try:
            content = yaml.load(file.read_text(encoding="utf-8-sig"), Loader=LOADER)
            named += [str(entry["args"]["f_name"]).strip() for entry in content.values()]
        except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
            told = " ".join(str(error).split())
            raise BadData(f"{file} must map names to files of rows ({told}); fetch it anew") from error
    return list(dict.fromkeys(named))


def _is_inside(folder: Path, name: str) -> bool:
    return path_fault(name) is None and name.split("/")[1] in DIMENSIONS and (folder / name).is_file()


def _shipped(
    folder: Path, files: Sequence[Path], faults: list[str]
) -> tuple[dict[str, list[OfficialRow]], hashlib._Hash]:
    digest, shipped, recordings = hashlib.sha256(), {}, Files(folder, beside=cells_beside(folder))
    for file in files:
        content = file.read_bytes()
        place = file.relative_to(folder).as_posix()
        digest.update(place.encode() + b"\n" + content + b"\n")
        if file.stem in shipped:
            faults.append(f"{place}: there is another file of this name; keep one")
        rows = _rows(content, place, recordings, faults)
        if rows:
            shipped[file.stem] = rows
    return shipped, digest


def _rows(content: bytes, place: str, recordings: Files, faults: list[str]) -> list[OfficialRow]:
    path = PurePosixPath(place)
    rows = []
    lines = content.decode("utf-8-sig", errors="replace").split("\n")
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            columns = json.loads(line)
            row = OfficialRow(
                dimension=DIMENSIONS[path.parts[1]],
                stem=path.stem,
                number=number,
                columns={name: value for name, value in columns.items() if name != STALE},
                recordings=recordings,
            )
            row.check()
        except (json.JSONDecodeError, AttributeError, BadData) as error:
            faults.append(f"{place} line {number + 1}: no row of the benchmark ({error})")
            continue
        told = [recordings.fault(row.columns[name]) for name in path_columns(row.columns)]
        faults += [f"{place} line {number + 1}: {fault}" for fault in told if fault]
        rows.append(row)
    return rows


def _unserved(shipped: Mapping[str, Sequence[OfficialRow]], templates: Mapping[str, Template]) -> list[str]:
    """What prompts need and rows have not, and prompts that are not there."""
    faults: Counter[str] = Counter()
    for run in RUNS:
        for name in (run.prompt, run.judge, run.judge_repaired, run.reference):
            if name is None or run.stem not in shipped:
                continue
            if name not in templates:
                faults[f"registry/prompt has no {name}"] += 1
                continue
            template = templates[name]
            needed = {*template.variables, *([template.audio] if template.audio else [])} - {STALE}
            for row in shipped[run.stem]:
                lacking = sorted(needed - row.columns.keys())
                if lacking:
                    faults[f"{run.stem}: prompt {name} needs {', '.join(lacking)}, which a row has not"] += 1
    return list(faults)


def _distinct(rows: Sequence[OfficialRow]) -> list[OfficialRow]:
    """Each recording of safety once; of the hub's rows, each recording and prompt of a run once."""
    first: dict[Any, OfficialRow] = {}
    for row in rows:
        key: Any = row.number
        if row.run is not None:
            key = (row.run, row.inference_prompt, *(row.columns[name] for name in path_columns(row.columns)))
        elif row.dimension == "safety" and "WavPath" in row.columns:
            key = row.columns["WavPath"]
        first.setdefault(key, row)
    return list(first.values())
