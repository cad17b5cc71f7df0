-- One row is a gene of a species that has a vector in an embedding, in the order of the vectors.
SELECT g.gene, g.stable_id, g.symbol, g.biotype, g.region, g.region_start, e.n_isoforms
FROM gene_embedding e JOIN gene g USING (gene)
WHERE e.embedding = $embedding AND g.species = $species
ORDER BY g.gene
