-- One row is a gene of the given keys, with what may be why it has no vector: its biotype, and how many proteins it has.
SELECT g.gene, g.biotype, count(p.gene) AS proteins
FROM gene g LEFT JOIN protein p ON p.gene = g.gene
WHERE g.gene IN (SELECT unnest($genes::BIGINT[]))
GROUP BY g.gene, g.biotype
