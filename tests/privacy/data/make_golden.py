"""Make accounting.json: what the PRV accountant of opacus gives for a grid of runs.

python tests/privacy/data/make_golden.py  (needs opacus; not run by the tests)
"""

from __future__ import annotations

import json
import warnings
from importlib.metadata import version
from itertools import product
from pathlib import Path

from opacus.accountants import PRVAccountant

warnings.simplefilter("ignore")
NOISES, RATES, STEPS, DELTAS = (0.7, 1.0, 2.0, 5.0), (0.001, 0.02, 0.06, 0.3), (1, 120, 2000), (1e-3, 1e-6)
EPSILON_ERROR = 0.01


def main() -> None:
    """Write the file."""
    rows = []
    for noise, rate, n_steps, delta in product(NOISES, RATES, STEPS, DELTAS):
        accountant = PRVAccountant()
        accountant.history = [(noise, rate, n_steps)]
        try:
            composed = accountant._get_dprv(eps_error=EPSILON_ERROR, delta_error=delta / 1000)
            low, estimate, high = composed.compute_epsilon(delta, delta / 1000, EPSILON_ERROR)
        except (RuntimeError, ValueError, MemoryError):
            continue  # beyond what it computes
        if 0.05 < estimate < 60:
            rows.append(
                {
                    "noise_multiplier": noise,
                    "sampling_rate": rate,
                    "n_steps": n_steps,
                    "delta": delta,
                    "low": round(float(low), 5),
                    "estimate": round(float(estimate), 5),
                    "high": round(float(high), 5),
                }
            )
    facts = {
        "made_by": f"opacus {version('opacus')}",
        "accountant": "PRVAccountant",
        "epsilon_error": EPSILON_ERROR,
        "delta_error": "delta / 1000",
        "rows": rows,
    }
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    text = json.dumps(facts | {"rows": []}, indent=1).replace('"rows": []', f'"rows": [\n{lines}\n ]')
    Path(__file__).with_name("accounting.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
