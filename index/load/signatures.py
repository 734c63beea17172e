"""How files begin that are known but not read, and what is said about each."""

from __future__ import annotations

import re

_PACK = "archive of a kind that is not read ({}): unpack it, or pack it as ZIP"
_SCAN = "picture ({}), not text: put scans into a PDF"
_SOUND = "sound ({}), not text"
_FILM = "film ({}), not text"
_PROGRAM = "program ({}), not text"
_FONT = "font, not text"
_TABLES = "database ({}): export its tables as CSV"

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", _PACK.format("gzip")),
    (b"BZh", _PACK.format("bzip2")),
    (b"\xfd7zXZ\0", _PACK.format("xz")),
    (b"7z\xbc\xaf\x27\x1c", _PACK.format("7z")),
    (b"Rar!\x1a\x07", _PACK.format("RAR")),
    (b"\x28\xb5\x2f\xfd", _PACK.format("Zstandard")),
    (b"\x04\x22\x4d\x18", _PACK.format("LZ4")),
    (b"LZIP", _PACK.format("lzip")),
    (b"MSCF", _PACK.format("CAB")),
    (b"!<arch>\n", _PACK.format("ar or deb")),
    (b"\xed\xab\xee\xdb", _PACK.format("RPM")),
    (b"\x89PNG\r\n\x1a\n", _SCAN.format("PNG")),
    (b"\xff\xd8\xff", _SCAN.format("JPEG")),
    (b"GIF87a", _SCAN.format("GIF")),
    (b"GIF89a", _SCAN.format("GIF")),
    (b"BM", _SCAN.format("BMP")),
    (b"II*\0", _SCAN.format("TIFF")),
    (b"MM\0*", _SCAN.format("TIFF")),
    (b"\0\0\1\0", _SCAN.format("icon")),
    (b"8BPS", _SCAN.format("Photoshop")),
    (b"gimp xcf", _SCAN.format("GIMP")),
    (b"\0\0\0\x0cjP  ", _SCAN.format("JPEG 2000")),
    (b"\xff\x0a", _SCAN.format("JPEG XL")),
    (b"AT&TFORM", "scan (DjVu): save it as PDF"),
    (b"ID3", _SOUND.format("MP3")),
    (b"\xff\xfb", _SOUND.format("MP3")),
    (b"\xff\xf3", _SOUND.format("MP3")),
    (b"\xff\xf2", _SOUND.format("MP3")),
    (b"\xff\xf1", _SOUND.format("AAC")),
    (b"fLaC", _SOUND.format("FLAC")),
    (b"OggS", _SOUND.format("Ogg")),
    (b"MThd", _SOUND.format("MIDI")),
    (b".snd", _SOUND.format("AU")),
    (b"FORM", _SOUND.format("AIFF")),
    (b"\x1a\x45\xdf\xa3", _FILM.format("Matroska")),
    (b"FLV\1", _FILM.format("Flash")),
    (b"\0\0\1\xba", _FILM.format("MPEG")),
    (b"\0\0\1\xb3", _FILM.format("MPEG")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _FILM.format("Windows Media")),
    (b"MZ", _PROGRAM.format("Windows")),
    (b"\x7fELF", _PROGRAM.format("Linux")),
    (b"\xcf\xfa\xed\xfe", _PROGRAM.format("macOS")),
    (b"\xce\xfa\xed\xfe", _PROGRAM.format("macOS")),
    (b"\xca\xfe\xba\xbe", _PROGRAM.format("Java or macOS")),
    (b"\0asm", _PROGRAM.format("WebAssembly")),
    (b"dex\n", _PROGRAM.format("Android")),
    (b"wOFF", _FONT),
    (b"wOF2", _FONT),
    (b"OTTO", _FONT),
    (b"ttcf", _FONT),
    (b"\0\1\0\0\0", _FONT),
    (b"SQLite format 3\0", _TABLES.format("SQLite")),
    (b"\0\1\0\0Standard Jet DB", _TABLES.format("Access")),
    (b"\0\1\0\0Standard ACE DB", _TABLES.format("Access")),
    (b"PAR1", _TABLES.format("Parquet")),
    (b"\x89HDF\r\n\x1a\n", _TABLES.format("HDF5")),
    (b"!BDN", "Outlook mailbox: export its messages as .eml or .mbox"),
    (b"\x78\x9f\x3e\x22", "Outlook's winmail.dat: ask the sender for ordinary attachments"),
    (b"ITSF", "Windows help: save it as PDF or HTML"),
    (b"\xffWPC", "WordPerfect format: save it as .docx"),
    (b"\xdb\xa5-\0", "old Word format: save it as .docx"),
    (b"1\xbe\0\0", "old Word or Write format: save it as .docx"),
    (b"\x09\x08\x10\0\0\6\5\0", "old Excel format: save it as .xlsx"),
    (b"bplist00", "settings of a program (property list), not text"),
    (b"-----BEGIN PGP MESSAGE", "encrypted: save it decrypted"),
    (b"\xf7\x02", "output of TeX (DVI): save it as PDF"),
    (b"%!PS", "PostScript: save it as PDF"),
    (b"\xc5\xd0\xd3\xc6", "PostScript: save it as PDF"),
)
"""Beginning of a file and the reason why it is not read; the longest that fits decides."""

