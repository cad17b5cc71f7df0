"""Describes a published release to other programs: a Frictionless data package.

See https://specs.frictionlessdata.io/data-package/.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

from homodb.schema.manifest import Manifest

#: Media types by suffix; https://www.iana.org/assignments/media-types where there is one.
_MEDIA_TYPES = {".parquet": "application/vnd.apache.parquet", ".json": "application/json"}


def data_package(manifest: Manifest, folder: str) -> str:
    """Return the text of a ``datapackage.json`` that lies beside the release's folder.

    Parameters
    ----------
    manifest
        Of the release.
    folder
        Name of its folder.
    """
    about = {
        "profile": "data-package",
        "name": _slug(f"homodb-{manifest.version}"),
        "version": manifest.version,
        "title": manifest.title or f"homodb release {manifest.version}",
        "description": f"Gene homology of {', '.join(manifest.species)}"
        + (f" (Ensembl {manifest.ensembl})" if manifest.ensembl else ""),
        "created": manifest.created,
        "keywords": ["orthologs", "gene homology", *manifest.species],
        "contributors": [{"title": f"homodb {manifest.homodb_version}", "role": "wrangler"}],
    }
    if manifest.licence:
        about["licenses"] = [{"name": _slug(manifest.licence, lower=False), "title": manifest.licence}]
    if manifest.citation:
        about["sources"] = [{"title": manifest.citation}]
    about["resources"] = [
        {
            "name": _slug(file.path),
            "path": f"{folder}/{file.path}",
            "type": "file",  # whose bytes are checked; the validator cannot read Parquet's lists as tables
            "format": PurePosixPath(file.path).suffix.removeprefix("."),
            "mediatype": _MEDIA_TYPES.get(PurePosixPath(file.path).suffix, "application/octet-stream"),
            "bytes": file.bytes,
            "hash": f"sha256:{file.sha256}",
        }
        for file in manifest.files
    ]
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _slug(text: str, *, lower: bool = True) -> str:
    """Return a name as Frictionless wants it: letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.lower() if lower else text)
