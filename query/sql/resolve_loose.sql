-- One row is a gene that bears one of the given texts as its stable ID or symbol but for case, as an alias, or as a synonym but for case.
WITH text AS (
    SELECT DISTINCT unnest($texts::VARCHAR[]) AS text
)
SELECT t.text, 'id_case' AS how, g.primary_gene AS gene
FROM text t JOIN gene g ON lower(g.stable_id) = lower(t.text) AND g.stable_id <> t.text
WHERE g.species = $species AND NOT g.symbol_stands_in
UNION ALL
SELECT t.text, 'symbol_case', g.gene
FROM text t JOIN gene g ON lower(g.symbol) = lower(t.text)
WHERE g.species = $species AND g.gene = g.primary_gene
UNION ALL
SELECT DISTINCT t.text, 'alias', x.gene
FROM text t JOIN gene_alias x ON x.alias = t.text
WHERE x.gene BETWEEN $first AND $last
UNION ALL
SELECT DISTINCT t.text, 'alias', x.gene
FROM text t JOIN gene_alias x ON x.alias = substr(t.text, 4)
WHERE t.text LIKE 'LOC%' AND x.kind = 'entrez' AND x.gene BETWEEN $first AND $last
UNION ALL
SELECT DISTINCT t.text, 'alias_case', x.gene
FROM text t JOIN gene_alias x ON lower(x.alias) = lower(t.text) AND x.alias <> t.text
WHERE x.kind = 'synonym' AND x.gene BETWEEN $first AND $last
