"""Numbers as a reader sees them: fractions as percent, intervals in the same unit, as many digits as they carry."""

from __future__ import annotations

from earnest.results.finding import Finding

UNKNOWN = "–"


def shown(value: float | None, unit: str, *, width: float | None = None, signed: bool = False) -> str:
    """The value with its unit: `87 %`, `12.4 dB`, and `+5 points` of percent where it is a difference (`signed`).

    `width` of the interval decides the digits of a percentage.
    """
    if value is None:
        return UNKNOWN
    text = bare(value, unit, width=width, signed=signed)
    if unit == "fraction":
        return f"{text} points" if signed else f"{text} %"
    return f"{text} {unit}".rstrip()


def bare(value: float | None, unit: str, *, width: float | None = None, signed: bool = False) -> str:
    """The value as `shown` gives it, without the unit."""
    if value is None:
        return UNKNOWN
    if unit == "fraction":
        digits = 0 if width is None or width >= 0.04 else 1
        text = f"{100 * value:+.{digits}f}" if signed else f"{100 * value:.{digits}f}"
        text = text if float(text) else text.lstrip("+-")  # no sign before a rounded zero
    else:
        text = f"{value:+.3g}" if signed else (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}")
    return text.replace("-", "−")


def interval(low: float | None, high: float | None, unit: str, *, signed: bool = False) -> str:
    """`82 to 91 %`, or a dash where there is none."""
    if low is None or high is None:
        return UNKNOWN
    width = high - low
    return f"{bare(low, unit, width=width, signed=signed)} to {shown(high, unit, width=width, signed=signed)}"


def value_of(finding: Finding, *, signed: bool = False) -> str:
    """A finding's value with its unit."""
    width = None if finding.low is None or finding.high is None else finding.high - finding.low
    return shown(finding.value, finding.unit, width=width, signed=signed)


def interval_of(finding: Finding, *, signed: bool = False) -> str:
    """A finding's interval with its unit."""
    return interval(finding.low, finding.high, finding.unit, signed=signed)


def words(name: str) -> str:
    """A registered or metric name as words: `word_error_rate` gives `word error rate`."""
    return name.replace("_", " ")


def is_signed(finding: Finding) -> bool:
    """Whether a finding is a difference, to be shown with its sign."""
    parts = ("_gap", "_change", "_gain", "_over_control", "_lost_to_attack", "_difference")
    return finding.metric.endswith(parts) or (finding.low is not None and finding.low < 0)
