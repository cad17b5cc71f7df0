-- One row is a partner of one asked gene in one strategy's mapping; best first.
SELECT
    n.place, t.stable_id AS target_id, t.symbol AS target_symbol, m.homology_type,
    CASE WHEN $forward THEN m.identity_a ELSE m.identity_b END AS source_identity,
    CASE WHEN $forward THEN m.identity_b ELSE m.identity_a END AS target_identity,
    m.identity, m.goc, m.wga, m.confidence, m.correlation, m.margin, m.tied, m.score, m.rank, m.evidence_class
FROM (SELECT unnest($places::INTEGER[]) AS place, unnest($genes::BIGINT[]) AS gene) n
JOIN mapping_default m ON n.gene = CASE WHEN $forward THEN m.gene_a ELSE m.gene_b END
JOIN gene t ON t.gene = CASE WHEN $forward THEN m.gene_b ELSE m.gene_a END
WHERE m.species_a = $species_a AND m.species_b = $species_b AND m.strategy = $strategy
ORDER BY n.place, m.rank
