"""What became of retired stable IDs: table ``stable_id_event`` of an Ensembl core database.

Its dumps lie under ``mysql/<database>/``, for example https://ftp.ensembl.org/pub/release-113/mysql/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from homodb.etl.sources.delimited import MISSING, batches
from homodb.etl.sources.findings import Findings, missing_columns
from homodb.etl.sources.header import Header, read_header
from homodb.etl.sources.records import Reading
from homodb.etl.sources.stable_ids import without_version
from homodb.etl.sources.told_aliases import alias_reading
from homodb.schema.errors import InputError, Problem
from homodb.schema.species import Species

#: Columns of ``stable_id_event``, which its dump does not name; older dumps lack the last.
_EVENT = (
    "old_stable_id",
    "old_version",
    "new_stable_id",
    "new_version",
    "mapping_session_id",
    "type",
    "score",
)
_NEITHER = "neither an old nor a new stable ID"
_TYPES = ("gene", "transcript", "translation", "rnaproduct")


def read(path: Path, species: Species) -> Reading:
    """Read what became of the gene stable IDs that Ensembl has retired.

    Parameters
    ----------
    path
        The dump ``stable_id_event.txt``, which has no header, or a table with columns ``old_stable_id`` and
        ``new_stable_id``, and ``type`` and ``mapping_session_id`` where it has them (without ``type`` every
        row is a gene's).
    species
        The species of the genes.

    Returns
    -------
    Reading
        ``aliases`` of kind ``retired``: the retired ID for its successor, and, since successors retire too,
        for all that follow from them. Which of these IDs live, the history does not tell: the caller keeps
        those that are genes of its release. An ID with several successors is an alias of each. It is not
        retired where it lives on beside them (the same mapping session maps it to itself as well).

    Raises
    ------
    InputError
        Lists all problems: missing columns, unknown types, rows with neither an old nor a new ID, rows with
        the wrong number of fields, broken gzip, text that is not UTF-8.
    """
    header = read_header(path)
    findings = Findings(path, header)
    edges: list[pl.DataFrame] = []
    stayed: list[pl.DataFrame] = []
    skipped: Counter[str] = Counter()
    rows = 0
    old, new = pl.col("old"), pl.col("new")
    for batch in _events(path, header, findings):
        rows += batch.height
        findings.check(batch, ~pl.col("type").is_in(_TYPES).fill_null(value=False), "unknown type", "type")
        findings.check(batch, old.is_null() & new.is_null(), _NEITHER)
        genes = batch.filter(pl.col("type") == "gene").with_columns(without_version("old"), without_version("new"))
        skipped["events of transcripts and proteins"] += batch.height - genes.height
        skipped["new genes"] += genes.filter(old.is_null()).height
        skipped["genes without a successor"] += genes.filter(new.is_null()).height
        skipped["genes that kept their stable ID"] += genes.filter(old == new).height
        edges.append(genes.filter(old != new).select("session", "old", "new"))
        stayed.append(genes.filter((old == new) & pl.col("session").is_not_null()).select("session", "old").unique())
    findings.raise_any()
    if not rows:
        raise InputError(path, [Problem(0, "the file has a header and no rows")])
    changes = pl.concat(edges)
    retired = changes.join(pl.concat(stayed).unique(), on=["session", "old"], how="anti", maintain_order="left")
    skipped["genes that live on beside a successor"] = changes.height - retired.height
    return alias_reading(species, rows, retired.height, skipped, _followed(retired))


def _events(path: Path, header: Header, findings: Findings) -> Iterator[pl.DataFrame]:
    """Yield the columns ``old``, ``new``, ``session``, ``type``, whether or not the file names them."""
    wanted = {"old": "old_stable_id", "new": "new_stable_id", "session": "mapping_session_id", "type": "type"}
    unnamed = len(header.names) in (6, 7) and header.names[_EVENT.index("type")] in _TYPES
    names = _EVENT if unnamed else header.names
    absent = [name for name in ("old_stable_id", "new_stable_id") if name not in names]
    if absent:
        raise missing_columns(path, header, [f"'{name}'" for name in absent])
    places = {column: names.index(name) for column, name in wanted.items() if name in names}
    if unnamed:
        texts = {column: header.names[place] for column, place in places.items()}
        first = {column: None if text in MISSING else text for column, text in texts.items()}
        if first["old"] or first["new"]:
            yield pl.DataFrame(
                {"row": [-1], **{column: [text] for column, text in first.items()}},
                schema_overrides=dict.fromkeys(first, pl.String),
            )
        else:
            findings.add(_NEITHER, line=1)
    absences = {"session": pl.lit(None, pl.String), "type": pl.lit("gene")}
    for batch in batches(path, header, places, findings):
        yield batch.with_columns(**{name: value for name, value in absences.items() if name not in places})


def _followed(retired: pl.DataFrame) -> pl.DataFrame:
    """Pair each retired ID with all IDs that follow from it, however many steps away."""
    successors: dict[str, dict[str, None]] = {}
    for old, new in retired.select("old", "new").iter_rows():
        successors.setdefault(old, {})[new] = None
    pairs: list[tuple[str, str]] = []
    for retired_id in successors:
        reached: dict[str, None] = dict(successors[retired_id])
        ahead = list(reached)
        while ahead:
            for following in successors.get(ahead.pop(), ()):
                if following not in reached:
                    reached[following] = None
                    ahead.append(following)
        pairs += [(following, retired_id) for following in reached if following != retired_id]
    frame = pl.DataFrame(pairs, schema={"gene_id": pl.String, "alias": pl.String}, orient="row")
    return frame.with_columns(kind=pl.lit("retired"))
