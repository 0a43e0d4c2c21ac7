"""`earnest guard`: a policy over frames of audio, and its decisions on a recording."""

from __future__ import annotations

import importlib
import os
from dataclasses import asdict
from pathlib import Path

import click

from earnest.cli import print_json

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


@click.group("guard", help="Decide on audio, frame by frame, under a policy.")
def guard_command() -> None:
    pass


@guard_command.command("init", help="Write a commented policy to POLICY; an existing file is kept.")
@click.argument("policy", type=click.Path(path_type=Path))
def init_command(policy: Path) -> None:
    from earnest.errors import BadParameter
    from earnest.guard.policy import TEMPLATE

    try:
        with policy.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise BadParameter(f"{policy} exists and is kept; give another name") from None
    click.echo(f"{policy}: written; check it with `earnest guard check {policy}`")


@guard_command.command("check", help="What each rule of POLICY can enforce on each route, or all its faults.")
@click.argument("policy", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def check_command(policy: Path, *, as_json: bool) -> None:
    from earnest.guard import enforcement, read_policy
    from earnest.guard.enforcement import SIDES, held_s, table

    made = read_policy(policy)
    rows = enforcement(made)
    enforced = enforcement(made.model_copy(update={"mode": "enforce"}))
    held = {side: held_s(made, side) for side in SIDES}
    if as_json:
        print_json({"mode": made.mode, "rules": rows, "enforced": enforced, "held_s": held})
        return
    click.echo(f"mode {made.mode}\n{table(rows)}")
    if rows != enforced:
        click.echo(f"\nunder enforce\n{table(enforced)}")
    for side in SIDES:
        if held[side]:
            click.echo(f"{side}: audio is held back for {held[side]:g} s under enforce")


@guard_command.command("listen", help="Decisions of a policy on the recording CLIP.")
@click.argument("clip", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--policy", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option(
    "--record", "recording", type=click.Path(path_type=Path), help="Write scores and decisions to this new file."
)
@json_option
def listen_command(clip: Path, *, policy: Path, recording: Path | None, as_json: bool) -> None:
    from earnest.audio import AudioClip
    from earnest.errors import BadParameter
    from earnest.guard import Session, read_policy

    heard = AudioClip.read(clip)
    session = Session(read_policy(policy), heard.sample_rate)
    decisions = session.push(heard.samples)
    if recording is not None:
        from earnest.guard.recording import KEY, record

        if recording.exists():
            raise BadParameter(f"{recording} exists and is kept; give another name")
        text = policy.read_text(encoding="utf-8")
        record(recording, heard.samples, heard.sample_rate, text, key=os.environ.get(KEY, ""))
    if as_json:
        print_json(
            {
                "blocks": session.n_blocks,
                "not_scored": session.not_scored,
                "decisions": [asdict(one) for one in decisions],
            }
        )
        return
    for one in decisions:
        click.echo(
            f"{one.start_s:.2f}-{one.end_s:.2f} s  {one.action}  {one.rule} (line {one.line}): "
            f"{one.detector} {one.score:.3g}, threshold {one.threshold:g}"
        )
    click.echo(f"{len(decisions)} decisions on {session.n_blocks} blocks of 20 ms")
    for name, count in session.not_scored.items():
        click.echo(f"{name}: {count} blocks not scored, because the sample rate does not carry its band")


@guard_command.command("replay", help="Decide again on the recorded SESSION; exit 1 where a decision differs.")
@click.argument("session", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def replay_command(session: Path, *, as_json: bool) -> None:
    from earnest.guard.recording import KEY, replayed

    decisions, same = replayed(session, key=os.environ.get(KEY, ""))
    if as_json:
        print_json({"same": same, "decisions": [asdict(one) for one in decisions]})
    else:
        click.echo(f"{len(decisions)} decisions, {'equal to' if same else 'different from'} the recorded ones")
    if not same:
        raise SystemExit(1)


@guard_command.group("audit", help="Check the chain of a recorded session.")
def audit_group() -> None:
    pass


@audit_group.command("verify", help="Whether the chain of SESSION holds, and whether the session ended.")
@click.argument("session", type=click.Path(path_type=Path, dir_okay=False))
def verify_command(session: Path) -> None:
    from earnest.guard.recording import KEY, verified

    read = verified(session, key=os.environ.get(KEY, ""))
    click.echo(f"{len(read.lines)} lines, the chain holds; the session {'ended' if read.ended else 'was not ended'}")
    if read.torn:
        click.echo("a torn last line was cut")


@guard_command.command("serve", help="Guard live calls: a gateway under POLICY in front of a provider.")
@click.argument("policy", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--upstream", required=True, help="The provider: wss://... or https://...")
@click.option(
    "--route", "routes", multiple=True, help="A protocol to serve; may be repeated. [default: by the upstream]"
)
@click.option("--listen", default="127.0.0.1:8460", show_default=True, help="Where clients connect.")
@click.option("--admin", default="127.0.0.1:8461", show_default=True, help="Where the page and the metrics are.")
@click.option("--admin-name", "admin_names", multiple=True, help="Another host name of the admin address.")
@click.option("--upstream-key-env", help="Environment variable with a key to send in place of the client's.")
@click.option("--audit", type=click.Path(path_type=Path, file_okay=False), help="Folder for one chained file a call.")
@click.option("--audit-closed", is_flag=True, help="Take no new calls while the audit cannot be written.")
@click.option(
    "--retain-days", type=click.FloatRange(min=0), default=0, help="Remove older files of the audit at start."
)
@click.option("--allow-degraded", is_flag=True, help="Start although a route cannot enforce every rule.")
@click.option("--litellm", is_flag=True, help="Also serve LiteLLM's guardrail endpoint, for the rules on words.")
@click.option("--max-calls", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option(
    "--drain-s", type=click.FloatRange(min=0), default=30, show_default=True, help="Time for calls at SIGTERM."
)
@click.option(
    "--detector-memory-mb", type=click.IntRange(min=0), default=0, help="Limit of the detectors' memory; 0: none."
)
@click.option("--dry-run", is_flag=True, help="Print what would be enforced, and stop.")
def serve_command(
    policy: Path,
    *,
    upstream: str,
    routes: tuple[str, ...],
    listen: str,
    admin: str,
    admin_names: tuple[str, ...],
    upstream_key_env: str | None,
    audit: Path | None,
    audit_closed: bool,
    retain_days: float,
    allow_degraded: bool,
    litellm: bool,
    max_calls: int,
    drain_s: float,
    detector_memory_mb: int,
    dry_run: bool,
) -> None:
    import asyncio

    from earnest.errors import BadParameter
    from earnest.guard import enforcement
    from earnest.guard.enforcement import check_routes, table, unenforceable
    from earnest.guard.policy import parse_policy
    from earnest.guard.recording import KEY
    from earnest.registry import extra

    extra("prometheus_client", needed_by="earnest guard serve")
    from earnest.guard.gateway.server import Gateway, Settings, default_routes, serve

    text = policy.read_text(encoding="utf-8")
    made = parse_policy(text, str(policy))
    chosen = check_routes(routes or default_routes(upstream))
    click.echo(f"mode {made.mode}\n{table(enforcement(made.model_copy(update={'mode': 'enforce'}), chosen))}", err=True)
    if made.mode in {"shadow", "off"}:
        click.echo(f"in mode {made.mode} every call passes unchanged", err=True)
    if dry_run:
        if (faults := unenforceable(made, chosen)) and not allow_degraded:
            raise BadParameter("the policy cannot be enforced on every route:\n" + "\n".join(faults))
        return
    if upstream_key_env and not os.environ.get(upstream_key_env):
        raise BadParameter(f"the environment variable {upstream_key_env} is empty; put the provider's key there")
    host, port = _address(listen)
    admin_host, admin_port = _address(admin)
    settings = Settings(
        upstream=upstream,
        routes=chosen,
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        admin_names=admin_names,
        admin_token=os.environ.get("EARNEST_GUARD_ADMIN_TOKEN", ""),
        upstream_key=os.environ.get(upstream_key_env, "") if upstream_key_env else "",
        key=os.environ.get(KEY, ""),
        audit=audit,
        audit_closed=audit_closed,
        retain_days=retain_days,
        allow_degraded=allow_degraded,
        litellm=litellm,
        max_sessions=max_calls,
        drain_s=drain_s,
        detector_memory_mb=detector_memory_mb,
    )

    def started(gateway: Gateway) -> None:
        click.echo(
            f"clients: {_shown(host)}:{gateway.port}, admin: http://{_shown(admin_host)}:{gateway.admin_port}/",
            err=True,
        )

    try:
        from uvloop import new_event_loop as loop_factory
    except ImportError:  # Windows has none
        loop_factory = None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve(text, settings, started=started))


def _address(text: str) -> tuple[str, int]:
    from earnest.errors import BadParameter

    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise BadParameter(f"{text!r} is no address; give HOST:PORT, such as 127.0.0.1:8460")
    return host.strip("[]"), int(port)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@audit_group.command(
    "export", help="Decisions and switches of every session under FOLDER, checked, as JSON lines or CSV."
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file. [default: stdout]")
def export_command(folder: Path, *, form: str, out: Path | None) -> None:
    from earnest.guard.gateway.audit import exported
    from earnest.guard.recording import KEY

    text, broken = exported(folder, form, key=os.environ.get(KEY, ""))
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
    for line in broken:
        click.echo(line, err=True)
    if broken:
        raise SystemExit(1)


_MORE = {
    "bench": "earnest.cli.guard_bench",
    "detectors": "earnest.cli.guard_detectors",
    "drift": "earnest.cli.guard_drift",
    "live": "earnest.cli.guard_live",
}
for _name, _module in _MORE.items():
    guard_command.add_command(getattr(importlib.import_module(_module), f"{_name}_command"))
