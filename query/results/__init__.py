"""How answers are shown: as text, HTML or JSON."""

from homodb.query.results.result import (
    Bullets,
    Drawing,
    Drawings,
    Grid,
    GridColumn,
    Heading,
    Lines,
    Note,
    Result,
    ResultBlock,
    and_more,
    check_report,
    json_text,
    plain,
    write_report,
)

__all__ = [
    "Bullets",
    "Drawing",
    "Drawings",
    "Grid",
    "GridColumn",
    "Heading",
    "Lines",
    "Note",
    "Result",
    "ResultBlock",
    "and_more",
    "check_report",
    "json_text",
    "plain",
    "write_report",
]
