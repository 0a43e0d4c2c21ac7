"""`earnest doctor`: what is installed, what is missing and how to get it, whether an endpoint hears."""

from __future__ import annotations

import importlib.metadata
import os
import platform

import click

from earnest import __version__
from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import model_option
from earnest.registry import EXTRAS, has_extra

CORE = ("numpy", "scipy", "soundfile", "soxr", "onnxruntime", "aiohttp", "pydantic")
GIVES = {
    "torch": "gradients and activations of the reference model, for white-box attacks",
    "transformers": "local models: transformers/<folder or hub id>",
    "av": "codecs beyond WAV, FLAC, Ogg and MP3",
    "huggingface_hub": "data sets of the Hugging Face hub, hf://owner/name@revision",
    "inspect_ai": "`inspect eval earnest/...` and `earnest export --inspect`",
    "pocketsphinx": "cascade/pocketsphinx+<text model>",
    "faster_whisper": "cascade/faster-whisper/<folder or size>+<text model>",
    "moonshine_voice": "cascade/moonshine/<folder or size>+<text model>",
    "tokenizers": "sentence embeddings",
    "altair": "the card and figures of a report as files: `earnest report RUN --card`, `--figures`",
    "vl_convert": "the card and figures of a report as files",
    "pystoi": "STOI, how intelligible attacked speech is",
    "pesq": "PESQ, how good attacked speech sounds",
    "speechmos": "DNSMOS, how good speech sounds",
    "sklearn": "the trained refusal classifier",
    "pyarrow": "parquet files with audio, such as AudioTrust's on the Hugging Face hub, and `earnest export --parquet`",
    "pandas": "runs as data frames: `Run.frame()`",
    "onnx": "training the reference model",
    "espeakng_loader": "speech for training the reference model, and the voice `espeak` without the program",
    "audioseal": "AudioSeal's watermark, with its own weights",
    "ray": "runs and matrices on a Ray cluster: `--ray ADDRESS`",
    "fairlearn": "thresholds by group: `earnest mitigate --method group_thresholds`",
    "tldextract": "e-mail addresses for presidio's recognisers",
    "flwr": "federated training over Flower",
    "cryptography": "keys of a secure sum in federated training",
    "presidio_analyzer": "further recognisers of personal details: `earnest redact --presidio`",
    "pyworld": "voices changed by WORLD: `earnest anonymise --method world`",
    "opacus": "another engine of private training: `engine=opacus`",
    "tenseal": "embeddings scored under encryption: `earnest privacy secure --method ckks`",
    "mpyc": "embeddings scored among three parties: `earnest privacy secure --method three_party`",
    "prometheus_client": "metrics of the guard's gateway: `earnest guard serve`",
}
ARRIVAL = {
    "heard": "hears",
    "misheard": "hears, and misunderstands words",
    "unproven": "is NOT shown to hear",
    "refused": "was NOT asked: the endpoint refuses the audio",
    "not_tested": "gave no answer to judge by",
}
KEYS = {"OPENAI_API_KEY": "openai/<name>", "GEMINI_API_KEY": "gemini/<name>", "EARNEST_API_KEY": "<url>#<name>"}


@click.command(
    "doctor",
    help="Show what is installed, what is missing and how to get it. With --model, test whether the model hears.",
)
@click.option(
    "--model",
    metavar="SPEC",
    help="Send this model the spoken code words of the probe set, and silence and babble as controls.",
)
@model_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def doctor_command(*, model: str | None, model_options: tuple[str, ...], as_json: bool) -> int:
    state = {
        "earnest": __version__,
        "python": platform.python_version(),
        "core": {name: importlib.metadata.version(name) for name in CORE},
        "extras": {
            module: {
                "installed": has_extra(module),
                "gives": GIVES[module],
                "install": f'pip install "earnest[{name}]"',
            }
            for module, name in EXTRAS.items()
        },
        "keys": {key: {"set": key in os.environ, "for": use} for key, use in KEYS.items()},
    }
    if model is not None:
        from earnest.runs.suite import probe_hearing

        state["hearing"] = probe_hearing(model, options=model_options)
    print_json(state) if as_json else click.echo(_text(state))
    if model is None or state["hearing"]["hears"]:
        return 0
    return 1 if state["hearing"]["answered"] else 2


def _text(state: dict) -> str:
    lines = [f"earnest {state['earnest']}, Python {state['python']}"]
    lines += [f"  {name} {version}" for name, version in state["core"].items()]
    lines.append("extras")
    for module, facts in state["extras"].items():
        how = "" if facts["installed"] else f"; missing, get it with: {facts['install']}"
        lines.append(f"  {'yes' if facts['installed'] else 'no ':<3} {module}: {facts['gives']}{how}")
    lines.append("keys")
    for key, facts in state["keys"].items():
        lines.append(f"  {'set' if facts['set'] else 'not set':<7} {key}, for {facts['for']}")
    if "hearing" in state:
        hearing = state["hearing"]
        lines.append(f"{hearing['model']}: {ARRIVAL[hearing['arrival']]}. {hearing['why']}")
        lines += [f"learnt: {sentence}" for sentence in hearing["learnt"]]
    return "\n".join(lines)
