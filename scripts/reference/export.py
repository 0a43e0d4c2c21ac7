"""From a trained network to the shipped files: weights in 16 bits, two graphs that read them, vocabulary, manifest.

The graphs hold no weights: their initialisers are external data inside the safetensors file (its header says where each tensor begins), so that the onnxruntime route and the torch
route read the same bytes. They compute in 32 bits; the casts and transpositions are folded when a session opens.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file

from earnest.models.reference.checkpoint import WEIGHTS, sha256_of
from earnest.models.reference.network import Network, Shape
from earnest.models.reference.vocabulary import Vocabulary

OPSET = 17


def tensor_offsets(path: Path) -> dict[str, tuple[tuple[int, ...], int, int]]:
    """Shape, first byte and number of bytes of each tensor in a safetensors file of float16."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return {
        name: (
            tuple(row["shape"]),
            8 + length + row["data_offsets"][0],
            row["data_offsets"][1] - row["data_offsets"][0],
        )
        for name, row in header.items()
    }


class Graph:
    """A graph being written; values are names."""

    def __init__(self, weights: Path) -> None:
        self.offsets = tensor_offsets(weights)
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}
        self.n = 0

    def op(self, kind: str, *inputs: str, n_outputs: int = 1, name: str = "", **attributes) -> str | list[str]:  # noqa: ANN003
        """Append a node; the name of its output, or of its outputs."""
        self.n += 1
        outputs = [name] if name else [f"{kind}_{self.n}_{k}" for k in range(n_outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, **attributes))
        return outputs[0] if n_outputs == 1 else outputs

    def weight(self, name: str) -> str:
        """A stored tensor as float32."""
        if name not in self.initialisers:
            shape, start, size = self.offsets[name]
            tensor = TensorProto(
                name=name, data_type=TensorProto.FLOAT16, dims=shape, data_location=TensorProto.EXTERNAL
            )
            for key, value in (("location", WEIGHTS), ("offset", str(start)), ("length", str(size))):
                tensor.external_data.add(key=key, value=value)
            self.initialisers[name] = tensor
            self.op("Cast", name, name=f"{name}:32", to=TensorProto.FLOAT)
        return f"{name}:32"

    def constant(self, values: list[int] | float) -> str:
        """A small constant."""
        array = np.array(values, np.float32 if isinstance(values, float) else np.int64)
        name = f"constant:{values}"
        self.initialisers.setdefault(name, onnx.numpy_helper.from_array(array, name))
        return name

    def linear(self, x: str, name: str) -> str:
        """``x @ weight.T + bias``."""
        return self.op(
            "Add",
            self.op("MatMul", x, self.op("Transpose", self.weight(f"{name}.weight"), perm=[1, 0])),
            self.weight(f"{name}.bias"),
        )

    def norm(self, x: str, module: str, **options) -> str:  # noqa: ANN003
        """Layer normalisation over the last axis."""
        return self.op(
            "LayerNormalization",
            x,
            self.weight(f"{module}.weight"),
            self.weight(f"{module}.bias"),
            axis=-1,
            epsilon=1e-5,
            **options,
        )

    def attention(self, x: str, mask: str, name: str, *, width: int, n_heads: int, block: int | None = None) -> str:
        """Self-attention; with a block number, keys and values of the past are put in front and handed out."""
        head = width // n_heads
        q, k, v = self.op("Split", self.linear(x, f"{name}.qkv"), n_outputs=3, axis=2)
        heads = self.constant([0, 0, n_heads, head])
        q, k, v = (self.op("Transpose", self.op("Reshape", part, heads), perm=[0, 2, 1, 3]) for part in (q, k, v))
        if block is not None:
            k = self.op("Concat", f"key{block}", k, axis=2, name=f"key{block}_out")
            v = self.op("Concat", f"value{block}", v, axis=2, name=f"value{block}_out")
        scores = self.op(
            "Mul", self.op("MatMul", q, self.op("Transpose", k, perm=[0, 1, 3, 2])), self.constant(float(head**-0.5))
        )
        mixed = self.op("MatMul", self.op("Softmax", self.op("Add", scores, mask), axis=-1), v)
        return self.linear(
            self.op("Reshape", self.op("Transpose", mixed, perm=[0, 2, 1, 3]), self.constant([0, 0, width])),
            f"{name}.out",
        )

    def inner(self, x: str, name: str) -> str:
        """Two-layer perceptron."""
        return self.linear(self.op("Relu", self.linear(x, f"{name}.up")), f"{name}.down")

    def write(self, path: Path, inputs: dict[str, list], outputs: dict[str, list]) -> None:
        """Check and write the graph."""

        def values(table: dict[str, list]) -> list[onnx.ValueInfoProto]:
            return [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in table.items()]

        graph = helper.make_graph(
            self.nodes, path.stem, values(inputs), values(outputs), list(self.initialisers.values())
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="earnest", ir_version=8
        )
        path.write_bytes(model.SerializeToString())
        onnx.checker.check_model(str(path))


