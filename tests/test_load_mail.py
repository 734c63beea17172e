"""Mail: messages as people read them, the files sent with them, and mailboxes."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage

import pytest

from index.load.archive import Member
from index.load.limits import Limits, Unreadable
from index.load.mail.message import extract_mail, members_of_mail, members_of_mbox
from index.load.mail.text import paragraphs, unflowed, without_armour
from index.records import Extract, Location
from index.split import split
from tests.fakes import HashEncoder

LIMITS = Limits()
TOKENS = HashEncoder().token_spans
PDF = b"%PDF-1.7 \x00\xff"


def message(body: str = "The answer is forty-two.", **headers: str) -> EmailMessage:
    """Return a message of Ann's to Bob; headers by name, ``_`` for ``-``, replace hers."""
    made = EmailMessage()
    given = {"From": "Ann Example <ann@example.org>", "To": "Bob Example <bob@example.org>"}
    given |= {"Date": "Fri, 01 Mar 2024 23:30:00 -0800", "Subject": "Our question"}
    for name, value in (given | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        if value:
            made[name] = value
    made.set_content(body)
    return made


def raw(body: str | bytes, *headers: str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    return "\n".join(["From: a@example.org", *headers, "", ""]).encode() + body


def body_of(data: bytes) -> str:
    """Return what stands below the headers."""
    found = extract_mail(data, LIMITS)
    check(found)
    return "\n\n".join(found.text[b.start : b.end] for b in found.blocks if b.kind != "header")


def check(found: Extract) -> None:
    """Assert what holds for every document."""
    at = 0
    for block in found.blocks:
        assert not found.text[at : block.start].strip()
        assert at <= block.start < block.end
        at = block.end
    assert not found.text[at:].strip()
    for passage in split(found, "en", TOKENS, 40):
        assert (passage.location.unit, passage.location.first, passage.location.last) == ("message", 1, 1)


def test_a_message_is_its_headers_and_its_text() -> None:
    data = message("Hello Bob,\n\nThe answer\nis forty-two.\n\n-- \nAnn\n", Cc="Cy <cy@example.org>").as_bytes()
    found = extract_mail(data, LIMITS)
    assert [(found.text[b.start : b.end], b.kind) for b in found.blocks] == [
        ("From: Ann Example <ann@example.org>", "header"),
        ("To: Bob Example <bob@example.org>", "header"),
        ("Cc: Cy <cy@example.org>", "header"),
        ("Date: Fri, 01 Mar 2024 23:30:00 -0800", "header"),
        ("Subject: Our question", "header"),
        ("Hello Bob,", "text"),
        ("The answer\nis forty-two.", "text"),
        ("--\nAnn", "text"),
    ]
    assert found.text.startswith("From: Ann Example <ann@example.org>\nTo: Bob")
    assert "Subject: Our question\n\nHello Bob," in found.text
    assert (found.title, found.author, found.date) == ("Our question", "Ann Example <ann@example.org>", "2024-03-01")
    assert found.notes == ()
    assert found.places.locate(0, len(found.text)) == Location(
        unit="message", first=1, last=1, part="from Ann Example to Bob Example, 2024-03-01"
    )
    check(found)
    assert found == extract_mail(data, LIMITS)


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({}, "from Ann Example to Bob Example, 2024-03-01"),
        ({"To": "bob@example.org, Cy <cy@example.org>"}, "from Ann Example to bob@example.org and 1 other, 2024-03-01"),
        ({"To": "a@x.org, b@x.org, c@x.org"}, "from Ann Example to a@x.org and 2 others, 2024-03-01"),
        ({"To": "", "Date": ""}, "from Ann Example"),
        ({"From": ""}, "to Bob Example, 2024-03-01"),
        ({"From": "", "To": ""}, "of 2024-03-01"),
        ({"From": "", "To": "", "Date": ""}, "of unknown origin"),
    ],
)
def test_whose_message_it_is(headers: dict[str, str], part: str) -> None:
    assert extract_mail(message(**headers).as_bytes(), LIMITS).places.locate(0, 1).part == part


