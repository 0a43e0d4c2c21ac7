"""Audits of a model's memory in a run folder: shown in the report of the model's own run, as data."""

from earnest.report import extraction, membership
from earnest.report.memory_audits import memory_audits

BAD = "<img src=x onerror=alert(1)>"


def audit(**other):
    attack = membership.MembershipAttack(
        attack="loss", source="yeom2018-overfitting", attacker_has="log-probabilities", area=0.9, low=0.8, high=0.95,
        area_if_unscored_lower_it=0.7, area_if_unscored_raise_it=0.92, rates=[], n_members=40, n_nonmembers=41,
        n_unscored_members=1, n_unscored_nonmembers=0,
    )  # fmt: skip
    fields = {
        "model": "toy/one", "note": "", "reference": None, "shadows": [], "verdict": "measured", "sentence": "It shows.",
        "threat_model": "Somebody asks.", "n_members": 41, "n_nonmembers": 41, "clustered_by": "speaker", "n_clusters": 20,
        "blind": [], "blind_p": 0.4, "blind_level": 0.01, "n_draws": 1000, "attacks": [attack], "not_made": {},
        "unscored": [], "seed": 0,
    }  # fmt: skip
    return membership.MembershipFile(**(fields | other))


def given_back():
    rate = extraction.Extracted(
        measure="answer to the whole recording", members=True, value=0.5, low=0.3, high=0.7, n_hits=10, n=20,
        n_unscored=0, n_beyond=0, at_least=0.5, at_most=0.5,
    )  # fmt: skip
    return extraction.ExtractionFile(
        model="toy/one", note="", threat_model="Somebody asks.", sentence="Half is given back.", clustered_by="row",
        rates=[rate], exposure=[], unscored=[], seed=0,
    )  # fmt: skip


def test_audits_of_the_models_own_folder_are_shown(tmp_path):
    membership.write(audit(), tmp_path)
    extraction.write(given_back(), tmp_path)
    first, second = memory_audits(tmp_path, model="toy/one")
    (figure,) = first.figures
    assert figure[0] == "area of loss, 0.5 is chance" and figure[1].startswith(
        "0.900 [0.800, 0.950], n = 40 and 41; 1 members"
    )
    assert second.figures == (("answer to the whole recording, members", "0.500 [0.300, 0.700], 10 of 20"),)
    assert memory_audits(tmp_path, model="toy/two") == []  # of another model


def test_files_that_cannot_be_read_are_none(tmp_path):
    assert memory_audits(tmp_path, model="toy/one") == []
    (tmp_path / "membership.json").write_text("{")
    extraction.write(given_back(), tmp_path)
    assert [one.title for one in memory_audits(tmp_path, model="toy/one")] == ["Extraction of the training set"]


def test_the_page_of_a_run_shows_them_under_privacy(run_folder):
    from earnest import report
    from earnest.plan import Plan

    membership.write(audit(model=Plan.read(run_folder).model, sentence=f"It shows {BAD}."), run_folder)
    report.write(run_folder)
    page = (run_folder / "report.html").read_text()
    privacy = page[page.index('id="pillar-privacy"') : page.index('id="items"')]
    assert "Membership in the training set" in privacy and "no part of the pillar" in privacy
    assert "0.900 [0.800, 0.950]" in privacy and BAD not in page


def test_a_split_has_no_figure(tmp_path):
    made = audit(verdict="split, not memory", attacks=[], not_made={"lira": "shadows"})
    membership.write(made, tmp_path)
    (shown,) = memory_audits(tmp_path, model="toy/one")
    assert shown.figures == ()
    assert "No membership figure is given." in membership.page(made) and "not made" not in membership.as_text(made)
