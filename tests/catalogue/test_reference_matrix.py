"""The matrix that ships: small, whole, of registered components, in the catalogue's map and on the page of the docs."""

from __future__ import annotations

from pathlib import Path

from earnest.catalogue import works
from earnest.catalogue.coverage import coverage
from earnest.catalogue.reference import FILE, kept_matrix, reference_tests
from earnest.registry import names, parse_spec
from earnest.report.matrix_page import as_html, as_markdown, shipped
from earnest.results.matrix import Matrix

ROOT = Path(__file__).parents[2]


def test_the_file_is_small_and_holds_no_answer_and_no_clip() -> None:
    assert FILE.stat().st_size < 100_000
    matrix = Matrix.model_validate(kept_matrix())
    assert matrix == shipped(matrix) and matrix.model == "earnest/reference"
    assert all(not one.answer and one.clip is None for one in matrix.survivors)
    assert as_html(matrix).count("<audio") == 0


def test_every_attack_meets_every_stack_and_all_are_registered_here() -> None:
    matrix = Matrix.model_validate(kept_matrix())
    for attack in matrix.attacks:
        assert parse_spec(attack).name in names("attacks")
        for stack in matrix.stacks:
            assert (
                matrix.cell(attack, stack, "adaptive") is not None
                and matrix.cell(attack, stack, "transfer") is not None
            )
    assert {parse_spec(one).name for stack in matrix.stacks for one in stack} <= set(names("defences"))


def test_the_map_shows_its_cells_but_none_without_a_value() -> None:
    held = reference_tests()
    matrix = Matrix.model_validate(kept_matrix())
    valued = [
        one for one in matrix.cells if not one.no_value and len(one.defences) < 2 and one.on_target.value is not None
    ]
    assert len(held) == len(valued) > 0
    assert all(one.low <= one.value <= one.high and one.n for one in held)
    assert not {one.defence for one in held} & {
        parse_spec(d).name for c in matrix.cells if c.no_value for d in c.defences
    }
    covered = coverage(works(), attacks=names("attacks"), defences=names("defences"), tested=held)
    assert f"{held[0].attack} against none: not tested" not in covered.calls
    assert f"{held[0].attack} against {held[0].defence}" in covered.as_text() or held[0].of in covered.as_text()


def test_the_page_of_the_docs_is_made_from_the_file() -> None:
    page = (ROOT / "docs" / "matrix.md").read_text(encoding="utf-8")
    assert page == as_markdown(kept_matrix()), "run scripts/reference_matrix --page-only"
