-- One row is a gene of the given keys, with its symbol and the sex chromosome that it lies on, if any.
SELECT g.gene, lower(g.symbol) AS symbol, regexp_extract(g.region, '^(?:chr)?([XYZW])$', 1) AS sex_chromosome
FROM (SELECT unnest($genes::BIGINT[]) AS gene) n JOIN gene g USING (gene)
