"""Counts of items, and every reason with its commonest detail."""

from __future__ import annotations

from earnest.results.reasons import ReasonCount, reason_counts


def test_each_reason_has_its_commonest_detail_numbers_apart(line) -> None:
    told = [
        ("http_4xx", "host answered 400: field 7 of request 12af34bc99 is wrong"),
        ("http_4xx", "host answered 400: no audio"),
        ("timeout", ""),
        ("http_4xx", "host answered 400: field 9 of request 77bd34bc10 is wrong"),
        ("timeout", "late"),
        ("unjudged", None),
    ]
    lines = [line(f"i{n}", reason=reason, detail=detail) for n, (reason, detail) in enumerate(told)]
    counts = reason_counts([*lines, line("scored", 1.0)])
    assert counts == [
        ReasonCount(reason="http_4xx", n=3, detail=told[0][1], n_detail=2),
        ReasonCount(reason="timeout", n=2, detail="late", n_detail=1),
        ReasonCount(reason="unjudged", n=1, detail="", n_detail=1),
    ]
    assert list(map(str, counts)) == [
        f"3 http_4xx (2 of them: {told[0][1]})",
        "2 timeout (1 of them: late)",
        "1 unjudged",
    ]


def test_a_long_detail_is_one_line_and_cut(line) -> None:
    (count,) = reason_counts([line("a", detail="one\ntwo " + "x" * 400)])
    assert count.detail.startswith("one two xxx") and len(count.detail) == 300 and count.detail.endswith("…")


def test_a_detail_of_just_the_length_that_is_shown_is_shown_whole(line) -> None:
    (whole,), (cut,) = (reason_counts([line("a", detail="x" * n)]) for n in (300, 301))
    assert whole.detail == "x" * 300 and cut.detail == "x" * 299 + "…"


def test_nothing_unscored_gives_no_reasons(line) -> None:
    assert reason_counts([line("a", 0.0), line("b", 1.0)]) == []