def test_what_is_missing_is_left_empty() -> None:
    html = "<h1>Not the subject</h1><p>x</p>"
    found = extract_mail(b"Content-Type: text/html\nDate: yesterday\n\n" + html.encode(), LIMITS)
    assert (found.title, found.author, found.date) == ("", "", "")
    assert found.text == "Date: yesterday\n\nNot the subject\n\nx"


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        (b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"Subject: =?iso-8859-1?q?Gr=FC=DFe?= an\n =?utf-8?b?QW5u?=", "Grüße an Ann"),
        ("Subject: Grüße".encode(), "Grüße"),
        ("Subject: Grüße an alle".encode("cp1252"), "Grüße an alle"),
        (b"Subject: =?utf-8?b?8J+Y?= =?utf-8?b?gA==?=", "😀"),
        (b"Subject: a\tb\x07\xc2\xa0c", "a b c"),
        (b"Subject: =?x-none?q?a?=", "a"),
        (b"SUBJECT: report.docx", "report.docx"),
    ],
)
def test_headers_in_all_encodings(line: bytes, subject: str) -> None:
    found = extract_mail(line + b"\n\nx", LIMITS)
    assert found.title == subject
    assert found.text.splitlines()[0] == f"Subject: {subject}"


@pytest.mark.parametrize("name", ["From", "To", "Date", "Subject", "Content-Type", "Content-Disposition"])
@pytest.mark.parametrize(
    "value", ["<", "a@", "@", '"', "(", ":;,", "=?", "a" * 3000, "Mon, 99 Foo 0", "x/y; a*0*=u'", ""]
)
def test_headers_that_no_program_should_write(name: str, value: str) -> None:
    found = extract_mail(f"{name}: {value}\nX-Other: y\n\nThe text.\n".encode(), LIMITS)
    check(found)
    assert [member.name for member in members_of_mail(f"{name}: {value}\n\nx".encode(), LIMITS)] in ([], ["part-1.bin"])


def test_names_with_commas_are_one_person() -> None:
    found = extract_mail(message(From='"Example, Ann" <ann@example.org>').as_bytes(), LIMITS)
    assert found.author == '"Example, Ann" <ann@example.org>'
    assert found.places.locate(0, 1).part == "from Example, Ann to Bob Example, 2024-03-01"


QP = "Content-Transfer-Encoding: quoted-printable"
FLOWED = 'Content-Type: text/plain; charset="utf-8"; format=flowed'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (raw("Caf=C3=A9 is a=\n long word", "Content-Type: text/plain; charset=utf-8", QP), "Café is a long word"),
        (raw("R3LDvMOfZQ==", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"), "Grüße"),
        (raw("Not encoded at all", "Content-Transfer-Encoding: base64"), "Not encoded at all"),
        (raw("Grüße".encode("cp1252"), "Content-Type: text/plain; charset=iso-8859-1"), "Grüße"),
        (raw("“Grüße”".encode("cp1252"), "Content-Type: text/plain; charset=iso-8859-1"), "“Grüße”"),
        (raw("Grüße", "Content-Type: text/plain; charset=us-ascii"), "Grüße"),
        (raw("Grüße", "Content-Type: text/plain; charset=iso-8859-1"), "Grüße"),
        (raw("Привет".encode("koi8-r"), "Content-Type: text/plain; charset=koi8-r"), "Привет"),
        (raw("日本".encode("iso-2022-jp"), "Content-Type: text/plain; charset=iso-2022-jp"), "日本"),
        (raw("Gr+APwA3w-e", "Content-Type: text/plain; charset=utf-7"), "Grüße"),
        (raw("words", "Content-Type: text/plain; charset=rot13"), "words"),
        (raw("words", "Content-Type: text/plain; charset=none-such"), "words"),
        (
            raw("a\x00b\x07c\xa0d\r\ne\rf", "Content-Type: text/plain; charset=utf-8"),
            "a\N{REPLACEMENT CHARACTER}bc d\ne\nf",
        ),
        (raw("One line that \nflows.\n\n From here.\n", FLOWED), "One line that flows.\n\nFrom here."),
        (raw("ab \ncd \nef", f"{FLOWED}; delsp=yes"), "abcdef"),
    ],
)
def test_text_is_decoded(data: bytes, words: str) -> None:
    assert body_of(data) == words


