-- One row is one of the given texts that begins the symbol of another gene of the species, with a hyphen behind it;
-- transcripts on the other strand and the like (SOD2-OT1, RGS5-AS1, Aldoa-ps1) are named after a gene, and make no
-- family of it.
SELECT DISTINCT t.text
FROM (SELECT unnest($texts::VARCHAR[]) AS text) t
JOIN gene g ON regexp_replace(g.symbol, '-[^-]*$', '') = t.text
WHERE g.species = $species AND g.symbol <> t.text AND NOT regexp_matches(g.symbol, '(?i)-(AS|DT|IT|OT|PS|NAT|BS)\d*$')
