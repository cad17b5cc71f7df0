-- One row is a source of the homologies between two species, with the release that it is of.
SELECT d.name, d.release, d.ensembl, d.type_basis
FROM data_source d
WHERE d.species_a = $species_a AND d.species_b = $species_b AND d.kind = 'homologies'
ORDER BY d.name, d.release