def test_text_that_flows() -> None:
    text = "> Quoted and \n> flowing.\n>> Deeper \n> back.\nMine is \nlong.\n-- \nAnn \nExample"
    assert unflowed(text, delsp=False) == (
        "> Quoted and flowing.\n>> Deeper \n> back.\nMine is long.\n-- \nAnn Example"
    )


def test_what_is_quoted_is_kept_apart_by_depth() -> None:
    text = "On Friday Bob wrote:\n> What is\n> the answer?\n>\n> > Which?\nForty-two.\n\nMore.\n--\nAnn"
    assert list(paragraphs(text)) == [
        "On Friday Bob wrote:",
        "> What is\n> the answer?",
        "> > Which?",
        "Forty-two.",
        "More.",
        "--\nAnn",
    ]


def test_the_plain_version_is_preferred() -> None:
    made = message("The answer is forty-two.")
    made.add_alternative("<p>The answer is <b>forty-two</b>.</p>", subtype="html")
    assert body_of(made.as_bytes()) == "The answer is forty-two."


@pytest.mark.parametrize("plain", ["", " \n", "Your mail program does not show HTML.\n"])
def test_html_is_read_where_the_plain_version_says_nothing(plain: str) -> None:
    made = message(plain)
    made.add_alternative("<h1>Answer</h1><p>It is<br>forty-two.</p>", subtype="html")
    found = extract_mail(made.as_bytes(), LIMITS)
    assert found.text.endswith("Subject: Our question\n\nAnswer\n\nIt is forty-two.")
    assert [(b.kind, b.section) for b in found.blocks[-2:]] == [("heading", ("Answer",)), ("text", ("Answer",))]


def test_tables_that_only_place_things_are_no_tables() -> None:
    cells = "<table><tr><td>Item</td><td>Price</td></tr><tr><td>Tea</td><td>3</td></tr></table>"
    page = f"<table><tr><td><p>Hello</p></td><td><p>Bob</p></td></tr><tr><td>{cells}</td></tr></table>"
    made = message("")
    made.set_content(page, subtype="html")
    assert extract_mail(made.as_bytes(), LIMITS).text.endswith("question\n\nHello\n\nBob\n\nItem\tPrice\n\nTea\t3")


def test_files_sent_with_a_message() -> None:
    inner = message("Earlier.", Subject="Re: a/b")
    made = message("See the files.")
    made.add_attachment(PDF, maintype="application", subtype="pdf", filename="report.pdf")
    made.add_attachment(PDF, maintype="application", subtype="pdf", filename="report.pdf")
    made.add_attachment("a,b\n", subtype="csv", filename="Übersicht.csv")
    made.add_attachment("words\n", filename="notes.txt", disposition="inline")
    made.add_attachment(PDF, maintype="application", subtype="pdf")
    made.add_attachment(b"", maintype="application", subtype="zip", filename="empty.zip")
    made.add_attachment(b"x", maintype="application", subtype="zip", filename="..\\..\\evil/../x.zip")
    made.add_attachment(inner)
    assert body_of(made.as_bytes()) == "See the files."
    members = list(members_of_mail(made.as_bytes(), LIMITS))
    assert members[:-1] == [
        Member(name="report.pdf", data=PDF),
        Member(name="report (2).pdf", data=PDF),
        Member(name="Übersicht.csv", data=b"a,b\n"),
        Member(name="notes.txt", data=b"words\n"),
        Member(name="part-5.pdf", data=PDF),
        Member(name="empty.zip", reason="empty file"),
        Member(name="x.zip", data=b"x"),
    ]
    assert members[-1].name == "Re: a-b.eml"
    assert extract_mail(members[-1].data, LIMITS) == extract_mail(inner.as_bytes(), LIMITS)
    assert list(members_of_mail(made.as_bytes(), replace(LIMITS, members=2)))[2:] == [
        Member(name="Übersicht.csv", reason="left out with the 5 files after it: more than 2 files")
    ]


def test_names_that_are_encoded_against_the_standard() -> None:
    data = raw("x", 'Content-Type: application/pdf; name="=?utf-8?q?=C3=9Cbersicht=2Epdf?="')
    assert list(members_of_mail(data, LIMITS)) == [Member(name="Übersicht.pdf", data=b"x")]


