-- One row is a pair of genes, in the order given, with what the release knows about it.
WITH asked AS (
    SELECT unnest($sources::BIGINT[]) AS source, unnest($targets::BIGINT[]) AS target,
        unnest(range(len($sources::BIGINT[]))) AS place
),
known AS (
    SELECT least(gene_a, gene_b) AS first, greatest(gene_a, gene_b) AS second, strategy, homology_type, identity, confidence, evidence_class
    FROM mapping
    WHERE species_a = $species_a AND species_b = $species_b AND (embedding IS NULL OR embedding = $embedding)
    UNION ALL
    SELECT least(gene_a, gene_b), greatest(gene_a, gene_b), NULL, homology_type, (identity_a + identity_b) / 2, confidence, NULL
    FROM homology
    WHERE species_a = $species_a AND species_b = $species_b AND homology_type = 'gene_split'
)
SELECT
    s.stable_id AS source_id, s.symbol AS source_symbol, t.stable_id AS target_id, t.symbol AS target_symbol,
    CASE WHEN bool_or(k.strategy = 'ENS_M2M') AND bool_or(k.strategy = 'LM_O2O') THEN 'both'
         WHEN bool_or(k.strategy = 'ENS_M2M') THEN 'ensembl'
         ELSE any_value(k.evidence_class) END AS evidence_class,
    any_value(k.homology_type) AS homology_type, any_value(k.identity) AS identity, any_value(k.confidence) AS confidence,
    list_sort(coalesce(list(k.strategy) FILTER (k.strategy IS NOT NULL), [])) AS strategies,
    any_value(e.n_isoforms) AS n_isoforms, any_value(e.n_nmd) AS n_nmd
FROM asked q
JOIN gene s ON s.gene = q.source
JOIN gene t ON t.gene = q.target
LEFT JOIN known k ON k.first = least(q.source, q.target) AND k.second = greatest(q.source, q.target)
LEFT JOIN gene_embedding e ON e.embedding = $embedding AND e.gene = q.target
GROUP BY q.place, s.stable_id, s.symbol, t.stable_id, t.symbol
ORDER BY q.place
