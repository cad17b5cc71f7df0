-- One row is a pair of genes in one strategy's mapping, seen from the source species; best first.
SELECT
    CASE WHEN $forward THEN m.gene_a ELSE m.gene_b END AS source_gene,
    CASE WHEN $forward THEN m.gene_b ELSE m.gene_a END AS target_gene,
    m.homology_type, m.identity, m.goc, m.wga, m.confidence, m.correlation, m.margin, m.tied, m.score, m.rank, m.evidence_class
FROM mapping m
WHERE m.species_a = $species_a AND m.species_b = $species_b AND m.strategy = $strategy
  AND (m.embedding IS NULL OR m.embedding = $embedding)
ORDER BY m.rank
