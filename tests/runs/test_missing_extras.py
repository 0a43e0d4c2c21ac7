"""A missing extra is a matter of the plan: it is told before anybody is asked, with the command that installs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.errors import BadParameter, MissingExtra
from earnest.runs.suite import run_suite

ROWS = 6


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch):
    """Makes modules count as not installed."""

    def hide(*modules: str) -> None:
        from earnest import registry

        has = registry.has_extra
        for place in ("earnest.registry.has_extra", "earnest.runs.suite.has_extra"):
            monkeypatch.setattr(place, lambda module: module not in modules and has(module))

    return hide


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Dictations; the last one begins as MPEG-4 audio does."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = ["path,text,speaker"]
    for k in range(ROWS):
        tone = 0.1 * np.sin(np.arange(8000) * (0.1 + 0.01 * k))
        AudioClip(tone.astype(np.float32), 16_000).write(folder / f"{k}.wav")
        rows.append(f"{k}.wav,the words of number {k},v{k}")
    (folder / "5.wav").rename(folder / "5.m4a")
    (folder / "5.m4a").write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(200))
    rows[-1] = rows[-1].replace("5.wav", "5.m4a")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


def asked(data: Path, out: Path, **options):
    return run_suite(
        "core", model="scripted/perfect", data=data, task="noisy_transcription", out=out, cache=False, **options
    )


def test_a_recording_that_needs_codecs_is_told_of_before_the_first_call(data, tmp_path, without) -> None:
    without("av")
    with pytest.raises(
        MissingExtra, match=r'1 recordings of .*data need av: 5.m4a; install it with: pip install "earnest\[codecs\]"'
    ):
        asked(data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_recording_in_a_table_that_needs_codecs_is_told_of_too(data, tmp_path, without) -> None:
    pyarrow, parquet = (
        pytest.importorskip(name, reason="needs pyarrow: earnest[parquet]") for name in ("pyarrow", "pyarrow.parquet")
    )
    files = [*(data / f"{k}.wav" for k in range(5)), data / "5.m4a"]
    recordings = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    columns = {"audio": recordings, "text": [f"the words of number {k}" for k in range(ROWS)]}
    (tmp_path / "table").mkdir()
    parquet.write_table(pyarrow.table(columns), tmp_path / "table" / "train.parquet")
    without("av")
    with pytest.raises(MissingExtra, match="1 recordings of .*table need av: train/5.m4a; install it"):
        asked(tmp_path / "table", tmp_path / "run")


def test_only_what_will_be_asked_is_looked_at(data, tmp_path, without) -> None:
    without("av")
    (data / "metadata.csv").write_text("".join((data / "metadata.csv").read_text().splitlines(keepends=True)[:-1]))
    assert asked(data, tmp_path / "run").summary.n_scored > 0


def test_an_attack_that_needs_gradients_names_torch(tmp_path, without) -> None:
    without("torch")
    with pytest.raises(
        MissingExtra, match=r"""attack 'pgd:steps=2' on 'earnest/reference' needs torch; .*"earnest\[torch\]\""""
    ):
        run_suite(
            "core", model="earnest/reference", task="harmful_refusal", limit=2, attack="pgd:steps=2", dry_run=True
        )


def test_a_codec_of_pyav_names_its_extra(tmp_path, without) -> None:
    without("av")
    with pytest.raises(
        BadParameter, match=r"""codec 'aac' needs av; install it with: pip install "earnest\[codecs\]\""""
    ):
        run_suite("core", model="scripted/perfect", task="harmful_refusal", defence="codec:format=aac", dry_run=True)
    run_suite("core", model="scripted/perfect", task="harmful_refusal", defence="codec:format=mp3", dry_run=True)
