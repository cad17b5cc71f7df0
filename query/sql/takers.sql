-- One row is a partner of the asked gene that another gene took in a one-to-one strategy, with that gene.
SELECT
    m.strategy,
    CASE WHEN $forward THEN m.gene_b ELSE m.gene_a END AS partner,
    g.stable_id AS taker_id, g.symbol AS taker_symbol,
    m.confidence, m.identity, m.correlation, m.score, m.tied
FROM mapping m
JOIN gene g ON g.gene = CASE WHEN $forward THEN m.gene_a ELSE m.gene_b END
WHERE m.species_a = $species_a AND m.species_b = $species_b
  AND (m.embedding IS NULL OR m.embedding = $embedding)
  AND m.strategy IN ('HM_O2O', 'LM_O2O', 'HL_O2O')
  AND list_contains($partners::BIGINT[], CASE WHEN $forward THEN m.gene_b ELSE m.gene_a END)
  AND g.gene <> $gene
ORDER BY m.strategy, m.rank
