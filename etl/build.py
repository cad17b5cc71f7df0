"""``homodb build``: from a config to a release."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from homodb.etl.config import BuildConfig
from homodb.etl.config_toml import read_config
from homodb.etl.derive import derive_tables
from homodb.etl.inputs import Inputs, read_inputs
from homodb.etl.runner import Runner, Step
from homodb.etl.write import check_output, staged_folder, write_release
from homodb.schema.errors import MixedInputsError
from homodb.schema.manifest import Manifest
from homodb.schema.patience import Patience

_LOG = logging.getLogger(__name__)


def build_release(
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
    if not settings.allow_mixed:
        check_same_release(_written(settings), settings.release.ensembl)
    inputs = read_inputs(settings, runner)
    if not settings.allow_mixed:
        _check_genes(settings, inputs)
    with staged_folder(output) as folder:
        contents = derive_tables(settings, inputs, folder, runner)
        return runner.run(
            "write",
            str(output),
            partial(write_release, folder, settings.release, contents),
            lambda manifest: sum(manifest.rows.values()),
        )


def _fetched(settings: BuildConfig, offline: bool, patience: Patience | None, runner: Runner) -> BuildConfig:
    """Fetch what ``[ensembl]`` names, and add it to the config."""
    from homodb.etl.fetch import Fetch, FetchProgress, add_fetched_inputs, fetch_files, fetched_species

    wanted = settings.ensembl
    species = [entry.species for entry in fetched_species(settings)]
    if wanted is None or not species:
        return settings

    def report(now: FetchProgress) -> None:
        if now.all_bytes and now.bytes <= now.all_bytes:
            runner.part(now.bytes, now.all_bytes)

    found: Fetch = runner.run(
        "fetch",
        f"Ensembl {wanted.release}",
        lambda: fetch_files(wanted, species, offline=offline, patience=patience, report=report),
        lambda done: len(done.missing),
    )
    for note in found.notes:
        _LOG.warning("%s", note)
    return add_fetched_inputs(settings, found.record, found.folder)


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
    check_homology_genes(
        {entry.species.number: entry.species.name for entry in settings.species},
        inputs.stable_ids("proteome"),
        inputs.stable_ids("annotation"),
        inputs.homology_genes(),
    )


#: Ensembl's release number in the names of its files and folders.
_RELEASE = re.compile(
    r"(?:^|/)release-(\d+)/|Compara\.(\d+)\.|\.(\d+)\.(?:(?:chr|chr_patch_hapl_scaff|abinitio)\.)?gtf"
    r"|\.(\d+)\.(?:entrez|uniprot|refseq)\.tsv"
)

#: A proteome lacks the genes of non-coding RNAs, for which BioMart has orthologs too: up to this share may be unknown.
_UNKNOWN_SHARE = 0.1


def check_same_release(written: Sequence[str], declared: str | None) -> None:
    """Compare the release numbers that file names bear, and the one that the config declares.

    Raises
    ------
    MixedInputsError
        If there are several.
    """
    seen: dict[str, str] = {}
    if declared is not None and declared.isdigit():
        seen[declared] = "[release] ensembl"
    for path in written:
        for found in _RELEASE.finditer(path):
            seen.setdefault(next(group for group in found.groups() if group), path)
    if len(seen) > 1:
        told = ", ".join(f"{number} ({where})" for number, where in sorted(seen.items()))
        raise MixedInputsError(
            f"the inputs are of different Ensembl releases: {told}; take all from one, or set allow_mixed in [build]"
        )


def check_homology_genes(
    species_names: Mapping[int, str],
    proteome: pl.DataFrame,
    annotation: pl.DataFrame,
    homology_genes: pl.DataFrame,
) -> None:
    """Compare the stable IDs in homologies with those that proteome and annotation know.

    Parameters
    ----------
    species_names
        Production name by species number.
    proteome, annotation, homology_genes
        ``species, stable_id`` of the genes that each kind of source names; empty where there is none.

    Raises
    ------
    MixedInputsError
        If an annotated species has homologies of unknown genes; where only a proteome is given, if more than a
        tenth of the genes in its homologies are unknown.
    """
    known = pl.concat([proteome, annotation]).unique()
    for number in known["species"].unique().sort():
        named = homology_genes.filter((pl.col("species") == number) & pl.col("stable_id").is_not_null()).unique()
        unknown = named.join(known, on=["species", "stable_id"], how="anti")
        whole = annotation.filter(pl.col("species") == number).height > 0
        allowed = 0 if whole else int(named.height * _UNKNOWN_SHARE)
        if unknown.height > allowed:
            examples = ", ".join(unknown["stable_id"].sort().head(5))
            raise MixedInputsError(
                f"{species_names[number]}: {unknown.height} of {named.height} genes in its homologies are unknown to "
                f"its {'annotation' if whole else 'proteome'} (such as {examples}): the inputs are of different "
                "Ensembl releases; take all from one, or set allow_mixed in [build]"
            )
