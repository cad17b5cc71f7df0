"""The readings of names: as they stand, and as they were before a tool changed or lengthened them."""

from __future__ import annotations

import polars as pl

from homodb.query.release import Release
from homodb.schema.species import Species, normalise
from homodb.schema.species import names as species_names

VERSION = r"^(.+)\.\d+$"
_MAKE_UNIQUE = r"^(.+)[-.]\d+$"
_PAR_Y = r"^(.+)[-_]PAR[-_]Y$"
_OLD_PAR_Y = r"^(ENS[A-Z]*G)R(\d{10})(?:\.\d+)?$"
_GENOME = r"^([A-Za-z][A-Za-z0-9.]*)_+(.+)$"
_ASSEMBLY = r"^(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d[A-Za-z0-9.]*[-_]+(.+)$"

#: Species by how their assemblies are called: in a file of two species, a mouse gene is no human one.
ASSEMBLED = {
    "GRCh": "homo_sapiens", "hg": "homo_sapiens", "GRCm": "mus_musculus", "mm": "mus_musculus",
    "GRCr": "rattus_norvegicus", "rn": "rattus_norvegicus", "GRCz": "danio_rerio", "danRer": "danio_rerio",
    "GRCg": "gallus_gallus", "galGal": "gallus_gallus",
}  # fmt: skip


def readings(release: Release, names: pl.Series, species: Species) -> pl.DataFrame:
    """List what is left of each name when what a tool added comes off, and what it was before a tool changed it.

    Parameters
    ----------
    release
        An open release: what symbols it has decides what a prefix and what a suffix is.
    names
        Different names, of type String.
    species
        The species that they are of.

    Returns
    -------
    polars.DataFrame
        ``name``, ``place`` (0 for the name as it stands, then in the order in which readings are tried), ``text``;
        a text stands once for a name. A suffix that would make a gene of a family's other member (``SLA-1`` of a
        species with ``SLA-DRB1``) has not come off.
    """
    frame = names.alias("name").to_frame()
    name = pl.col("name")
    old = pl.concat_str(name.str.extract(_OLD_PAR_Y, 1), pl.lit("0"), name.str.extract(_OLD_PAR_Y, 2))
    read = frame.with_columns(
        undone=name.str.replace(r"^X(\d)", "${1}").str.replace_all(".", "-", literal=True),
        version=name.str.extract(VERSION, 1),
        par=pl.coalesce(name.str.extract(_PAR_Y, 1), old),
        unique=name.str.extract(_MAKE_UNIQUE, 1),
    )
    read = read.join(_spelled(release, names, species), on="name", how="left", maintain_order="left")
    read = read.join(_without_genome(release, frame, species), on="name", how="left", maintain_order="left")
    forms = ("spelled", "undone", "version", "par", "unique", "genome")
    columns = [name.alias("0")]
    for place, form in enumerate(forms):
        columns += [
            pl.col(form).alias(str(2 * place + 1)),
            pl.col(form).str.extract(_MAKE_UNIQUE, 1).alias(str(2 * place + 2)),
        ]
    places = [str(place) for place in range(2 * len(forms) + 1)]
    all_readings = (
        read.with_columns(columns)
        .unpivot(places, index="name", variable_name="place", value_name="text")
        .drop_nulls("text")
        .with_columns(pl.col("place").cast(pl.Int32))
        .unique(["name", "text"], keep="first", maintain_order=True)
    )  # fmt: skip
    return _without_families(release, all_readings, species)


def _spelled(release: Release, names: pl.Series, species: Species) -> pl.DataFrame:
    """Return the symbols of which R's ``make.names`` or Seurat makes a name: ``RP11-34P13.7`` of ``RP11.34P13.7``."""
    changed = names.filter(names.str.contains(r"[.-]|^X\d")).to_list()
    if not changed:
        return pl.DataFrame(schema={"name": pl.String, "spelled": pl.String})
    return release.ask("resolve_spelled", {"texts": changed, "species": species.number})


def _without_genome(release: Release, names: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Return the names less the genome that they begin with, where they begin with one that may be the species'."""
    name = pl.col("name")
    found = names.select(
        "name",
        assembly=name.str.extract(_ASSEMBLY, 1),
        assembled=name.str.extract(_ASSEMBLY, 2),
        prefix=name.str.extract(_GENOME, 1),
        rest=name.str.extract(_GENOME, 2),
    )
    own = [assembly for assembly, owner in ASSEMBLED.items() if owner == species.name]
    told = found.filter(pl.col("assembly").is_in(own)).select("name", genome="assembled")
    others = found.filter(pl.col("assembly").is_null() & pl.col("prefix").is_not_null())
    prefixes = others["prefix"].unique().to_list()
    called = species_names(species)
    genomes = [one for one in prefixes if any(c.isdigit() for c in one) or normalise(one) in called]
    if genomes:  # ITGA2_ITGB1 is a pair of genes, and no gene of a genome ITGA2
        exact = release.ask("resolve_exact", {"texts": genomes, "species": species.number})
        genomes = sorted(set(genomes) - set(exact.filter(pl.col("how") == "symbol")["text"]))
    return pl.concat([told, others.filter(pl.col("prefix").is_in(genomes)).select("name", genome="rest")])


def _without_families(release: Release, read: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Leave out texts that begin other symbols too: SLA-1 is a gene like SLA-DRB1, not a second SLA."""
    bases = read["text"].str.extract(r"^(.+)-\d+$", 1).drop_nulls().unique().to_list()
    if not bases:
        return read
    families = release.ask("resolve_families", {"texts": bases, "species": species.number})["text"]
    suspects = read.filter((pl.col("place") > 0) & pl.col("text").is_in(families.implode())).select("name", "text")
    members = read.filter(
        pl.col("text").str.count_matches("-", literal=True) <= pl.col("name").str.count_matches("-", literal=True)
    ).select("name", member="text")
    cut = (
        suspects.join(members, on="name")
        .filter(pl.col("member").str.starts_with(pl.col("text") + "-"))
        .select("name", "text")
        .unique()
    )
    return read.join(cut, on=["name", "text"], how="anti", maintain_order="left")
