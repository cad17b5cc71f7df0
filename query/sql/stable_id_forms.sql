-- One row is a form of stable IDs that at least a tenth of a species' genes have: letters, then so many digits; with the highest number.
WITH form AS (
    SELECT
        g.species, regexp_extract(g.stable_id, '^([A-Za-z_]+)(\d{7,11})$', 1) AS prefix,
        length(g.stable_id) - length(prefix) AS digits, max(try_cast(right(g.stable_id, digits) AS BIGINT)) AS last, count(*) AS genes
    FROM gene g
    WHERE NOT g.symbol_stands_in AND prefix <> ''
    GROUP BY ALL
)
SELECT s.name AS species, f.prefix, f.digits, f.last, s.annotated
FROM form f JOIN species s USING (species)
WHERE f.genes * 10 >= (SELECT count(*) FROM gene o WHERE o.species = f.species)
ORDER BY f.genes, s.species DESC
