"""Commands that look after an index: its state, its soundness and its snapshots."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from index.compare import diff
from index.errors import SeedQAError, SnapshotError
from index.examine import Finding, Recall, examine, recalls
from index.layout import IndexPaths
from index.lock import in_force as snapshot_in_force
from index.lock import lock
from index.manifest import Manifest
from index.snapshot import current_id, load_manifest, prune, read_origin, restore, snapshot_ids
from qa import show
from qa.calibration import InForce, in_force
from qa.feedback import Feedback
from qa.options import ERROR, INDEX, JSON, OK, settings_with


def _current(paths: IndexPaths) -> Manifest:
    return load_manifest(paths.snapshot(current_id(paths)))


@click.command()
@INDEX
@click.option("--documents", is_flag=True, help="List every document.")
@JSON
def status(index: Path | None, documents: bool, as_json: bool) -> None:
    """Show the snapshot in force: what it holds, what was left out, and how it was made."""
    settings = settings_with(index=index)
    paths = IndexPaths(settings.index)
    manifest = _current(paths)
    files = paths.snapshot(manifest.id)
    built = datetime.fromtimestamp(files.manifest.stat().st_mtime, UTC).isoformat(timespec="seconds")
    seeds = str(read_origin(files))
    calibrated = in_force(paths.calibration, manifest.encoder.fingerprint)
    if as_json:
        known = {"calibration": calibrated.calibration, "calibration_note": calibrated.note}
        show.json_line({"index": str(paths.root), "seeds": seeds, "built": built, "manifest": manifest, **known})
    else:
        show.status(manifest, str(paths.root), seeds, built, _threshold(calibrated, settings.threshold), documents)


def _threshold(calibrated: InForce, given: float | None) -> str:
    """Return what is in force in one line; what was ``given`` as a setting stands above the calibration."""
    found = calibrated.calibration
    note = f"; {calibrated.note}" if calibrated.note else ""
    if given is not None:
        return f"{given:.2f}, as set{note}"
    if found is None:
        return f"{calibrated.threshold:.2f}, as shipped{note}"
    asked = f"{found.questions:,} questions of {found.fitted_on}"
    return f"{found.threshold:.2f}, calibrated on {asked}, {found.made}"


@click.command()
@INDEX
@click.option("--recall", is_flag=True, help="Measure against exact search how many of the nearest are found, too.")
@JSON
def doctor(index: Path | None, recall: bool, as_json: bool) -> int:
    """Check every hash, count and format version of every snapshot, the calibration and the judgements."""
    paths = IndexPaths(settings_with(index=index).index)
    findings = [*examine(paths), *_miscalibrated(paths), *_misjudged(paths)]
    measured: list[Recall] = []
    current = snapshot_in_force(paths)
    if recall and not any(finding.snapshot == current for finding in findings):
        measured = recalls(paths)
        findings.extend(Finding(snapshot=current, problem=one.problem) for one in measured if one.problem)
    checked = snapshot_ids(paths)
    if as_json:
        show.json_line({"snapshots": checked, "findings": findings, **({"recall": measured} if recall else {})})
    else:
        show.recalls(measured)
        show.findings(checked, findings, current)
    return ERROR if findings else OK


def _miscalibrated(paths: IndexPaths) -> list[Finding]:
    """Return why the calibration of an index is not in force although it is there."""
    with suppress(SeedQAError):  # a snapshot that can't be read is a finding already
        note = in_force(paths.calibration, _current(paths).encoder.fingerprint).note
        return [Finding(snapshot=paths.calibration.name, problem=note)] if note else []
    return []


def _misjudged(paths: IndexPaths) -> list[Finding]:
    """Return why the judgements of readers can't be used."""
    feedback = Feedback(paths.root)
    try:
        feedback.read()
    except SeedQAError as error:
        return [Finding(snapshot=feedback.path.name, problem=str(error))]
    return []


@click.command("diff")
@click.argument("old", required=False)
@click.argument("new", required=False)
@INDEX
@JSON
def diff_command(old: str | None, new: str | None, index: Path | None, as_json: bool) -> None:
    """Compare snapshot OLD with NEW: documents added, changed and removed, and settings.

    NEW is the snapshot in force where it is not named, OLD the one published before it.
    """
    paths = IndexPaths(settings_with(index=index).index)
    known = snapshot_ids(paths)
    newer = _named(new, known) if new else current_id(paths)
    older = _named(old, known) if old else _other(newer, known, paths, "nothing to compare it with")
    found = diff(load_manifest(paths.snapshot(older)), load_manifest(paths.snapshot(newer)))
    if as_json:
        show.json_line(found)
    else:
        show.difference(found)


def _other(ident: str, known: list[str], paths: IndexPaths, otherwise: str) -> str:
    """Return the snapshot published last beside ``ident``; ``otherwise`` says what is not possible without one."""
    others = [other for other in known if other != ident]
    if not others:
        raise SeedQAError(f"{paths.root} holds one snapshot only, {otherwise}; build again first")
    return others[0]


def _named(prefix: str, known: list[str]) -> str:
    """Return the one snapshot whose id begins with ``prefix``."""
    found = [ident for ident in known if ident.startswith(prefix)]
    if len(found) != 1:
        raise SeedQAError(
            f"{'no' if not found else 'more than one'} snapshot begins with {prefix!r}; "
            f"expected one of {', '.join(known)}"
        )
    return found[0]


@click.command("prune")
@click.option("--keep", type=click.IntRange(min=0), default=1, show_default=True, help="Older snapshots to keep.")
@INDEX
@JSON
def prune_command(keep: int, index: Path | None, as_json: bool) -> None:
    """Remove older snapshots, but never the one in force or one that is being read."""
    paths = IndexPaths(settings_with(index=index).index)
    current_id(paths)
    with lock(paths, "prune"):
        removed = prune(paths, keep)
    kept = snapshot_ids(paths)
    if as_json:
        show.json_line({"removed": removed, "kept": kept})
    else:
        show.line(f"Removed {len(removed)} of {len(removed) + len(kept)} snapshots.")


@click.command("restore")
@click.argument("snapshot", required=False)
@INDEX
@JSON
def restore_command(snapshot: str | None, index: Path | None, as_json: bool) -> None:
    """Put an earlier SNAPSHOT back in force; without one, the one published before the one in force."""
    paths = IndexPaths(settings_with(index=index).index)
    known = snapshot_ids(paths)
    if snapshot is None:
        try:
            current = current_id(paths)
        except SnapshotError:  # a broken CURRENT is just what this mends
            if not known:
                raise
            current = ""
        wanted = _other(current, known, paths, "there is none to go back to")
    else:
        wanted = _named(snapshot, known)
    with lock(paths, "restore"):
        before = restore(paths, wanted)
    if as_json:
        show.json_line({"snapshot": wanted, "previous": before})
    else:
        was = "as it was" if before == wanted else f"before it was {before or 'none'}"
        show.line(f"Snapshot {wanted} is back in force, {was}.")


COMMANDS = (status, doctor, diff_command, prune_command, restore_command)
