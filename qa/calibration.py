"""The calibration of an index: confidence and threshold fitted for it, kept in INDEX/calibration.json.

It is written whole or not at all, read again when it changes, and left aside with a note where it is damaged, which its
checksum tells, or was fitted with another encoder. ``qa calibrate`` makes it (qa/calibrate).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

import msgspec

from index.errors import SeedQAError, SnapshotDamaged
from index.layout import replace_file
from qa.confidence import MEASURED, SHIPPED, THRESHOLD, Curve, ErrorRates

FORMAT = 1
"""Of the file; others are not read."""

REMEDY = "calibrate again: qa calibrate, or remove it: qa calibrate --reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was fitted for an index, and on what."""

    format: int = FORMAT
    source: Literal["labelled", "drawn"]
    """Questions of a labelled set, or drawn from the index's own passages."""
    fitted_on: str
    """The set, in words."""
    questions: int
    """Answerable ones."""
    made: str
    """When, in UTC, ISO 8601."""
    encoder: str
    """Fingerprint of the encoder."""
    snapshot: str
    """The snapshot whose passages were ranked: of the index, or of the index made of the set."""
    curve: Curve
    threshold: float
    """Confidence below which an answer is "not found": 0 to 1."""
    near: Interval
    """AUROC of the confidence, answerable against unanswerable on a topic that the index knows."""
    far: Interval | None
    """The same against unanswerable on other topics; nothing where that could not be asked."""
    rates: tuple[ErrorRates, ...]
    """Error rates on questions that the fit had not seen, thresholds ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What is in the file."""

    calibration: Calibration
    sha256: str
    """Of the calibration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What turns strength into an answer now."""

    curve: Curve = SHIPPED
    threshold: float = THRESHOLD
    rates: tuple[ErrorRates, ...] = MEASURED
    calibration: Calibration | None = None
    """Nothing where the one that ships is in force."""
    note: str = ""
    """Why a calibration that is there is left aside."""


AS_SHIPPED = InForce()


def read_calibration(path: Path) -> Calibration | None:
    """Return the calibration in a file, or nothing where there is no file.

    Raises SnapshotDamaged where it can't be read, is not one, or holds what makes no sense.
    """
    try:
        data = path.read_bytes()
        found = msgspec.json.decode(data, type=_File, strict=True).calibration
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SnapshotDamaged(f"{path} can't be read ({error.strerror}); check its permissions") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SnapshotDamaged(f"{path} is no calibration ({error}); {REMEDY}") from error
    if data != _encode(found):
        raise SnapshotDamaged(f"{path} is damaged: its checksum does not fit; {REMEDY}")
    if found.format != FORMAT:
        raise SnapshotDamaged(f"{path} has format {found.format}, expected {FORMAT}; {REMEDY}")
    if problem := _problem(found):
        raise SnapshotDamaged(f"{path} {problem}; {REMEDY}")
    return found


def _problem(found: Calibration) -> str:
    curve = found.curve
    if not (isfinite(curve.scale) and isfinite(curve.offset) and curve.scale > 0):
        return f"has a scale of {curve.scale} and an offset of {curve.offset}, expected numbers, the scale above 0"
    if not 0 <= found.threshold <= 1:
        return f"has a threshold of {found.threshold}, expected 0 to 1"
    return "" if found.rates else "has no error rates, expected one at least"


def _encode(calibration: Calibration) -> bytes:
    digest = hashlib.sha256(msgspec.json.encode(calibration)).hexdigest()
    file = _File(calibration=calibration, sha256=digest)
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Put a calibration in force: whoever reads the file finds the old one or the new.

    Raises SeedQAError where the file can't be written.
    """
    try:
        replace_file(path, _encode(calibration))
    except OSError as error:
        raise SeedQAError(
            f"{path} can't be written ({error.strerror or error}); check the folder's permissions and space"
        ) from error


def in_force(path: Path, fingerprint: str) -> InForce:
    """Return what is in force for an index whose encoder has a fingerprint; what is wrong is told in the note."""
    try:
        found = read_calibration(path)
    except SnapshotDamaged as error:
        return InForce(note=f"the calibration is left aside: {error}")
    if found is None:
        return AS_SHIPPED
    if found.encoder != fingerprint:
        return InForce(
            note=f"the calibration is left aside: it was fitted with encoder {found.encoder[:12]}…, the index has "
            f"{fingerprint[:12]}…; {REMEDY}"
        )
    return InForce(curve=found.curve, threshold=found.threshold, rates=found.rates, calibration=found)


class Watched:
    """Looks at the file before each question and reads it when it has changed. Thread-safe: what it keeps is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[tuple[int, int, int], str, InForce] | None = None

    def get(self, fingerprint: str) -> InForce:
        """Return what is in force for an encoder."""
        stamp, known = self._stamp(), self._known
        if known is None or known[:2] != (stamp, fingerprint):
            known = self._known = stamp, fingerprint, in_force(self._path, fingerprint)
        return known[2]

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_ino, found.st_size)
