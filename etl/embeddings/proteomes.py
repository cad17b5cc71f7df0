"""``homodb embed``: proteomes in, a store of their proteins' vectors out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from homodb.etl.embeddings.embed import Counts, ModelSpec, Progress, embed, open_store
from homodb.etl.embeddings.model import Identity
from homodb.etl.embeddings.sequences import unique_sequences, usable
from homodb.etl.embeddings.tasks import worker_pool
from homodb.etl.sources import read_proteome as read
from homodb.schema.errors import ConfigError, UnknownSpeciesError
from homodb.schema.files import check_folder, check_there
from homodb.schema.species import Species, find


@dataclass(frozen=True)
class Summary:
    """What was embedded.

    Parameters
    ----------
    store
        Folder of this model's vectors.
    identity
        The model.
    proteins
        Proteins in the files.
    dropped
        Of these, not embedded, by reason.
    counts
        What came of the others, as different sequences.
    """

    store: Path
    identity: Identity
    proteins: int
    dropped: dict[str, int]
    counts: Counts


def embed_proteomes(
    proteomes: Sequence[Path],
    root: Path,
    spec: ModelSpec,
    *,
    species: Sequence[str] = (),
    workers: int = 1,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Summary:
    """Embed the proteins of proteomes that a store lacks.

    Parameters
    ----------
    proteomes
        Ensembl ``pep.all`` FASTA files.
    root
        Folder of stores.
    spec
        The model.
    species
        Name of the species of each proteome, or one for all; empty: as Ensembl's file names begin with it.
    workers
        Processes that compute. One: this process.
    report
        Called with the progress.

    Raises
    ------
    OptionsError, ConfigError, UnknownSpeciesError, InputError, OutputError, StoreError, WorkerError
        Before anything is computed, unless a worker dies or the disk is full; what was finished stays then.
    """
    spec.check()
    check_there(*proteomes, spec.weights)
    check_folder(root)
    if workers < 1:
        raise ConfigError(f"{workers} workers: wanted one or more")
    read_proteins = [_read(path, whose) for path, whose in zip(proteomes, _species(proteomes, species), strict=True)]
    proteins = pl.concat(read_proteins)
    sound, dropped = usable(proteins)
    with ExitStack() as stack:
        executor = stack.enter_context(worker_pool(workers)) if workers > 1 else None
        store = open_store(root, spec, executor=executor)
        sequences = unique_sequences(sound)
        counts = embed(sequences, spec, store, executor=executor, ahead=2 * workers, report=report)
    return Summary(store.folder, store.identity, proteins.height, dict(Counter(dropped)), counts)


def _read(path: Path, species: Species) -> pl.DataFrame:
    frame = pl.from_arrow(read(path, species).proteins)
    return pl.DataFrame(frame).select("sequence_sha256", "sequence", "length")


def _species(proteomes: Sequence[Path], names: Sequence[str]) -> list[Species]:
    if not names:
        return [_from_file_name(path) for path in proteomes]
    if len(names) not in (1, len(proteomes)):
        raise ConfigError(f"{len(names)} species for {len(proteomes)} proteomes: name one for all, or one for each")
    return [find(name) for name in (names if len(names) > 1 else [*names] * len(proteomes))]


def _from_file_name(path: Path) -> Species:
    try:
        return find(path.name.partition(".")[0])
    except UnknownSpeciesError as error:
        raise UnknownSpeciesError(
            f"{path.name}: its name does not begin with a known species (Homo_sapiens.…): say whose it is by --species"
        ) from error
