-- One row is one of the given texts and a kind of alias that it is of a gene of the species.
SELECT DISTINCT t.text, x.kind
FROM (SELECT unnest($texts::VARCHAR[]) AS text) t JOIN gene_alias x ON x.alias = t.text
WHERE x.gene BETWEEN $first AND $last