def test_pictures_signatures_and_calls_in_a_message() -> None:
    made = message("Plain.")
    made.add_alternative('<p>Plain.<img src="cid:1"></p>', subtype="html")
    part = made.get_payload(1)
    assert isinstance(part, EmailMessage)
    part.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<1>", filename="logo.png")
    part.add_related(PDF, maintype="application", subtype="pdf", cid="<2>", filename="inside.pdf")
    made.add_attachment(b"sig", maintype="application", subtype="pgp-signature", filename="signature.asc")
    assert extract_mail(made.as_bytes(), LIMITS).notes == (
        "left out 1 picture in the text",
        "left out 1 digital signature",
    )
    assert list(members_of_mail(made.as_bytes(), LIMITS)) == [Member(name="inside.pdf", data=PDF)]


SIGNED = (
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nThe answer.\n- -- \nAnn\n"
    "-----BEGIN PGP SIGNATURE-----\n\niQEzBAEB\n=abcd\n-----END PGP SIGNATURE-----\n"
)
SECRET = "Hello\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n"
SEALED = "encrypted: its text is left out; save it decrypted"


def test_what_is_signed_or_encrypted_in_the_text() -> None:
    assert body_of(raw(SIGNED)) == "The answer.\n\n--\nAnn"
    assert extract_mail(raw(SIGNED), LIMITS).notes == ("left out 1 digital signature",)
    assert body_of(raw(SECRET)) == "Hello"
    assert extract_mail(raw(SECRET), LIMITS).notes == (SEALED,)


@pytest.mark.parametrize("kind", ["multipart/encrypted; boundary=b", "application/pkcs7-mime; name=smime.p7m"])
def test_an_encrypted_message_keeps_its_headers(kind: str) -> None:
    data = raw("--b\nContent-Type: application/octet-stream\n\nxx\n--b--\n", f"Content-Type: {kind}", "Subject: s")
    found = extract_mail(data, LIMITS)
    assert (found.text, found.notes) == ("From: a@example.org\nSubject: s", (SEALED,))
    assert list(members_of_mail(data, LIMITS)) == []


def test_a_report_of_delivery() -> None:
    data = raw(
        "--b\n\nNot delivered.\n--b\nContent-Type: message/delivery-status\n\nStatus: 5.0\n\nAction: failed\n--b--\n",
        "Content-Type: multipart/report; boundary=b",
    )
    assert body_of(data) == "Not delivered."
    assert [(m.name, m.data) for m in members_of_mail(data, LIMITS)] == [
        ("part-1.txt", b"Status: 5.0\n\n\nAction: failed\n\n")
    ]


def test_parts_that_are_promised_and_missing() -> None:
    assert body_of(raw("Only words.\n", "Content-Type: multipart/mixed; boundary=b")) == "Only words."
    assert body_of(raw("--b\n\nCut off", "Content-Type: multipart/mixed; boundary=b")) == "Cut off"


def test_parts_nested_too_deeply() -> None:
    depth = 1000
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{at}\n\n--b{at}\n" for at in range(depth))
    for read in (lambda data: extract_mail(data, LIMITS), lambda data: list(members_of_mail(data, LIMITS))):
        with pytest.raises(Unreadable, match=r"^damaged: its parts are nested too deeply$"):
            read(parts.encode())


FIRST = "From ann@example.org Fri Mar  1 09:00:00 2024\n"
SECOND = "From bob@example.org Sat Mar  2 10:00:00 2024\n"


def test_a_mailbox_is_its_messages() -> None:
    one = "Subject: one\n\nHello\n\nFrom now on all is well.\n>From there,\n>>From here\nFrom ann Fri 09:00 inside\n"
    data = f"{FIRST}{one}\n{SECOND}>From odd\nSubject: two\n\nWorld\n".encode()
    assert list(members_of_mbox(data, LIMITS)) == [
        Member(name="1.eml", data=one.replace(">From", "From").encode()),
        Member(name="2.eml", data=b"From odd\nSubject: two\n\nWorld\n"),
    ]


