-- One row is a gene of a species that has orthologs in another one which no mapping can have, with their number by reason.
SELECT u.gene, sum(u.homologies)::INTEGER AS homologies, list(u.reason ORDER BY u.homologies DESC, u.reason)[1] AS reason
FROM unnamed_ortholog u
WHERE u.species = $target AND u.gene BETWEEN $first AND $last
GROUP BY u.gene
ORDER BY u.gene
