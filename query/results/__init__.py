"""Show answers as text, HTML or JSON."""

from __future__ import annotations

from homodb.query.results.blocks import (
    Bullets,
    Drawing,
    Drawings,
    Grid,
    GridColumn,
    Heading,
    Lines,
    Note,
    ResultBlock,
    and_more,
    flat,
    json_text,
    lines,
    number,
    plain,
)
from homodb.query.results.figures import (
    COLOURS,
    MARKS,
    RASTER_FROM,
    Line,
    against,
    beyond,
    calibration_curve,
    dots,
    heat,
    intervals,
    look,
)
from homodb.query.results.html import fragment, inline, page
from homodb.query.results.result import Result, check_report, write_report
from homodb.query.results.scatter import place_labels, scatter

__all__ = [
    "COLOURS",
    "MARKS",
    "RASTER_FROM",
    "Bullets",
    "Drawing",
    "Drawings",
    "Grid",
    "GridColumn",
    "Heading",
    "Line",
    "Lines",
    "Note",
    "Result",
    "ResultBlock",
    "against",
    "and_more",
    "beyond",
    "calibration_curve",
    "check_report",
    "dots",
    "flat",
    "fragment",
    "heat",
    "inline",
    "intervals",
    "json_text",
    "lines",
    "look",
    "number",
    "page",
    "place_labels",
    "plain",
    "scatter",
    "write_report",
]
