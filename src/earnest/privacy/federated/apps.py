"""The client and the server of Flower: the reference model's encoder, trained over speakers (`earnest[federated]`).

A client is one speaker. In a round it trains on its clips and answers with its update: as it is, clipped and with its
share of noise (`client_privacy`), masked in a secure sum (`secure_sum`), or both. The server adds the updates up, takes
a step, and writes what it could read in the first client's update, `received.npz`, and `rounds.jsonl`.

They have run in Flower's simulation; `examples/federated` is the project that `flwr run` takes for a SuperLink with
SuperNodes, on which no run has finished yet. A client that fails ends the run: a sum without it would be noise, or another mean than the stated one.

Settings (`[tool.flwr.app.config]`): `data` (a folder with a manifest), `out`, `rounds`, `clients`, `clips` (of each
speaker), `learning-rate`, `secure` (bool), `clip-norm`, `noise-multiplier`, `seed`; 0 for `clip-norm` leaves updates as
they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from earnest import registry
from earnest.audio import Manifest
from earnest.errors import BadParameter, RunStopped
from earnest.privacy.federated.client_privacy import ClientPrivacy
from earnest.privacy.federated.secure_sum import Member, read_alone, summed
from earnest.privacy.federated.training import (
    Example,
    by_speaker,
    example,
    local_update,
    mean_loss,
    named,
    put,
    reference_network,
    trained,
)

DELTA = 1e-5
_WHO = "federated learning"
_WAIT_S = 300.0


def client_app(settings: Mapping[str, Any] | None = None) -> Any:
    """The app of a client; its number, `partition-id` of the node, says which speaker it is.

    Parameters
    ----------
    settings : mapping or None
        For runs from Python; the configuration of the run goes before.
    """
    given = dict(settings or {})
    flwr = registry.extra("flwr.app", needed_by=_WHO)
    app = registry.extra("flwr.clientapp", needed_by=_WHO).ClientApp()

    @app.query()
    def keys(message: Any, context: Any) -> Any:
        """A new key for a round; its private half stays in the node's state."""
        member = Member()
        context.state["key"] = flwr.ConfigRecord({"private": member.private})
        return flwr.Message(
            flwr.RecordDict({"key": flwr.ConfigRecord({"public": member.public, "number": _number(context)})}),
            reply_to=message,
        )

    @app.train()
    def train(message: Any, context: Any) -> Any:
        """One round at a client."""
        settings, asked = {**given, **context.run_config}, message.content["round"]
        number, n_round = _number(context), int(asked["round"])
        network, examples = _client(settings, number)
        put(network, message.content["model"]["values"].numpy().astype(np.float64))
        loss = mean_loss(network, examples)
        update = local_update(network, examples, learning_rate=float(settings["learning-rate"]))
        update = (
            _private(settings).protected(update, rng=_noise_of(settings, number, n_round))
            if _clips(settings)
            else update
        )
        sent: Any = update.astype(np.float32)
        if settings["secure"]:
            publics = dict(zip(map(int, asked["numbers"]), asked["publics"], strict=True))
            member = Member(context.state["key"]["private"])
            sent = member.masked(update, publics=publics, own=number, n_round=n_round, limit=_limit(settings))
        return flwr.Message(
            flwr.RecordDict(
                {
                    "update": flwr.ArrayRecord({"values": flwr.Array(sent)}),
                    "facts": flwr.MetricRecord({"loss": loss, "number": number}),
                }
            ),
            reply_to=message,
        )

    return app


def server_app(settings: Mapping[str, Any] | None = None) -> Any:
    """The app of the server; see `client_app`."""
    given = dict(settings or {})
    flwr = registry.extra("flwr.app", needed_by=_WHO)
    app = registry.extra("flwr.serverapp", needed_by=_WHO).ServerApp()

    @app.main()
    def main(grid: Any, context: Any) -> None:
        settings = {**given, **context.run_config}
        out, n_clients = Path(str(settings["out"])), int(settings["clients"])
        out.mkdir(parents=True, exist_ok=True)
        network = reference_network()
        nodes = _nodes(grid, n_clients)
        with (out / "rounds.jsonl").open("w", encoding="utf-8") as lines:
            for n_round in range(1, int(settings["rounds"]) + 1):
                begun = time.monotonic()
                asked: dict[str, Any] = {"round": n_round}
                if settings["secure"]:
                    keys = _all(
                        grid,
                        [flwr.Message(flwr.RecordDict(), dst_node_id=node, message_type="query") for node in nodes],
                    )
                    asked["numbers"] = [int(one.content["key"]["number"]) for one in keys]
                    asked["publics"] = [one.content["key"]["public"] for one in keys]
                before = trained(network)
                content = flwr.RecordDict(
                    {
                        "model": flwr.ArrayRecord({"values": flwr.Array(before.astype(np.float32))}),
                        "round": flwr.ConfigRecord(asked),
                    }
                )
                replies = _all(grid, [flwr.Message(content, dst_node_id=node, message_type="train") for node in nodes])
                sent = {int(one.content["facts"]["number"]): one.content["update"]["values"].numpy() for one in replies}
                if n_round == 1:
                    _keep_first(out, network, sent, settings)
                total = (
                    summed(list(sent.values()), limit=_limit(settings)) if settings["secure"] else sum(sent.values())
                )
                put(network, before + np.asarray(total, np.float64) / n_clients)
                losses = [float(one.content["facts"]["loss"]) for one in replies]
                row = {
                    "round": n_round,
                    "n_clients": len(replies),
                    "mean_loss": float(np.mean(losses)),
                    "update_length": float(np.linalg.norm(np.asarray(total, np.float64) / n_clients)),
                    "seconds": round(time.monotonic() - begun, 2),
                    **_epsilons(settings, n_rounds=n_round),
                }
                lines.write(json.dumps(row) + "\n")
                lines.flush()

    return app


