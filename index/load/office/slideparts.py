"""What stands on a slide beside its text: tables, charts and diagrams."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lxml import etree
from pptx.chart.chart import Chart
from pptx.oxml.ns import qn

from index.load.clean import one_line, running_words
from index.load.office.formula import formula
from index.load.office.rows import Cell, Row, span_of
from index.load.parts import whole

_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_FORMULA = "{http://schemas.microsoft.com/office/drawing/2010/main}m"


def words_of(paragraph: etree._Element) -> str:
    """Return the words of ``a:p``, with a line end where one was put in by hand."""
    parts: list[str] = []
    for element in paragraph:
        if element.tag in (qn("a:r"), qn("a:fld")):
            parts.append(element.findtext(qn("a:t")) or "")
        elif element.tag == qn("a:br"):
            parts.append("\n")
        elif element.tag == _FORMULA:
            parts.append(formula(element))
    return running_words("".join(parts))


def rows_of(table: etree._Element, number: int) -> list[Row]:
    """Return the rows of ``a:tbl``, which stands on the slide ``number``."""
    properties = table.find(qn("a:tblPr"))
    named = properties is not None and properties.get("firstRow") in ("1", "true")
    rows: list[Row] = []
    above: dict[int, Cell] = {}
    for at, row in enumerate(table.findall(qn("a:tr"))):
        cells: dict[int, Cell] = {}
        for column, element in enumerate(row.findall(qn("a:tc"))):
            if element.get("hMerge") in ("1", "true"):
                continue
            if element.get("vMerge") in ("1", "true") and column in above:
                cells[column] = above[column]
            else:
                cells[column] = _cell(element)
        above = cells
        rows.append(Row(cells=tuple(cells.values()), number=number, names=named and at == 0))
    return rows


def _cell(element: etree._Element) -> Cell:
    paragraphs = [one_line(words_of(paragraph)) for paragraph in element.iter(qn("a:p"))]
    runs = [run for run in element.iter(qn("a:r")) if (run.findtext(qn("a:t")) or "").strip()]
    marks = [run.find(qn("a:rPr")) for run in runs]
    return Cell(
        words=" ".join(filter(None, paragraphs)),
        span=span_of(element.get("gridSpan")),
        strong=bool(runs) and all(mark is not None and mark.get("b") in ("1", "true") for mark in marks),
    )


def title_of_chart(chart: Chart) -> str:
    """Return the title of a chart on one line, or nothing."""
    if not chart.has_title or not chart.chart_title.has_text_frame:
        return ""
    return one_line(chart.chart_title.text_frame.text)


def rows_of_chart(chart: Chart, number: int) -> list[Row]:
    """Return what a chart shows as rows: a category each, with the value of every series.

    Raises ValueError for a kind of chart that python-pptx doesn't know.
    """
    rows: list[Row] = []
    for plot in chart.plots:
        series = list(plot.series)
        names = [Cell(words=one_line(one.name or "")) for one in series]
        values = [list(one.values) for one in series]
        rows.append(Row(cells=(Cell(words=""), *names), number=number, names=True))
        for at, labels in enumerate(plot.categories.flattened_labels):
            label = one_line(" ".join(map(str, labels)))
            cells = (Cell(words=_number(column[at]) if at < len(column) else "") for column in values)
            rows.append(Row(cells=(Cell(words=label), *cells), number=number))
    return rows


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return str(int(value)) if value == int(value) else f"{value:.10g}"


def words_of_diagram(root: etree._Element) -> Iterator[str]:
    """Yield the words of each box of a diagram, from the top of its hierarchy down."""
    points = {point.get("modelId"): point for point in root.iter(f"{_DIAGRAM}pt")}
    below: dict[str, list[tuple[int, str]]] = {}
    for link in root.iter(f"{_DIAGRAM}cxn"):
        if link.get("type", "parOf") == "parOf":
            order = whole(link.get("srcOrd"))
            below.setdefault(link.get("srcId"), []).append((order, link.get("destId")))
    waiting = [name for name, point in points.items() if point.get("type") == "doc"]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in points:
            continue
        seen.add(name)
        for paragraph in points[name].iter(qn("a:p")):
            if words := words_of(paragraph):
                yield words
        waiting += [child for _, child in sorted(below.get(name, ()), reverse=True)]
