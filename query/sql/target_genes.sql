-- One row is a gene of the given keys, with what a translated var says of it; by key.
SELECT g.gene AS target_gene, g.stable_id AS target_id, g.symbol AS target_symbol, g.mitochondrial, g.ribosomal
FROM (SELECT unnest($genes::BIGINT[]) AS gene) n JOIN gene g USING (gene)
ORDER BY g.gene
