"""How right numbers are that ``homodb annotate --numeric`` carries, on simulated cells whose number is known.

``python benchmarks/annotate_numbers.py RELEASE REFERENCE QUERY``: two species of ``homodb simulate`` and the release
built from it. The number of a cell is that of its type, in the order of the types' names, with noise (SD 0.1); types
that the reference lacks have none.
"""

from __future__ import annotations

import argparse

import anndata
import numpy as np
from measure import machine

import homodb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release")
    parser.add_argument("reference")
    parser.add_argument("query")
    asked = parser.parse_args()
    machine()
    reference, query = (anndata.read_h5ad(path) for path in (asked.reference, asked.query))
    types = sorted(set(reference.obs["cell_type"].astype(str)))
    for cells in (reference, query):
        number = [types.index(one) if one in types else np.nan for one in cells.obs["cell_type"].astype(str)]
        cells.obs["number"] = number + np.random.default_rng(1).normal(0, 0.1, cells.n_obs)
    shown = {"query_label_key": "number", "donor_key": "donor"}
    print("| method | Pearson | Spearman | R2 | mean absolute error | cells |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with homodb.open(asked.release) as release:
        for name, method, more in (
            ("knn", "knn", {}), ("protein", "protein", {}), ("tron", "tron", {}),
            ("tron, numbers of half of the query's donors shown", "tron", shown),
        ):  # fmt: skip
            made = homodb.annotate(
                query, reference, label_key="number", method=method, numeric=True, release=release, **more
            )
            told = homodb.evaluate(made, truth="number", n_resamples=0)
            values = " | ".join(f"{one.value:.3f}" for one in told.numbers.values())
            print(f"| {name} | {values} | {told.cells} |", flush=True)
            if name.startswith("tron"):  # the cells are other ones where some were shown
                mean = told.rows.row(1, named=True)
                print(
                    f"| the true mean | - | - | {mean['r2']:.3f} | {mean['mean_absolute_error']:.3f} | {told.cells} |"
                )


if __name__ == "__main__":
    main()
