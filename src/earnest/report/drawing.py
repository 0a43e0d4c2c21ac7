"""What every plot is drawn with: elements of SVG, a scale with round ticks, the marks of a series, text that fits.

A drawing holds classes and no colours, so that a page gives it those of its light or dark scheme; `standalone` puts the
light ones in for a file of its own. Series differ by shape and by whether a mark is filled as well as by colour (Okabe
and Ito's, darkened to a contrast of 3:1), so that they can be told from each other in grey.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from earnest.errors import BadParameter
from earnest.report.numbers import bare
from earnest.text import visible

TEXT_PX = 12.0
"""Size of the text of a plot."""

MARKS = ("circle", "diamond", "square", "triangle", "ring", "cross")
"""Shape of a series, by its place; further series begin again."""

_FILES = Path(__file__).parent / "templates"
_GLYPH_EM, _WIDE_GLYPH_EM = 0.52, 0.58
"""Mean width of a letter of a sans serif, in ems, and of a wide one: no font is measured here."""

_PATHS = {
    "diamond": "M0 -5.6L5.6 0L0 5.6L-5.6 0z",
    "square": "M-4.2 -4.2h8.4v8.4h-8.4z",
    "triangle": "M0 -5.4L5.2 4H-5.2z",
    "cross": "M-4.4 -4.4L4.4 4.4M-4.4 4.4L4.4 -4.4",
}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """From values to pixels along one axis.

    Parameters
    ----------
    low, high : float
        Ends of the axis, in the unit; `low` below `high`.
    begin, end : float
        Where they are drawn, in pixels; `end` lies before `begin` on an axis that rises.
    ticks : tuple of float
        Round values between the ends.
    unit : str
        `fraction` is written in percent.
    """

    low: float
    high: float
    begin: float
    end: float
    ticks: tuple[float, ...]
    unit: str = "fraction"

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise BadParameter(f"an axis must have its low end below its high end, got {self.low!r} and {self.high!r}")

    def at(self, value: float) -> float:
        """Where `value` is drawn, in pixels; beyond the ends, the nearer end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.begin + (self.end - self.begin) * share


