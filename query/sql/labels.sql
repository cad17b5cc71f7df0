-- One row is a gene of the given keys, with its names.
SELECT g.gene, g.stable_id, g.symbol
FROM gene g
WHERE g.gene IN (SELECT unnest($genes::BIGINT[]))
