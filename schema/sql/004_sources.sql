-- Who says what: sources per species and per pair of species, and the orthologs that other databases name.
CREATE TABLE data_source (
    species_a SMALLINT NOT NULL,
    species_b SMALLINT,
    kind VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    release VARCHAR,
    ensembl VARCHAR,
    type_basis VARCHAR,
    pairs BIGINT NOT NULL,
    licence VARCHAR,
    citation VARCHAR
);
COMMENT ON TABLE data_source IS 'A source of the genes or synonyms of a species, or of what the release says about a pair of species; empty where the config names no origins.';
COMMENT ON COLUMN data_source.species_a IS 'The species, or the species of the pair with the lower number.';
COMMENT ON COLUMN data_source.species_b IS 'The species of the pair with the higher number; NULL for a source of one species'' genes or synonyms.';
COMMENT ON COLUMN data_source.kind IS 'genes, synonyms, homologies, databases (table orthology_pair) or embedding.';
COMMENT ON COLUMN data_source.name IS 'Who publishes it: Ensembl, HCOP, NCBI, HGNC, MGI, ...';
COMMENT ON COLUMN data_source.release IS 'Its own release, version or date; NULL when unknown.';
COMMENT ON COLUMN data_source.ensembl IS 'Ensembl release that its genes or homologies are of, also where it reached homodb through another source; NULL when unknown or not of Ensembl.';
COMMENT ON COLUMN data_source.type_basis IS 'Homologies: ensembl (types as Ensembl gives them) or derived (counted from the pairs: one-to-one where both genes stand in one pair). NULL for other kinds.';
COMMENT ON COLUMN data_source.pairs IS 'Rows that the release has of it: pairs of genes, genes, or synonyms.';
COMMENT ON COLUMN data_source.licence IS 'Licence of the source.';
COMMENT ON COLUMN data_source.citation IS 'How to cite the source.';

CREATE TABLE database_set (
    database_set INTEGER NOT NULL,
    database VARCHAR NOT NULL,
    release VARCHAR
);
COMMENT ON TABLE database_set IS 'A database of a set of orthology databases that agree on a pair of genes; many pairs share a set.';
COMMENT ON COLUMN database_set.database_set IS 'Number of the set in this release.';
COMMENT ON COLUMN database_set.database IS 'Database, as its source spells it: Ensembl, NCBI, OMA, OrthoDB, Panther, ...';
COMMENT ON COLUMN database_set.release IS 'The source that lists the database, with its release, for example HCOP 2022-09.';

CREATE TABLE orthology_pair (
    species_a SMALLINT NOT NULL,
    species_b SMALLINT NOT NULL,
    gene_a BIGINT NOT NULL,
    gene_b BIGINT NOT NULL,
    n_databases SMALLINT NOT NULL,
    database_set INTEGER NOT NULL
);
COMMENT ON TABLE orthology_pair IS 'A pair of primary genes that orthology databases name as orthologs, once per pair. It says nothing about table homology.';
COMMENT ON COLUMN orthology_pair.species_a IS 'The species with the lower number.';
COMMENT ON COLUMN orthology_pair.species_b IS 'The species with the higher number.';
COMMENT ON COLUMN orthology_pair.gene_a IS 'Gene of species_a.';
COMMENT ON COLUMN orthology_pair.gene_b IS 'Gene of species_b.';
COMMENT ON COLUMN orthology_pair.n_databases IS 'Different databases that name the pair.';
COMMENT ON COLUMN orthology_pair.database_set IS 'The databases.';

CREATE VIEW orthology_source AS
SELECT p.species_a, p.species_b, p.gene_a, p.gene_b, p.n_databases, s.database, s.release
FROM orthology_pair p JOIN database_set s USING (database_set);
COMMENT ON VIEW orthology_source IS 'A pair of genes and a database that names it as orthologs, with its release.';

COMMENT ON COLUMN provenance.source IS 'The reader that read it: genes, biomart, compara, databases, proteome, annotation, canonical, xref, synonyms, history, core, base (a release), hits.';
COMMENT ON COLUMN gene.biotype_basis IS 'What told the biotype: annotation, genes (a table of genes), proteome, biomart, base (another release), or nomenclature (the symbol is of a form that only non-coding genes bear).';
