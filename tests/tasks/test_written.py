"""Models that take no request without audio: written items are beyond them, whether that is known before or found out."""

import dataclasses
import json

import pytest

import earnest
from earnest.models import Answer, Model, load_model
from earnest.results.build import build, read_lines
from earnest.results.reach import left_out, within_reach
from earnest.results.standings import Standing
from earnest.runs.suite import Suite
from earnest.testing.loopback import Heard, Loopback

WORDS = "it takes no request without audio"
WRITTEN = Suite(name="written", version=1, tasks=["written_requests", "written_choice", "harmful_refusal"])


class Ear(Model):
    """Refuses harmful requests that it hears, and helps with the others."""

    name, fingerprint, batch_size = "ear", "1", 8
    takes_text_alone = False

    def __init__(self):
        self.asked = []

    def ask(self, stimuli, *, sampling=None):
        self.asked += stimuli
        return [Answer(text="I cannot help with that.") for _ in stimuli]


def run(tmp_path, model, *, data, suite=WRITTEN, **options):
    return earnest.run(suite, model=model, data=data, out=tmp_path / "run", cache=False, **options)


def test_written_items_are_planned_as_beyond_a_model_that_needs_audio(tmp_path, data):
    model = Ear()
    found = run(tmp_path, model, data=data)
    plan = {task.name: task for task in found.plan.tasks}
    assert plan["written_choice"].not_run == f"unsupported by ear: {WORDS}"
    requests = plan["written_requests"]
    assert requests.not_run is None and requests.beyond == {WORDS: 6} and requests.n_items == 6
    assert all(stimulus.clips for stimulus in model.asked)
    lines = [line for line in found.lines() if line.task == "written_requests"]
    assert {line.truth["channel"] for line in lines} == {"spoken"} and len(lines) == 6
    told = left_out(found.plan)
    assert (
        told["written_requests"] == f"6 of its items: unsupported by ear: {WORDS}" and WORDS in told["written_choice"]
    )
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"6 of its items: unsupported by ear: {WORDS}" in page
    assert all(finding.n_unscored == 0 for finding in found.findings if finding.task == "written_requests")


def test_an_outline_says_so_before_anything_is_asked(data):
    told = earnest.run(WRITTEN, model=Ear(), data=data, dry_run=True).as_text()
    assert f"written_requests         not run: 6 of its items: unsupported by ear: {WORDS}" in told
    assert f"written_choice           not run: unsupported by ear: {WORDS}" in told


def refusing(message: str):
    def answer(heard: Heard):
        if not heard.clips:
            return {"error": {"code": 400, "message": message}}
        return "I cannot help with that."

    return answer


@pytest.mark.parametrize(
    "message", ["This model requires that either input content or output modality contain audio.", "invalid request"]
)
@pytest.mark.parametrize("max_connections", [1, 8])
def test_an_endpoint_that_refuses_words_alone_is_found_out_in_the_run(tmp_path, data, message, max_connections):
    with Loopback(answer=refusing(message)) as server:
        found = run(tmp_path, f"{server.url}#m", data=data, max_connections=max_connections)
    lines = found.lines()
    written = [line for line in lines if line.task == "written_choice" or line.truth.get("channel") == "written"]
    assert written and {line.reason for line in written} == {"text_refused"}
    assert "takes no request without audio" in written[0].detail
    others = [line for line in lines if line not in written]
    assert all(line.reason != "text_refused" for line in others)
    # of what was asked nothing is unscored for it, no task is a failure of transport, and the report says what is beyond
    for finding in found.findings:
        assert not {"text_refused", "http_4xx", "not_run"} & set(finding.unscored), finding.id
    assert not [finding for finding in found.findings if finding.task == "written_choice"]
    assert "written_choice" in found.as_json()["not_run"]
    reported = json.loads((tmp_path / "run" / "report.json").read_text())
    assert reported["not_run"]["written_choice"].endswith(WORDS) and "text_refused" not in reported["unscored"]
    assert reported["plan"] == json.loads(
        (tmp_path / "run" / "plan.json").read_text()
    )  # the plan stays as it was written
    page, markdown = ((tmp_path / "run" / name).read_text() for name in ("report.html", "report.md"))
    assert WORDS in page and "6 of its items" in page and WORDS in markdown
    fairness = next(score for score in found.scorecard.pillars if score.pillar == "fairness")
    assert fairness.not_run == ("written_choice",) and fairness.n_unscored == 0


