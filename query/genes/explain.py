"""Explain one gene: its name, candidates and answers by strategy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from homodb.query.genes.orthologs import unknown_message
from homodb.query.genes.pairs import Pair, choose_strategy, find_pair
from homodb.query.genes.resolve import resolve
from homodb.query.genes.trust import default_model, in_words
from homodb.query.release import ReleaseFile
from homodb.query.results import Grid, Heading, Lines, Note, Result, ResultBlock
from homodb.schema.enums import EvidenceClass, HomologyType, Strategy, is_coding
from homodb.schema.errors import UnknownGeneError
from homodb.schema.species import Species

#: Ensembl itself, of this day or another, may have one.
_NO_ORTHOLOG = "the release's Ensembl data have no ortholog"
#: Reason of the strategies of embeddings.
_NO_PAIR = "not in a pair of mutual best hits"
_Answer = tuple[str, str | None, str | None, str]


@dataclass(frozen=True, repr=False)
class Explanation(Result):
    """Candidates and answers for one gene.

    Parameters
    ----------
    source, target
        Production names of the two species.
    gene
        One row: the name, ``how`` it was resolved, and the gene's details in the release.
    candidates
        A row per partner that any evidence names: identifiers, homology type, identities, GOC, WGA,
        confidence, correlation, margin, evidence class, and the ``strategies`` that map it; best first.
    answers
        A row per strategy of the release: ``strategy``, ``target_id``, ``target_symbol`` (null without an
        answer; ENS_M2M may have several rows), ``why``.
    notes
        Sources of the homologies, and the species over which a pair without evidence of its own goes.
    """

    main_table: ClassVar[str] = "candidates"

    source: str
    target: str
    gene: pl.DataFrame
    candidates: pl.DataFrame
    answers: pl.DataFrame
    notes: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return all frames as one list of rows.

        ``part`` is gene, candidate or answer.
        """
        parts = {"gene": self.gene, "candidate": self.candidates, "answer": self.answers}
        return [{"part": part, **row} for part, frame in parts.items() for row in frame.iter_rows(named=True)]

    def totals(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"source": self.source, "target": self.target, "rows": self.rows(), "notes": list(self.notes)}

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield the gene, its candidates, and each strategy's answer."""
        row = self.gene.row(0, named=True)
        name = row["name"]
        how = row["how"] if row["understood_as"] == name else f"{row['how']} {row['understood_as']}"
        stable_id = "" if row["stable_id"] == name else f" ({row['stable_id']})"
        beside = " (no stable ID in the sources)" if row["symbol_stands_in"] else stable_id
        marks = [mark for mark in ("mitochondrial", "ribosomal", "pseudoautosomal") if row[mark]]
        yield Heading(f"homodb explain: {name}", level=1)
        first = f"{name} is {row['symbol'] or 'a gene without symbol'} of {self.source}{beside}, found by {how}"
        kinds = [row["biotype"] or "biotype unknown", *marks, *filter(None, [row["description"]])]
        aliases = [f"aliases: {', '.join(row['aliases'])}"] if row["aliases"] else []
        yield Lines([first, ", ".join(kinds), *aliases])
        title = f"candidates in {self.target}, best first:"
        if self.candidates.height:
            columns = ["target_id", "homology_type", "source_identity", "target_identity", "goc", "wga", "confidence"]
            more = [name for name in ("over_symbol", "databases") if name in self.candidates.columns]
            shown = self.candidates.select("target_symbol", *columns, "correlation", "margin", "evidence_class", *more)
            if "databases" in more:
                shown = shown.with_columns(pl.col("databases").list.join(", "))
            yield Grid(shown, title)
        else:
            yield Lines([title, "none"], apart=True)
        yield Grid(self.answers, "what each strategy answers:")
        yield from (Note(note) for note in self.notes)


def explain(
    release: ReleaseFile, gene: str, *, source: str | int | Species, target: str | int | Species
) -> Explanation:
    """Explain one gene.

    Parameters
    ----------
    release
        Open release.
    gene
        Name of any kind.
    source, target
        Species of the gene, and species of its partners.

    Raises
    ------
    UnknownSpeciesError
        If a name means no species of the release.
    MissingMappingError
        If the release has no mapping between them.
    UnknownGeneError
        If the name means no gene, or several.
    """
    pair = find_pair(release, source, target)
    choose_strategy(pair, None, Strategy.ENS_M2M)
    resolved = resolve(release, [gene], pair.source)
    key = resolved["gene"].item()
    if key is None:
        raise UnknownGeneError(unknown_message(release, resolved, pair.source))
    details = release.ask("gene_details", {"gene": key})
    if pair.steps is None:
        candidates = pair.ask("candidates", gene=key)
        takers = pair.ask("takers", forward=pair.forward, gene=key, partners=candidates["gene"].to_list())
        answers = [
            one for strategy in pair.strategies() for one in _answers(strategy, candidates, takers, details, pair)
        ]
        candidates = _with_databases(pair, candidates, key)
    else:
        candidates = _candidates_over(pair, pair.steps, key)
        answers = [
            one for strategy in pair.strategies() for one in _answers_over(strategy, candidates, pair.steps, key)
        ]
    steps = pair.steps or (pair,)
    named = [one for one in steps if one.sources]
    sources = [f"homologies of {one.source.name} and {one.target.name}: {', '.join(one.sources)}" for one in named]
    return Explanation(
        source=pair.source.name,
        target=pair.target.name,
        gene=resolved.select("name", "how", "understood_as").hstack(details.drop("gene")),
        candidates=candidates.drop("gene", "between", strict=False),
        answers=pl.DataFrame(
            answers,
            schema={"strategy": pl.String, "target_id": pl.String, "target_symbol": pl.String, "why": pl.String},
            orient="row",
        ),
        notes=(*pair.notes, *sources),
    )


