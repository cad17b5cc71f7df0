-- One row is one of the given texts that begins the symbol of another gene of the species, with a hyphen behind it.
SELECT DISTINCT t.text
FROM (SELECT unnest($texts::VARCHAR[]) AS text) t
JOIN gene g ON regexp_replace(g.symbol, '-[^-]*$', '') = t.text
WHERE g.species = $species AND g.symbol <> t.text
