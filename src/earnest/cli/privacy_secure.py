"""`earnest privacy secure`: scores of a head on embeddings that the service never sees, and what they cost."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import print_json


@click.command(
    "secure",
    help="Match recordings with an enrolled voice, or classify embeddings, without showing either to the service. RECORDINGS are "
    "compared with --enrolled in the voice space of the embedded reference model; with --head, EMBEDDINGS (an .npy file) get the "
    "scores of a linear head. Both sides run on this machine: the command measures bytes, seconds and the error.",
)
@click.argument("inputs", nargs=-1, required=True, metavar="RECORDINGS|EMBEDDINGS", type=click.Path(path_type=Path))
@click.option("--enrolled", type=click.Path(path_type=Path), metavar="CLIP", help="A recording of the voice to match.")
@click.option("--head", type=click.Path(path_type=Path), metavar="NPZ", help="Arrays weight and bias of a linear head.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    metavar="NAME",
    help="ckks or three_party; repeatable; default: both.",
)
@click.option(
    "--dry-run", is_flag=True, help="Say what would be computed, and what is hidden from whom; compute nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def secure_command(
    *,
    inputs: tuple[Path, ...],
    enrolled: Path | None,
    head: Path | None,
    methods: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> int:
    from earnest.errors import BadParameter, UnknownName, did_you_mean
    from earnest.privacy.secure import HIDDEN, METHODS, secured

    if (enrolled is None) == (head is None):
        raise BadParameter(
            "exactly one of --enrolled and --head must be given; the first matches voices, the second classifies"
        )
    chosen = methods or tuple(METHODS)
    for name in chosen:
        if name not in METHODS:
            raise UnknownName(
                f"no protocol is called {name!r}{did_you_mean(name, METHODS)}; there are {', '.join(METHODS)}"
            )
    made, embeddings = _matched(inputs, enrolled) if enrolled is not None else _classified(inputs, head)
    n_outputs, width = made.weight.shape
    if dry_run:
        facts = {
            "n_clips": len(embeddings),
            "width": width,
            "n_outputs": n_outputs,
            "hidden": {m: HIDDEN[m] for m in chosen},
        }
        print_json(facts) if as_json else click.echo(
            f"{len(embeddings):,} embeddings of width {width}, {n_outputs} outputs\n" + "\n".join(map(_hidden, chosen))
        )
        return 0
    results = [secured(name, made, embeddings) for name in chosen]
    if as_json:
        print_json(
            {
                "width": width,
                "n_outputs": n_outputs,
                "results": [
                    {
                        "method": one.method,
                        "scores": one.scores.tolist(),
                        "seconds": one.seconds,
                        "n_bytes": one.n_bytes,
                        "error": one.error,
                        "n_clips": one.n_clips,
                        "hidden": HIDDEN[one.method],
                    }
                    for one in results
                ],
            }
        )
        return 0
    for one in results:
        click.echo(f"{one.method}: largest distance from plain scores {one.error:.1e}, {one.n_clips} clips")
        click.echo("  seconds: " + ", ".join(f"{step} {value:.2f}" for step, value in one.seconds.items()))
        click.echo("  bytes: " + ", ".join(f"{message} {value:,}" for message, value in one.n_bytes.items()))
        click.echo(_hidden(one.method))
    click.echo("scores" + (" (cosine with the enrolled voice)" if enrolled is not None else ""))
    for place, row in enumerate(results[0].scores):
        label = inputs[place].name if enrolled is not None else str(place)
        click.echo(f"  {label}  " + "  ".join(f"{value:.6f}" for value in row))
    return 0


def _hidden(method: str) -> str:
    from earnest.privacy.secure import HIDDEN

    return "\n".join(f"  - {sentence}" for sentence in HIDDEN[method])


def _matched(recordings: tuple[Path, ...], enrolled: Path):  # noqa: ANN202  (types of parts that are imported late)
    """Enrolled voice as a head, and voices of recordings, by the embedded reference model."""
    from earnest.audio import AudioClip
    from earnest.audio.resampling import resampled
    from earnest.models.reference.onnx_route import OnnxReference
    from earnest.privacy.secure import Head

    def samples(path: Path):  # noqa: ANN202
        clip = AudioClip.read(path)
        return clip.samples if clip.sample_rate == 16_000 else resampled(clip.samples, clip.sample_rate, to=16_000)

    voices = OnnxReference().voices([samples(path) for path in (enrolled, *recordings)])
    return Head.of_voices(voices[0]), voices[1:]


def _classified(inputs: tuple[Path, ...], path: Path | None):  # noqa: ANN202
    import numpy as np

    from earnest.errors import BadData, BadParameter
    from earnest.privacy.secure import Head

    assert path is not None
    if len(inputs) != 1:
        raise BadParameter(
            f"with --head there must be one .npy file of embeddings, got {len(inputs)} files; stack them"
        )
    try:
        embeddings = np.load(inputs[0], allow_pickle=False)
        if not isinstance(embeddings, np.ndarray):
            raise ValueError("it holds several arrays")
    except (OSError, ValueError, EOFError) as error:
        raise BadData(
            f"{inputs[0]} must be an .npy file of embeddings, shape (n_clips, width), but: {error}"
        ) from error
    head = Head.read(path)
    return head, head.fitting(embeddings)
