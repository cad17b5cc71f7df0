-- One row is a gene of the given keys, with what the report of a translation needs.
SELECT g.gene, g.biotype, g.mitochondrial, g.ribosomal
FROM (SELECT unnest($genes::BIGINT[]) AS gene) n JOIN gene g USING (gene)
