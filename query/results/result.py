"""Define the base class of answers, and write them to files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from homodb.query.results.blocks import ResultBlock, json_text, lines, spreadsheet_safe
from homodb.query.results.html import fragment, page
from homodb.query.settings import answer_frame
from homodb.schema.errors import OptionsError, OutputError
from homodb.schema.io import check_output, ending_of, must_end, whole_file
from homodb.schema.messages import choices_hint

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

#: Formats of a report file.
_REPORT_FORMATS = (".tsv", ".json", ".html")


#: Lines of a short description, and characters of each of them.
_BRIEF_LINES, _BRIEF_WIDTH = 12, 100


class Result(ABC):
    """Answer that shows itself as text, in a notebook, as JSON and as tables.

    `main_table`: name of the table of :meth:`to_frame`.
    """

    main_table: ClassVar[str]

    @abstractmethod
    def blocks(self) -> Iterable[ResultBlock]:
        """Return the parts of the answer in order, beginning with its title."""

    @abstractmethod
    def totals(self) -> dict[str, Any]:
        """Return the answer as plain values, without its longest tables."""

    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Return the tables that the totals leave out; ``genes``, if present, has a row per gene."""
        return {}

    def all_frames(self) -> Mapping[str, pl.DataFrame]:
        """Return every table by its name: the attributes that are tables."""
        import polars as pl

        return {name: value for name, value in vars(self).items() if isinstance(value, pl.DataFrame)}

    def to_frame(self, name: str | None = None, *, as_pandas: bool | None = None) -> Any:
        """Return a table of the answer.

        Parameters
        ----------
        name
            Name of the table, such as ``fates``; by default the main one.
        as_pandas
            Whether the table is of pandas rather than polars; by default as in ``homodb.settings.frames``.

        Returns
        -------
        polars.DataFrame or pandas.DataFrame
            The table.

        Raises
        ------
        OptionsError
            If there is no table of this name.
        """
        frames, wanted = self.all_frames(), name or self.main_table
        if wanted not in frames:
            raise OptionsError(f"there is no table {wanted!r}{choices_hint(wanted, frames)}", option="name")
        return answer_frame(frames[wanted], as_pandas)

    def to_pandas(self, name: str | None = None) -> pd.DataFrame:
        """Return a table as :meth:`to_frame` does, always of pandas."""
        frame: pd.DataFrame = self.to_frame(name, as_pandas=True)
        return frame

    def to_json(self, indent: int | None = None) -> str:
        """Return everything as JSON, with `indent` spaces per level, or in a single line."""
        frames = {name: list(frame.iter_rows(named=True)) for name, frame in self.frames().items()}
        return json_text({**self.totals(), **frames}, indent)

    def to_html(self) -> str:
        """Return a self-contained page."""
        return page(self.blocks())

    def lines(self) -> list[str]:
        """Return the answer as lines of text."""
        return lines(self.blocks())

    def __repr__(self) -> str:
        """Return the first lines."""
        texts = [line for line in self.lines() if line.strip()]
        shown = [f"{type(self).__name__}: {texts[0] if texts else 'empty'}", *texts[1:]]
        if len(shown) > _BRIEF_LINES:
            left = len(shown) - _BRIEF_LINES + 1
            shown = [*shown[: _BRIEF_LINES - 1], f"… {left} more lines: print(…), or .to_frame() for {self.main_table}"]
        return "\n".join(line if len(line) <= _BRIEF_WIDTH else f"{line[: _BRIEF_WIDTH - 1]}…" for line in shown)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return fragment(self.blocks())


def check_report(path: Path, *others: Path) -> None:
    """Check that a report can be written and replaces none of some other files; raise an OutputError otherwise."""
    if path.resolve() in [other.resolve() for other in others]:
        raise OutputError(f"{path}: is the input or the output; name another file for the report")
    must_end(path, "reports", *_REPORT_FORMATS)
    check_output(path)


def write_report(result: Result, path: Path, *, raw_text: bool = False) -> None:
    """Write an answer to a file, whole or not at all.

    ``.tsv`` has a row per gene, ``.json`` everything, and ``.html`` is a self-contained page. `raw_text` keeps text
    that a spreadsheet would run as a formula as it is; otherwise it gets an apostrophe in a ``.tsv``.
    """
    check_report(path)
    with whole_file(path) as partial:
        match ending_of(path):
            case ".tsv":
                frame = result.frames()["genes"]
                (frame if raw_text else spreadsheet_safe(frame)).write_csv(partial, separator="\t")
            case ".json":
                partial.write_text(f"{result.to_json(1)}\n", "utf-8")
            case _:
                partial.write_text(result.to_html(), "utf-8")
