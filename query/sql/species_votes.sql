-- One row is a species, with the number of given names that its genes bear (known), of those that no other species' genes do
-- (votes), of those borne as stable IDs (ids), and of those that the species which knows most bears too (shared, shared_ids).
WITH reading AS (
    SELECT unnest($names::VARCHAR[]) AS name, unnest($texts::VARCHAR[]) AS text, unnest($owners::VARCHAR[]) AS owner
),
borne AS (
    SELECT r.name, r.owner, g.species, NOT g.symbol_stands_in AS by_id FROM reading r JOIN gene g ON g.stable_id = r.text
    UNION ALL
    SELECT r.name, r.owner, g.species, FALSE FROM reading r JOIN gene g ON g.symbol = r.text
    UNION ALL
    SELECT r.name, r.owner, x.gene // $keys_per_species, FALSE
    FROM reading r JOIN gene_alias x ON x.alias = r.text
    WHERE $by_alias AND x.kind IN ('entrez', 'uniprot', 'refseq', 'protein', 'retired')
),
known AS (
    SELECT b.name, b.species, bool_or(b.by_id) AS by_id
    FROM borne b JOIN species s USING (species)
    WHERE b.owner IS NULL OR b.owner = s.name
    GROUP BY b.name, b.species
),
best AS (
    SELECT name FROM known
    WHERE species = (SELECT species FROM known GROUP BY species ORDER BY count(*) DESC, species LIMIT 1)
),
marked AS (
    SELECT
        k.name, k.species, k.by_id, count(*) OVER (PARTITION BY k.name) = 1 AS telling,
        b.name IS NOT NULL AS shared
    FROM known k LEFT JOIN best b ON b.name = k.name
)
SELECT
    s.name AS species, count(m.name) FILTER (m.telling) AS votes, count(m.name) AS known,
    count(m.name) FILTER (m.by_id) AS ids, count(m.name) FILTER (m.shared) AS shared
FROM species s LEFT JOIN marked m USING (species)
GROUP BY s.name, s.species
ORDER BY votes DESC, known DESC, s.species
