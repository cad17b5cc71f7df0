"""``homodb build``: from a config to a release."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from homodb.etl.config import BuildConfig
from homodb.etl.config_toml import read_config
from homodb.etl.derive import derive
from homodb.etl.inputs import Inputs, read_inputs
from homodb.etl.mixed import check_file_names, check_genes
from homodb.etl.output import check_output, staged
from homodb.etl.runner import Runner, Step
from homodb.etl.write import write_release
from homodb.schema.manifest import Manifest


def build(config: BuildConfig | Path, output: Path, *, report: Callable[[Step], None] = lambda step: None) -> Manifest:
    """Build a release: read every input, merge and key the genes, derive the mappings, check, write.

    Parameters
    ----------
    config
        A build config or the path of one.
    output
        Folder for the release: absent, empty, or holding an earlier build of the same version. It appears
        whole or not at all.
    report
        Called when a step begins and when it is finished.

    Returns
    -------
    Manifest
        The manifest of the release.

    Raises
    ------
    ConfigError, InputError, MixedInputsError, OutputError, BrokenReleaseError
        Nothing is written then.
    """
    settings = config if isinstance(config, BuildConfig) else read_config(config)
    check_output(output, settings.release.version)
    runner = Runner(report, len(set(settings.files())) + len(settings.mapped_pairs()) + 2)
    if not settings.allow_mixed:
        check_file_names(_written(settings), settings.release.ensembl)
    inputs = read_inputs(settings, runner)
    if not settings.allow_mixed:
        _check_genes(settings, inputs)
    with staged(output) as folder:
        contents = derive(settings, inputs, folder, runner)
        return runner.run(
            "write",
            str(output),
            partial(write_release, folder, settings.release, contents),
            lambda manifest: sum(manifest.rows.values()),
        )


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