def write_encoder(folder: Path, shape: Shape) -> None:
    """The graph from features to decoder slots and the voice."""
    g = Graph(folder / WEIGHTS)
    around, near = ([4, 0], [shape.kernel - 1, 0]) if shape.causal else ([2, 2], [shape.kernel // 2] * 2)
    x = g.op("Transpose", "features", perm=[0, 2, 1])
    x = g.op("Relu", g.op("Conv", x, g.weight("conv1.weight"), g.weight("conv1.bias"), strides=[2], pads=around))
    x = g.op("Conv", g.op("Mul", x, "half"), g.weight("conv2.weight"), g.weight("conv2.bias"), strides=[2], pads=around)
    x = g.op("Add", g.op("Transpose", g.op("Relu", x), perm=[0, 2, 1]), "positions")
    for k in range(shape.n_encoder_blocks):
        name = f"encoder.{k}"
        mixed = g.attention(
            g.norm(x, f"{name}.norm_attention"), "mask", f"{name}.attention", width=shape.width, n_heads=shape.n_heads
        )
        x = g.op("Add", x, mixed)
        local = g.op("Transpose", g.op("Mul", g.norm(x, f"{name}.norm_conv"), "valid"), perm=[0, 2, 1])
        local = g.op(
            "Conv",
            local,
            g.weight(f"{name}.depthwise.weight"),
            g.weight(f"{name}.depthwise.bias"),
            group=shape.width,
            pads=near,
        )
        local = g.op("Relu", g.op("Transpose", local, perm=[0, 2, 1]))
        x = g.op("Add", x, g.linear(local, f"{name}.pointwise"))
        x = g.op("Add", x, g.inner(g.norm(x, f"{name}.norm_inner"), f"{name}.inner"))
        if k == shape.voice_block:
            write_voice(g, x)
    states = g.op("Mul", g.norm(x, "encoder_norm"), "valid")
    # an odd number of states gets one of zeros: pad by one, then keep an even number
    padded = g.op("Pad", states, g.constant([0, 0, 0, 0, 1, 0]))
    length = g.op("Shape", padded, start=1, end=2)
    even = g.op("Mul", g.op("Div", length, g.constant([2])), g.constant([2]))
    pairs = g.op("Slice", padded, g.constant([0]), even, g.constant([1]))
    pairs = g.op("Reshape", pairs, g.constant([0, -1, 2 * shape.width]))
    hidden = g.op("Relu", g.linear(pairs, "projector1"))
    g.op(
        "Add",
        g.op("MatMul", hidden, g.op("Transpose", g.weight("projector2.weight"), perm=[1, 0])),
        g.weight("projector2.bias"),
        name="slots",
    )
    inputs = {
        "features": ["n", "frames", shape.n_mels], "half": ["n", 1, "half_frames"], "valid": ["n", "states", 1], "n_states": ["n", 1],
        "mask": ["n", 1, "rows" if shape.causal else 1, "states"], "positions": ["states", shape.width],
    }  # fmt: skip  # a table: one row a line
    g.write(
        folder / "encoder.onnx",
        inputs,
        {"slots": ["n", "slots", shape.decoder_width], "voice": ["n", shape.voice_width]},
    )


def write_voice(g: Graph, x: str) -> None:
    """Mean and spread of the states over time, projected to unit length."""
    one = g.constant([1])
    mean = g.op("Div", g.op("ReduceSum", g.op("Mul", x, "valid"), one, keepdims=0), "n_states")
    apart = g.op("Mul", g.op("Sub", x, g.op("Unsqueeze", mean, one)), "valid")
    variance = g.op("Div", g.op("ReduceSum", g.op("Mul", apart, apart), one, keepdims=0), "n_states")
    spread = g.op("Sqrt", g.op("Add", variance, g.constant(1e-6)))
    voice = g.linear(g.op("Concat", mean, spread, axis=1), "voice")
    length = g.op("Max", g.op("ReduceL2", voice, axes=[1], keepdims=1), g.constant(1e-12))
    g.op("Div", voice, length, name="voice")


def write_decoder(folder: Path, shape: Shape) -> None:
    """The graph of one decoder call, with keys and values of the past."""
    g = Graph(folder / WEIGHTS)
    x = "x"
    for k in range(shape.n_decoder_blocks):
        name = f"decoder.{k}"
        mixed = g.attention(
            g.norm(x, f"{name}.norm_attention"),
            "mask",
            f"{name}.attention",
            width=shape.decoder_width,
            n_heads=shape.decoder_heads,
            block=k,
        )
        x = g.op("Add", x, mixed)
        x = g.op("Add", x, g.inner(g.norm(x, f"{name}.norm_inner"), f"{name}.inner"))
    g.norm(x, "decoder_norm", name="hidden")
    head = shape.decoder_width // shape.decoder_heads
    names = [f"{kind}{k}" for k in range(shape.n_decoder_blocks) for kind in ("key", "value")]
    inputs = {
        "x": ["n", "now", shape.decoder_width],
        "mask": ["n", 1, "rows", "all"],
        **{name: ["n", shape.decoder_heads, "past", head] for name in names},
    }
    outputs = {
        "hidden": ["n", "now", shape.decoder_width],
        **{f"{name}_out": ["n", shape.decoder_heads, "all", head] for name in names},
    }
    g.write(folder / "decoder.onnx", inputs, outputs)


def export(network: Network, vocabulary: Vocabulary, folder: Path, facts: dict) -> None:
    """Write all files of a checkpoint.

    Parameters
    ----------
    network : Network
    vocabulary : Vocabulary
    folder : Path
        Made if missing.
    facts : dict
        For the manifest: recipe, seed, steps, data hash, date, calibration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in network.state_dict().items()}
    assert all(torch.isfinite(tensor).all() for tensor in state.values()), "a weight is not finite in 16 bits"
    save_file(state, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)
    vocabulary.write(folder / "vocabulary.txt")
    write_encoder(folder, network.shape)
    write_decoder(folder, network.shape)
    manifest = {
        "name": "earnest/reference",
        **facts,
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "shape": network.shape.as_dict(),
        "files": {name: (folder / name).stat().st_size for name in (WEIGHTS, "encoder.onnx", "decoder.onnx")},
        "sha256": {
            name: sha256_of(folder / name) for name in (WEIGHTS, "encoder.onnx", "decoder.onnx", "vocabulary.txt")
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