def _with_databases(pair: Pair, candidates: pl.DataFrame, gene: int) -> pl.DataFrame:
    """Add the orthology databases that name each candidate, and the partners that they alone name."""
    named = pair.databases([gene])
    if named is None:
        return candidates
    named = named.select(
        "n_databases", "databases", gene="target_gene", named_id="target_id", named_symbol="target_symbol"
    )
    return (
        candidates.join(named, on="gene", how="full", coalesce=True, maintain_order="left_right")
        .with_columns(
            target_id=pl.coalesce("target_id", "named_id"), target_symbol=pl.coalesce("target_symbol", "named_symbol"),
            strategies=pl.col("strategies").fill_null([]),
        )
        .drop("named_id", "named_symbol")
    )  # fmt: skip


def _candidates_over(pair: Pair, steps: tuple[Pair, Pair], gene: int) -> pl.DataFrame:
    """Return the partners that a gene has over another species, with the gene over which each is reached."""
    frames = [
        pair.mapping(one).filter(pl.col("source_gene") == gene).with_columns(strategy=pl.lit(str(one)))
        for one in pair.strategies()
    ]
    rows = pl.concat(frames)
    labels = pair.release.ask("labels", {"genes": [*rows["target_gene"], *rows["between"]]})
    targets = labels.select(target_gene="gene", target_id="stable_id", target_symbol="symbol")
    over = labels.select(between="gene", over_id="stable_id", over_symbol=pl.coalesce("symbol", "stable_id"))
    return (
        rows.with_columns(strategies=pl.col("strategy").implode().over("target_gene"))
        .unique("target_gene", keep="first", maintain_order=True)
        .join(targets, on="target_gene", how="left", maintain_order="left")
        .join(over, on="between", how="left", maintain_order="left")
        .select(
            "target_id", "target_symbol", "homology_type", pl.lit(None, pl.Float32).alias("source_identity"),
            pl.lit(None, pl.Float32).alias("target_identity"), "identity", "goc", "wga", "confidence", "correlation",
            "margin", "evidence_class", "strategies", pl.lit(steps[0].target.name).alias("over_species"), "over_id",
            "over_symbol", gene="target_gene", between="between",
        )
    )  # fmt: skip


def _answers_over(strategy: Strategy, candidates: pl.DataFrame, steps: tuple[Pair, Pair], gene: int) -> list[_Answer]:
    """Return a strategy's partners over another species with both steps, or the step that is missing."""
    first, second = steps
    hub = first.target.common_name
    partners = candidates.filter(pl.col("strategies").list.contains(str(strategy)))
    if partners.height:
        return [
            (str(strategy), row["target_id"], row["target_symbol"],
             f"over {row['over_symbol']} of {hub}: {_step(first, strategy, gene, row['between'])}; then "
             f"{_step(second, strategy, row['between'], row['gene'])}")
            for row in partners.iter_rows(named=True)
        ]  # fmt: skip
    reached = first.mapping(strategy).filter(pl.col("source_gene") == gene)["target_gene"]
    names = (
        first.release.ask("labels", {"genes": reached.to_list()}).select(pl.coalesce("symbol", "stable_id")).to_series()
    )
    why = (
        f"{', '.join(names)} of {hub} has no partner in {second.target.name}"
        if len(names)
        else f"no partner in {hub}, over which the pair goes"
    )
    return [(str(strategy), None, None, why)]


def _step(pair: Pair, strategy: Strategy, source: int, target: int) -> str:
    """Describe one step of a path."""
    rows = pair.mapping(strategy).filter((pl.col("source_gene") == source) & (pl.col("target_gene") == target))
    row = rows.row(0, named=True)
    identity = f", identity {row['identity']:.1f} %" if row["identity"] is not None else ""
    return f"{row['homology_type'] or 'no homology'}, {_confidence(row['confidence'])}{identity}"


