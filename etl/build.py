"""``homodb build``: from a config to a release."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from homodb.etl.config import BuildConfig, read_config
from homodb.etl.derive import derive
from homodb.etl.inputs import Inputs, read_inputs
from homodb.etl.mixed import check_file_names, check_genes
from homodb.etl.output import check_output, staged
from homodb.etl.runner import Runner, Step
from homodb.etl.write import write_release
from homodb.schema.manifest import Manifest
from homodb.schema.patience import Patience

_LOG = logging.getLogger(__name__)


def build(
    config: BuildConfig | Path,
    output: Path,
    *,
    offline: bool = False,
    patience: Patience | None = None,
    report: Callable[[Step], None] = lambda step: None,
) -> Manifest:
    """Build a release: read every input, merge and key the genes, derive the mappings, check, write.

    Parameters
    ----------
    config
        A build config or the path of one.
    output
        Folder for the release: absent, empty, or holding an earlier build of the same version. It appears
        whole or not at all.
    offline
        With ``[ensembl]``: ask for nothing, take what was fetched before.
    patience
        With ``[ensembl]``: with the server; None takes the usual one.
    report
        Called when a step begins and when it is finished.

    Returns
    -------
    Manifest
        The manifest of the release.

    Raises
    ------
    ConfigError, InputError, MixedInputsError, OutputError, BrokenReleaseError, TransferError
        Nothing is written then.
    """
    settings = config if isinstance(config, BuildConfig) else read_config(config)
    check_output(output, settings.release.version)
    if settings.ensembl is not None:
        settings = _fetched(settings, offline, patience, Runner(report, 1))
    runner = Runner(report, len(set(settings.files())) + len(settings.mapped_pairs()) + 2)
    if not settings.build.allow_mixed:
        check_file_names(_written(settings), settings.release.ensembl)
    inputs = read_inputs(settings, runner)
    if not settings.build.allow_mixed:
        _check_genes(settings, inputs)
    with staged(output) as folder:
        contents = derive(settings, inputs, folder, runner)
        return runner.run(
            "write",
            str(output),
            partial(write_release, folder, settings.release, contents),
            lambda manifest: sum(manifest.rows.values()),
        )


def _fetched(settings: BuildConfig, offline: bool, patience: Patience | None, runner: Runner) -> BuildConfig:
    """Fetch what ``[ensembl]`` names, and add it to the config."""
    from homodb.etl.fetch.inputs import fetched_species, with_inputs
    from homodb.etl.fetch.progress import Progress
    from homodb.etl.fetch.run import Fetch, fetch

    wanted = settings.ensembl
    species = [entry.species for entry in fetched_species(settings)]
    if wanted is None or not species:
        return settings

    def report(now: Progress) -> None:
        if now.all_bytes and now.bytes <= now.all_bytes:
            runner.part(now.bytes, now.all_bytes)

    found: Fetch = runner.run(
        "fetch",
        f"Ensembl {wanted.release}",
        lambda: fetch(wanted, species, offline=offline, patience=patience, report=report),
        lambda done: len(done.missing),
    )
    for note in found.notes:
        _LOG.warning("%s", note)
    return with_inputs(settings, found.record, found.folder)


def _written(settings: BuildConfig) -> list[str]:
    """Paths of files that come from an Ensembl release."""
    species = [
        source.written
        for entry in settings.species
        for source in (entry.proteome, entry.annotation, *entry.xrefs)
        if source is not None
    ]
    return species + [source.written for entry in settings.homologies for source in entry.paths]


def _check_genes(settings: BuildConfig, inputs: Inputs) -> None:
    check_genes(
        {entry.species.number: entry.species.name for entry in settings.species},
        inputs.stable_ids("proteome"),
        inputs.stable_ids("annotation"),
        inputs.homology_genes(),
    )
