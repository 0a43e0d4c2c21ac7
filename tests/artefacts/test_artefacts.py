"""Artefacts: named by content, kept whole, and a hostile file is data."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from earnest.artefacts import Artefact, check_parameters, load, pinned, read_tensors, references, used, written_tensors
from earnest.errors import BadData, BadParameter, StorageFailed
from earnest.registry import parse_spec

ARRAYS = {"means": np.arange(6, dtype=np.float32).reshape(2, 3), "counts": np.array([7, 9], dtype=np.int64)}


def made(**about: object) -> Artefact:
    return Artefact("detectors", "lfcc_gmm:n_components=2", ARRAYS, about)


@pytest.fixture(autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr("earnest.artefacts.artefact._KNOWN._held", type(load.__globals__["_KNOWN"]._held)())


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    artefact = made(seed=3, rows=["ab", "cd"])
    path = artefact.save(tmp_path / "fitted")
    assert path.name == f"{artefact.sha}.safetensors"
    for reference in (path, str(path), path.parent):
        found = load(reference)
        assert (
            found == artefact and found.spec == artefact.spec and dict(found.about) == {"seed": 3, "rows": ["ab", "cd"]}
        )
        for name, array in ARRAYS.items():
            assert np.array_equal(found.arrays[name], array) and found.arrays[name].dtype == array.dtype
            assert not found.arrays[name].flags.writeable


def test_the_name_is_the_content() -> None:
    assert made(seed=1).sha == made(seed=2).sha, "facts about it do not name it"
    more = {**ARRAYS, "counts": np.array([7, 8])}
    assert (
        len(
            {
                made().sha,
                Artefact("detectors", "lfcc_gmm", ARRAYS).sha,
                Artefact("attacks", made().spec, ARRAYS).sha,
                Artefact("detectors", made().spec, more).sha,
            }
        )
        == 4
    )
    assert (
        Artefact("d", "a", {"x": np.zeros((2, 3), np.float32)}).sha
        != Artefact("d", "a", {"x": np.zeros((3, 2), np.float32)}).sha
    )
    reordered = Artefact("detectors", made().spec, dict(reversed(ARRAYS.items())))
    assert reordered.sha == made().sha


def test_what_it_is_given_can_be_changed_without_changing_it() -> None:
    mine = np.zeros(3)
    artefact = Artefact("attacks", "x", {"a": mine})
    mine[0] = 1
    assert artefact.arrays["a"][0] == 0 and mine.flags.writeable


def test_it_is_found_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artefact = made()
    path = artefact.save(tmp_path)
    with pytest.raises(BadData, match="EARNEST_ARTEFACTS"):
        load(artefact.sha)
    monkeypatch.setenv("EARNEST_ARTEFACTS", str(tmp_path))
    assert load(artefact.sha) == load(artefact.sha[:12]) == artefact
    Artefact("detectors", "lfcc_gmm", ARRAYS).save(tmp_path).replace(path)  # another one under its name
    assert load(artefact.sha) == artefact, "what was loaded once is what is used"
    monkeypatch.setattr("earnest.artefacts.artefact._KNOWN._held", type(load.__globals__["_KNOWN"]._held)())
    with pytest.raises(BadData, match="was asked for"):
        load(artefact.sha)


def test_every_changed_byte_is_seen(tmp_path: Path) -> None:
    path = made(seed=3).save(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 0x5A
        path.write_bytes(changed)
        try:
            found = load(path)
        except BadData:
            continue
        header = whole[8 : 8 + struct.unpack("<Q", whole[:8])[0]]
        assert place >= 8 + len(header.rstrip()), f"byte {place} was changed"
        assert found.sha == made().sha


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = made().save(tmp_path)
    whole = path.read_bytes()
    for length in (0, 7, 8, 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BadData, match="restore it"):
            load(path)
    path.write_bytes(whole + b"more")
    with pytest.raises(BadData, match="belong to no array"):
        load(path)


def test_changed_facts_are_seen(tmp_path: Path) -> None:
    """The rows that were seen decide what counts, though they name nothing."""
    path = made(speakers=["aa"]).save(tmp_path)
    arrays, texts = read_tensors(path.read_bytes(), called="it")
    path.write_bytes(written_tensors(arrays, {**texts, "about": "{}"}))
    with pytest.raises(BadData, match="changed since it was fitted"):
        load(path)


def test_links_that_lead_out_and_what_is_no_file(tmp_path: Path) -> None:
    path = made().save(tmp_path / "elsewhere")
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "a.safetensors").symlink_to(path)
    with pytest.raises(BadData, match="link to"):
        load(folder / "a.safetensors")
    with pytest.raises(BadData, match="link to"):
        load(folder)
    os.mkfifo(folder / "pipe.safetensors")
    with pytest.raises(BadData, match="plain file"):
        load(folder / "pipe.safetensors")
    with pytest.raises(BadData, match="must hold one artefact, got 2"):
        load(folder)
    with pytest.raises(BadData, match="is not there"):
        load(tmp_path / "nothing.safetensors")
    with pytest.raises(BadData):
        load("\0")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = made().save(tmp_path)
    with pytest.raises(BadData, match="at most 100 bytes"):
        load(path, max_bytes=100)
    with path.open("r+b") as file:
        file.truncate(2**31)  # sparse: refused by its size, and not read
    with pytest.raises(BadData, match="1,073,741,824"):
        load(path)


def _file(header: object, body: bytes = b"") -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + body


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (struct.pack("<Q", 2**63) + b"{}", "claims"),
        (_file(b"[" * 100_000), "no JSON"),
        (_file([1]), "JSON object"),
        (_file({"a": 3}), "must have a shape"),
        (_file({"a": {"dtype": "F32", "shape": [2**30, 4], "data_offsets": [0, 0]}}), "must lie at"),
        (_file({"a": {"dtype": "F32", "shape": [0, 2**80], "data_offsets": [0, 0]}}), "no JSON"),
        (
            _file({"a": {"dtype": "F32", "shape": [0, 2**30, 2**30, 2**30], "data_offsets": [0, 0]}}),
            "cannot have the shape",
        ),
        (_file({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"0000"), "must have a shape"),
        (_file({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, b"0000"), "must have a shape"),
        (_file({"a": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 4]}}, b"0000"), "only F64"),
        (_file({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, b"0000"), "must lie at"),
        (_file({"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}, b"\x07"), "truth values"),
        (
            _file(
                {
                    "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                    "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                },
                b"0000",
            ),
            "must lie at",
        ),
        (_file({"__metadata__": {"a": 1}}), "texts by name"),
        (_file({"a": {"dtype": "F32", "shape": [1] * 100, "data_offsets": [0, 4]}}, b"0000"), "must have a shape"),
        (b"\x80\x04\x95" + b"." * 40, "claims"),
    ],
)
def test_hostile_bytes_are_data(data: bytes, says: str) -> None:
    with pytest.raises(BadData, match=says):
        read_tensors(data, called="it")


@pytest.mark.parametrize("texts", [{}, {"format": "1", "kind": "k", "spec": "a:=", "sha": "0", "about": "{}", "about_sha": ""},
                                   {"format": "1", "kind": "k", "spec": "a", "sha": "0", "about": "[[", "about_sha": ""},
                                   {"format": "1", "kind": "k", "spec": "a", "sha": "0", "about": "3", "about_sha": ""}])  # fmt: skip  # a table: one row a line
def test_a_file_of_other_arrays_is_none_of_ours(tmp_path: Path, texts: dict[str, str]) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(written_tensors(ARRAYS, texts))
    with pytest.raises(BadData, match="x.safetensors"):
        load(path)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(
    st.text(min_size=1, max_size=5).filter(lambda name: name != "__metadata__" and name.isprintable()),
    arrays_of.arrays(st.sampled_from(["<f4", "<f8", ">f4", "<i2", "u1", "?"]), arrays_of.array_shapes(min_dims=0, min_side=0)), max_size=4,
))  # fmt: skip  # a table: one row a line
def test_any_arrays_come_back(arrays: dict[str, np.ndarray]) -> None:
    found, texts = read_tensors(written_tensors(arrays, {"ä": "ö"}), called="it")
    assert texts == {"ä": "ö"} and found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].shape == array.shape and np.array_equal(
            found[name], array, equal_nan=array.dtype.kind == "f"
        )


def test_an_array_of_objects_is_refused() -> None:
    with pytest.raises(BadParameter, match="convert or rename"):
        written_tensors({"a": np.array([object()])}, {})
    with pytest.raises(BadParameter, match="an artefact must have"):
        Artefact("detectors", "a", [1])  # type: ignore[arg-type]


def test_the_package_safetensors_reads_ours_and_we_read_its(tmp_path: Path) -> None:
    theirs = pytest.importorskip("safetensors.numpy", reason="the package safetensors is not installed")
    path = made().save(tmp_path)
    assert {name: array.tolist() for name, array in theirs.load_file(path).items()} == {
        n: a.tolist() for n, a in ARRAYS.items()
    }
    theirs.save_file(ARRAYS, tmp_path / "their.safetensors", {"a": "b"})
    arrays, texts = read_tensors((tmp_path / "their.safetensors").read_bytes(), called="theirs")
    assert texts == {"a": "b"} and all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="must be written"):
        made().save(tmp_path / "file" / "below")


def test_a_specification_refers_to_it(tmp_path: Path) -> None:
    artefact = made()
    spec = parse_spec(f"lfcc_gmm:artefact={artefact.save(tmp_path)}")
    assert references(spec) and references(parse_spec("lfcc_gmm")) is None
    pinned_spec, found = pinned(spec, load)
    assert str(pinned_spec) == f"lfcc_gmm:artefact={artefact.sha}" and found == artefact
    assert pinned(parse_spec("pgd:steps=4"), load) == (parse_spec("pgd:steps=4"), None)
    assert parse_spec(str(pinned_spec)) == pinned_spec


@pytest.mark.parametrize("digits", ["123456789012", "12e345678901", "0" * 64])
def test_digits_of_a_hash_are_no_number(digits: str) -> None:
    assert parse_spec(f"a:artefact={digits},n=3").parameters == {"artefact": digits, "n": 3}


def test_what_was_fitted_by_something_else_is_refused(tmp_path: Path) -> None:
    path = made().save(tmp_path)
    assert used(path, by="detector 'lfcc_gmm'", kind="detectors", name="lfcc_gmm") == made()
    with pytest.raises(BadParameter, match="takes what attacks/universal was fitted to"):
        used(path, by="attack 'universal'", kind="attacks", name="universal")
    with pytest.raises(BadParameter, match="earnest fit detectors/lfcc_gmm"):
        used("", by="detector 'lfcc_gmm'", kind="detectors", name="lfcc_gmm")


def test_parameters_of_the_use_agree_with_those_of_the_fit() -> None:
    check_parameters(made(), parse_spec("lfcc_gmm:artefact=x"))
    check_parameters(made(), parse_spec("lfcc_gmm:artefact=x,n_components=2,threshold=4"), free={"threshold"})
    with pytest.raises(BadParameter, match="n_components is 2 there, 3 here"):
        check_parameters(made(), parse_spec("lfcc_gmm:artefact=x,n_components=3"))


def test_a_plan_records_long_lists_by_their_hash() -> None:
    rows = [f"{n:064x}" for n in range(100)]
    brief = made(rows=rows, seed=2, split={"speakers": rows}).brief
    assert brief["seed"] == 2 and brief["rows"] == brief["split"]["speakers"] == {
        "n": 100,
        "sha256": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
    }


def test_artefacts_need_numpy_alone() -> None:
    code = "import earnest.artefacts, sys; print(sorted({'torch', 'safetensors', 'scipy', 'pickle5', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
