-- One row is a gene of the given keys with the version of its stable ID.
SELECT g.gene, g.stable_id, g.version
FROM (SELECT unnest($genes::BIGINT[]) AS gene) n JOIN gene g USING (gene)
WHERE g.version IS NOT NULL
