-- One row is a species of the release, with the number of its genes, and of those that are alternate loci or lack a stable ID.
SELECT
    s.name, s.common_name, s.taxon_id, s.assembly, s.annotated, count(g.gene) AS genes,
    count(*) FILTER (g.gene <> g.primary_gene) AS alternate_loci,
    count(*) FILTER (g.symbol_stands_in) AS without_stable_id,
    count(*) FILTER (g.symbol IS NULL AND g.gene IS NOT NULL) AS without_symbol
FROM species s LEFT JOIN gene g USING (species)
GROUP BY ALL
ORDER BY min(g.gene)
