-- One row is a gene that bears one of the given texts as its stable ID or as its symbol, exactly (see genes.py).
SELECT g.stable_id AS text, 'stable_id' AS how, g.primary_gene AS gene
FROM gene g
WHERE g.stable_id IN (SELECT unnest($texts::VARCHAR[])) AND g.species = $species AND NOT g.symbol_stands_in
UNION ALL
SELECT g.symbol, 'symbol', g.gene
FROM gene g
WHERE g.symbol IN (SELECT unnest($texts::VARCHAR[])) AND g.species = $species AND g.gene = g.primary_gene
