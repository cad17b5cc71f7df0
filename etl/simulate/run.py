"""Simulate a clade: the function behind ``homodb simulate``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from homodb.etl.simulate.annotation import SimulatedAnnotation, annotate_genes
from homodb.etl.simulate.cells import Expression, draw_expression, write_cells
from homodb.etl.simulate.genome import lay_out_genome
from homodb.etl.simulate.histories import TYPES, Histories, ancestor_name, family_name, grow_families, read_histories
from homodb.etl.simulate.homologies import (
    ERRORS,
    Calls,
    call_orthologs,
    called_table,
    other_homologies,
    write_biomart,
    write_compara,
)
from homodb.etl.simulate.proteome import ProteomeWriter, Transcripts
from homodb.etl.simulate.settings import ASSEMBLY, Layout, Settings, SimulationProgress, Summary, open_gzip, write_table
from homodb.etl.simulate.species import SpeciesTree, species_tree
from homodb.etl.write import staged_folder
from homodb.schema.errors import OutputError
from homodb.schema.io import check_folder

#: Shares of primary genes with proteins that have an entry in each database.
_KNOWN = {"entrez": 0.95, "uniprot": 0.9, "refseq": 0.85}
_DATABASES = {"entrez": "EntrezGene", "uniprot": "Uniprot/SPTREMBL", "refseq": "RefSeq_peptide"}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ANY = "0123456789" + _LETTERS
#: Alphabets of an accession of ten letters after ``A0A``, from its end.
_UNIPROT = ("0123456789", _ANY, _ANY, _LETTERS, "0123456789", _ANY, _ANY)


def write_annotation(species: int, annotation: SimulatedAnnotation, transcripts: Transcripts, layout: Layout) -> None:
    """Write the GTF of a species: genes, transcripts, and one exon each."""
    of_gene: dict[int, list[int]] = {}
    for number, row in enumerate(transcripts.row):
        if annotation.species[row] == species:
            of_gene.setdefault(row, []).append(number)
    lines = [f"#!genome-build {ASSEMBLY} (simulated by homodb)\n"]
    with open_gzip(layout.gtf(species)) as stream:
        for row in annotation.rows(species).tolist():
            place = (
                f"{annotation.start[row]}\t{annotation.end[row]}\t.\t{'+' if annotation.strand[row] > 0 else '-'}\t."
            )
            region = annotation.region[row]
            symbol = annotation.symbol[row]
            gene = (
                f'gene_id "{annotation.stable_id[row]}"; gene_version "{annotation.version[row]}"; '
                + (f'gene_name "{symbol}"; ' if symbol else "")
                + f'gene_source "homodb"; gene_biotype "{annotation.biotype[row]}";'
            )
            lines.append(f"{region}\thomodb\tgene\t{place}\t{gene}\n")
            for number in of_gene.get(row, [-1]):
                name = f"{annotation.stable_id[row].replace('G9', 'T8', 1)}"
                biotype, tag = annotation.biotype[row], ' tag "Ensembl_canonical";'
                if number >= 0:
                    name, biotype = transcripts.transcript[number], transcripts.biotype[number]
                    tag = tag if transcripts.canonical[number] else ""
                attributes = f'{gene} transcript_id "{name}"; transcript_version "1"; transcript_biotype "{biotype}";'
                lines.append(f"{region}\thomodb\ttranscript\t{place}\t{attributes}{tag}\n")
                lines.append(f'{region}\thomodb\texon\t{place}\t{attributes} exon_number "1";{tag}\n')
            if len(lines) > 10_000:
                stream.write("".join(lines).encode())
                lines.clear()
        stream.write("".join(lines).encode())


def write_names(
    species: int, annotation: SimulatedAnnotation, transcripts: Transcripts, layout: Layout, settings: Settings
) -> None:
    """Write cross-references, synonyms and stable-ID history of a species."""
    rng = settings.stream("names", species)
    rows = np.flatnonzero(annotation.species == species)
    with_protein = np.array([row for row in rows.tolist() if row in transcripts.canonical_protein], np.int64)
    number_of = {protein: number for number, protein in enumerate(transcripts.protein)}
    for kind, share in _KNOWN.items():
        covered = with_protein[rng.random(len(with_protein)) < share]
        accessions = (species + 1) * 10_000_000 + np.cumsum(rng.integers(1, 9, len(covered)))
        canonical = [transcripts.canonical_protein[row] for row in covered.tolist()]
        whole = kind == "entrez"
        frame = pl.DataFrame(
            {
                "gene_stable_id": [annotation.stable_id[row] for row in covered.tolist()],
                "transcript_stable_id": [transcripts.transcript[number_of[one]] for one in canonical],
                "protein_stable_id": ["-"] * len(covered) if whole else canonical,
                "xref": [_accession(kind, int(number)) for number in accessions],
                "db_name": [_DATABASES[kind]] * len(covered),
                "info_type": ["DEPENDENT" if whole else "SEQUENCE_MATCH"] * len(covered),
                "source_identity": ["-" if whole else "100"] * len(covered),
                "xref_identity": ["-" if whole else "100"] * len(covered),
                "linkage_type": ["-"] * len(covered),
            }
        )
        write_table(layout.xref(species, kind), frame)
    own = set(rows.tolist())
    synonyms = [(annotation.stable_id[row], alias) for row, alias in annotation.synonyms if row in own]
    columns = ["Gene stable ID", "Gene Synonym"]
    write_table(layout.synonyms(species), pl.DataFrame(synonyms, schema=columns, orient="row"))
    events = [
        (old, version, annotation.stable_id[row], int(annotation.version[row]), 1 + row % 7, "gene", 0.9)
        for row, old, version in annotation.retired
        if row in own
    ]
    write_table(layout.history(species), pl.DataFrame(events, orient="row"), header=False)


def _accession(kind: str, number: int) -> str:
    if kind == "entrez":
        return str(number + 900_000_000)
    if kind == "refseq":
        return f"XP_{number + 900_000_000}.1"
    digits = []
    for alphabet in _UNIPROT:
        number, at = divmod(number, len(alphabet))
        digits.append(alphabet[at])
    return "A0A" + "".join(reversed(digits))


_README = """# Simulated data

