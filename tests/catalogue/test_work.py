"""The catalogue: every work is well formed, and every work that code cites is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import earnest
from earnest import registry
from earnest.catalogue import Work, keys, load, works
from earnest.errors import UnknownName

ROOT = Path(earnest.__file__).parent
KEY = re.compile(r"\[([a-z]+\d{4}-[a-z0-9]+)\]|\"([a-z]+\d{4}-[a-z0-9]+)\"")


def cited() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        for match in KEY.finditer(path.read_text(encoding="utf-8")):
            found[match[1] or match[2]] = path
    return found


def test_every_work_that_code_cites_is_in_the_catalogue() -> None:
    assert len(cited()) > 20
    missing = {key: path.name for key, path in cited().items() if key not in works()}
    assert not missing, f"add works/<year>/<key>.yaml for {missing}"


@pytest.mark.parametrize("kind", ["tasks", "attacks", "defences"])
def test_every_plugin_names_a_work(kind: str) -> None:
    for name in registry.names(kind):
        plugin = registry.registry(kind).get(name)
        assert plugin.source in works(), f"{kind}/{name} names {plugin.source!r}"


@pytest.mark.parametrize("key", keys())
def test_a_key_carries_its_year_and_an_arxiv_id_its_month(key: str) -> None:
    work = load(key)
    assert re.fullmatch(rf"[a-z][a-z0-9]*{work.year}-[a-z0-9]+(-[a-z0-9]+)*", key)
    if work.ids.arxiv and not work.date_note:
        written = f"{work.issued % 100:02}" if isinstance(work.issued, int) else f"{work.issued:%y%m}"
        assert work.ids.arxiv.startswith(written)


def test_ids_and_titles_are_not_repeated() -> None:
    titles = [work.title.casefold() for work in works().values()]
    ids = [i for work in works().values() for i in (work.ids.arxiv, work.ids.doi) if i]
    assert len(set(titles)) == len(titles)
    assert len(set(ids)) == len(ids)


def test_an_unknown_key_says_which_file_is_missing() -> None:
    with pytest.raises(UnknownName, match="no work 'nobody2020-nothing'; add works/"):
        load("nobody2020-nothing")


def test_a_work_with_a_wrong_id_is_refused() -> None:
    with pytest.raises(ValueError, match="arxiv"):
        Work(id="a2020-b", title="Some title", issued=2020, kind="attack", ids={"arxiv": "20.1"})
