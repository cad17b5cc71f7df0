-- One row is a pair of genes that at least so many orthology databases name, seen from the source species; most first.
SELECT
    CASE WHEN $forward THEN p.gene_a ELSE p.gene_b END AS source_gene,
    CASE WHEN $forward THEN p.gene_b ELSE p.gene_a END AS target_gene
FROM orthology_pair p
WHERE p.species_a = $species_a AND p.species_b = $species_b AND p.n_databases >= $least
ORDER BY p.n_databases DESC, p.gene_a, p.gene_b