def _answers(
    strategy: Strategy, candidates: pl.DataFrame, takers: pl.DataFrame, details: pl.DataFrame, pair: Pair
) -> list[_Answer]:
    """Return a strategy's partners of the gene, or the reason for none."""
    partners = candidates.filter(pl.col("strategies").list.contains(str(strategy)))
    if partners.height:
        model = default_model(pair.release) if strategy is Strategy.LM_O2O else None
        alone = Strategy.ENS_M2M not in pair.strategies()  # the release has no homologies of the two species
        return [
            (str(strategy), row["target_id"], row["target_symbol"], _why_chosen(strategy, row, model, alone=alone))
            for row in partners.iter_rows(named=True)
        ]
    return [(str(strategy), None, None, _why_not(strategy, candidates, takers, details, pair))]


def _why_chosen(strategy: Strategy, row: dict[str, Any], model: str | None, *, alone: bool) -> str:
    ensembl = (
        f"{row['homology_type']}, {_confidence(row['confidence'])}"
        + (f", identity {row['identity']:.1f} %" if row["identity"] is not None else "")
        if row["homology_type"]
        else "Ensembl does not have the pair"
    )
    measured = model if alone or row["margin"] is not None else None  # beside Ensembl the evidence class says more
    correlation = in_words(measured, row["correlation"], row["margin"] if strategy is Strategy.LM_O2O else None)
    match strategy:
        case Strategy.ENS_M2M | Strategy.ENS_O2O:
            return ensembl
        case Strategy.HM_O2O:
            return f"best free pair by confidence and identity: {ensembl}"
        case Strategy.LM_O2O:
            beside = "no Ensembl homologies of the two species" if alone else _class_in_words(row["evidence_class"])
            return f"each other's best hit, {correlation}; {beside}"
        case Strategy.HL_O2O:
            return f"best free pair by confidence, then identity and correlation: {ensembl}; {correlation}"


def _why_not(
    strategy: Strategy, candidates: pl.DataFrame, takers: pl.DataFrame, details: pl.DataFrame, pair: Pair
) -> str:
    orthologs = candidates.filter(pl.col("homology_type").is_not_null())
    unnamed = pair.unnamed.filter(pl.col("gene") == details["gene"].item())["unnamed"].to_list()
    silent = f"the release's Ensembl data have {unnamed[0]}" if unnamed else f"{_NO_ORTHOLOG} in {pair.target.name}"
    if (strategy is Strategy.ENS_M2M and not orthologs.height) or not candidates.height:
        by_embeddings = strategy in (Strategy.LM_O2O, Strategy.HL_O2O)
        no_protein = [] if is_coding(details["biotype"].item()) else [f"no protein: {details['biotype'].item()}"]
        no_pair = [_NO_PAIR] if by_embeddings and not no_protein else []
        return ", and ".join([*no_protein, *no_pair, *([] if strategy is Strategy.LM_O2O else [silent])])
    if strategy in (Strategy.ENS_O2O, Strategy.HM_O2O) and not orthologs.height:
        return silent
    if strategy is Strategy.ENS_O2O:
        kinds = orthologs["homology_type"].unique().sort().to_list()
        return f"not {HomologyType.ONE2ONE}: {', '.join(kinds)}"
    reasons = []
    labels = {row["gene"]: row["target_symbol"] or row["target_id"] for row in candidates.iter_rows(named=True)}
    rivals = orthologs if strategy is Strategy.HM_O2O else candidates
    lost = (pl.col("strategy") == str(strategy)) & pl.col("partner").is_in(rivals["gene"].implode())
    for taker in takers.filter(lost).iter_rows(named=True):
        evidence = ", ".join(
            text
            for text, value in (
                (_confidence(taker["confidence"]), taker["confidence"]),
                (f"identity {taker['identity'] or 0:.1f} %", taker["identity"]),
                (f"correlation {taker['correlation'] or 0:.4f}", taker["correlation"]),
            )
            if value is not None
        )
        reasons.append(f"{labels[taker['partner']]} went to {taker['taker_symbol'] or taker['taker_id']} ({evidence})")
    if strategy is Strategy.LM_O2O:
        reasons.insert(0, _NO_PAIR)
    return "; ".join(reasons) or "no candidate pair"


def _confidence(value: int | None) -> str:
    return {1: "high confidence", 0: "low confidence"}.get(value if value is not None else -1, "confidence not given")


def _class_in_words(name: str) -> str:
    words = {
        EvidenceClass.BOTH: "Ensembl has the pair too",
        EvidenceClass.LM_ORPHAN: "Ensembl has no ortholog for either gene",
        EvidenceClass.LM_UNNAMED: "Ensembl has orthologs for one of the genes or both, which the release cannot name",
        EvidenceClass.LM_PARTIAL: "Ensembl has another partner for one of the two genes",
        EvidenceClass.LM_CONTRADICTS: "Ensembl has other partners for both genes",
    }
    return words.get(EvidenceClass(name), name)
