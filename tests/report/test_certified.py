"""The word "certified" stands beside an attack only where a certificate covers its whole budget."""

import json
import math
from pathlib import Path

import pytest

import earnest.report
from earnest.report.certified import NO_CERTIFICATE, certificate_words, inside

STACK = ("randomised_smoothing:sigma=0.01",)


def certificate(**other):
    """Of a clip whose length is 10: at a radius of 0.02 its ratio is 20 log10(500) = 53.98 dB."""
    about = {"model": "earnest/reference", "defences": [], "sigma": 0.01, "radius": 0.02, "alpha": 0.001}
    return {**about, "snr_db": 20 * math.log10(500), **other}


def words(tmp_path, attack, *certificates, stack=STACK, model="earnest/reference"):
    if certificates:
        (tmp_path / "certificates.json").write_text(json.dumps({"certificates": certificates}))
    return certificate_words(attack, stack, model=model, folder=tmp_path)


@pytest.mark.parametrize(
    "attack, covered",
    [
        ("pgd:snr_db=54", True),  # 10 / 10^2.7 = 0.01995
        ("pgd:snr_db=53.9", False),
        ("pgd:snr_db=30", False),
        ("pgd", False),  # 30 dB
        ("pgd:l2=0.0199", True),
        ("pgd:l2=0.02", False),
        ("pgd:epsilon=0.0001", False),
        ("best_of_n:n=2", False),
        ("no_such_attack", False),
    ],
)
def test_the_whole_budget_must_lie_inside_the_radius(attack, covered):
    assert inside(attack, certificate()) is covered
    assert not inside(attack, certificate(radius=0.0, snr_db=None))  # it abstained


def test_the_word_is_written_where_every_clip_is_covered_and_not_otherwise(tmp_path):
    assert "certified" not in words(tmp_path, "pgd:snr_db=30") and words(tmp_path, "pgd:snr_db=30") == NO_CERTIFICATE
    assert words(tmp_path, "pgd:snr_db=60", certificate(), certificate()).startswith(
        "certified: the attack's whole budget"
    )
    mixed = words(tmp_path, "pgd:snr_db=60", certificate(), certificate(radius=0.001, snr_db=80.0))
    assert "certified" not in mixed and "outside the radius of 1 of 2 clips" in mixed and "54 to 80 dB" in mixed
    outside = words(tmp_path, "pgd:snr_db=30", certificate())
    assert "certified" not in outside and "no certificate applies" in outside


def test_a_certificate_of_something_else_is_none(tmp_path):
    for other in ({"model": "openai/x"}, {"sigma": 0.0025}, {"defences": ["codec"]}):
        assert words(tmp_path, "pgd:snr_db=60", certificate(**other)) == NO_CERTIFICATE
    assert words(tmp_path, "pgd:snr_db=60", certificate(), stack=("smoothing",)) == ""
    assert words(tmp_path, None, certificate()) == ""
    (tmp_path / "certificates.json").write_text("[")
    assert certificate_words("pgd", STACK, model="earnest/reference", folder=tmp_path) == NO_CERTIFICATE


def test_no_other_file_of_the_report_holds_the_word():
    folder = Path(earnest.report.__file__).parent
    files = [path for path in folder.rglob("*") if path.suffix in (".py", ".j2", ".js", ".yaml")]
    assert len(files) > 20
    assert sorted(path.name for path in files if "certified" in path.read_text(encoding="utf-8").casefold()) == [
        "certified.py",
        "sections.py",
    ]
    imported = [line for line in (folder / "sections.py").read_text().splitlines() if "certified" in line]
    assert imported == ["from earnest.report.certified import certificate_words"]


def test_the_page_of_a_run_says_that_a_vote_is_no_certificate(tmp_path):
    import earnest

    run = earnest.run(
        "core", model="scripted/always_refuse", task="harmful_refusal", attack="noise:snr_db=30",
        defence=STACK[0] + ",k=3", limit=2, out=tmp_path / "run", cache=False,
    )  # fmt: skip
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert NO_CERTIFICATE in page and "certified" not in page.casefold()
