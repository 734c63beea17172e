"""Commands that look after an index: its state, its soundness and its snapshots."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from index.compare import diff
from index.errors import SeedQAError, SnapshotError
from index.examine import Recall, recalls
from index.folder import FolderCatalog
from index.folder import in_force as snapshot_in_force
from index.opened import Catalog, Finding
from qa import show
from qa.calibration import InForce, in_force
from qa.catalogs import configured
from qa.feedback import Feedback
from qa.options import ERROR, INDEX, JSON, OK, settings_with


@click.command()
@INDEX
@click.option("--documents", is_flag=True, help="List every document.")
@JSON
def status(index: Path | str | None, documents: bool, as_json: bool) -> None:
    """Show the snapshot in force: what it holds, what was left out, and how it was made."""
    settings = settings_with(index=index)
    catalog = configured(settings)
    ident = catalog.current()
    manifest, seeds = catalog.manifest(ident), str(catalog.origin(ident))
    built = datetime.fromtimestamp(catalog.built(ident), UTC).isoformat(timespec="seconds")
    calibrated = in_force(catalog.home.calibration, manifest.encoder.fingerprint)
    if as_json:
        known = {"calibration": calibrated.calibration, "calibration_note": calibrated.note}
        show.json_line({"index": catalog.name, "seeds": seeds, "built": built, "manifest": manifest, **known})
    else:
        where = catalog.name if isinstance(catalog, FolderCatalog) else f"{catalog.name}, workspace {catalog.home.root}"
        show.status(manifest, where, seeds, built, _threshold(calibrated, settings.threshold), documents)


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
def doctor(index: Path | str | None, recall: bool, as_json: bool) -> int:
    """Check every hash, count and format version of every snapshot, the calibration and the judgements."""
    catalog = configured(settings_with(index=index))
    if recall and not isinstance(catalog, FolderCatalog):
        raise SeedQAError(
            f"--recall measures the candidates of a folder, and {catalog.name} is on a server; leave it out"
        )
    findings = [*catalog.examine(), *_miscalibrated(catalog), *_misjudged(catalog)]
    measured: list[Recall] = []
    current = snapshot_in_force(catalog)
    if recall and current and not any(finding.snapshot == current for finding in findings):
        measured = recalls(catalog.home)
        findings.extend(Finding(snapshot=current, problem=one.problem) for one in measured if one.problem)
    checked = catalog.ids()
    if as_json:
        show.json_line({"snapshots": checked, "findings": findings, **({"recall": measured} if recall else {})})
    else:
        show.recalls(measured)
        show.findings(checked, findings, current)
    return ERROR if findings else OK


def _miscalibrated(catalog: Catalog) -> list[Finding]:
    """Return why the calibration of an index is not in force although it is there."""
    with suppress(SeedQAError):  # a snapshot that can't be read is a finding already
        path, manifest = catalog.home.calibration, catalog.manifest(catalog.current())
        note = in_force(path, manifest.encoder.fingerprint).note
        return [Finding(snapshot=path.name, problem=note)] if note else []
    return []


def _misjudged(catalog: Catalog) -> list[Finding]:
    """Return why the judgements of readers can't be used."""
    feedback = Feedback(catalog.home.root)
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
def diff_command(old: str | None, new: str | None, index: Path | str | None, as_json: bool) -> None:
    """Compare snapshot OLD with NEW: documents added, changed and removed, and settings.

    NEW is the snapshot in force where it is not named, OLD the one published before it.
    """
    catalog = configured(settings_with(index=index))
    known = catalog.ids()
    newer = _named(new, known) if new else catalog.current()
    older = _named(old, known) if old else _other(newer, known, catalog, "nothing to compare it with")
    found = diff(catalog.manifest(older), catalog.manifest(newer))
    if as_json:
        show.json_line(found)
    else:
        show.difference(found)


def _other(ident: str, known: list[str], catalog: Catalog, otherwise: str) -> str:
    """Return the snapshot published last beside ``ident``; ``otherwise`` says what is not possible without one."""
    others = [other for other in known if other != ident]
    if not others:
        raise SeedQAError(f"{catalog.name} holds one snapshot only, {otherwise}; build again first")
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
def prune_command(keep: int, index: Path | str | None, as_json: bool) -> None:
    """Remove older snapshots, but never the one in force.

    In a folder one that is being read stays, too. A server does not say who reads: there the one before goes once that
    in force has been so for a minute, and whoever still reads it is told so.
    """
    catalog = configured(settings_with(index=index))
    removed = catalog.prune(keep)
    kept = catalog.ids()
    if as_json:
        show.json_line({"removed": removed, "kept": kept})
    else:
        stay = f"that in force and up to {keep} before it stay" if keep else "that in force stays"
        held = len(kept) - keep - 1
        more = f", and {held} that {'is' if held == 1 else 'are'} being read" if held > 0 else ""
        show.line(f"Removed {len(removed)} of {len(removed) + len(kept)} snapshots; {stay}{more}.")


@click.command("restore")
@click.argument("snapshot", required=False)
@INDEX
@JSON
def restore_command(snapshot: str | None, index: Path | str | None, as_json: bool) -> None:
    """Put an earlier SNAPSHOT back in force; without one, the one published before the one in force."""
    catalog = configured(settings_with(index=index))
    known = catalog.ids()
    if snapshot is None:
        try:
            current = catalog.current()
        except SnapshotError:  # a broken CURRENT is just what this mends
            if not known:
                raise
            current = ""
        wanted = _other(current, known, catalog, "there is none to go back to")
    else:
        wanted = _named(snapshot, known)
    before = catalog.restore(wanted)
    if as_json:
        show.json_line({"snapshot": wanted, "previous": before})
    else:
        was = "as it was" if before == wanted else f"before it was {before or 'none'}"
        show.line(f"Snapshot {wanted} is back in force, {was}.")


COMMANDS = (status, doctor, diff_command, prune_command, restore_command)
