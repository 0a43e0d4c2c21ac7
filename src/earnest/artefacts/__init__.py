"""What was fitted, kept by content: a detector's weights, a learnt perturbation, a threshold.

    made = Artefact("detectors", "lfcc_gmm:n_components=16", {"means": means}, about={"seed": 0})
    path = made.save("fitted")              # fitted/<sha>.safetensors
    load(path) == load(made.sha) == made

Two artefacts are the same if kind, specification and arrays are. A specification refers to one as `artefact=<sha or
path>`; plans write the SHA-256, so that what is used is what the plan says, whatever lies at the path later.
"""

from earnest.artefacts._tensors import DTYPES, read_tensors, written_tensors
from earnest.artefacts.artefact import MAX_BYTES, SUFFIX, Artefact, check_parameters, load, used
from earnest.artefacts.naming import pinned, references, store_folders

__all__ = [
    "DTYPES",
    "MAX_BYTES",
    "SUFFIX",
    "Artefact",
    "check_parameters",
    "load",
    "pinned",
    "read_tensors",
    "references",
    "store_folders",
    "used",
    "written_tensors",
]
