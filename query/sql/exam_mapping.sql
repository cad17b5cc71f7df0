-- One row is a pair of genes in one strategy's mapping, by no embedding or by the default one.
SELECT species_a, species_b, strategy, evidence_class, gene_a, gene_b FROM mapping_default
