"""Reads values out of the tables of a TOML document, with messages that say where."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homodb.etl.config import Source
from homodb.etl.fetch.record import read_record
from homodb.schema.errors import ConfigError
from homodb.schema.near import there_are


class Tables:
    """The tables of one config file; paths in it are relative to the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._record = read_record(path.parent)

    def fail(self, where: str, what: str) -> ConfigError:
        """Return the error that says what is wrong, and where."""
        return ConfigError(f"{self.path}: {where}: {what}")

    def file(self, table: Mapping[str, Any], key: str, where: str) -> Source | None:
        """Return the file that a key names; None without the key."""
        written = self.value(table, key, str, where)
        return None if written is None else self.source(written, f"{where}: {key}")

    def files(self, table: Mapping[str, Any], key: str, where: str) -> tuple[Source, ...]:
        """Return the files that a key names: one path, or a list of them."""
        written = table.get(key, [])
        several = [written] if isinstance(written, str) else written
        if not isinstance(several, list) or not all(isinstance(entry, str) for entry in several):
            raise self.fail(where, f"{key} is a path or a list of paths")
        return tuple(self.source(entry, f"{where}: {key}") for entry in several)

    def source(self, written: str, where: str) -> Source:
        """Return a file that must be there."""
        path = self.path.parent / written
        if not path.is_file():
            raise self.fail(where, f"there is no file {path}")
        known = self._record.files.get(posixpath.normpath(written)) if self._record is not None else None
        return Source(written, path, known.url, known.sha256) if known is not None else Source(written, path)

    def keys(self, table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
        """Refuse unknown keys."""
        for key in table:
            if key not in known:
                raise self.fail(where, f"unknown key {key!r}" + there_are(key, known))

    def table(self, document: Mapping[str, Any], key: str, *, required: bool = False) -> Mapping[str, Any]:
        """Return a table of a document; an empty one where it is missing."""
        table = document.get(key, {})
        if not isinstance(table, dict):
            raise self.fail(f"[{key}]", "is not a table")
        if required and not table:
            raise self.fail(f"[{key}]", "is missing")
        return table

    def entries(self, document: Mapping[str, Any], key: str) -> list[tuple[int, Mapping[str, Any]]]:
        """Return the entries of a list of tables, numbered from 1."""
        entries = document.get(key, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.fail(f"[[{key}]]", "is not a list of tables: write [[" + key + "]] with double brackets")
        return list(enumerate(entries, 1))

    def value(self, table: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
        """Return a value of the wanted type; None without the key."""
        value = table.get(key)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
            raise self.fail(where, f"{key} is {value!r}, wanted {names[kind]}")
        return value

    def needed(self, table: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
        """Return a value that must be there."""
        value = self.value(table, key, kind, where)
        if value is None:
            raise self.fail(where, f"{key} is missing")
        return value
