"""A checkpoint in transformers' form on this machine: where it lies, whether it is whole, and its network.

Weights are read from safetensors alone, since other forms can hold code, and no code of a checkpoint is run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from earnest import registry
from earnest.errors import BadData, BadParameter, MissingExtra
from earnest.models._families import FAMILIES, Family
from earnest.models._weights import sha256_of

if TYPE_CHECKING:
    import torch

_WEIGHTS, _ADAPTER = "model.safetensors", "adapter_model.safetensors"
_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "speech-lora/*"]


def folder_of(rest: str, name: str, revision: str | None) -> Path:
    """Where the checkpoint lies on this machine."""
    if Path(rest).expanduser().is_dir():
        return Path(rest).expanduser()
    hub = registry.extra("huggingface_hub", needed_by=f"model {name!r}")
    try:
        return Path(hub.snapshot_download(rest, revision=revision, allow_patterns=_FILES))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        raise BadParameter(
            f"{name!r} must name a folder or a model on the Hugging Face hub, but there is no such folder and the hub gave: "
            f"{type(error).__name__}: {error}; check the name, or fetch it where there is a network with `hf download {rest}` "
            "and leave HF_HUB_OFFLINE unset there"
        ) from error


def loaded(folder: Path, name: str, device: torch.device, dtype: str) -> tuple[Family, Any]:
    """The family and the network with the checkpoint's weights, frozen, in evaluation mode."""
    import transformers

    kind = _model_type(folder, name)
    family = FAMILIES.get(kind)
    if family is None:
        raise BadParameter(
            f"{name!r} is of the type {kind!r}, which earnest does not carry; it carries {', '.join(FAMILIES)}; "
            "take a revision in transformers' own form (revision=...), or serve it with vLLM and ask it by its address"
        )
    if not hasattr(transformers, family.class_name):
        raise MissingExtra(
            f"model {name!r} needs a transformers that has {family.class_name}, got {transformers.__version__}; "
            "install it with: pip install --upgrade transformers"
        )
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    if family.inner_config and hasattr(config, family.inner_config):
        config = getattr(config, family.inner_config)
    _check_adapter(folder, config, name)
    weight_files(folder, name)
    if getattr(config, "transformers_weights", None):
        raise BadParameter(
            f"{name!r} must hold its weights as {_WEIGHTS}, but its config names {config.transformers_weights!r}; rename the file"
        )
    try:
        network, loading = getattr(transformers, family.class_name).from_pretrained(
            folder, config=config, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, SafetensorError) as error:
        raise BadParameter(f"{name!r} must hold weights as safetensors, but: {error}; fetch it again") from error
    if loading["missing_keys"]:
        missing = sorted(loading["missing_keys"])
        raise BadData(f"{name!r} must hold every weight of a {family.class_name}; fetch it again", missing)
    if (folder / "speech-lora").is_dir():
        network.load_adapter(folder / "speech-lora", adapter_name="speech")
        network.set_adapter("speech")
    network.generation_config = transformers.GenerationConfig()  # penalties of a checkpoint would change its scores
    return family, network.eval().requires_grad_(False).to(device)


def _model_type(folder: Path, name: str) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError) as error:
        raise BadParameter(
            f"{name!r} must be a folder with a config.json that names its model_type, got {type(error).__name__}: {error}; "
            "fetch the checkpoint again"
        ) from error


def _check_adapter(folder: Path, config: Any, name: str) -> None:
    """Refuse a checkpoint whose speech adapter would be left out: it would answer, but badly."""
    has_adapter = (folder / "speech-lora").is_dir() or (folder / "adapter_config.json").is_file()
    if (has_adapter or getattr(config, "has_lora_adapter", False)) and not registry.has_extra("peft"):
        raise MissingExtra(f"model {name!r} has a speech adapter and needs peft; install it with: pip install peft")


def weight_files(folder: Path, name: str) -> list[Path]:
    """The files of weights that are loaded, adapters among them; safetensors alone, since other forms can hold code.

    Raises
    ------
    BadParameter
        If there are none, one that the index names is missing, or one lies outside of the folder.
    """
    index = folder / f"{_WEIGHTS}.index.json"
    if (folder / _WEIGHTS).is_file():
        files = [folder / _WEIGHTS]
    elif index.is_file():
        files = [index, *(folder / shard for shard in _shards(index, name))]
    else:
        others = sorted(
            path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5")
        )
        raise BadParameter(
            f"{name!r} must hold weights as safetensors ({_WEIGHTS}, or {index.name} and what it names), got "
            f"{', '.join(others) or 'no weights'}; convert them with save_pretrained, or take a revision that has them"
        )
    files += [at / _ADAPTER for at in (folder, folder / "speech-lora") if (at / "adapter_config.json").is_file()]
    missing = [str(path.relative_to(folder)) for path in files if not path.is_file()]
    if missing:
        raise BadParameter(
            f"{name!r} must hold its weights as safetensors, but {', '.join(missing)} is missing; fetch it again"
        )
    return files


def _shards(index: Path, name: str) -> list[str]:
    try:
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if all(Path(shard).name == shard and shard.endswith(".safetensors") for shard in shards):
            return shards
        raise ValueError(f"shards must be safetensors files in the folder, got {', '.join(shards)}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadParameter(
            f"{name!r} must have an index of its weights, but {index.name} cannot be used: {error}; fetch it again"
        ) from error


def fingerprint_of(folder: Path, dtype: str, weights: Sequence[Path]) -> str:
    """A hash of the settings and vocabularies, and of every byte of the weights that are loaded."""
    digest = hashlib.sha256(dtype.encode())
    settings = [
        path for path in folder.rglob("*") if path.suffix in (".json", ".jinja", ".model", ".txt") and path.is_file()
    ]
    for path in sorted({*settings, *weights}):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of([path])}\n".encode())
    return digest.hexdigest()[:16]
