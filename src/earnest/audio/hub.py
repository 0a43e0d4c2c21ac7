"""Data sets of the Hugging Face hub, by address: `hf://owner/name@revision`, fetched once into earnest's cache.

A branch or tag is looked up to a commit, and that commit is what a plan names; with a commit in the address, and the data
fetched, no network is asked. The endpoint is that of `HF_ENDPOINT`, as everywhere in the hub's own library. Code that
a repository holds is not fetched, and nothing that is fetched is run.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from earnest.errors import BadData, machine_failed
from earnest.registry import extra

_ADDRESS = re.compile(
    r"hf:/{1,2}(?P<owner>[\w.-]{1,96})/(?P<name>[\w.-]{1,96})(?:@(?P<revision>[\w./-]{1,200}))?/?", re.ASCII
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_KEPT = re.compile(r"(?P<owner>[\w.-]+)--(?P<name>[\w.-]+)@(?P<commit>[0-9a-f]{40})", re.ASCII)
_CODE = ("*.py", "*.sh", "*.ipynb", "*.pkl", "*.pickle", "*.pt", "*.bin")


def is_address(data: Any) -> bool:
    """Whether data is named by an address of the hub; a path in which `//` has become `/` is one too."""
    return isinstance(data, (str, Path)) and bool(re.match(r"hf:/", str(data)))


def fetched(address: str | Path) -> Path:
    """The folder of a data set of the hub on this machine; it is fetched where it is not there.

    Raises
    ------
    BadData
        If the address is none, the hub has no such data set or revision, or cannot be reached.
    MissingExtra
        If `earnest[hub]` is not installed.
    """
    parts = _ADDRESS.fullmatch(str(address))
    if parts is None or ".." in str(address):
        raise BadData(f"a data set of the hub is named as hf://owner/name@revision, got {str(address)!r}; write it so")
    repository, revision = f"{parts['owner']}/{parts['name']}", parts["revision"] or "main"
    if _COMMIT.fullmatch(revision) and (folder := _folder(repository, revision)).is_dir():
        return folder
    hub = extra("huggingface_hub", needed_by=f"data {address_of(repository, revision)}")
    try:
        commit = _commit(hub, repository, revision)
        return _fetched(hub, repository, commit)
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        if fault := machine_failed(error):
            raise fault from error
        raise BadData(
            f"{address_of(repository, revision)} must be a data set that the hub at {_endpoint(hub)} gives, got {type(error).__name__}: "
            f"{str(error).strip().splitlines()[0] if str(error).strip() else 'no reason'}; check name and revision, or set HF_TOKEN "
            "for one that is not public"
        ) from error


def address_of(repository: str, revision: str) -> str:
    """The address of a data set at a revision."""
    return f"hf://{repository}@{revision}"


def name_of(folder: Path) -> str:
    """What a plan calls the data in a folder: its address with the commit, or the name of a folder that is no hub's."""
    kept = _KEPT.fullmatch(folder.resolve().name)
    if kept is None or folder.resolve().parent != _home().resolve():
        return folder.resolve().name
    return address_of(f"{kept['owner']}/{kept['name']}", kept["commit"])


def _endpoint(hub: Any) -> str:
    return os.environ.get("HF_ENDPOINT") or str(hub.constants.ENDPOINT)


def _commit(hub: Any, repository: str, revision: str) -> str:
    commit = hub.HfApi(endpoint=_endpoint(hub)).dataset_info(repository, revision=revision).sha or ""
    if not _COMMIT.fullmatch(commit):
        raise ValueError(f"the hub must name a commit, got {commit[:60]!r}")
    return str(commit)


def _fetched(hub: Any, repository: str, commit: str) -> Path:
    """The data set at a commit, as files and no links; it appears whole or not at all, and what was fetched before is kept."""
    folder = _folder(repository, commit)
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        hub.snapshot_download(
            repository,
            repo_type="dataset",
            revision=commit,
            local_dir=part,
            ignore_patterns=list(_CODE),
            endpoint=_endpoint(hub),
        )
        part.rename(folder)
    return folder


def _folder(repository: str, commit: str) -> Path:
    return _home() / f"{repository.replace('/', '--')}@{commit}"


def _home() -> Path:
    """Where data sets are kept: `EARNEST_CACHE`, or `~/.cache/earnest`, in `data`."""
    given = os.environ.get("EARNEST_CACHE")
    return (Path(given) if given else Path.home() / ".cache" / "earnest") / "data"
