-- One row is a species, with the number of given names that its genes bear as symbols or stable IDs regardless of case (known), and of those
-- that the genes of another species bear too (shared); most known first.
WITH text AS (
    SELECT DISTINCT lower(unnest($names::VARCHAR[])) AS name
),
known AS (
    SELECT t.name, g.species FROM text t JOIN gene g ON lower(g.symbol) = t.name
    UNION
    SELECT t.name, g.species FROM text t JOIN gene g ON lower(g.stable_id) = t.name
),
other AS (
    SELECT k.name FROM known k JOIN species s USING (species) WHERE s.name = $species
)
SELECT s.name AS species, count(k.name) AS known, count(k.name) FILTER (k.name IN (SELECT name FROM other)) AS shared
FROM species s LEFT JOIN known k USING (species)
GROUP BY s.name, s.species
ORDER BY known DESC, s.species
