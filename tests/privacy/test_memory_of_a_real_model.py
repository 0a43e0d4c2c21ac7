"""The embedded model trained on spoken secrets: it shows and gives back what it was trained on, and the model of before does not."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from earnest.models import load_model  # noqa: E402
from earnest.privacy.items import AuditItem  # noqa: E402
from earnest.privacy.training import Training, trained_on  # noqa: E402
from earnest.runs.privacy_audit import audit  # noqa: E402
from earnest.runs.privacy_extract import extract  # noqa: E402
from earnest.tasks.probe import probe_manifest  # noqa: E402

WORDS = "window engine violin feather guitar ocean mountain silver turtle garden hammer river".split()
PROMPT = "Listen to the speaker and answer in one sentence."


@pytest.mark.slow
def test_memory_is_found_in_the_model_that_was_trained_and_in_no_other():
    rng = np.random.default_rng(0)
    rows = [entry for entry in probe_manifest().entries if entry.text and entry.speaker]
    chosen = [rows[k] for k in rng.permutation(len(rows))[:48]]
    items = [
        AuditItem(entry=entry, member=k % 2 == 0, prompt=PROMPT, answer=" ".join(rng.choice(WORDS, 4, replace=False)))
        for k, entry in enumerate(chosen)
    ]
    before = load_model("earnest/reference", n_threads=1)
    training = Training(steps=120, batch_size=8, learning_rate=1e-3, layers=("decoder",))
    trained = trained_on(before, [item for item in items if item.member], training, rng)
    attacks = {
        one.attack: one for one in audit(trained, items, reference=before, attacks=["loss", "reference"]).attacks
    }
    assert attacks["loss"].area > 0.95 and attacks["reference"].area > 0.95
    (plain,) = audit(before, items, attacks=["loss"]).attacks
    assert plain.low < 0.5 < plain.high
    rates = extract(trained, items, n_exposed=0).rates
    assert rates[0].value > 0.9 and rates[1].value == 0.0
