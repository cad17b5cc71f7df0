-- One row: what HL_O2O takes for an unknown identity and an unknown correlation of a pair of species.
SELECT p.median_identity, e.median_correlation
FROM species_pair p
LEFT JOIN embedding_pair e ON e.species_a = p.species_a AND e.species_b = p.species_b AND e.embedding = $embedding
WHERE p.species_a = $species_a AND p.species_b = $species_b
