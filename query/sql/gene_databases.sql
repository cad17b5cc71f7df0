-- One row is a partner that orthology databases name for one of the given genes; most databases first.
SELECT
    CASE WHEN $forward THEN p.gene_a ELSE p.gene_b END AS source_gene, t.gene AS target_gene, t.stable_id AS target_id,
    t.symbol AS target_symbol, p.n_databases,
    (SELECT list_sort(list(DISTINCT s.database)) FROM database_set s WHERE s.database_set = p.database_set) AS databases
FROM orthology_pair p JOIN gene t ON t.gene = CASE WHEN $forward THEN p.gene_b ELSE p.gene_a END
WHERE p.species_a = $species_a AND p.species_b = $species_b
  AND CASE WHEN $forward THEN p.gene_a ELSE p.gene_b END IN (SELECT unnest($genes::BIGINT[]))
ORDER BY p.n_databases DESC, t.gene
