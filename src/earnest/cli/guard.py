"""`earnest guard`: a policy over frames of audio, and its decisions on a recording."""

from __future__ import annotations

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

    made = read_policy(policy)
    rows = enforcement(made)
    if as_json:
        print_json({"mode": made.mode, "rules": rows})
        return
    click.echo(f"mode {made.mode}")
    for row in rows:
        click.echo(f"{row['rule']} ({row['action']}): file {row['file']}, frames {row['frames']}")


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
