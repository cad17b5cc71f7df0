"""Build a release from a config: the function behind ``homodb build``."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from homodb.etl.config import BuildConfig, read_config
from homodb.etl.derive import derive_tables
from homodb.etl.inputs import GENE_LISTS, Inputs, read_inputs
from homodb.etl.runner import Runner, Step
from homodb.etl.stable_ids import settle_ids, settle_names
from homodb.etl.write import check_output, staged_folder, write_release
from homodb.schema.errors import MixedInputsError
from homodb.schema.io.http import RetryPolicy
from homodb.schema.manifest import Manifest

_LOG = logging.getLogger(__name__)


def build_release(
    config: BuildConfig | Path,
    output: Path,
    *,
    offline: bool = False,
    patience: RetryPolicy | None = None,
    report: Callable[[Step], None] = lambda step: None,
) -> Manifest:
    """Build a release from a config.

    All inputs are read, genes merged and given keys, mappings derived, invariants checked, files written.

    Parameters
    ----------
    config
        Build config, or its path.
    output
        Folder for the release: new, empty, or with an earlier build of the same version. It is complete or absent.
    offline
        Whether to use downloaded files only, with ``[ensembl]``.
    patience
        Retries and timeouts of downloads, with ``[ensembl]``; None for the default.
    report
        Callback that receives each step when it starts and when it ends.

    Raises
    ------
    ConfigError, InputError, MixedInputsError, OutputError, BrokenReleaseError, TransferError
        If an input, the config or the output is unusable. Nothing is written then.
    """
    settings = config if isinstance(config, BuildConfig) else read_config(config)
    check_output(output, settings.release.version)
    if settings.ensembl is not None:
        settings = _fetched(settings, offline, patience, Runner(report, 1))
    runner = Runner(report, len(set(settings.files())) + len(settings.mapped_pairs()) + 2)
    if not settings.build.allow_mixed:
        check_same_release(_ensembl_paths(settings), settings.release.ensembl)
    inputs = read_inputs(settings, runner)
    if settings.databases or settings.origins:
        inputs = settle_ids(settings, inputs)
    inputs = settle_names(inputs)
    if not settings.build.allow_mixed:
        _check_genes(settings, inputs)
    with staged_folder(output) as folder:
        contents = derive_tables(settings, inputs, folder, runner)
        return runner.run(
            "write",
            str(output),
            partial(write_release, folder, settings.release, contents, settings.build),
            lambda manifest: sum(manifest.rows.values()),
        )


def _fetched(settings: BuildConfig, offline: bool, patience: RetryPolicy | None, runner: Runner) -> BuildConfig:
    """Fetch the files that ``[ensembl]`` asks for, and add them to the config."""
    from homodb.etl.fetch import Fetch, FetchProgress, add_fetched_inputs, fetch_files, fetched_species

    wanted = settings.ensembl
    species = [entry.species for entry in fetched_species(settings)]
    if wanted is None or not species:
        return settings

    def report(now: FetchProgress) -> None:
        if now.all_bytes and now.bytes <= now.all_bytes:
            runner.part(now.bytes, now.all_bytes)

    fetched: Fetch = runner.run(
        "fetch",
        f"Ensembl {wanted.release}",
        lambda: fetch_files(wanted, species, offline=offline, patience=patience, report=report),
        lambda done: len(done.missing),
    )
    for note in fetched.notes:
        _LOG.warning("%s", note)
    return add_fetched_inputs(settings, fetched.record, fetched.folder)


def _ensembl_paths(settings: BuildConfig) -> list[str]:
    """Return the paths of files that come from an Ensembl release."""
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
        inputs.stable_ids(*GENE_LISTS),
        inputs.homology_genes(),
    )


#: Release number of Ensembl in names of folders, which counts before that of files (release 116 has yeast as 63).
_RELEASE_FOLDER = re.compile(r"(?:^|/)release-(\d+)/")
_RELEASE = re.compile(
    r"Compara\.(\d+)\.|\.(\d+)\.(?:(?:chr|chr_patch_hapl_scaff|abinitio)\.)?gtf"
    r"|\.(\d+)\.(?:entrez|uniprot|refseq)\.tsv"
)

#: Highest share of genes that a proteome may lack, since BioMart has orthologs of non-coding RNAs too.
_UNKNOWN_SHARE = 0.1


def check_same_release(written: Sequence[str], declared: str | None) -> None:
    """Check that file names and config agree on one Ensembl release.

    Raises
    ------
    MixedInputsError
        If there are several releases.
    """
    releases: dict[str, str] = {}
    if declared is not None and declared.isdigit():
        releases[declared] = "[release] ensembl"
    for path in written:
        for match in _RELEASE_FOLDER.finditer(path) if _RELEASE_FOLDER.search(path) else _RELEASE.finditer(path):
            releases.setdefault(next(group for group in match.groups() if group), path)
    if len(releases) > 1:
        listed = ", ".join(f"{number} ({where})" for number, where in sorted(releases.items()))
        raise MixedInputsError(
            f"the inputs come from different Ensembl releases: {listed}. Use files of one release, "
            "or set allow_mixed in [build]"
        )


def check_homology_genes(
    species_names: Mapping[int, str], proteome: pl.DataFrame, annotation: pl.DataFrame, homology_genes: pl.DataFrame
) -> None:
    """Check that proteome and annotation have the genes of the homologies.

    Parameters
    ----------
    species_names
        Production name by species number.
    proteome, annotation, homology_genes
        ``species, stable_id`` of the genes of each kind of source; empty without such a source.

    Raises
    ------
    MixedInputsError
        If homologies have genes that the annotation of their species lacks, or, with a proteome only, if it
        lacks more than a tenth of these genes.
    """
    annotated = pl.concat([proteome, annotation]).unique()
    for number in annotated["species"].unique().sort():
        named = homology_genes.filter((pl.col("species") == number) & pl.col("stable_id").is_not_null()).unique()
        unknown = named.join(annotated, on=["species", "stable_id"], how="anti")
        whole = annotation.filter(pl.col("species") == number).height > 0
        allowed = 0 if whole else int(named.height * _UNKNOWN_SHARE)
        if unknown.height > allowed:
            examples = ", ".join(unknown["stable_id"].sort().head(5))
            raise MixedInputsError(
                f"{species_names[number]}: {unknown.height} of {named.height} genes in the homologies are missing from "
                f"the {'annotation' if whole else 'proteome'} (such as {examples}). The inputs come from different "
                "Ensembl releases. Use files of one release, or set allow_mixed in [build]"
            )
