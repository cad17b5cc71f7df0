-- One row, if the release has a synonym of any gene of the species.
SELECT 1 AS one FROM gene_alias WHERE kind = 'synonym' AND gene BETWEEN $first AND $last LIMIT 1
