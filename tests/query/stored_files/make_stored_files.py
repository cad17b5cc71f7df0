"""Write ``anndata-<version>.tar.xz`` beside this script: the same two objects as the installed anndata stores them.

In an environment with one version of anndata each (0.11.4 with zarr 2, 0.12.19, 0.13.4)::

    python tests/query/stored_files/make_stored_files.py
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from importlib import metadata
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

#: Genes of the toy release, and names that are not genes, so that there are enough to integrate.
OTHERS = [f"other-{number}" for number in range(21)]
GENES = {
    "mouse": ["Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "mt-Nd1", "Rplp0", "Dup1", *OTHERS],
    "human": ["INS", "GCG", "TNF", "FCER1A", "VWF", "MT-ND1", "RPLP0", "CXCL8", "DUPA", *OTHERS],
}
CELLS = 24


def made(species: str) -> anndata.AnnData:
    """Return an object with a part of every kind that analyses leave: text, categories, gaps, tables, nested values."""
    genes = GENES[species]
    kind = np.arange(CELLS) % 3
    counts = np.random.default_rng(len(species) + ord(species[0])).poisson(1.0, (CELLS, len(genes)))
    counts[np.arange(CELLS), 2 + kind] += 9
    obs = pd.DataFrame(index=pd.Index([f"{species}-{one}" for one in range(CELLS)], name="cell"))
    obs["cell_type"] = pd.Categorical.from_codes(kind, ["alpha", "beta", "delta"])
    obs["barcode"] = [f"ACGT{one:02}" for one in range(CELLS)]
    obs["note"] = pd.array([None, *(f"note {one}" for one in range(1, CELLS))], dtype="string")
    obs["batch"] = pd.Categorical(pd.array(["one", "two"] * (CELLS // 2), dtype="string"))
    obs["donors"] = pd.array([None, *range(1, CELLS)], dtype="Int64")
    obs["good"] = kind > 0
    var = pd.DataFrame({"gene_ids": [f"id{one}" for one in range(len(genes))]}, index=pd.Index(genes))
    var["feature_types"] = "Gene Expression"
    adata = anndata.AnnData(sp.csr_matrix(counts, dtype=np.float32), obs=obs, var=var)
    adata.raw = adata
    adata.layers["counts"] = counts.astype(np.float32)
    adata.obsm["X_pca"] = counts[:, :2].astype(np.float64)
    adata.obsm["places"] = pd.DataFrame({"slide": obs["barcode"].to_numpy(), "x": kind}, index=obs.index)
    adata.obsp["connectivities"] = sp.identity(CELLS, format="csr")
    adata.uns["names"] = {"texts": np.array(["a", "b"], dtype=object), "text": "c", "number": 1.5, "list": [1, 2]}
    adata.uns["gaps"] = pd.array(["a", None], dtype="string")
    adata.uns["table"] = pd.DataFrame({"who": ["x", "y"]}, index=["first", "second"])
    return adata


def main() -> None:
    """Write the h5ad files, and the zarr stores of each format that this version of anndata writes."""
    version = metadata.version("anndata")
    formats = (2,) if version.startswith("0.11.") else (2, 3)
    anndata.settings.allow_write_nullable_strings = True
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for species in GENES:
            made(species).write_h5ad(Path(folder) / f"{species}.h5ad")
            for number in formats:
                if len(formats) > 1:
                    anndata.settings.zarr_write_format = number
                made(species).write_zarr(Path(folder) / f"{species}-{number}.zarr")
        shutil.make_archive(str(Path(__file__).with_name(f"anndata-{version}")), "xztar", folder)


if __name__ == "__main__":
    main()
