-- One row is a partner that any strategy names for a gene, with its best homology and what the embedding says; best first.
WITH named AS (
    SELECT m.*, CASE WHEN m.gene_a = $gene THEN m.gene_b ELSE m.gene_a END AS partner, m.gene_a = $gene AS asked_is_a
    FROM mapping m
    WHERE m.species_a = $species_a AND m.species_b = $species_b AND (m.gene_a = $gene OR m.gene_b = $gene)
      AND (m.embedding IS NULL OR m.embedding = $embedding)
),
best AS (
    SELECT *, list(strategy) OVER (PARTITION BY partner) AS strategies
    FROM named
    QUALIFY row_number() OVER (PARTITION BY partner ORDER BY strategy) = 1
)
SELECT
    b.partner AS gene, t.stable_id AS target_id, t.symbol AS target_symbol, b.homology_type,
    CASE WHEN b.asked_is_a THEN b.identity_a ELSE b.identity_b END AS source_identity,
    CASE WHEN b.asked_is_a THEN b.identity_b ELSE b.identity_a END AS target_identity,
    b.identity, b.goc, b.wga, b.confidence, b.correlation, b.margin, b.evidence_class,
    list_sort(b.strategies) AS strategies
FROM best b JOIN gene t ON t.gene = b.partner
ORDER BY b.homology_type IS NULL, b.confidence DESC NULLS LAST, b.identity DESC NULLS LAST, b.correlation DESC NULLS LAST, b.partner
