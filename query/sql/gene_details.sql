-- One row: what the release knows of one gene.
SELECT
    g.gene, g.stable_id, g.symbol, g.symbol_stands_in, g.version, g.biotype, g.biotype_basis, g.region, g.region_start,
    g.region_end, g.description, g.mitochondrial, g.ribosomal, g.pseudoautosomal,
    (SELECT list(x.alias || ' (' || x.kind || ')' ORDER BY x.kind, x.alias) FROM gene_alias x WHERE x.gene = g.gene) AS aliases
FROM gene g WHERE g.gene = $gene
