"""What the house finds under the kind `metrics`."""

from __future__ import annotations

import subprocess
import sys

import earnest.registry

EXPECTED = {
    "a_dcf",
    "act_dcf",
    "character_error_rate",
    "cllr_bits",
    "code_word_found",
    "cohens_kappa",
    "equal_error_rate",
    "folded_interval",
    "heard_label",
    "krippendorffs_alpha",
    "min_dcf",
    "min_t_dcf",
    "rank_correlation",
    "refusal_label",
    "tandem_equal_error_rate",
    "word_error_rate",
    "worst_gap",
}


def test_every_metric_is_listed_under_the_name_of_its_function() -> None:
    assert set(earnest.registry.names("metrics")) >= EXPECTED
    for name in EXPECTED:
        assert earnest.registry.registry("metrics").get(name).__name__ == name


def test_imports_stay_light() -> None:
    code = (
        "import earnest.registry, sys; earnest.registry.names('metrics');"
        "print(sorted({'scipy', 'torch', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
