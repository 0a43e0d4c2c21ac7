"""The report for machines and terminals: `report.json`, `report.md` and `junit.xml`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from xml.etree import ElementTree

from earnest.report.gather import Report
from earnest.report.numbers import interval, interval_of, shown, value_of
from earnest.results.finding import Finding
from earnest.results.reasons import reason_counts
from earnest.results.scorecard import MAX_UNSCORED_SHARE
from earnest.run_folder import plain_json
from earnest.text import one_line

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(report: Report) -> str:
    """The text of `report.json`."""
    return json.dumps(plain_json(report.as_file().model_dump(mode="json")), indent=2, ensure_ascii=False) + "\n"


def as_markdown(report: Report) -> str:
    """The text of `report.md`: the pillars, the headline of each task, gates, and what was not run."""
    plan = report.plan
    parts = [f"# {_cell(plan.shown_model)} on {_cell(plan.data)}", _audio_words(report)]
    rows = [
        [
            score.pillar + (" (thin)" if score.thin else ""),
            shown(score.value, "fraction"),
            interval(score.low, score.high, "fraction"),
            str(score.n_scored),
            shown(score.unscored_share if score.n_scored + score.n_unscored else None, "fraction"),
        ]
        for score in report.scorecard.pillars
    ]
    parts.append(markdown_table(["pillar", "score", "95 % interval", "n", "unscored"], rows))
    heads = [finding for finding in report.findings if finding.headline or "_calibrated" in finding.metric]
    parts.append(
        markdown_table(["finding", "value", "95 % interval", "n", "unscored"], [_row(finding) for finding in heads])
    )
    paired = {id_ for pair in report.pairs for id_ in pair.as_json()["findings"].values()}
    beside = [finding for finding in report.findings if finding.id in paired]
    if beside:
        parts.append(
            markdown_table(["pair", "value", "95 % interval", "n", "unscored"], [_row(finding) for finding in beside])
        )
    if report.gates:
        parts.append(
            markdown_table(
                ["gate", "", "why"], [[g.gate, "passed" if g.passed else "FAILED", g.why] for g in report.gates]
            )
        )
    if report.reasons:
        parts.append(f"Unscored of {report.counts}: " + "; ".join(_cell(str(count)) for count in report.reasons))
    if report.left_out:
        parts.append("Not run: " + "; ".join(f"{_cell(name)} ({_cell(why)})" for name, why in report.left_out.items()))
    return "\n\n".join(parts) + "\n"


def as_junit(report: Report) -> str:
    """The text of `junit.xml`: a case for each gate and each headline finding.

    A failure is a gate that was missed; an error is a number that could not be established: more than a tenth of its
    items unscored, or nothing scored, or audio that was not heard.
    """
    suites: dict[str, list[ElementTree.Element]] = {}
    for gate in report.gates:
        case = _case("gates", gate.gate)
        if not gate.passed:
            kind = "error" if gate.broken else "failure"
            ElementTree.SubElement(case, kind, message=_legal(gate.why), type=kind)
        suites.setdefault("gates", []).append(case)
    canaries = [line for line in report.lines if line.kind == "canary"]
    if canaries and not any(line.answer is not None for line in canaries):
        case = _case("canaries", "answered")
        message = f"no canary was answered: {'; '.join(map(str, report.canary_reasons))}"
        ElementTree.SubElement(case, "error", message=_legal(message), type="unscored")
        suites["canaries"] = [case]
    for finding in report.findings:
        if finding.headline:
            suites.setdefault(finding.pillar, []).append(_headline_case(finding, details=_details(report, finding)))
    root = ElementTree.Element("testsuites", name=_legal(f"earnest {report.plan.suite} {report.plan.shown_model}"))
    for name, cases in suites.items():
        counts = {kind: str(sum(case.find(kind[:-1]) is not None for case in cases)) for kind in ("failures", "errors")}
        suite = ElementTree.SubElement(root, "testsuite", name=name, tests=str(len(cases)), **counts)
        suite.extend(cases)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _audio_words(report: Report) -> str:
    said = [report.scorecard.audio.words]
    if report.scorecard.audio_proven is False:
        said = [f"**audio_unproven** {said[0]}"]
    if report.canary_reasons:
        said.append(
            "Canaries without a score: " + "; ".join(_cell(str(count)) for count in report.canary_reasons) + "."
        )
    if report.note:
        said.insert(0, f"**Note: {_cell(report.note)}.**")
    return "  \n".join(said)


def _row(finding: Finding) -> list[str]:
    thin = " (thin)" if finding.thin else ""
    share = shown(finding.unscored_share, "fraction")
    return [finding.id + thin, value_of(finding), interval_of(finding), str(finding.n_scored), share]


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, every cell escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    """The text safe in a cell of a Markdown table."""
    for sign in ("\\", "|", "<", "`", "*"):
        text = text.replace(sign, "\\" + sign if sign != "<" else "&lt;")
    return one_line(text)


def _details(report: Report, finding: Finding) -> dict[str, str]:
    """What each reason says most often among the lines of a headline's task and condition."""
    lines = report.items_of.get((finding.task, finding.threat_model.arm), [])
    return {count.reason: str(count) for count in reason_counts(lines)}


def _headline_case(finding: Finding, *, details: Mapping[str, str]) -> ElementTree.Element:
    case = _case(f"{finding.pillar}.{finding.task}", finding.id)
    said = f"{value_of(finding)}, interval {interval_of(finding)}, n = {finding.n_scored}"
    told = (details.get(reason, f"{n} {reason}") for reason, n in finding.unscored.items())
    reasons = "; ".join(told) or "no items"
    message = f"{finding.n_unscored} of {finding.n_scored + finding.n_unscored} items unscored ({reasons})"
    said += f"; {message}" if finding.n_unscored else ""
    if finding.value is None or finding.unscored_share > MAX_UNSCORED_SHARE:
        ElementTree.SubElement(case, "error", message=_legal(message), type="unscored")
    ElementTree.SubElement(case, "system-out").text = _legal(said)
    return case


def _case(suite: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=_legal(suite), name=_legal(name))


def _legal(text: str) -> str:
    """The text without the signs that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
