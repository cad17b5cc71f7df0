"""scVI through scvi-tools.

Source: Lopez et al., Nature Methods 2018 (https://doi.org/10.1038/s41592-018-0229-2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.prepare import Prepared
from homodb.query.integrate.settings import Settings
from homodb.schema.errors import MissingPackageError


def scvi(prepared: Prepared, settings: Settings) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Train scVI with the defaults of scvi-tools on the counts of the variable features, species being the batch.

    The latent space has ``dims`` dimensions.

    Returns
    -------
    tuple
        The latent space, shape (cells, dims), and the version of scvi-tools.

    Raises
    ------
    MissingPackageError
        If scvi-tools is not installed.
    """
    try:
        import scvi as tools
    except ImportError as error:
        raise MissingPackageError.of("method scvi", "scvi-tools", "integrate") from error
    import anndata
    import pandas as pd

    joint = prepared.joint
    tools.settings.seed = settings.seed
    counts = sp.csr_matrix(joint.counts[:, prepared.chosen], dtype=np.float32)
    names = [f"cell{number}" for number in range(len(joint.code))]
    species = pd.DataFrame({"species": pd.Categorical(np.array(joint.species)[joint.code])}, index=names)
    cells = anndata.AnnData(counts, obs=species)
    tools.model.SCVI.setup_anndata(cells, batch_key="species")
    model = tools.model.SCVI(cells, n_latent=settings.dims)
    model.train(enable_progress_bar=False)
    return np.asarray(model.get_latent_representation(), np.float64), {"scvi-tools": tools.__version__}
