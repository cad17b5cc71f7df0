"""Find the partners of names of genes, and report their fates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import polars as pl

from homodb.query.genes import (
    Pair,
    about_names,
    bare_name,
    choose_strategy,
    detect_species,
    embeddings_note,
    find_pair,
    other_species_note,
    resolve_rows,
)
from homodb.query.release import ReleaseFile
from homodb.query.results import Grid, GridColumn, Heading, Lines, Note, ResultBlock, and_more
from homodb.query.translate import (
    LOST_SCHEMA,
    UNRESOLVED,
    WITHOUT_PARTNER,
    Fate,
    FateReport,
    fate_of,
    fate_order,
    lost,
    mapped_rule,
    meaning_in,
    namesakes_first,
)
from homodb.schema.enums import Strategy
from homodb.schema.errors import TranslationError
from homodb.schema.messages import choices_hint, counted
from homodb.schema.species import Species

OneToMany = Literal["best", "all"]
Naming = Literal["keep", "id", "symbol"]

#: Columns of evidence.
EVIDENCE = ("homology_type", "identity", "confidence", "correlation", "evidence_class")


@dataclass(frozen=True)
class GeneListRequest:
    """Request to translate names of genes.

    `source`: species of the names; None to infer it; `strategy`: strategy given by the user; None for the default;
    `naming`: kind of names for target genes: that of the source (``keep``), stable IDs or symbols.
    """

    release: ReleaseFile
    target: Species
    source: Species | None = None
    strategy: str | Strategy | None = None
    one_to_many: OneToMany = "best"
    naming: Naming = "keep"

    def __post_init__(self) -> None:
        for what, word, words in (
            ("one-to-many policy", self.one_to_many, ("best", "all")),
            ("kind of names", self.naming, ("keep", "id", "symbol")),
        ):  # fmt: skip
            if word not in words:
                raise TranslationError(f"there is no {what} {word!r} for lists of genes{choices_hint(word, words)}")


@dataclass(frozen=True)
class Target:
    """A target gene of a name."""

    gene: int
    stable_id: str
    symbol: str | None

    def called(self, naming: Naming) -> str:
        """Return the symbol or stable ID, the latter if there is no symbol."""
        return self.stable_id if naming == "id" else self.symbol or self.stable_id


@dataclass(frozen=True)
class Partners:
    """Partners and fates of names.

    `strategy`: name of the strategy; None if the species are the same; `frame`: a row per different name and partner,
    in order, the best partner first: ``name, how, understood_as, source_gene, source_id, source_symbol, fate, detail,
    target_gene, target_id, target_symbol`` and the evidence.
    """

    source: Species
    target: Species
    strategy: str | None
    frame: pl.DataFrame
    notes: tuple[str, ...]

    @cached_property
    def targets(self) -> Mapping[str, tuple[Target, ...]]:
        """Target genes of each carried name, best first."""
        targets_by_name: dict[str, tuple[Target, ...]] = {}
        mapped = self.frame.filter(pl.col("fate") == Fate.MAPPED)
        for name, gene, stable_id, symbol in mapped.select(
            "name", "target_gene", "target_id", "target_symbol"
        ).iter_rows():
            targets_by_name[name] = (*targets_by_name.get(name, ()), Target(gene, stable_id, symbol))
        return targets_by_name

    @cached_property
    def named_by_id(self) -> frozenset[str]:
        """Names that are stable IDs."""
        by_id = (pl.col("how") == "stable_id") & (bare_name(pl.col("name")) == pl.col("name"))
        return frozenset(self.frame.filter(by_id)["name"])

    @cached_property
    def why_not(self) -> Mapping[str, str]:
        """Fate and reason of each name that is not carried."""
        rows = self.frame.filter(pl.col("fate") != Fate.MAPPED).select("name", "fate", "detail").iter_rows()
        return {name: fate if detail is None else f"{fate}: {detail}" for name, fate, detail in rows}

    def called(self, name: str, target: Target, naming: Naming) -> str:
        """Return the name of a target gene of a name."""
        kept: Naming = "id" if name in self.named_by_id else "symbol"
        return target.called(kept if naming == "keep" else naming)


def find_source(wish: GeneListRequest, names: Sequence[str]) -> Species:
    """Return the given species of the names, or infer it."""
    if wish.source is not None:
        return wish.source
    return detect_species(wish.release, names, few=True)


def find_partners(
    wish: GeneListRequest, names: Sequence[str], source: Species, resolved: pl.DataFrame | None = None
) -> Partners:
    """Find the partners of names."""
    different = list(dict.fromkeys(names))
    if resolved is None:
        resolved = resolve_rows(wish.release, different, source)
    else:
        resolved = pl.DataFrame({"name": different}, schema={"name": pl.String}).join(
            resolved.unique("name"), on="name", how="left", maintain_order="left"
        )
    notes = other_species_note(wish.release, names, source) if wish.source is not None and len(names) else []
    if source == wish.target:
        strategy, links, lost_genes = None, _identity_links(resolved), pl.DataFrame(schema=LOST_SCHEMA)
        notes.append(f"the names are of {source.name} already: they are brought up to date, and no strategy is used")
    else:
        pair = find_pair(wish.release, source, wish.target)
        resolved_strategy = choose_strategy(pair, wish.strategy, Strategy.ENS_M2M)
        if wish.strategy is None and resolved_strategy is Strategy.LM_O2O:
            notes.append(embeddings_note(pair))
        notes += pair.notes
        strategy, links, lost_genes = (
            str(resolved_strategy), _links(pair, resolved_strategy, wish.one_to_many, resolved["gene"]),
            lost(pair, resolved_strategy),
        )  # fmt: skip
    notes += about_names(wish.release, [(resolved, source)])
    return Partners(source, wish.target, strategy, _fates(wish.release, resolved, links, lost_genes), tuple(notes))


def _identity_links(resolved: pl.DataFrame) -> pl.DataFrame:
    genes = resolved.select(source_gene="gene", target_gene="gene").drop_nulls().unique(maintain_order=True)
    kinds = {"homology_type": pl.String, "evidence_class": pl.String, "confidence": pl.Int8}
    return genes.with_columns(pl.lit(None, kinds.get(name, pl.Float32)).alias(name) for name in EVIDENCE)


def _links(pair: Pair, strategy: Strategy, one_to_many: OneToMany, genes: pl.Series) -> pl.DataFrame:
    mapping = pair.mapping(strategy).filter(pl.col("source_gene").is_in(genes.drop_nulls().unique().implode()))
    if one_to_many == "best":
        mapping = namesakes_first(pair.release, mapping).unique("source_gene", keep="first", maintain_order=True)
    return mapping.select("source_gene", "target_gene", *EVIDENCE)


def _fates(release: ReleaseFile, resolved: pl.DataFrame, links: pl.DataFrame, lost_genes: pl.DataFrame) -> pl.DataFrame:
    """Join names with their partners, and give reasons for the others."""
    linked = resolved.join(links, left_on="gene", right_on="source_gene", how="left", maintain_order="left_right")
    wanted = linked["target_gene"].drop_nulls().unique().to_list()
    labels = release.ask("labels", {"genes": wanted}).rename({"stable_id": "target_id", "symbol": "target_symbol"})
    frame = linked.join(labels, left_on="target_gene", right_on="gene", how="left", maintain_order="left").join(
        lost_genes, on="gene", how="left", maintain_order="left"
    )
    candidates = pl.concat_str(pl.col("candidates").list.join(", "), "hint", separator="; ", ignore_nulls=True)
    ambiguous = (pl.col("how") == "ambiguous", Fate.AMBIGUOUS, candidates)
    return fate_of(frame, (ambiguous, *UNRESOLVED, mapped_rule("target_gene"), *WITHOUT_PARTNER)).select(
        "name", "how", "understood_as", pl.col("gene").alias("source_gene"), pl.col("stable_id").alias("source_id"),
        pl.col("symbol").alias("source_symbol"), "fate", "detail", "target_gene", "target_id", "target_symbol",
        *EVIDENCE,
    )  # fmt: skip


#: Number of lost parts that the text shows.
_SHOWN = 3


@dataclass(frozen=True)
class Loss:
    """A part of a file that is not carried.

    `what`: content of the line: a gene, the gene cells of a row, or a gene and its set.
    """

    line: int
    what: str
    why: str


@dataclass(frozen=True)
class Translated:
    """Translated text of a file.

    `kind`: ``list of genes``, ``table`` or ``gene sets``; `came`, `left`: number of genes, rows or sets of the file,
    and of the new text; `sets`: a row per gene set: ``set``, ``genes`` (before), ``carried`` (of these), ``left`` (in
    the new text); `form`: form of a table: complexes, lists or pairs; None if each row has one gene.
    """

    text: str
    kind: str
    came: int
    left: int
    partners: Partners
    places: Mapping[str, int]
    lost: Sequence[Loss] = ()
    columns: Sequence[str] = ()
    sets: pl.DataFrame | None = None
    notes: Sequence[str] = ()
    form: str | None = None


@dataclass(frozen=True, repr=False)
class ListReport(FateReport):
    """Report of a translated list of genes.

    Parameters
    ----------
    source, target
        Production names of the species.
    source_given
        Whether the source species was given rather than inferred from the names.
    strategy
        Name of the strategy; None if the species are the same.
    release
        Version of the release.
    kind
        ``list of genes``, ``table`` or ``gene sets``.
    came, left
        Number of genes, rows or sets of the file, and of the new one.
    table
        Form of a table: ``complexes``, ``lists`` or ``pairs``; None if each row has one gene, and for other files.
    columns
        Translated columns of a table.
    fates
        A row per different name: ``name, source_id, source_symbol, how, fate, target_id, target_symbol,
        evidence_class`` (of several partners joined by ``;``), ``detail``, ``places`` (occurrences in the file).
    lost
        A row per gene, row or set that is not carried: ``line, what, why``.
    sets
        A row per gene set: ``set, genes, carried, left``.
    notes
        Notes for the user.
    """

    source: str
    target: str
    source_given: bool
    strategy: str | None
    release: str
    kind: str
    came: int
    left: int
    table: str | None
    columns: tuple[str, ...]
    fates: pl.DataFrame
    lost: pl.DataFrame
    sets: pl.DataFrame | None
    notes: tuple[str, ...]

    def by_fate(self) -> pl.DataFrame:
        """Return ``fate``, ``genes`` (different names) and ``places`` per fate."""
        return self.fates.group_by("fate").agg(genes=pl.len(), places=pl.col("places").sum()).sort(fate_order())

    def totals(self) -> dict[str, Any]:
        """Return the totals as plain values."""
        return {
            "kind": self.kind, "source": self.source, "target": self.target, "strategy": self.strategy,
            "release": self.release, "table": self.table, "columns": list(self.columns), "came": self.came,
            "left": self.left,
            "names": self.fates.height, "fates": dict(self.by_fate().select("fate", "genes").iter_rows()),
            "lost": self.lost.to_dicts(), "sets": None if self.sets is None else self.sets.to_dicts(),
            "notes": list(self.notes),
        }  # fmt: skip

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield numbers carried, fates, lost parts, and sets."""
        yield Heading(f"homodb translate: {self.source} to {self.target}", level=1)
        unit = {"list of genes": "gene", "table": "row", "gene sets": "set"}[self.kind]
        how = "" if self.source_given else " (by their names)"
        by = f"by {self.strategy} of release {self.release}" if self.strategy else f"by release {self.release}"
        columns = f"; columns translated: {', '.join(self.columns)}" if self.columns else ""
        source = f"{counted(self.came, unit)} of {self.source}{how}"
        kind = f"table of {self.table}" if self.table else self.kind
        yield Lines([f"{kind}: {source} -> {counted(self.left, unit)} of {self.target}, {by}{columns}"])
        yield Heading("What became of the genes")
        fates = self.by_fate()
        meanings = meaning_in(self.source, self.strategy)
        meaning = [self.meaning(fate, meanings) for fate in fates["fate"]]
        yield Grid(
            fates.with_columns(meaning=pl.Series(meaning, dtype=pl.String)),
            columns={
                "fate": GridColumn(width=12), "genes": GridColumn("names", form=",", width=6),
                "places": GridColumn(form=",", width=7), "meaning": GridColumn("meaning; the first"),
            },
        )  # fmt: skip
        if self.lost.height:
            lost = counted(self.lost.height, "gene" if self.kind == "gene sets" or self.table == "lists" else unit)
            first = "; ".join(f"line {line} {what} ({why})" for line, what, why in self.lost.head(_SHOWN).iter_rows())
            more = and_more(self.lost.height - _SHOWN)
            yield Lines([f"not carried, {lost}: {first}{more and f', {more}'}"], apart=True, in_page=False)
            yield Heading(f"Not carried ({self.lost.height:,})")
            yield Grid(self.lost, in_text=False, folded=True)
        if self.sets is not None:
            yield Heading("Sets")
            yield Grid(self.sets, in_text=False, folded=True)
        yield from map(Note, self.notes)
        yield from self.genes_by_fate("name")


def list_report(translated: Translated, *, source_given: bool, release: str) -> ListReport:
    """Build the report of a translated list."""
    partners = translated.partners
    joined = [pl.col(name).drop_nulls().str.join(";").replace("", None) for name in ("target_id", "target_symbol")]
    fates = partners.frame.group_by("name", maintain_order=True).agg(
        pl.col("source_id", "source_symbol", "how", "fate").first(), *joined,
        pl.col("evidence_class").drop_nulls().str.join(";").replace("", None), pl.col("detail").first(),
    )  # fmt: skip
    places = pl.Series([translated.places.get(name, 0) for name in fates["name"]], dtype=pl.Int64)
    schema = {"line": pl.Int64, "what": pl.String, "why": pl.String}
    return ListReport(
        source=partners.source.name, target=partners.target.name, source_given=source_given, strategy=partners.strategy,
        release=release, kind=translated.kind, came=translated.came, left=translated.left,
        table=translated.form, columns=tuple(translated.columns), fates=fates.with_columns(places=places),
        lost=pl.DataFrame([(x.line, x.what, x.why) for x in translated.lost], schema=schema, orient="row"),
        sets=translated.sets, notes=(*partners.notes, *translated.notes),
    )  # fmt: skip
