"""Read columns of obs as text, numbers or codes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import HomodbError
from homodb.schema.messages import counted, did_you_mean
from homodb.schema.names import texts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Coded:
    """A column of obs as numbers.

    Parameters
    ----------
    code
        Index into `names` for each cell, shape (cells,), int64; -1 where the column has no value.
    names
        The values, sorted.
    """

    code: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def subset(self, rows: npt.NDArray[np.generic]) -> Coded:
        """Return the column of some cells, with only the names that they have."""
        present, code = np.unique(self.code[rows], return_inverse=True)
        return Coded(code.astype(np.int64), tuple(self.names[one] for one in present))


@dataclass(frozen=True)
class ObsColumns:
    """The columns of one obs table, and how errors about them are raised.

    `error`: class of the errors; `where`: the table in messages, such as ``obs of the query``.
    """

    obs: pd.DataFrame
    error: type[HomodbError]
    where: str = "obs"
    #: Names of columns of donors, in lower case.
    donor_names: ClassVar = frozenset({"donor", "donor_id", "individual", "patient", "patient_id", "subject"})

    def column(self, name: str, meaning: str = "", *, option: str | None = None) -> pd.Series:
        """Return a column.

        `meaning`: expected content, for the message; `option`: parameter that names the column. Raises an error of the
        class of this table, if there is no such column.
        """
        if name not in self.obs:
            columns = [str(one) for one in self.obs.columns]
            content = f" with {meaning}" if meaning else ""
            raise self.error(
                f"{self.where} has no column {name!r}{content}; it has {', '.join(columns) or 'no column'}"
                f"{did_you_mean(name, columns)}",
                option=option,
            )
        return self.obs[name]

    def complete(self, name: str, meaning: str = "", *, option: str | None = None) -> list[str]:
        """Return a column as text, where every cell has a value; raises as :meth:`column` does, and if one has none."""
        values = self.texts(name, meaning, option=option)
        empty = values.count(None)
        if empty:
            words = sorted(
                {text.strip() for text in texts(self.obs[name]) if text and text.strip() and _is_no_value(text)}
            )
            spelled = f" (written {', '.join(map(repr, words))})" if words else ""
            raise self.error(
                f"{name!r} in {self.where} is empty{spelled} for {counted(empty, 'cell')}; leave these cells out, or"
                " fill it",
                option=option,
            )
        return [text for text in values if text is not None]

    def donors(self) -> list[str]:
        """Return the columns that bear a name of donors and have several values."""
        return [str(one) for one in self.obs if str(one).lower() in self.donor_names and self.obs[one].nunique() > 1]

    def codes(self, name: str, meaning: str = "", *, option: str | None = None) -> Coded:
        """Return a column as codes; raises as :meth:`complete` does."""
        names, code = np.unique(self.complete(name, meaning, option=option), return_inverse=True)
        return Coded(code.astype(np.int64), tuple(names.tolist()))

    def partial_codes(self, name: str, meaning: str = "", *, option: str | None = None) -> Coded:
        """Return a column as codes, -1 where it has no value; raises as :meth:`column` does."""
        values = self.texts(name, meaning, option=option)
        names = tuple(sorted({text for text in values if text is not None}))
        codes = {text: code for code, text in enumerate(names)}
        return Coded(np.array([-1 if text is None else codes[text] for text in values], np.int64), names)

    def texts(self, name: str, meaning: str = "", *, option: str | None = None) -> tuple[str | None, ...]:
        """Return a column as text, None where missing, blank or a word such as ``nan``; raises as :meth:`column` does.

        Whole numbers are the same text as integers and as floats, which a column with gaps becomes.
        """
        column = self.column(name, meaning, option=option)
        values = getattr(column.dtype, "categories", column)
        is_float = values.dtype.kind == "f"
        return tuple(
            None if _is_no_value(text) else text.removesuffix(".0") if is_float else text.strip()
            for text in (text or "" for text in texts(column))
        )

    def numbers(self, name: str, meaning: str = "", *, option: str | None = None) -> npt.NDArray[np.float64]:
        """Return a column as numbers, NaN where missing; raises as :meth:`column` does, and if one is not finite."""
        values = self.texts(name, meaning, option=option)
        numbers = np.full(len(values), np.nan)
        for cell, text in enumerate(values):
            if text is None:
                continue
            with contextlib.suppress(ValueError):
                numbers[cell] = float(text)
            if not np.isfinite(numbers[cell]):
                raise self.error(f"{name!r} in {self.where} holds {text!r}; expected finite numbers", option=option)
        return numbers


def _is_no_value(text: str) -> bool:
    """Return whether a text is blank, or what pandas and R make of a missing value."""
    return text.strip().casefold() in ("", "nan", "na", "n/a", "<na>", "nat")


def spelling_notes(column: str, labels: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a note on labels that two species write differently, and that count as different.

    Parameters
    ----------
    column
        Name of the column, for the note.
    labels
        Labels of each species.

    Examples
    --------
    >>> spelling_notes("kind", {"human": ["beta", "B cell"], "mouse": ["Beta cells", "B cell"]})
    ["labels of 'kind' that differ in spelling alone count as different: beta of human and Beta cells of mouse"]
    """
    written: dict[str, dict[str, str]] = {}
    for species, names in labels.items():
        for name in names:
            key = re.sub(r"[\W_]+", "", name.casefold())
            written.setdefault(re.sub(r"(?<=.)cells?$", "", key), {}).setdefault(name, species)
    pairs = [
        " and ".join(f"{name} of {species}" for name, species in names.items())
        for names in written.values() if len(set(names.values())) > 1
    ]  # fmt: skip
    listing = ", ".join(pairs[:3]) + (f", and {len(pairs) - 3} more" if len(pairs) > 3 else "")
    return [f"labels of {column!r} that differ in spelling alone count as different: {listing}"] if pairs else []