**Everything here is made up** by `homodb simulate` from seed {seed}: no gene, protein or cell in this folder was ever
measured, whatever species' name it bears. Names of species, files and folders are Ensembl's own so that programs read
these files as they read real ones; the assembly is called `{assembly}`, and numbers in stable IDs begin with 9.

| file | what |
| --- | --- |
| `release.toml` | config for `homodb build`: proteomes, embedded; annotation, cross-references, synonyms, Compara |
| `biomart.toml` | config for `homodb build` from the BioMart exports alone |
| `release-*/` | FASTA, GTF, TSV and Compara files as Ensembl lays them out |
| `biomart/` | BioMart exports of every pair of species, and synonyms |
| `cells/` | counts of single cells, with `cell_type`, `donor` and `species` in obs |
| `truth.tsv.gz` | every pair of true orthologs |
| `truth_genes.tsv.gz` | what each annotated gene is, and what was planted in it |
| `truth_errors.tsv.gz` | the planted errors of orthology calling |

Orthology errors are dialled in at the rates below. Scores against the truth give these rates back; they say nothing
about Ensembl, and what a method finds here it need not find in life.

Species tree, branch lengths in million years:

```
{tree}
```

| setting | value |
| --- | --- |
{settings}
"""


def write_configs(layout: Layout, tree: SpeciesTree, settings: Settings) -> None:
    """Write ``release.toml``, ``biomart.toml`` and ``README.md``."""
    pairs = [(a, b) for a in range(len(tree.species)) for b in range(a + 1, len(tree.species))]
    names = [one.name for one in tree.species]
    compara, biomart = [_head(settings, "compara")], [_head(settings, "biomart")]
    for index, name in enumerate(names):
        xrefs = [layout.written(layout.xref(index, kind)) for kind in ("entrez", "uniprot", "refseq")]
        compara += [
            "[[species]]",
            f'name = "{name}"',
            f'assembly = "{ASSEMBLY}"',
            f'proteome = "{layout.written(layout.proteome(index))}"',
            f'annotation = "{layout.written(layout.gtf(index))}"',
            "xrefs = [" + ", ".join(f'"{path}"' for path in xrefs) + "]",
            f'synonyms = "{layout.written(layout.synonyms(index))}"',
            f'history = "{layout.written(layout.history(index))}"',
        ]
        biomart += ["[[species]]", f'name = "{name}"']
    for a, b in pairs:
        paths = [layout.compara(one, kind) for one in (a, b) for kind in ("protein_default", "ncrna_default")]
        existing = [f'"{layout.written(path)}"' for path in paths if path.is_file()]
        head = ["[[homology]]", f'source = "{names[a]}"', f'target = "{names[b]}"']
        compara += [*head, 'format = "compara"', "path = [" + ", ".join(existing) + "]"]
        biomart += [*head, 'format = "biomart"', f'path = "{layout.written(layout.biomart(a, b))}"']
    compara += ["[embedding]", 'model = "kmer"']
    for name, lines in (("release.toml", compara), ("biomart.toml", biomart)):
        layout.folder.joinpath(name).write_text("\n".join([*lines, ""]), "utf-8")
    rows = "\n".join(f"| {key} | {value} |" for key, value in settings.model_dump().items())
    text = _README.format(seed=settings.seed, assembly=ASSEMBLY, tree=tree.newick(), settings=rows)
    layout.folder.joinpath("README.md").write_text(text, "utf-8")


def _head(settings: Settings, source: str) -> str:
    return "\n".join(
        [
            "# Simulated by homodb: no real genes.",
            "[release]",
            f'version = "simulated-{settings.species}x{settings.genes}-{settings.seed}-{source}"',
            f'title = "Simulated clade of {settings.species} species, seed {settings.seed}: made up, no real genes"',
            'ensembl = "none (simulated)"',
            'licence = "CC0-1.0"',
        ]
    )


def write_truth(
    calls: Calls,
    identity: np.ndarray,
    histories: Histories,
    annotation: SimulatedAnnotation,
    tree: SpeciesTree,
    expressed_as: list[str],
    layout: Layout,
) -> None:
    """Write the truth: true orthologs, genes, and errors of calling."""
    genes = pl.DataFrame(
        {
            "species": pl.Series([one.name for one in tree.species]).gather(annotation.species),
            "stable_id": annotation.stable_id,
            "symbol": pl.Series(annotation.symbol, dtype=pl.String),
            "family": [family_name(one) for one in histories.family[annotation.gene].tolist()],
            "ancestral_gene": [ancestor_name(one) for one in histories.ancestor[annotation.gene].tolist()],
            "biotype": annotation.biotype,
            "primary": annotation.primary.astype(np.int8),
            "expressed_as": pl.Series(expressed_as).gather(annotation.gene),
            "planted": [";".join(traits) for traits in annotation.planted],
        }
    )
    write_table(layout.folder / "truth_genes.tsv.gz", genes.sort("species", "stable_id"))
    size = np.bincount(histories.family)
    family = histories.family[calls.a]
    table = pl.DataFrame(
        {
            "source_species": genes["species"].gather(calls.a),
            "source_id": genes["stable_id"].gather(calls.a),
            "target_species": genes["species"].gather(calls.b),
            "target_id": genes["stable_id"].gather(calls.b),
            "homology_type": _typed(calls.true_type),
            "event": np.where(calls.true_type >= 0, "speciation", "duplication"),
            "family": genes["family"].gather(calls.a),
            "family_size": size[family],
            "divergence": tree.divergence()[histories.species[calls.a], histories.species[calls.b]],
            "identity": identity.mean(axis=0),
            "called_type": _typed(calls.called_type),
            "error": [ERRORS[one] for one in calls.error],
        }
    ).with_columns(pl.col("identity").fill_nan(None))
    true = table.filter(pl.col("homology_type").is_not_null()).drop("called_type", "error")
    write_table(layout.folder / "truth.tsv.gz", true)
    write_table(
        layout.folder / "truth_errors.tsv.gz",
        table.filter(pl.col("error") != "").select(
            "error", "source_species", "source_id", "target_species", "target_id",
            true_type="homology_type", called_type="called_type",
        ),
    )  # fmt: skip


def _typed(kind: np.ndarray) -> pl.Series:
    return pl.Series([*TYPES, None], dtype=pl.String).gather(np.where(kind < 0, len(TYPES), kind))


def simulate(
    output: Path,
    settings: Settings | None = None,
    *,
    report: Callable[[SimulationProgress], None] = lambda progress: None,
) -> Summary:
    """Simulate a clade, and write the inputs of a build, cells and the truth.

    Raises
    ------
    ConfigError
        If sizes or rates are out of bounds.
    OutputError
        If the folder is not empty or not writable.

    Notes
    -----
    The same settings give the same files. Families (birth and death: Kendall 1948), gene order, proteins (LG: Le and
    Gascuel 2008), names, errors and cells have their own random streams.
    """
    check_folder(output)
    if output.exists() and any(output.iterdir()):
        raise OutputError(f"{output}: is not empty. Use a new or empty folder")
    with staged_folder(output) as folder:
        return _Simulation(folder, settings or Settings(), report).run(output)


class _Simulation:
    """One run of a simulation."""

    def __init__(self, folder: Path, settings: Settings, report: Callable[[SimulationProgress], None]) -> None:
        self.settings, self.report = settings, report
        self.tree: SpeciesTree = species_tree(settings.species)
        self.layout = Layout(folder, self.tree.species)

    def run(self, output: Path) -> Summary:
        settings, tree, layout = self.settings, self.tree, self.layout
        self.report(SimulationProgress("families", 0, 1))
        trees = grow_families(tree, settings)
        histories = read_histories(trees, tree)
        genome = lay_out_genome(trees, tree, histories, settings)
        annotation = annotate_genes(trees, tree, histories, genome, settings)
        calls = call_orthologs(trees, histories, settings)
        self.report(SimulationProgress("families", 1, 1))
        paralogs = histories.paralogs
        writer = ProteomeWriter(trees, tree, histories, annotation, settings)
        transcripts, identity = writer.write(
            np.concatenate([calls.a, paralogs["a"]]),
            np.concatenate([calls.b, paralogs["b"]]),
            layout,
            lambda done, total: self.report(SimulationProgress("proteins", done, total)),
        )
        of_calls, of_paralogs = identity[:, : len(calls.a)], identity[:, len(calls.a) :]
        called = called_table(calls, of_calls, histories, tree, genome, annotation, settings)
        homologies = pl.concat([called, other_homologies(histories, annotation, of_paralogs, called)])
        write_compara(homologies, tree, annotation, transcripts, layout, settings)
        write_biomart(called, tree, annotation, layout)
        for index in range(len(tree.species)):
            self.report(SimulationProgress("annotation", index, len(tree.species)))
            write_annotation(index, annotation, transcripts, layout)
            write_names(index, annotation, transcripts, layout, settings)
        expression = draw_expression(trees, tree, histories, settings)
        write_truth(calls, of_calls, histories, annotation, tree, expression.expressed_as, layout)
        write_configs(layout, tree, settings)
        cells = self._cells(annotation, expression) if settings.cells else 0
        return self._summary(output, annotation, len(transcripts.row), calls, homologies.height, cells)

    def _cells(self, annotation: SimulatedAnnotation, expression: Expression) -> int:
        done = 0
        for index in range(len(self.tree.species)):

            def report(cells: int, before: int = done) -> None:
                self.report(SimulationProgress("cells", before + cells, self.settings.cells))

            done += write_cells(index, self.tree, annotation, expression, self.layout, self.settings, report)
        return done

    def _summary(
        self, output: Path, annotation: SimulatedAnnotation, proteins: int, calls: Calls, homologies: int, cells: int
    ) -> Summary:
        errors = np.bincount(calls.error, minlength=len(ERRORS))
        return Summary(
            path=output,
            config=output / "release.toml",
            species=tuple(one.name for one in self.tree.species),
            genes=len(annotation.symbol),
            proteins=proteins,
            orthologs=int((calls.true_type >= 0).sum()),
            homologies=homologies,
            cells=cells,
            errors={name: int(errors[number]) for number, name in enumerate(ERRORS) if name},
            planted=dict(sorted(Counter(trait for traits in annotation.planted for trait in traits).items())),
        )