def _number(context: Any) -> int:
    return int(context.node_config["partition-id"])


def _client(settings: Mapping[str, Any], number: int) -> tuple[Any, list[Example]]:
    """The network and the examples of the speaker with this number."""
    n_clients, n_clips = int(settings["clients"]), int(settings["clips"])
    speakers = by_speaker(Manifest.read(str(settings["data"])), n_speakers=n_clients, per_speaker=n_clips)
    if not 0 <= number < n_clients:
        raise BadParameter(f"a client's number must be below {n_clients}, got {number}; set partition-id of the node")
    entries = speakers[sorted(speakers)[number]]
    return reference_network(), [example(entry.clip(), str(entry.text)) for entry in entries]


def _clips(settings: Mapping[str, Any]) -> bool:
    return float(settings["clip-norm"]) > 0


def _private(settings: Mapping[str, Any]) -> ClientPrivacy:
    return ClientPrivacy(
        clip_norm=float(settings["clip-norm"]),
        noise_multiplier=float(settings["noise-multiplier"]),
        n_clients=int(settings["clients"]),
    )


def _noise_of(settings: Mapping[str, Any], number: int, n_round: int) -> np.random.Generator:
    """From the operating system unless a seed above 0 is set, which is for tests: a known seed takes its noise away."""
    seed = int(settings["seed"])
    return np.random.default_rng([seed, number, n_round]) if seed else np.random.default_rng()


def _limit(settings: Mapping[str, Any]) -> float:
    """What a single value may reach: the norm to which updates are clipped, and far out in the noise; else 1."""
    if not _clips(settings):
        return 1.0
    return float(settings["clip-norm"]) + 6 * _private(settings).share


def _epsilons(settings: Mapping[str, Any], *, n_rounds: int) -> dict[str, float | None]:
    if not _clips(settings) or not float(settings["noise-multiplier"]):
        return {"epsilon_of_sums": None, "epsilon_of_updates": None, "delta": None}
    private = _private(settings)
    return {
        "epsilon_of_sums": private.epsilon(n_rounds=n_rounds, delta=DELTA),
        "epsilon_of_updates": private.alone_epsilon(n_rounds=n_rounds, delta=DELTA),
        "delta": DELTA,
    }


def _nodes(grid: Any, n_clients: int) -> list[int]:
    until = time.monotonic() + _WAIT_S
    while len(nodes := sorted(grid.get_node_ids())) < n_clients:
        if time.monotonic() > until:
            raise RunStopped(
                f"{n_clients} clients must be connected, got {len(nodes)} within {_WAIT_S:.0f} s; start more"
            )
        time.sleep(0.5)
    return nodes[:n_clients]


def _all(grid: Any, messages: list[Any]) -> list[Any]:
    """The replies of all clients; one that fails or stays away ends the run."""
    replies = list(grid.send_and_receive(messages, timeout=3600))
    failed = [str(one.error) for one in replies if one.has_error()]
    if failed or len(replies) < len(messages):
        raise RunStopped(
            f"all {len(messages)} clients must answer, got {len(replies) - len(failed)} answers and {len(failed)} failures; "
            f"repeat the run without those that fail: {'; '.join(failed)[:300]}"
        )
    return replies


def _keep_first(out: Path, network: Any, sent: Mapping[int, Any], settings: Mapping[str, Any]) -> None:
    """What the server can read in the update of client 0 by itself, as a gradient, for an attack on it."""
    alone = read_alone(sent[0], limit=_limit(settings)) if settings["secure"] else sent[0].astype(np.float64)
    gradient = named(network, -alone / float(settings["learning-rate"]))
    np.savez(out / "received.npz", weight=gradient["conv1.weight"], bias=gradient["conv1.bias"])
