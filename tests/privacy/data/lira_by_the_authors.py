"""Make `lira_by_the_authors.json`: scores of the authors' own code on random confidences.

    git clone https://github.com/tensorflow/privacy && python lira_by_the_authors.py privacy/research/mi_lira_2021/plot.py

Only `generate_ours` and `generate_ours_offline` are taken from the file; it needs numpy and scipy.
"""

import ast
import json
import sys
from pathlib import Path

import numpy as np
import scipy.stats

COMMIT = "03035d5d4a271ac795dab80f5bc1cef82fc3d462"
WANTED = ("generate_ours", "generate_ours_offline")


def main(source: Path) -> None:
    tree = ast.parse(source.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in WANTED]
    names = {"np": np, "scipy": scipy}
    exec(compile(tree, str(source), "exec"), names)
    rng = np.random.default_rng(7)
    n_shadows, n_items = 12, 5
    keep = np.stack([rng.permutation(np.arange(n_shadows) % 2 == 0) for _ in range(n_items)], axis=1)
    scores = (rng.normal(0, 1, (n_shadows, n_items)) + 2 * keep + rng.normal(0, 3, n_items)).round(4)
    observed = rng.normal(1, 2, n_items).round(4)
    given = (keep, scores[:, :, None], np.ones((1, n_items), bool), observed[None, :, None])
    online, offline = (names[name](*given)[0] for name in WANTED)
    made = {
        "made_with": f"tensorflow/privacy@{COMMIT}, research/mi_lira_2021/plot.py",
        "keep": keep.astype(int).tolist(),
        "scores": scores.tolist(),
        "observed": observed.tolist(),
        "online": [float(one) for one in online],
        "offline": [float(one) for one in offline],
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
