"""The reference model ``earnest/reference``: a tiny audio language model for exercising the toolkit, not a stand-in for real models.

- `features` log-mel features in numpy; `vocabulary` tokens; `instructions` from a task's prompt to an instruction
- `onnx_route` inference with onnxruntime and numpy only; `torch_route` the same with gradients and activations (needs torch)
- `network` the definition in torch; ``weights/`` the file that both routes read, with its manifest; ``CARD.md`` the model card
"""
