-- One row is a gene of the given keys, with its names.
SELECT g.gene, g.stable_id, g.symbol
FROM (SELECT unnest($genes::BIGINT[]) AS gene) n JOIN gene g USING (gene)
