"""Read and write the matrices and tables of an AnnData."""

from __future__ import annotations

from homodb.query.cells.checks import check_zarr, reading
from homodb.query.cells.columns import (
    SPATIAL,
    Coded,
    ObsColumns,
    read_coordinates,
    shared_values,
    spelling_notes,
    validate_key_added,
)
from homodb.query.cells.counts import (
    TOTAL,
    SpeciesCells,
    as_counts,
    check_layer,
    read_counts,
    recover_counts,
    recovered_rows,
    undoing_logarithms,
)
from homodb.query.cells.files import (
    atomic_output,
    check_cells_output,
    encoding,
    open_anndata,
    read_anndata,
    read_element,
    walk,
)
from homodb.query.cells.matrices import (
    BINARY,
    InMemory,
    LazyMatrix,
    Rows,
    Values,
    as_rows,
    check_sound,
    has_small_fractions,
    judge,
    kind_of_values,
    undo_logarithm,
)
from homodb.query.cells.product import product
from homodb.query.cells.sinks import FileSink, MatrixSink, MemorySink, Sink, check_compression, file_sink
from homodb.query.cells.slots import (
    RAW,
    Logged,
    Slot,
    Slots,
    held_as,
    is_lazy,
    layer_slot,
    slot_logged,
    slots_of,
    stored_slots,
    values_of,
    with_tables,
)
from homodb.query.cells.source import (
    Cells,
    CellSource,
    FileSource,
    SeveralCells,
    Source,
    as_cells,
    called,
    load_cells,
    open_source,
    opened_sources,
    several_cells,
)

__all__ = [
    "BINARY", "RAW", "SPATIAL", "TOTAL", "CellSource", "Cells", "Coded", "FileSink", "FileSource", "InMemory",
    "LazyMatrix", "Logged", "MatrixSink", "MemorySink", "ObsColumns", "Rows", "SeveralCells", "Sink", "Slot", "Slots",
    "Source", "SpeciesCells", "Values", "as_cells", "as_counts", "as_rows", "atomic_output", "called",
    "check_cells_output", "check_compression", "check_layer", "check_sound", "check_zarr", "encoding", "file_sink",
    "has_small_fractions", "held_as", "is_lazy", "judge", "kind_of_values", "layer_slot", "load_cells", "open_anndata",
    "open_source", "opened_sources", "product", "read_anndata", "read_coordinates", "read_counts", "read_element",
    "reading", "recover_counts", "recovered_rows", "several_cells", "shared_values", "slot_logged", "slots_of",
    "spelling_notes", "stored_slots", "undo_logarithm", "undoing_logarithms", "validate_key_added", "values_of", "walk",
    "with_tables",
]  # fmt: skip
