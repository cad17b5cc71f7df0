-- One row is a species, with the number of given names that its genes bear, and of those that no other species' genes do.
WITH name AS (
    SELECT DISTINCT unnest($names::VARCHAR[]) AS text
),
known AS (
    SELECT n.text, g.species FROM name n JOIN gene g ON g.stable_id = n.text
    UNION
    SELECT n.text, g.species FROM name n JOIN gene g ON g.symbol = n.text
),
marked AS (
    SELECT text, species, count(*) OVER (PARTITION BY text) = 1 AS telling FROM known
)
SELECT s.name AS species, count(m.text) FILTER (m.telling) AS votes, count(m.text) AS known
FROM species s LEFT JOIN marked m USING (species)
GROUP BY s.name, s.species
ORDER BY votes DESC, known DESC, s.species
