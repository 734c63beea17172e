"""Tables: rows of cells that wide gaps part and that stand below each other."""

from __future__ import annotations

from collections.abc import Sequence

from index.load.pdf.drafts import Draft, Look, is_marker
from index.load.pdf.layout import Line


def table_at(region: Sequence[Line], start: int, look: Look) -> tuple[list[Draft], int]:
    """Return the rows of a table that begins at ``start`` and the line after it; no rows where none begins."""
    end = start
    while end < len(region) and _may_be_row(region, start, end, look):
        end += 1
    while end > start and not _split_line(region[end - 1]):
        end -= 1
    lines = region[start:end]
    split = [line for line in lines if _split_line(line)]
    if len(split) < 2:
        return [], start
    columns = _columns(lines)
    if len(columns) < 2 or not _aligned(lines) or (len(split) < 3 and any(map(_full, split))):
        return [], start
    return _rows(lines, columns, look), end


def _split_line(line: Line) -> bool:
    """Say whether a line has cells: wide gaps, the one after a list's marker apart."""
    return len(line.cells) > 2 or (len(line.cells) == 2 and not is_marker(line.text[: line.cells[0][1]]))


def _full(line: Line) -> bool:
    """Say whether the gap in a line is no wider than one between words that were spread to fill it."""
    return len(line.cells) == 2 and line.cells[1][2] - line.cells[0][3] < 0.12 * (line.right - line.left)


def _may_be_row(region: Sequence[Line], start: int, at: int, look: Look) -> bool:
    line = region[at]
    if line.heading or (line.mono and not look.mono):
        return False
    if at == start:
        return _split_line(line)
    upper = region[at - 1]
    if line.base - upper.base > 2.2 * look.pitch(line.size):
        return False
    if _split_line(line):
        return True
    # a line of one cell: the rest of a cell above it that has several lines
    first = region[start].cells[0]
    second = region[start].cells[1]
    narrow = line.right < second[2] - 0.5 * line.size or line.left > first[3] + 0.3 * line.size
    return narrow and line.base - upper.base < 1.3 * look.pitch(line.size)


def _columns(lines: Sequence[Line]) -> list[tuple[float, float]]:
    """Return left and right of each column: stretches of the width that white strips part on all lines."""
    spans = sorted((left, right) for line in lines for _, _, left, right in _cells(line))
    columns: list[tuple[float, float]] = []
    for left, right in spans:
        if columns and left < columns[-1][1] + 0.4 * lines[0].size:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _aligned(lines: Sequence[Line]) -> bool:
    """Say whether cells stand below each other by an edge or their middle, as words of prose do not."""
    spots: list[list[tuple[float, float, float]]] = [
        [(left, right, (left + right) / 2) for _, _, left, right in line.cells[1:]] for line in lines
    ]
    total = under = 0
    for at, row in enumerate(spots):
        others = [cell for near in (*spots[max(0, at - 3) : at], *spots[at + 1 : at + 4]) for cell in near]
        for cell in row:
            total += 1
            under += any(abs(a - b) < 2.0 for other in others for a, b in zip(cell, other, strict=True))
    return under >= 0.6 * total


def _cells(line: Line) -> tuple[tuple[int, int, float, float], ...]:
    return line.cells or ((0, len(line.text), line.left, line.right),)


def _rows(lines: Sequence[Line], columns: Sequence[tuple[float, float]], look: Look) -> list[Draft]:
    """Return the rows of a table, each with the text of its columns."""
    rows: list[Draft] = []
    for at, line in enumerate(lines):
        placed: list[tuple[int, int, int]] = []
        for begin, end, left, right in _cells(line):
            middle = (left + right) / 2
            column = min(
                range(len(columns)), key=lambda i: abs(middle - min(max(middle, columns[i][0]), columns[i][1]))
            )
            placed.append((column, begin, end))
        goes_on = bool(rows) and line.base - lines[at - 1].base < 1.25 * look.pitch(line.size)
        lower = len(placed) == 1 and line.text[:1].islower()
        if not (goes_on and (lower or all(column for column, _, _ in placed)) and len(placed) < len(columns)):
            rows.append(Draft(kind="row", cells=[[] for _ in columns], opens=not rows))
        row = rows[-1]
        row.lines.append(line)
        for column, begin, end in placed:
            row.cells[column].append((line, begin, end))
    return rows