#: Key of obsm that holds coordinates, as scanpy and squidpy have it.
SPATIAL = "spatial"


def read_coordinates(
    obsm: Mapping[str, Any], name: str | None, error: type[HomodbError], where: str = "obsm"
) -> npt.NDArray[np.float64]:
    """Return the coordinates of cells on a tissue, shape (cells, 2 or 3).

    Parameters
    ----------
    obsm
        Tables of positions by name.
    name
        The one to read; None for ``spatial``.
    error
        Class of the errors.
    where
        The tables in messages, such as ``obsm of the query``.

    Raises
    ------
    HomodbError
        Of that class, if there is no such entry, or it does not hold two or three finite numbers per cell.
    """
    name = name or SPATIAL
    if name not in obsm:
        raise error(
            f"{where} has no {name!r} with coordinates; it has {', '.join(obsm) or 'nothing'}", option="spatial_key"
        )
    place = np.asarray(obsm[name])
    is_table = place.ndim == 2 and place.shape[1] in (2, 3) and place.dtype.kind in "fiu"
    if is_table and np.isfinite(place.astype(np.float64)).all():
        return place.astype(np.float64)
    raise error(
        f"{name!r} in {where} is not a table of coordinates: expected two or three finite numbers per cell, got shape"
        f" {place.shape} of {place.dtype}", option="spatial_key",
    )  # fmt: skip


def shared_values(
    values: Sequence[str | None], species: Sequence[str], column: str, error: type[HomodbError]
) -> tuple[npt.NDArray[np.bool_], str]:
    """Return a mask of the cells whose value all species have, shape (cells,), and a note about them.

    Parameters
    ----------
    values, species
        Value and species of each cell; a cell without a value is left out.
    column
        Name of the column, for messages.
    error
        Class of the error.

    Raises
    ------
    HomodbError
        Of that class, if no value is in all species.

    Examples
    --------
    >>> from homodb.schema.errors import JoinError
    >>> mask, note = shared_values(["a", "b", "b"], ["human", "human", "mouse"], "kind", JoinError)
    >>> mask.tolist(), note
    ([False, True, True], "1 value of 'kind' is in all species: 2 of 3 cells stay (left out: a)")
    """
    own: dict[str, set[str]] = {}
    for one, value in zip(species, values, strict=True):
        own.setdefault(one, set()).update(() if value is None else (value,))
    shared = set.intersection(*own.values()) if own else set()
    if not shared:
        listing = "; ".join(f"{one}: {', '.join(sorted(every)[:8]) or 'none'}" for one, every in own.items())
        raise error(
            f"no value of {column!r} is in all species ({listing}); make the labels alike", option="shared_types"
        )
    mask = np.array([value in shared for value in values], bool)
    alone = sorted(set.union(*own.values()) - shared)
    left = f" (left out: {', '.join(alone[:8])}{', ...' if len(alone) > 8 else ''})" if alone else ""
    which = counted(len(shared), f"value of {column!r} is", f"values of {column!r} are")
    return mask, f"{which} in all species: {int(mask.sum()):,} of {len(mask):,} cells stay{left}"


def validate_key_added(key: str | None, error: type[HomodbError]) -> None:
    """Check that a name for results can be stored in h5ad and zarr.

    Both separate names by slashes.

    Parameters
    ----------
    key
        The name; None for the default.
    error
        Class of the error.

    Examples
    --------
    >>> from homodb.schema.errors import IntegrationError
    >>> validate_key_added("a/b", IntegrationError)
    Traceback (most recent call last):
    ...
    homodb.schema.errors.IntegrationError: results cannot be called 'a/b'; expected a name without a slash
    """
    if key is not None and (not key.strip() or "/" in key):
        raise error(f"results cannot be called {key!r}; expected a name without a slash", option="key_added")
