-- One row is a pair of species and a strategy that had evidence for it, even where it maps no gene.
WITH told AS (
    SELECT DISTINCT species_a, species_b, unnest(['ENS_M2M', 'ENS_O2O', 'HM_O2O']) AS strategy
    FROM homology WHERE homology_type LIKE 'ortholog%'
    UNION
    SELECT species_a, species_b, unnest(['LM_O2O', 'HL_O2O'])
    FROM embedding_pair WHERE embedding = (SELECT default_embedding FROM release)
    UNION
    SELECT species_a, species_b, unnest(strategies) FROM species_pair
)
SELECT t.species_a, t.species_b, a.name AS source_species, b.name AS target_species, t.strategy
FROM told t
JOIN species a ON a.species = t.species_a
JOIN species b ON b.species = t.species_b
ORDER BY t.species_a, t.species_b, list_position(['ENS_M2M', 'ENS_O2O', 'HM_O2O', 'LM_O2O', 'HL_O2O'], t.strategy)
