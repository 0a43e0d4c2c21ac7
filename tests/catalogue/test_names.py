"""Names under which people look for works: each finds its work first, on the command line as in Python."""

from __future__ import annotations

import json

import pytest

from earnest.catalogue import works
from earnest.catalogue.searching import Index
from earnest.cli import cli

NAMES = {
    # named in lists of the field and found nowhere in this catalogue before
    "HIN": "lin2025-hidden",
    "A Survey on Trustworthy Audio-LLMs: Capabilities and Threats": "luo2026-survey",
    "Safety and Alignment in Speech-Driven LLMs": "speechdriven2024-alignment",
    "Audio Deepfake Forensics in the Era of Generative AI": "forensics2024-survey",
    "AV-Deepfake1M++": "cai2025-avdeepfake1mpp",
    "LAV-DF": "cai2022-lavdf",
    "ALLM_long_TTS": "allmlongtts2025-synthetic",
    "FF++ Audio Extended": "ffpp2025-extended",
    "Awesome-Trustworthy-AudioLLMs": "luo2025-awesome",
    "AHELM": "lee2025-ahelm",
    # techniques
    "DP-SGD": "abadi2016-dpsgd",
    "homomorphic encryption": "cheon2017-ckks",
    "secure multi-party computation": "knott2021-crypten",
    "model inversion": "fredrikson2015-inversion",
    "concept activation vectors": "kim2017-tcav",
    "TCAV": "kim2017-tcav",
    "counterfactual explanations": "wachter2017-counterfactual",
    "attention visualisation": "abnar2020-attention",
    "attention visualization": "abnar2020-attention",
    "adversarial debiasing": "zhang2018-debiasing",
    "certified defence": "cohen2019-certified",
    "certified defense": "cohen2019-certified",
    "certified smoothing": "cohen2019-certified",
    "data rebalancing": "idrissi2021-balancing",
    "voiceprint": "snyder2018-xvectors",
    # short names
    "SARA": "lin2025-sarsteer",
    "AIA": "wang2026-interference",
    "TAGO": "fang2026-tago",
    "BoN": "hughes2024-bon",
    "SAP": "jin2025-almguard",
    "PJ-Break": "qian2026-prosody",
    "SSJ": "yang2024-achilles",
    "GACL": "gao2026-reversals",
    # rivals and libraries
    "SpeechJailbreaker": "speechjailbreaker2026-toolkit",
    "asr-attack": "aresu2026-asrattack",
    "Opacus": "yousefpour2021-opacus",
    "captum": "kokhlikyan2020-captum",
    "aequitas": "saleiro2018-aequitas",
}


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(works())


@pytest.mark.parametrize("name", NAMES)
def test_each_name_finds_its_work_first_whatever_its_case(index: Index, name: str) -> None:
    for written in (name, name.upper(), name.lower()):
        found = index.search(written)
        assert found, f"`papers search {written}` finds nothing"
        assert found[0].id == NAMES[name]


@pytest.mark.parametrize("name", ["HIN", "AV-Deepfake1M++", "secure multi-party computation"])
def test_the_command_finds_it_too(name: str, capsys) -> None:
    assert not cli.main(args=["papers", "search", *name.split(), "--json"], prog_name="earnest", standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["works"][0]["id"] == NAMES[name]


def test_a_former_title_finds_the_work_under_its_new_one(index: Index) -> None:
    renamed = [work for work in works().values() if work.also_titled]
    assert len(renamed) > 20
    for work in renamed:
        for title in work.also_titled:
            assert index.search(title)[0].id == work.id


def test_an_exact_name_comes_before_works_that_only_hold_the_word(index: Index) -> None:
    found = [work.id for work in index.search("STEP")]
    assert found[0] == "wang2026-step" and len(found) > 1
