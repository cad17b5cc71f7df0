"""Convert names and labels to text; a missing one never becomes "nan"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from homodb.schema.errors import OptionsError
from homodb.schema.messages import counted

if TYPE_CHECKING:
    import polars as pl

#: Proteins of the cytosolic ribosome: RPL*, RPS*, RPLP0 to RPLP2, RPSA and the two fusions FAU and UBA52; not the S6
#: kinases (RPS6KA1), not the numbered pseudogenes (RPL21P75).
_RIBOSOMAL = (
    r"^rp([sl]\d+[axyl]?\d{0,2}|s3a\d?|s4y[12]|s27l|l3l|l7l1|l10l|l22l1|l26l1|l36al|l39l|lp[012]l?|sa)(\.\d)?[ab]?$"
    r"|^fau$|^uba52$"
)

#: Symbols of mitochondrial genes, where the nomenclature marks them: MT-ND1, mt-Nd1, rat Mt-nd1, fly mt:ND1.
_MITOCHONDRIAL = r"(?i)^mt[-:]"

#: Blanks around a name, also those that are not visible.
BLANKS = " \t\r\n\x0b\x0c\xa0\u200b\u200c\u200d\u2060\ufeff"

#: First line of a list that is the name of its column.
_HEADER = re.compile(
    r"(gene|feature|hgnc|mgi|ensembl|entrez|marker)s?([._ ]?(gene|symbol|name|id|list)s?){0,2}|symbols?|names?",
    re.IGNORECASE,
)

#: A vector of text as R and Python print it, less its names: ``[1]``, ``c(, )``, ``Index([, ], dtype='object')``.
_QUOTED = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'")
_INDEX, _DTYPE = re.compile(r"^\s*\[\d+\]", re.MULTILINE), re.compile(r",\s*(dtype|name|length)=[^,)]*")
_VECTOR = re.compile(r"(?:[\w.$]+\s*(?:<-|=)\s*)?(?:(?:[\w.]+\()?[\[({]*){1,2}[\s,]*[\])}]*;?\s*")


def is_missing(value: object) -> bool:
    """Return whether a value is missing: None, NaN, NaT or pandas' NA.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing("nan")
    (True, True, False)
    """
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # a comparison with pandas' NA is NA, which is neither true nor false
        return True


def texts(values: Iterable[Any]) -> list[str | None]:
    """Return values as text; missing ones are None.

    Parameters
    ----------
    values
        A list, a NumPy array, a Series or Index of pandas or polars, a Categorical.

    Examples
    --------
    >>> texts(["INS", float("nan"), 7])
    ['INS', None, '7']
    """
    plain = values.tolist() if hasattr(values, "tolist") else values
    return [value if isinstance(value, str) else None if is_missing(value) else _text(value) for value in plain]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def name_texts(values: Iterable[Any]) -> list[str]:
    """Return names as text; missing ones are empty. See :func:`texts`.

    Raises
    ------
    OptionsError
        If `values` is a table, a mapping or not iterable: columns and keys are not names.

    Examples
    --------
    >>> name_texts(["INS", None])
    ['INS', '']
    """
    kind = type(values).__name__
    if isinstance(values, Mapping):
        raise OptionsError(f"names are expected as a list, got a {kind}; give the lists in it one by one")
    if hasattr(values, "columns") or getattr(values, "ndim", 1) != 1:
        raise OptionsError(f"names are expected as a list, got a table ({kind}); give the column that holds the names")
    if not isinstance(values, Iterable):
        raise OptionsError(f"names are expected as a list, got {values!r} ({kind})")
    return [text or "" for text in texts(values)]


def unquoted(text: str) -> str:
    """Return a name less quotes and brackets that are not its own: ``[FCGR2A``, but ``Su(H)``.

    Examples
    --------
    >>> unquoted(' "INS",'), unquoted("[FCGR2A"), unquoted("Su(H)")
    ('INS', 'FCGR2A', 'Su(H)')
    """
    bare = text.strip(BLANKS + '",;')
    bare = bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == "'" else bare
    bare = bare.lstrip("[({ ")
    for left, right in ("[]", "()", "{}"):
        while bare.endswith(right) and bare.count(right) > bare.count(left):
            bare = bare[:-1].rstrip()
    return bare


def printed_names(text: str) -> list[str] | None:
    """Return the names of a text that is a vector as R or Python print it, None of another text.

    Examples
    --------
    >>> printed_names('[1] "INS" "GCG"'), printed_names("genes = ['INS']"), printed_names("['INS' ... 'GCG']")
    (['INS', 'GCG'], ['INS'], None)
    """
    bare = _INDEX.sub("", text.partition("\nLevels:")[0])
    is_of_r = bool(text.strip()) and len(_INDEX.findall(text)) == len(bare.strip().splitlines())
    if is_of_r and '"' not in bare:
        return bare.split()
    bare = _DTYPE.sub("", bare)
    names = [first or second for first, second in _QUOTED.findall(bare)]
    rest = _QUOTED.sub("", bare).strip()
    is_vector = is_of_r or any(mark in rest for mark in "[({")
    return names if names and is_vector and _VECTOR.fullmatch(rest) else None


def has_header(names: Sequence[str]) -> bool:
    """Return whether the first of several names is the name of a column of genes, such as ``gene_symbol``."""
    return len(names) > 1 and bool(_HEADER.fullmatch(names[0]))


def unnamed_note(names: Iterable[str]) -> list[str]:
    """Return a note with the number of genes without a name, if there are any."""
    unnamed = sum(not name.strip() for name in names)
    return [f"{counted(unnamed, 'gene has', 'genes have')} no name, so what they are is unknown"] if unnamed else []


def is_ribosomal(symbol: pl.Expr) -> pl.Expr:
    """Return whether a symbol is of a cytosolic ribosomal protein."""
    return symbol.str.to_lowercase().str.contains(_RIBOSOMAL).fill_null(value=False)


def is_mitochondrial(symbol: pl.Expr) -> pl.Expr:
    """Return whether a symbol is marked as mitochondrial."""
    return symbol.str.contains(_MITOCHONDRIAL).fill_null(value=False)
