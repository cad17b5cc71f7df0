-- One row is a pair of species and a strategy: how many pairs of genes it maps, and of which evidence.
SELECT
    a.name AS species_a, b.name AS species_b, m.strategy, count(*) AS pairs,
    count(*) FILTER (m.evidence_class = 'both') AS "both",
    count(*) FILTER (m.evidence_class = 'ensembl') AS ensembl,
    count(*) FILTER (m.evidence_class = 'lm_orphan') AS lm_orphan,
    count(*) FILTER (m.evidence_class = 'lm_unnamed') AS lm_unnamed,
    count(*) FILTER (m.evidence_class = 'lm_partial') AS lm_partial,
    count(*) FILTER (m.evidence_class = 'lm_contradicts') AS lm_contradicts
FROM mapping_default m
JOIN species a ON a.species = m.species_a
JOIN species b ON b.species = m.species_b
GROUP BY a.species, b.species, a.name, b.name, m.strategy
ORDER BY a.species, b.species, list_position(['ENS_M2M', 'ENS_O2O', 'HM_O2O', 'LM_O2O', 'HL_O2O'], m.strategy)
