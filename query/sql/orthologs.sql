-- One row is a partner of one asked gene in one strategy's mapping; best first.
SELECT
    CASE WHEN $forward THEN m.gene_a ELSE m.gene_b END AS gene, t.gene AS target_gene,
    t.stable_id AS target_id, t.symbol AS target_symbol, m.homology_type,
    CASE WHEN $forward THEN m.identity_a ELSE m.identity_b END AS source_identity,
    CASE WHEN $forward THEN m.identity_b ELSE m.identity_a END AS target_identity,
    m.identity, m.goc, m.wga, m.confidence, m.correlation, m.margin, m.tied, m.score, m.rank, m.evidence_class
FROM mapping m
JOIN gene t ON t.gene = CASE WHEN $forward THEN m.gene_b ELSE m.gene_a END
WHERE m.species_a = $species_a AND m.species_b = $species_b AND m.strategy = $strategy
  AND (m.embedding IS NULL OR m.embedding = $embedding)
  AND CASE WHEN $forward THEN m.gene_a ELSE m.gene_b END IN (SELECT unnest($genes::BIGINT[]))
ORDER BY m.rank
