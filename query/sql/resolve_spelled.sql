-- One row is one of the given texts with the one symbol of the species of which R's make.names, or Seurat, makes that text.
WITH text AS (
    SELECT DISTINCT unnest($texts::VARCHAR[]) AS text
),
spelled AS (
    SELECT DISTINCT
        g.symbol,
        CASE WHEN regexp_matches(g.symbol, '^[0-9_]') THEN 'X' ELSE '' END || regexp_replace(g.symbol, '[^A-Za-z0-9._]', '.', 'g') AS by_r,
        replace(g.symbol, '_', '-') AS by_seurat
    FROM gene g
    WHERE g.species = $species AND g.gene = g.primary_gene AND regexp_matches(g.symbol, '[^A-Za-z0-9.]|^[0-9]')
),
known AS (
    SELECT t.text, s.symbol FROM text t JOIN spelled s ON s.by_r = t.text
    UNION
    SELECT t.text, s.symbol FROM text t JOIN spelled s ON s.by_seurat = t.text
)
SELECT text AS name, any_value(symbol) AS spelled
FROM known WHERE symbol <> text
GROUP BY text HAVING count(*) = 1
