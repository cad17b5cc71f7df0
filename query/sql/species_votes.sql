-- One row is a species, with the number of given names that its genes bear, and of those that no other species' genes do.
WITH reading AS (
    SELECT unnest($names::VARCHAR[]) AS name, unnest($texts::VARCHAR[]) AS text, unnest($owners::VARCHAR[]) AS owner
),
borne AS (
    SELECT r.name, r.owner, g.species FROM reading r JOIN gene g ON g.stable_id = r.text
    UNION
    SELECT r.name, r.owner, g.species FROM reading r JOIN gene g ON g.symbol = r.text
    UNION
    SELECT r.name, r.owner, x.gene // $keys_per_species
    FROM reading r JOIN gene_alias x ON x.alias = r.text
    WHERE $by_alias AND x.kind IN ('entrez', 'uniprot', 'refseq', 'retired')
),
known AS (
    SELECT DISTINCT b.name, b.species
    FROM borne b JOIN species s USING (species)
    WHERE b.owner IS NULL OR b.owner = s.name
),
marked AS (
    SELECT name, species, count(*) OVER (PARTITION BY name) = 1 AS telling FROM known
)
SELECT s.name AS species, count(m.name) FILTER (m.telling) AS votes, count(m.name) AS known
FROM species s LEFT JOIN marked m USING (species)
GROUP BY s.name, s.species
ORDER BY votes DESC, known DESC, s.species
