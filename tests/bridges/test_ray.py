"""Parts of a run on a local Ray cluster of two nodes, one of which is killed in the middle: nothing lost, nothing doubled."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

import earnest
from earnest.engine import read_journal
from earnest.errors import BadParameter, MissingExtra, RunStopped
from earnest.registry import has_extra, load_file
from earnest.runs.parts import Part, run_in_parts, work_of

TOY = Path(__file__).parents[1] / "runs" / "keyed_toy.py"
OPTIONS = {
    "model": "toy/keyed",
    "attack": ("toy_key",),
    "stack": (("toy_flip",),),
    "transfers": True,
    "attacked": ("harmful_refusal",),
    "cache": False,
    "limit": 12,
}


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from earnest.bridges.ray import by_ray

    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"--ray needs ray; install it with: pip install \"earnest\[ray\]\""):
        by_ray("auto")
    with pytest.raises(BadParameter, match="needs an address"):
        by_ray(" ")


def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    from earnest.bridges.ray import check_reachable

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):  # bound, and nobody listens
            with pytest.raises(RunStopped, match="no Ray cluster answers at .*begin one"):
                check_reachable(address)
        held.listen()
        check_reachable(f"127.0.0.1:{port}")
    check_reachable("auto")


def test_a_node_gives_back_a_whole_folder_and_resumes_what_it_was_given(tmp_path: Path) -> None:
    """What runs on a node, without a cluster."""
    from earnest.bridges.ray import _given, _on_node
    from earnest.runs.parts import unpacked

    load_file(str(TOY))
    work = work_of("matrix", {**OPTIONS, "limit": 4}, n_parts=1)
    part = Part("1/1", tmp_path / "part")
    few = _on_node({**work, "probe": 1}, "1/1", _given(part))
    assert isinstance(few, bytes)
    unpacked(few, part.folder)
    before = {line.item: line for line in read_journal(part.folder)}
    whole = _on_node(work, "1/1", _given(part))
    assert isinstance(whole, bytes)
    unpacked(whole, part.folder)
    after = {line.item: line for line in read_journal(part.folder)}
    assert before and len(after) > len(before) and all(after[item] == line for item, line in before.items())
    assert "no attack is called" in _on_node({**work, "attack": ("nosuch",)}, "1/1", b"")


@pytest.mark.slow
@pytest.mark.skipif(not has_extra("ray"), reason="Ray is not installed; it comes with the extra ray")
@pytest.mark.filterwarnings("ignore")  # Ray and its dependencies warn of their own doings
def test_a_node_that_is_killed_loses_nothing_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray.cluster_utils import Cluster

    from earnest.bridges.ray import by_ray

    load_file(str(TOY))
    alone = earnest.run("matrix", out=tmp_path / "alone", **OPTIONS)
    monkeypatch.setenv("TOY_WAIT_S", "0.05")  # nodes that are begun from here have it
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    try:
        cluster.wait_for_nodes()
        carry, n_cpus = by_ray(cluster.address)
        assert n_cpus == 2
        out, ended = tmp_path / "run", threading.Event()

        def kill() -> None:
            parts = out / "parts"
            while not ended.is_set() and len(list(parts.glob("[0-9]*"))) < 1:
                time.sleep(0.05)
            cluster.remove_node(second, allow_graceful=False)
            killed.append(time.monotonic())

        killed: list[float] = []
        killer = threading.Thread(target=kill)
        killer.start()
        run = run_in_parts("matrix", out=out, carry=carry, n_workers=4, options=OPTIONS)
        ended.set()
        killer.join()
        assert killed, "the node was killed while the run went on"
    finally:
        ray.shutdown()
        cluster.shutdown()
    lines = read_journal(run.folder)
    assert len(lines) == len({line.item for line in lines})
    same = {line.item: (line.answer, line.score, line.clips) for line in read_journal(alone.folder)}
    assert {line.item: (line.answer, line.score, line.clips) for line in lines} == same
    values = [[one.value for one in each.findings if one.unit not in ("ms", "s")] for each in (run, alone)]
    assert values[0] == values[1]