def test_a_mailbox_with_the_line_ends_of_windows_and_one_without_times() -> None:
    data = f"{FIRST}Subject: one\n\nHello\n\n{SECOND}Subject: two\n\nWorld\n".encode()
    assert [m.data for m in members_of_mbox(data.replace(b"\n", b"\r\n"), LIMITS)] == [
        b"Subject: one\r\n\r\nHello\n",
        b"Subject: two\r\n\r\nWorld\n",
    ]
    timeless = b"From ann\nSubject: one\n\nHello\n\nFrom bob\nSubject: two\n\nWorld"
    assert [m.data for m in members_of_mbox(timeless, LIMITS)] == [
        b"Subject: one\n\nHello\n",
        b"Subject: two\n\nWorld\n",
    ]


def test_messages_over_the_limit_and_deleted_ones() -> None:
    data = f"{FIRST}X-Mozilla-Status: 0009\nSubject: x\n\nGone\n\n{FIRST}X-Mozilla-Status: 0001\n\nHere\n\n".encode()
    reason = "deleted in the mail program, which has not cleared it away"
    here = Member(name="2.eml", data=b"X-Mozilla-Status: 0001\n\nHere\n")
    assert list(members_of_mbox(data, LIMITS)) == [Member(name="1.eml", reason=reason), here]
    assert list(members_of_mbox(data * 3, replace(LIMITS, members=2))) == [
        Member(name="1.eml", reason=reason),
        here,
        Member(name="3.eml", reason="left out with the 3 messages after it: more than 2 messages"),
    ]


def test_a_file_that_is_no_mailbox_has_no_messages() -> None:
    assert list(members_of_mbox(b"", LIMITS)) == []
    assert list(members_of_mbox(b"Hello\nFrom Ann\n", LIMITS)) == []


def test_parameters_that_break_the_standard_library() -> None:
    assert body_of(raw("Words.", "Content-Type: text/plain; charset*=x\0'en'utf-8")) == "Words."
    with pytest.raises(Unreadable, match=r"^damaged: its headers are malformed \(ValueError\)$"):
        extract_mail(raw("x", "Content-Type: multipart/mixed; boundary*=x\0'en'b"), LIMITS)


def test_a_file_that_cannot_be_put_together_costs_itself_alone() -> None:
    """The standard library can't write a message again that promises parts and has words, none of them ASCII."""
    inner = "Content-Type: multipart/mixed; charset=utf-8\nSubject: s\n\nü\n"
    data = raw(
        f"--b\nContent-Type: message/rfc822\n\n{inner}\n--b\nContent-Type: application/pdf; name=a.pdf\n\nx\n--b--\n",
        "Content-Type: multipart/mixed; boundary=b",
    )
    assert list(members_of_mail(data, LIMITS)) == [
        Member(name="s.eml", reason="damaged in the message (UnicodeEncodeError)"),
        Member(name="a.pdf", data=b"x"),
    ]


def test_armour_that_never_ends_stays() -> None:
    text = "-----BEGIN PGP MESSAGE-----\na\n" * 3
    assert without_armour(text) == (text, 0, 0)
    closed = f"{text}-----END PGP MESSAGE-----\nb\n-----BEGIN PGP SIGNATURE-----\n"
    assert without_armour(closed) == ("b\n-----BEGIN PGP SIGNATURE-----\n", 1, 0)


def test_files_of_one_name() -> None:
    names = ["a.txt", "a.txt", "a (2).txt", "a.txt", "b"]
    parts = "".join(
        f'--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename="{name}"\n\n{at}\n'
        for at, name in enumerate(names)
    )
    data = raw(f"{parts}--b--\n", "Content-Type: multipart/mixed; boundary=b")
    found = [(member.name, member.data) for member in members_of_mail(data, LIMITS)]
    assert found == [("a.txt", b"0"), ("a (3).txt", b"1"), ("a (2).txt", b"2"), ("a (4).txt", b"3"), ("b", b"4")]


def test_a_date_beyond_all_clocks_is_none() -> None:
    data = raw("Words.\n", "Date: Fri, 1 Mar 2024 10:00:00 +99999999999999999999", "Content-Type: text/plain")
    assert extract_mail(data, LIMITS).date == ""
