"""Writes the build configs and the README of a simulation."""

from __future__ import annotations

from homodb.etl.simulate.layout import ASSEMBLY, Layout
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.tree import SpeciesTree

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
    """Write ``release.toml``, ``biomart.toml`` and ``README.md``.

    Parameters
    ----------
    layout
        Where the files lie; those that are not there are not named.
    tree, settings
        Species and settings.
    """
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
        there = [f'"{layout.written(path)}"' for path in paths if path.is_file()]
        head = ["[[homology]]", f'source = "{names[a]}"', f'target = "{names[b]}"']
        compara += [*head, 'format = "compara"', "path = [" + ", ".join(there) + "]"]
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
