"""Read and write the matrices and tables of an AnnData."""

from __future__ import annotations

from homodb.query.cells.columns import Coded, ObsColumns, validate_key_added
from homodb.query.cells.counts import TOTAL, SpeciesCells, as_counts, check_layer, read_counts
from homodb.query.cells.files import (
    DAMAGED,
    atomic_output,
    check_cells_output,
    encoding,
    open_anndata,
    read_anndata,
    read_element,
    walk,
)
from homodb.query.cells.matrices import InMemory, Rows, as_rows, check_sound
from homodb.query.cells.on_disk import open_matrix
from homodb.query.cells.product import product
from homodb.query.cells.sinks import MemorySink, Sink, file_sink
from homodb.query.cells.slots import (
    RAW,
    Logged,
    Slot,
    Slots,
    held_as,
    in_memory,
    is_lazy,
    layer_slot,
    logged_of,
    no_layer,
    slots_of,
    stored_slots,
    values_of,
    with_tables,
)
from homodb.query.cells.source import CellSource, called, opened_sources
from homodb.query.cells.values import Values, judge, kind_of_values, undo_logarithm

__all__ = [
    "DAMAGED",
    "RAW",
    "TOTAL",
    "CellSource",
    "Coded",
    "InMemory",
    "Logged",
    "MemorySink",
    "ObsColumns",
    "Rows",
    "Sink",
    "Slot",
    "Slots",
    "SpeciesCells",
    "Values",
    "as_counts",
    "as_rows",
    "atomic_output",
    "called",
    "check_cells_output",
    "check_layer",
    "check_sound",
    "encoding",
    "file_sink",
    "held_as",
    "in_memory",
    "is_lazy",
    "judge",
    "kind_of_values",
    "layer_slot",
    "logged_of",
    "no_layer",
    "open_anndata",
    "open_matrix",
    "opened_sources",
    "product",
    "read_anndata",
    "read_counts",
    "read_element",
    "slots_of",
    "stored_slots",
    "undo_logarithm",
    "validate_key_added",
    "values_of",
    "walk",
    "with_tables",
]
