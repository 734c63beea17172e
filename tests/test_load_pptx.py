"""Presentations: each slide as it is read, and its number."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.enum.shapes import MSO_SHAPE
from pptx.util import Inches

from index.load.limits import Limits, Unreadable
from index.load.office.pptx import extract_pptx
from index.load.office.slideparts import words_of_diagram
from index.records import Extract
from tests.office import changed, shown, texts, zipped

# python-pptx says of its types less than it should
CATEGORIES: Any = CategoryChartData
POINTS: Any = XyChartData
TITLE, CONTENT, SECTION, TWO, _COMPARISON, ONLY_TITLE, BLANK = range(7)


def read(slides: Any, limits: Limits | None = None) -> Extract:
    return extract_pptx(saved(slides), limits or Limits())


def saved(slides: Any) -> bytes:
    stream = io.BytesIO()
    slides.save(stream)
    return stream.getvalue()


def add(slides: Any, layout: int, title: str = "", *bodies: str) -> Any:
    slide = slides.slides.add_slide(slides.slide_layouts[layout])
    if title and slide.shapes.title is not None:
        slide.shapes.title.text = title
    for body, shape in zip(bodies, list(slide.placeholders)[1:], strict=False):
        shape.text = body
    return slide


def box(slide: Any, words: str, left: float, top: float) -> None:
    frame = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(0.5)).text_frame
    frame.text = words


def test_titles_parts_and_notes() -> None:
    slides: Any = Presentation()
    slides.core_properties.title = "Growing rye"
    slides.core_properties.author = "Ann Other"
    slides.core_properties.created = datetime(2024, 3, 1, tzinfo=UTC)
    add(slides, TITLE, "Rye", "A talk")
    add(slides, SECTION, "Fields", "Where it grows")
    add(slides, CONTENT, "Soil", "sand\nloam").notes_slide.notes_text_frame.text = "Mention the wind.\nThen go on."
    add(slides, BLANK)
    box(slides.slides[3], "No title here", 1, 1)
    add(slides, SECTION, "Mills")
    found = read(slides)
    assert (found.title, found.author, found.date, found.notes) == ("Growing rye", "Ann Other", "2024-03-01", ())
    assert shown(found) == [
        ("heading", "slide 1", "", "Rye"),
        ("text", "slide 1", "", "A talk"),
        ("heading", "slide 2", "Fields", "Fields"),
        ("text", "slide 2", "Fields", "Where it grows"),
        ("heading", "slide 3", "Fields › Soil", "Soil"),
        ("text", "slide 3", "Fields › Soil", "- sand"),
        ("text", "slide 3", "Fields › Soil", "- loam"),
        ("text", "slide 3", "Fields › Soil", "Notes: Mention the wind."),
        ("text", "slide 3", "Fields › Soil", "Then go on."),
        ("text", "slide 4", "Fields", "No title here"),
        ("heading", "slide 5", "Mills", "Mills"),
    ]


def test_what_a_library_writes_into_an_empty_presentation_is_no_title_author_or_date() -> None:
    slides: Any = Presentation()
    slides.core_properties.title = "PowerPoint Presentation"
    add(slides, CONTENT, "Rye")
    found = read(slides)
    assert (found.title, found.author, found.date) == ("Rye", "", "")


def test_text_is_read_from_top_to_bottom_and_left_to_right() -> None:
    slides: Any = Presentation()
    slide = add(slides, BLANK)
    box(slide, "lower", 1, 4)
    box(slide, "right", 5, 1)
    box(slide, "left", 1, 1.1)
    group = slide.shapes.add_group_shape()
    for words, top in (("second", 3), ("first", 2)):
        shape = group.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(1), Inches(top), Inches(1), Inches(0.5))
        shape.text_frame.text = words
    assert texts(read(slides)) == ["left", "right", "first", "second", "lower"]


def test_bullets_and_numbers_come_from_the_slide_its_layout_or_its_master() -> None:
    slides: Any = Presentation()
    slide = add(slides, CONTENT, "List", "one\na\nb\ntwo\nplain\nanew\nbullet")
    kinds = ("arabicPeriod", "alphaLcParenR", "alphaLcParenR", "arabicPeriod", "", "romanUcParenBoth", None)
    for paragraph, kind in zip(slide.placeholders[1].text_frame.paragraphs, kinds, strict=True):
        properties = paragraph._p.get_or_add_pPr()
        if kind is not None:
            name = "buAutoNum" if kind else "buNone"
            element = etree.SubElement(properties, f"{{http://schemas.openxmlformats.org/drawingml/2006/main}}{name}")
            if kind:
                element.set("type", kind)
        paragraph.level = 1 if kind == "alphaLcParenR" else 0
    assert texts(read(slides)) == ["List", "1. one", "a) a", "b) b", "2. two", "plain", "(I) anew", "- bullet"]


def test_tables() -> None:
    slides: Any = Presentation()
    frame = add(slides, ONLY_TITLE, "Rain").shapes.add_table(3, 3, Inches(1), Inches(2), Inches(5), Inches(2))
    grid = frame.table
    for at, words in enumerate(("City", "May", "June", "Rome", "12", "", "Oslo", "50\vmm", "60")):
        grid.cell(at // 3, at % 3).text = words
    grid.cell(1, 1).merge(grid.cell(1, 2))
    assert shown(read(slides)) == [
        ("heading", "slide 1", "", "Rain"),
        ("header", "slide 1", "", "City\tMay\tJune"),
        ("row", "slide 1", "", "City: Rome; May: 12"),
        ("row", "slide 1", "", "City: Oslo; May: 50 mm; June: 60"),
    ]
    grid.first_row = False
    assert texts(read(slides))[1:] == ["City\tMay\tJune", "Rome\t12", "Oslo\t50 mm\t60"]


def test_charts_are_read_as_rows() -> None:
    slides: Any = Presentation()
    slide = add(slides, BLANK)
    data = CATEGORIES()
    data.categories = ["East", "West"]
    data.add_series("Rye", (1.5, 2))
    data.add_series("Oats", (3, None))
    place = (Inches(1), Inches(1), Inches(4), Inches(3))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data).chart
    chart.has_title = True
    chart.chart_title.text_frame.text = "Tons by region"
    points = POINTS()
    points.add_series("Wind").add_data_point(1, 2)
    slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, Inches(1), Inches(5), Inches(4), Inches(2), points)
    assert texts(read(slides)) == ["Tons by region", "Rye\tOats", "East; Rye: 1.5; Oats: 3", "West; Rye: 2", "Wind"]


def test_diagrams_are_read_from_the_top_of_their_hierarchy() -> None:
    spaces = (
        'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    )
    point = '<dgm:pt modelId="{0}"><dgm:t><a:p><a:r><a:t>{0}</a:t></a:r></a:p></dgm:t></dgm:pt>'
    links = (("d", "chief", 0), ("chief", "right", 1), ("chief", "left", 0), ("left", "chief", 0))
    points = "".join(map(point.format, ("right", "left", "chief")))
    root = etree.fromstring(
        f'<dgm:dataModel {spaces}><dgm:pt modelId="d" type="doc"/>{points}'
        + "".join(f'<dgm:cxn srcId="{above}" destId="{below}" srcOrd="{at}"/>' for above, below, at in links)
        + "</dgm:dataModel>"
    )
    assert list(words_of_diagram(root)) == ["chief", "left", "right"]


def test_shapes_in_several_versions_are_read_in_their_first() -> None:
    slides: Any = Presentation()
    slide = add(slides, BLANK)
    box(slide, "new", 1, 1)
    box(slide, "old", 1, 2)
    space = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    new, old = (shape._element for shape in slide.shapes)
    both = etree.SubElement(new.getparent(), f"{{{space}}}AlternateContent")
    etree.SubElement(both, f"{{{space}}}Choice").append(new)
    etree.SubElement(both, f"{{{space}}}Fallback").append(old)
    assert texts(read(slides)) == ["new"]


def test_what_is_left_out_or_hidden_is_said() -> None:
    slides: Any = Presentation()
    slide = add(slides, CONTENT, "Rye", "grows")
    picture = io.BytesIO(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
            "3a7e9b550000000a49444154789c63680000000082008177cd72b60000000049454e44ae426082"
        )
    )
    slide.shapes.add_picture(picture, Inches(1), Inches(5))
    footer = next(one for one in slide.slide_layout.placeholders if one.placeholder_format.idx == 11)
    slide.shapes.clone_placeholder(footer)
    slide.placeholders[11].text = "Ann Other, 2024"
    slide._element.set("show", "0")
    found = read(slides)
    assert texts(found) == ["Rye", "- grows"]
    assert found.notes == (
        "left out 1 picture",
        "left out dates, footers and numbers of slides",
        "hidden, but read: slide 1",
    )


def test_slides_beyond_the_limits_are_left_out_with_a_note() -> None:
    slides: Any = Presentation()
    for number in range(5):
        add(slides, CONTENT, f"Slide {number}")
    assert read(slides, Limits(pages=2)).notes == ("left out the slides from 3 to 5: too long",)
    assert texts(read(slides, Limits(characters=10))) == ["Slide 0", "Slide 1"]


def test_a_slide_that_is_missing_costs_itself_alone() -> None:
    slides: Any = Presentation()
    add(slides, CONTENT, "One")
    add(slides, CONTENT, "Two")
    found = extract_pptx(changed(saved(slides), {"ppt/slides/slide1.xml": None}), Limits())
    assert shown(found) == [("heading", "slide 2", "", "Two")]
    assert found.notes == ("slide 1 is damaged and left out",)


@pytest.mark.parametrize(
    ("old", "new"), [("p:cSld", "p:other"), ('type="title"', 'type="nothing"'), ("p:spTree>", "p:tree>")]
)
def test_a_slide_that_is_broken_costs_itself_alone(old: str, new: str) -> None:
    slides: Any = Presentation()
    add(slides, CONTENT, "One")
    add(slides, CONTENT, "Two")
    name = "ppt/slides/slide1.xml"
    broken = _part(saved(slides), name).decode().replace(old, new)
    found = extract_pptx(changed(saved(slides), {name: broken}), Limits())
    assert shown(found) == [("heading", "slide 2", "", "Two")]
    assert found.notes == ("slide 1 is damaged: what follows on it is left out",)


@pytest.mark.parametrize("name", ["slideLayouts/slideLayout2", "slideMasters/slideMaster1"])
def test_slides_whose_design_is_of_another_kind_are_noted(name: str) -> None:
    slides: Any = Presentation()
    add(slides, CONTENT, "One")
    types = _part(saved(slides), "[Content_Types].xml").decode()
    kind = re.sub(rf'(PartName="/ppt/{name}.xml" ContentType=")[^"]*', r"\1application/xml", types)
    found = extract_pptx(changed(saved(slides), {"[Content_Types].xml": kind}), Limits())
    assert found.notes == ("slide 1 is damaged and left out",)


def test_a_slide_show_is_read() -> None:
    slides: Any = Presentation()
    add(slides, CONTENT, "One")
    data = saved(slides)
    kind = b"presentationml.presentation.main"
    types = re.search(rb"<Types.*</Types>", _part(data, "[Content_Types].xml"), re.DOTALL)
    assert types is not None
    assert kind in types.group()
    show = changed(data, {"[Content_Types].xml": types.group().replace(kind, b"presentationml.slideshow.main")})
    assert texts(extract_pptx(show, Limits())) == ["One"]


def _part(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
EMPTY = saved(Presentation())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "encrypted: save it without a password",
        ),
        (EMPTY[:-100], "damaged or truncated archive (File is not a zip file)"),
        (zipped({"[Content_Types].xml": "<a/>"}), "damaged: no Office document, _rels/.rels is missing"),
        (changed(EMPTY, {"ppt/presentation.xml": None}), "damaged: there is no presentation in it"),
        (
            changed(EMPTY, {"ppt/presentation.xml": "<!DOCTYPE a [<!ENTITY b 'ha'>]><a>&b;</a>"}),
            "damaged: its XML declares entities, as no office program does",
        ),
    ],
    ids=["encrypted", "truncated", "none", "missing", "bomb"],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        extract_pptx(data, Limits())
    assert str(raised.value) == reason


@pytest.mark.parametrize("name", ["slides/slide1.xml", "slides/_rels/slide1.xml.rels"])
def test_a_slide_that_is_something_else_costs_itself_alone(name: str) -> None:
    slides: Any = Presentation()
    add(slides, CONTENT, "One")
    add(slides, CONTENT, "Two")
    other = _part(saved(slides), "ppt/_rels/presentation.xml.rels")
    found = extract_pptx(changed(saved(slides), {f"ppt/{name}": other}), Limits())
    assert shown(found)[-1] == ("heading", "slide 2", "", "Two")
    assert any(note.startswith("slide 1 is damaged") for note in found.notes)
