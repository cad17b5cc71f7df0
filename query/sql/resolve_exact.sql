-- One row is a gene that bears one of the given texts as its stable ID or as its symbol, exactly (see genes.py).
WITH text AS (
    SELECT DISTINCT unnest($texts::VARCHAR[]) AS text
)
SELECT t.text, 'stable_id' AS how, g.primary_gene AS gene
FROM text t JOIN gene g ON g.stable_id = t.text
WHERE g.species = $species AND NOT g.symbol_stands_in
UNION ALL
SELECT t.text, 'symbol', g.gene
FROM text t JOIN gene g ON g.symbol = t.text
WHERE g.species = $species AND g.gene = g.primary_gene
