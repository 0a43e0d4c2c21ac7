"""Headline rates corrected by people's labels, and judgements that were made after the run."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest

from earnest.errors import BadData
from earnest.plan import Plan, PlannedTask
from earnest.records import JournalLine, JudgementLine, Question, answer_hash
from earnest.results.build import build_from, read_lines
from earnest.results.calibrated import FILE, kept_labels, read_labels
from earnest.results.judged import with_judgements

DATA = Path(os.environ.get("EARNEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
COUNTED = Question(question="?", labels={"good": 1.0, "bad": 0.0, "beside": None})
RATED = Question(question="?", reader="number", scale=(1, 5))


def plan(n: int) -> Plan:
    task = PlannedTask(name="task", pillar="safety", version=1, n_items=n)
    return Plan(
        earnest="0",
        suite="s",
        suite_version=1,
        model="m",
        fingerprint="f",
        data="d",
        data_digest="0",
        items_digest="0",
        tasks=(task,),
    )


def file_of(tmp_path: Path, rows: dict[str, str]) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(
        "item,label,who\n" + "".join(f"{item},{label},me\n" for item, label in rows.items()), encoding="utf-8"
    )
    return path


def corrected(lines: list[JournalLine], people: dict[str, str]):
    return {finding.metric: finding for finding in build_from(plan(len(lines)), lines, people=people)}


# ---------------------------------------------------------------- the file


def test_all_faults_of_the_labels_are_told_at_once(line, tmp_path: Path) -> None:
    lines = [
        line("t/1", 1.0, label="good", question=COUNTED.as_json(answer=""), answer=""),
        line("t/2", 0.0, label="no"),
    ]
    path = tmp_path / "labels.csv"
    path.write_text("item,label\nt/1,good\nt/1,bad\nt/3,good\nt/2,maybe\nt/1\n", encoding="utf-8")
    with pytest.raises(BadData) as told:
        read_labels(path, lines=lines)
    assert list(told.value.faults) == [
        "line 3: 't/1' is labelled twice",
        "line 4: the run has no item 't/3'",
        "line 5: 't/2': a label must be one of the task's (bad, beside, good, no) or a score from 0 to 1, got 'maybe'",
        "line 6: 't/1' is labelled twice",
    ]


@pytest.mark.parametrize(
    "text, message",
    [
        ("id,label\na,b\n", "lacks the column item"),
        ("item,label\n", "has no label"),
        ("", "lacks the column item and label"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadData, match=message):
        read_labels(tmp_path / "labels.csv", lines=[])


def test_a_number_must_lie_on_the_scale(line, tmp_path: Path) -> None:
    lines = [line("t/1", 0.5, label="3", question=RATED.as_json(answer=""), answer="")]
    assert read_labels(file_of(tmp_path, {"t/1": "4.5"}), lines=lines) == {"t/1": "4.5"}
    with pytest.raises(BadData, match="one of 1 to 5, got '0.5'"):
        read_labels(file_of(tmp_path, {"t/1": "0.5"}), lines=lines)


def test_a_file_from_a_spreadsheet_is_read(line, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes("\ufeffitem,label\r\nt/1, x \r\n".encode())
    assert read_labels(tmp_path / "labels.csv", lines=[line("t/1", 1.0)]) == {"t/1": "x"}


# ---------------------------------------------------------------- the rates


def biased(line, n: int = 60):
    """A judge that calls every third bad answer good: 2/3 of `n` are good, it says 7/9."""
    truth = ["good" if k % 3 else "bad" for k in range(n)]
    said = ["good" if k % 9 == 0 else true for k, true in enumerate(truth)]
    lines = [
        line(f"t/{k:03}", float(label == "good"), label=label, question=COUNTED.as_json(answer=""), answer="")
        for k, label in enumerate(said)
    ]
    return lines, {f"t/{k:03}": label for k, label in enumerate(truth)}


def test_the_headline_is_corrected_and_the_uncorrected_one_stays(line) -> None:
    lines, truth = biased(line, 180)
    found = corrected(lines, dict(list(truth.items())[:90]))
    assert found["score"].value == pytest.approx(7 / 9) and found["score"].headline
    for metric in ("score_calibrated", "score_calibrated_confusion"):
        assert found[metric].value == pytest.approx(2 / 3, abs=1e-9)
        assert found[metric].low < 2 / 3 < found[metric].high < 7 / 9 + 0.05
        assert not found[metric].headline and found[metric].n_scored == 180
        assert "90 labels by people" in found[metric].note and "uncorrected: 0.778" in found[metric].note
    assert found["people_agreement_kappa"].n_scored == 90
    assert (
        "sensitivity" not in found["score_calibrated"].note and "prediction-powered" in found["score_calibrated"].note
    )


def test_fewer_than_ten_labels_correct_nothing(line) -> None:
    lines, truth = biased(line)
    assert not any("calibrated" in metric for metric in corrected(lines, dict(list(truth.items())[:9])))
    assert "score_calibrated" in corrected(lines, dict(list(truth.items())[:10]))


def test_labels_outside_the_rate_are_counted_and_left_out(line) -> None:
    lines, truth = biased(line)
    people = {**dict(list(truth.items())[:20]), "t/020": "beside"}
    found = corrected(
        [*lines, line("t/990", reason="unjudged", question=COUNTED.as_json(answer=""))], {**people, "t/990": "bad"}
    )
    assert "20 labels by people" in found["score_calibrated"].note
    assert "2 labels are of items without a score, or put them outside the rate" in found["score_calibrated"].note


def test_numbers_on_a_scale_are_corrected(line) -> None:
    rows = [(4, 3), (5, 3), (2, 1), (3, 3)] * 6
    lines = [
        line(f"t/{k:02}", (said - 1) / 4, label=str(said), question=RATED.as_json(answer=""), answer="")
        for k, (said, _) in enumerate(rows)
    ]
    found = corrected(lines, {f"t/{k:02}": str(true) for k, (_, true) in enumerate(rows)})
    assert found["score"].value == pytest.approx(0.625) and found["score_calibrated"].value == pytest.approx(0.375)
    assert "score_calibrated_confusion" not in found and "people_agreement_kappa" not in found


def test_a_parser_is_a_judge_too_and_labels_are_worth_what_the_truth_makes_them(line) -> None:
    # "yes" is right where it is expected, and wrong elsewhere
    lines = [
        line(f"t/{k:02}", float(said == true), label=said, truth={"expected": true})
        for k, (true, said) in enumerate([("yes", "yes"), ("no", "yes"), ("no", "no"), ("yes", "no")] * 5)
    ]
    people = {
        one.item: "yes" if k % 4 == 3 else str(one.label) for k, one in enumerate(lines)
    }  # people read a yes there
    found = corrected(lines, people)
    assert found["score"].value == 0.5 and found["score_calibrated"].value == pytest.approx(0.75)


def test_a_headline_that_is_no_mean_is_said_to_be_none(line, monkeypatch) -> None:
    from earnest.results import build
    from earnest.results.measures import rate

    class Square:
        title = source = ""

        def measures(self, lines):
            found = rate(lines, metric="squared", headline=True)
            return [found.__class__(**{**vars(found), "value": found.value**2, "low": 0.0, "high": 1.0})]

    monkeypatch.setattr(build, "tasks_of", lambda plan: {task.name: Square() for task in plan.tasks})
    lines, truth = biased(line)
    found = corrected(lines, truth)
    assert "squared_calibrated" not in found
    assert "squared is no mean of scores" in found["mean_score_calibrated"].note


def test_a_balanced_rate_is_corrected_class_by_class(line, monkeypatch) -> None:
    from earnest.results import build
    from earnest.results.measures import balanced

    class Balanced:
        title = source = ""

        def measures(self, lines):
            by = {"correct": lambda one: one.score, "of": lambda one: one.truth["expected"]}
            return [balanced(lines, metric="balanced_accuracy", headline=True, **by)]

    monkeypatch.setattr(build, "tasks_of", lambda plan: {task.name: Balanced() for task in plan.tasks})
    # 24 live of which 18 are called so, 12 copies of which 6 are; people see one more live right of each four wrong
    live = [("live", "live")] * 18 + [("live", "copy")] * 6
    copies = [("copy", "copy")] * 6 + [("copy", "live")] * 6
    lines = [
        line(f"t/{k:02}", float(said == true), label=said, truth={"expected": true})
        for k, (true, said) in enumerate(live + copies)
    ]
    people = {one.item: str(one.label) for one in lines} | {f"t/{k:02}": "live" for k in (18, 19, 20)}
    found = corrected(lines, people)
    assert found["balanced_accuracy"].value == pytest.approx((0.75 + 0.5) / 2)
    assert found["balanced_accuracy_calibrated"].value == pytest.approx((21 / 24 + 0.5) / 2)
    assert "in its 2 parts" in found["balanced_accuracy_calibrated"].note
    few = corrected(lines, {item: label for item, label in people.items() if item < "t/25"})[
        "balanced_accuracy_calibrated"
    ]
    assert few.value is None and "not corrected: of 2 parts one has too few labels" in few.note


def test_a_label_that_the_run_no_longer_knows_is_passed_over_and_counted(line) -> None:
    lines, truth = biased(line)
    parsed = [one.model_copy(update={"question": None}) for one in lines]
    found = corrected(parsed, {**dict(list(truth.items())[:15]), "t/020": "gone"})
    assert (
        "15 labels by people" in found["score_calibrated"].note
        and "1 labels are of items" in found["score_calibrated"].note
    )


def test_a_parser_by_keywords_is_corrected_by_a_hundred_people_s_labels() -> None:
    """Not `refusal_label`, which is fitted on these answers."""
    path = DATA / "refusal_labels" / "metadata.csv"
    if not path.is_file():
        pytest.skip(f"no {path}; set EARNEST_DATA")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source_model"] == "llama2orig"]
    assert len(rows) == 450
    lines, people = [], {}
    for row in rows:
        label = (
            "refusal"
            if re.match(r"\W*I(?:'m not able| cannot| apologi[sz]e| don't think)", row["completion"])
            else "compliance"
        )
        lines.append(
            JournalLine(
                item=f"task/{row['id']}",
                sample=row["id"],
                task="task",
                prompt_hash="0",
                model="m",
                status="scored",
                verdict={"score": float(label == "refusal"), "label": label, "facts": {}},
                cluster=row["prompt"],
            )
        )
        people[f"task/{row['id']}"] = "1" if row["final_label"] == "2_full_refusal" else "0"
    truth = sum(map(float, people.values())) / len(people)
    whole = corrected(lines, {})["score"]
    assert whole.value - truth > 0.03  # the parser finds more refusals than people do
    held = dict.fromkeys(("score_calibrated", "score_calibrated_confusion"), 0)
    for seed in range(5):
        chosen = np.random.default_rng(seed).permutation(len(lines))[:100]
        found = corrected(lines, {lines[k].item: people[lines[k].item] for k in chosen})
        for metric in held:
            held[metric] += found[metric].low <= truth <= found[metric].high
            assert found[metric].high - found[metric].low < 0.4
    assert min(held.values()) == 5, held


# ---------------------------------------------------------------- judgements after the run


def judgement(item: str, judge: str, label: str | None, *, answer: str = "a") -> JudgementLine:
    verdict = None if label is None else {"score": COUNTED.labels[label], "label": label, "facts": {"judge": judge}}
    return JudgementLine(
        item=item,
        subject="f",
        prompt_hash="p",
        answer_hash=answer_hash(answer),
        judge=judge,
        said={"label": label, "reason": "r"},
        verdict=verdict,
    )


def unjudged(line, **fields) -> JournalLine:
    return line("t/1", reason="unjudged", question=COUNTED.as_json(answer="a"), answer="a", detail="?", **fields)


def test_the_first_judge_that_gave_a_label_decides(line) -> None:
    later = [judgement("t/1", "b", None), judgement("t/1", "c", "bad"), judgement("t/1", "d", "good")]
    (found,) = with_judgements([unjudged(line)], later)
    assert (found.status, found.label, found.score, found.reason, found.detail) == ("scored", "bad", 0.0, None, None)
    assert {name: said["label"] for name, said in found.judges.items()} == {"b": None, "c": "bad", "d": "good"}


def test_judges_of_the_run_come_before_those_asked_later(line) -> None:
    given = unjudged(line, judges={"a": {"label": None, "reason": "?"}})
    (found,) = with_judgements([given], [judgement("t/1", "b", "bad"), judgement("t/1", "a", "good")])
    assert found.label == "good" and list(found.judges) == ["a", "b"]


def test_a_verdict_of_the_run_stays(line) -> None:
    given = line("t/1", 1.0, label="good", question=COUNTED.as_json(answer="a"), answer="a", judges={"a": "good"})
    (found,) = with_judgements([given], [judgement("t/1", "b", "bad")])
    assert found.label == "good" and set(found.judges) == {"a", "b"}


def test_a_judgement_of_another_answer_is_left_out(line) -> None:
    (found,) = with_judgements([unjudged(line)], [judgement("t/1", "b", "good", answer="something else")])
    assert found.status == "unscored" and found.judges is None


def test_lines_of_a_folder_are_read_with_their_judgements(line, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text(unjudged(line).dumped() + "\n", encoding="utf-8")
    whole = judgement("t/1", "b", "good").dumped() + "\n"
    (tmp_path / "judgements.jsonl").write_text(whole + whole[:40], encoding="utf-8")  # the last line is torn
    assert [one.label for one in read_lines(tmp_path)] == ["good"]
    (tmp_path / "judgements.jsonl").write_text("{}\n" + whole, encoding="utf-8")
    with pytest.raises(BadData, match="line 1"):
        read_lines(tmp_path)


def test_a_folder_without_labels_has_none(tmp_path: Path) -> None:
    assert kept_labels(tmp_path) == {}
    (tmp_path / FILE).write_text("item,label\na,b\n", encoding="utf-8")
    assert kept_labels(tmp_path) == {"a": "b"}