_RIFF = {b"WAVE": _SOUND.format("WAV"), b"AVI ": _FILM.format("AVI"), b"WEBP": _SCAN.format("WebP")}
_PICTURE_BRANDS = frozenset((b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx "))

_TEXTUAL = frozenset((b"%!PS", b"-----BEGIN PGP MESSAGE"))
_MARKUP = (
    (rb"<svg\b", _SCAN.format("SVG")),
    (rb"<\?mso-application\s+progid=.Word\.Document", "old Word format (XML): save it as .docx"),
    (rb"<\?mso-application\s+progid=.Excel\.Sheet", "old Excel format (XML): save it as .xlsx"),
    (rb"<office:document\b", "flat OpenDocument file: save it as .odt, .odp or .ods"),
)
_PROLOGUE = rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*)*(?:<!DOCTYPE[^>\[]*>\s*)?"
_MARKED = tuple((re.compile(_PROLOGUE + pattern, re.DOTALL), reason) for pattern, reason in _MARKUP)

_CONTROLS = re.compile(rb"[\0-\x06\x0e-\x19\x1c-\x1f]")
"""What stands in no text; a form feed, a terminal's escape or the end mark of DOS may."""


def looks_binary(data: bytes) -> bool:
    """Tell whether the beginning of a file is no text in any encoding that needs no byte order mark."""
    return bool(_CONTROLS.search(data[:4096]))


def known_reason(data: bytes) -> str:
    """Return why a file of a known kind is not read, or an empty string where its kind is not among these."""
    for pattern, reason in _MARKED:
        if pattern.match(data[:8192]):
            return reason
    fitting = [(begins, reason) for begins, reason in _BEGINNINGS if data.startswith(begins)]
    if fitting:
        begins, reason = max(fitting, key=lambda kind: len(kind[0]))
        if begins in _TEXTUAL or looks_binary(data):
            return reason
    return _inner_reason(data) if looks_binary(data) else ""


def _inner_reason(data: bytes) -> str:
    """Return the reason for a file whose mark does not stand at its very beginning."""
    if data.startswith(b"RIFF"):
        return _RIFF.get(data[8:12], "")
    if data[4:8] == b"ftyp":
        return _SCAN.format("HEIC or AVIF") if data[8:12] in _PICTURE_BRANDS else _FILM.format("MP4 or QuickTime")
    if data[257:262] == b"ustar":
        return _PACK.format("tar")
    if data[60:68] in (b"BOOKMOBI", b"TEXtREAd"):
        return "Kindle book: convert it to EPUB"
    return _PACK.format("ISO") if data[32769:32774] == b"CD001" else ""
