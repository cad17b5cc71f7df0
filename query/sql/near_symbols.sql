-- One row is a symbol of a species that comes close to a text, the closest first (see orthologs.py).
SELECT symbol
FROM gene
WHERE species = $species AND gene = primary_gene AND symbol IS NOT NULL
    AND damerau_levenshtein(lower(symbol), lower($text)) <= least(2, length($text) // 3)
GROUP BY symbol
ORDER BY damerau_levenshtein(lower(symbol), lower($text)), symbol
LIMIT 3