def test_sub_tasks_standings_and_pairs_count_what_could_be_asked(tmp_path, data):
    with Loopback(answer=refusing("invalid request")) as server:
        found = run(tmp_path, f"{server.url}#m", data=data, defence="codec:format=mu_law")
    (illegal,) = [count for count in found.subtasks if count.key == "safety/illegal"]
    # requests: 6 aloud of written_requests and the 3 harmful ones of harmful_refusal; not the 6 in writing
    assert illegal.n_items == illegal.n_scored == 9 and illegal.unscored == {}
    standing = Standing.of(tmp_path / "run")
    assert "written_choice" not in standing.headlines
    assert standing.headlines["written_requests"].finding.n_unscored == 0
    for finding in found.findings:
        assert "text_refused" not in finding.unscored, finding.id
    reported = json.loads((tmp_path / "run" / "report.json").read_text())
    assert all("text_refused" not in finding["unscored"] for finding in reported["findings"])
    assert {pair["task"] for pair in reported["pairs"]} == {"written_requests", "harmful_refusal"}


def test_a_run_is_resumed_and_its_results_read_again_alike(tmp_path, data):
    with Loopback(answer=refusing("invalid request")) as server:
        first = run(tmp_path, f"{server.url}#m", data=data)
        n_requests = server.n_requests
        again = run(tmp_path, f"{server.url}#m", data=data)
        assert server.n_requests == n_requests
    assert build(tmp_path / "run") == first.findings == again.findings


def test_one_refused_text_stays_a_refused_call(tmp_path, data):
    """An endpoint that takes words, and refuses one request by its policy."""

    def answer(heard: Heard):
        if not heard.clips and "pick a lock" in heard.prompt:
            return {"error": {"code": 400, "message": "invalid request"}}
        return "I cannot help with that."

    with Loopback(answer=answer) as server:
        found = run(tmp_path, f"{server.url}#m", data=data, task=["written_requests"])
    reasons = [line.reason for line in found.lines() if line.truth.get("channel") == "written"]
    assert reasons.count("http_4xx") == 1 and reasons.count("text_refused") == 0
    head = next(finding for finding in found.findings if finding.headline)
    assert head.unscored == {"http_4xx": 1}


def test_leaving_out_twice_changes_nothing_more(tmp_path, data):
    with Loopback(answer=refusing("invalid request")) as server:
        found = run(tmp_path, f"{server.url}#m", data=data)
    lines = read_lines(tmp_path / "run")
    plan, rest = within_reach(found.plan, lines)
    assert plan != found.plan and len(rest) < len(lines)
    assert within_reach(plan, rest) == (plan, rest) and within_reach(plan, lines) == (plan, rest)


def test_who_takes_words_alone():
    assert load_model("scripted/echo").takes_text_alone is True
    assert load_model("http://127.0.0.1:9/v1#m").takes_text_alone is None
    assert load_model("earnest/reference").takes_text_alone is True  # a request in writing is read as one that is heard
    assert load_model("cascade/earnest/reference").takes_text_alone is False
    assert load_model("cascade/earnest/reference+scripted/always_refuse").takes_text_alone is True


def test_a_function_says_that_it_needs_audio():
    from earnest.models.python import PythonModel

    def answer(clip, prompt):
        return "yes"

    assert PythonModel("python:a:b", answer).takes_text_alone is True
    answer.takes_text_alone = False
    assert PythonModel("python:a:b", answer).takes_text_alone is False


def test_items_in_words_alone_say_so(data):
    from earnest.tasks import tasks

    items = tasks.get("written_requests")().items(data, seed=0) + tasks.get("written_choice")().items(data, seed=0)
    for item in items:
        assert item.without_audio == (not item.load().clips)
    assert dataclasses.replace(items[0], duration_s=None).without_audio is False
