"""Makes spreadsheets for tests: with a library, or part by part as other programs write them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any
from xml.sax.saxutils import quoteattr

import xlsxwriter

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
OPEN = (
    " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in "office table text style".split()
    )
    + ' xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"'
)


def written(fill: Callable[[xlsxwriter.Workbook], Any]) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        book.set_properties({"created": datetime(2024, 3, 1, 12)})
        fill(book)
    return stream.getvalue()


def rows_of(*rows: list[Any]) -> bytes:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Data")
        bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "dd/mm/yyyy"})
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str) and value.startswith("*"):
                    sheet.write_string(at, column, value[1:], bold)
                elif isinstance(value, date):
                    sheet.write_datetime(at, column, datetime.combine(value, time()), day)
                elif value is not None:
                    sheet.write(at, column, value)

    return written(fill)


def zipped(parts: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return stream.getvalue()


def by_hand(
    *sheets: str, states: tuple[str, ...] = (), kind: str = "worksheet", workbook: str = "", **parts: str
) -> bytes:
    """Return a workbook as other programs write it; ``parts`` go into xl/, with __ for a point."""
    names = [f"S{n}" for n, _ in enumerate(sheets, 1)]
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="r{n}" state="{state or "visible"}"/>'
        for n, (name, state) in enumerate(zip(names, (*states, *[""] * len(names)), strict=False), 1)
    )
    links = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/{kind}" Target="sheets/{n}.xml"/>' for n, _ in enumerate(sheets, 1)
    )
    links += "".join(
        f'<Relationship Id="p{name}" Type="{RELATIONS}/{name.partition("__")[0]}" Target="{name.replace("__", ".")}"/>'
        for name in parts
    )
    return zipped(
        {
            "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="a" Type="{RELATIONS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{workbook}'
            f"<sheets>{listed}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
            **{f"xl/sheets/{n}.xml": body for n, body in enumerate(map(sheet_of, sheets), 1)},
            **{f"xl/{name.replace('__', '.')}": body for name, body in parts.items()},
        }
    )


def sheet_of(rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def inline(reference: str, words: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{words}</t></is></c>'


def ods(tables: str, styles: str = "", meta: str = "", manifest: str = "", **parts: str) -> bytes:
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"<office:document-content {OPEN}>"
            f"<office:automatic-styles>{styles}</office:automatic-styles><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>",
            **({"meta.xml": meta} if meta else {}),
            **({"META-INF/manifest.xml": manifest} if manifest else {}),
            **parts,
        }
    )


def open_table(name: str, *rows: str, style: str = "") -> str:
    return f'<table:table table:name={quoteattr(name)} table:style-name="{style}">{"".join(rows)}</table:table>'


def open_row(*cells: str, times: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{times}">{"".join(cells)}</table:table-row>'


def open_cell(words: str, times: int = 1, kind: str = "string", **values: str) -> str:
    more = "".join(f' {name.replace("__", ":").replace("_", "-")}="{value}"' for name, value in values.items())
    return (
        f'<table:table-cell office:value-type="{kind}" table:number-columns-repeated="{times}"{more}>'
        f"<text:p>{words}</text:p></table:table-cell>"
    )


EMPTY = '<table:table-cell table:number-columns-repeated="16000"/>'
