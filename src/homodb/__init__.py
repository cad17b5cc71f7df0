"""homodb: the gene-homology database for cross-species single-cell biology."""
