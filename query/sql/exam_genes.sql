-- One row is a gene of the release, with whether it is primary: only primary genes are mapped.
SELECT species, stable_id, gene, gene = primary_gene AS mappable FROM gene