def scale(
    values: Iterable[float | None], *, unit: str, begin: float, end: float, zero: bool = False, n_ticks: int = 5
) -> Scale:
    """A scale that holds all `values`, with round ticks at its ends.

    Fractions between 0 and 1 get the whole of 0 to 100 %; differences of fractions get as much as they need on either side
    of zero.

    Parameters
    ----------
    values : iterable of float or None
        What is to be drawn, ends of intervals included; None is passed over.
    unit : str
    begin, end : float
        Pixels.
    zero : bool
        Whether the axis holds zero although no value is near it.
    n_ticks : int
        About how many ticks.
    """
    known = [float(value) for value in values if value is not None and math.isfinite(value)]
    if unit == "fraction" and all(-1e-9 <= value <= 1 + 1e-9 for value in known):
        return Scale(low=0, high=1, begin=begin, end=end, ticks=(0, 0.25, 0.5, 0.75, 1), unit=unit)
    known += [0.0] if zero or not known else []
    low, high = min(known), max(known)
    if high - low < 1e-12:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    step = _round_step((high - low) / max(1, n_ticks - 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(float(f"{number * step:.10g}") for number in range(first, last + 1))
    return Scale(low=ticks[0], high=ticks[-1], begin=begin, end=end, ticks=ticks, unit=unit)


def _round_step(step: float) -> float:
    """The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is at least `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in (1, 2, 2.5, 5, 10) if times * power >= step * (1 - 1e-9))


def tick_text(value: float, unit: str, *, signed: bool = False) -> str:
    """A tick's number: percent without its sign, which the axis' name bears."""
    if unit == "fraction":
        return (
            f"{100 * value:+g}".replace("-", "−").replace("+0", "0") if signed else f"{100 * value:g}".replace("-", "−")
        )
    return bare(value, unit, signed=signed)


def unit_text(unit: str, *, signed: bool = False) -> str:
    """An axis' unit as it is written behind its name: `%`, `points`, `dB`."""
    if unit == "fraction":
        return "points" if signed else "%"
    return unit


def element(tag: str, *content: str, **attributes: float | str | None) -> Markup:
    """An element; text in it and in its attributes is escaped, `class_` is written `class` and `_` in names `-`."""
    told = [
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _written(value))
        for name, value in attributes.items()
        if value is not None
    ]
    inside = Markup("").join(part if isinstance(part, Markup) else visible(str(part)) for part in content)
    opening = Markup("<{}{}").format(Markup(tag), Markup("").join(told))
    return opening + (Markup(">{}</{}>").format(inside, Markup(tag)) if content else Markup("/>"))


def _written(value: float | str) -> str:
    if isinstance(value, str):
        return value if isinstance(value, Markup) else visible(value)
    return f"{value:.1f}".removesuffix(".0")


def text(content: str, x: float, y: float, *, anchor: str = "start", class_: str | None = None) -> Markup:
    """Text whose baseline begins, has its middle or ends (`anchor`) at a place."""
    return element("text", content, x=x, y=y, text_anchor=None if anchor == "start" else anchor, class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, *, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def mark(series: int, x: float, y: float) -> Markup:
    """The mark of a series at a place; its colour is that of the group `p-s<series>` around it."""
    kind = MARKS[series % len(MARKS)]
    if kind in ("circle", "ring"):
        return element("circle", cx=x, cy=y, r=4.6, class_="p-mark" if kind == "circle" else "p-mark p-hollow")
    hollow = " p-hollow" if kind == "diamond" else ""
    return element(
        "path", d=_PATHS[kind], transform=f"translate({_written(x)} {_written(y)})", class_=f"p-mark{hollow}"
    )


LEGEND_PX = 19.0
"""Height of a line of a legend."""


def legend(names: Sequence[str], x: float, y: float, *, width: float, chance: str = "") -> tuple[Markup, int]:
    """What each mark stands for, and the dashed tick where there is one; and how many lines that takes.

    A mark without a name is none of this plot's, and is left out.
    """
    parts, begin, n_lines = [], x, 1

    def room(name: str) -> None:
        nonlocal x, y, n_lines
        if x > begin and x + 17 + text_width(name) > width:
            x, y, n_lines = begin, y + LEGEND_PX, n_lines + 1

    for number, name in enumerate(names):
        if not name:
            continue
        room(name)
        parts.append(element("g", mark(number, x + 6, y - 4), class_=f"p-s{number % len(MARKS)}"))
        parts.append(text(name, x + 17, y, class_="p-soft"))
        x += 17 + text_width(name) + 18
    if chance:
        room(chance)
        parts.append(line(x + 3, y - 11, x + 3, y + 3, class_="p-chance"))
        parts.append(text(chance, x + 11, y, class_="p-soft"))
    return Markup("").join(parts), n_lines


def text_width(content: str, size: float = TEXT_PX) -> float:
    """How much room a text may take, in pixels."""
    return _WIDE_GLYPH_EM * size * len(content)


def fitted(content: str, width: float, size: float = TEXT_PX) -> str:
    """The text, cut with an ellipsis where it is wider than `width` pixels."""
    most = max(2, int(width / (_GLYPH_EM * size)))
    return content if len(content) <= most else content[: most - 1].rstrip() + "…"


def wrapped(content: str, width: float, size: float = TEXT_PX, *, most: int = 2) -> list[str]:
    """The text in at most `most` lines of `width` pixels, broken between words; the last is cut with an ellipsis."""
    lines = [""]
    for word in content.split():
        longer = f"{lines[-1]} {word}".strip()
        if _GLYPH_EM * size * len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = longer
    return [fitted(one, width, size) for one in lines]


def svg(content: Markup, *, width: float, height: float, title: str, description: str, class_: str = "") -> Markup:
    """The whole drawing, with a name and a description for those who do not see it: an image, or a group if it has links."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        content,
        class_=f"p-plot {class_}".strip(),
        viewBox=f"0 0 {_written(width)} {_written(height)}",
        role="group" if "<a href" in content else "img",
        aria_label=f"{title}. {description}" if description else title,
        style=f"max-width:{_written(width)}px",
    )


def standalone(drawing: Markup, *, background: str = "#ffffff") -> str:
    """A drawing as a file of its own, in the colours of the light scheme, on `background`."""
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing)
    assert box, "drawings are made by svg()"
    width, height = box.groups()
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    ground = f'<rect width="{width}" height="{height}" fill="{background}"/>'
    inside = drawing.partition(">")
    opening = re.sub(r' style="[^"]*"', "", inside[0].removeprefix("<svg"))
    return f"{head}{opening}><style>{_light_style()}</style>{ground}{inside[2]}\n"


@functools.cache
def _light_style() -> str:
    """The style sheet of plots with every variable replaced by its value in the light scheme."""
    sheet = (_FILES / "plots.css").read_text(encoding="utf-8")
    light = re.search(r":root \{(.*?)\}", sheet, re.DOTALL)
    assert light, "plots.css begins with the light scheme"
    values = dict(re.findall(r"(--[\w-]+): ([^;]+);", light.group(1)))
    rules = sheet[sheet.index(".p-plot") : sheet.index("figure.plot")]
    return re.sub(r"var\((--[\w-]+)\)", lambda found: values[found.group(1)], rules).strip()
