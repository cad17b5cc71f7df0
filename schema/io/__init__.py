"""Check, read and write files."""

from __future__ import annotations

from homodb.schema.io.atomic import (
    SCRATCH,
    UNFINISHED,
    find_abandoned,
    held_back,
    remove_abandoned,
    replace_folder,
    temporary_folder,
    whole_file,
)
from homodb.schema.io.files import (
    check_apart,
    check_ending,
    check_folder,
    check_output,
    check_there,
    ending_of,
    make_folder,
    must_end,
    open_regular,
    parse_json,
    read_lines,
    read_small,
    read_toml,
    reason,
)

__all__ = [
    "SCRATCH", "UNFINISHED", "check_apart", "check_ending", "check_folder", "check_output", "check_there", "ending_of",
    "find_abandoned", "held_back", "make_folder", "must_end", "open_regular", "parse_json", "read_lines",
    "read_small", "read_toml", "reason", "remove_abandoned", "replace_folder", "temporary_folder", "whole_file",
]  # fmt: skip
