-- Views and comments of every DuckDB file, whatever its schema: tables and Parquet files do not depend on them.
CREATE VIEW genes AS
SELECT
    g.gene, g.stable_id, g.symbol, s.name AS species, g.biotype,
    g.region, g.region_start, g.region_end, g.strand,
    g.region || ':' || g.region_start || '-' || g.region_end || coalesce(':' || g.strand, '') AS location,
    g.description, g.mitochondrial, g.ribosomal, g.primary_gene = g.gene AS is_primary
FROM gene g JOIN species s USING (species);
COMMENT ON VIEW genes IS 'A gene of a species: stable ID, symbol, biotype and location, the species by its name.';
COMMENT ON COLUMN genes.gene IS 'Key of the gene in the tables.';
COMMENT ON COLUMN genes.stable_id IS 'Gene stable ID without version; the symbol where the sources give no stable ID.';
COMMENT ON COLUMN genes.symbol IS 'Display name in the species'' own spelling; a label, not unique; NULL for a gene without one.';
COMMENT ON COLUMN genes.species IS 'Ensembl production name of the species, for example mus_musculus.';
COMMENT ON COLUMN genes.biotype IS 'Ensembl biotype, for example protein_coding, lncRNA; NULL when unknown.';
COMMENT ON COLUMN genes.region IS 'Sequence region: chromosome, scaffold, haplotype or patch.';
COMMENT ON COLUMN genes.region_start IS 'First base, 1-based.';
COMMENT ON COLUMN genes.region_end IS 'Last base, 1-based, inclusive.';
COMMENT ON COLUMN genes.strand IS '1 or -1.';
COMMENT ON COLUMN genes.location IS 'Region, first and last base, and strand in one text, for example 11:2159779-2161221:-1; NULL when unknown.';
COMMENT ON COLUMN genes.description IS 'Description.';
COMMENT ON COLUMN genes.mitochondrial IS 'Whether it lies on the mitochondrial genome.';
COMMENT ON COLUMN genes.ribosomal IS 'Whether it codes for a protein of the cytosolic ribosome.';
COMMENT ON COLUMN genes.is_primary IS 'Whether it is a gene of the primary assembly, not one of a haplotype or patch.';

COMMENT ON COLUMN provenance.source IS 'The reader that read it: genes, biomart, compara, databases, proteome, protein_genes, annotation, canonical, xref, synonyms, history, core, base (a release), hits.';
COMMENT ON COLUMN gene_alias.kind IS 'synonym, entrez, uniprot, refseq, protein (of a build''s table of proteins and genes), retired, alternate_locus.';
COMMENT ON COLUMN species.species IS 'Fixed number of the species, from 16384 on for one that only this release knows; a gene''s key is this times 2^24 plus its rank.';
COMMENT ON COLUMN species.name IS 'Ensembl production name, for example mus_musculus; in the same spelling for species that Ensembl lacks.';

COMMENT ON COLUMN ortholog.strategy IS 'ENS_M2M, ENS_O2O, HM_O2O, LM_O2O or HL_O2O.';
COMMENT ON COLUMN ortholog.source_species IS 'Ensembl production name of the source species, for example homo_sapiens.';
COMMENT ON COLUMN ortholog.source_id IS 'Stable ID of the source gene; its symbol where the sources give no stable ID.';
COMMENT ON COLUMN ortholog.source_symbol IS 'Symbol of the source gene; NULL for a gene without one.';
COMMENT ON COLUMN ortholog.target_species IS 'Ensembl production name of the target species, for example mus_musculus.';
COMMENT ON COLUMN ortholog.target_id IS 'Stable ID of the target gene; its symbol where the sources give no stable ID.';
COMMENT ON COLUMN ortholog.target_symbol IS 'Symbol of the target gene; NULL for a gene without one.';
COMMENT ON COLUMN ortholog.homology_type IS 'Type of the pair''s best Ensembl homology, for example ortholog_one2one; NULL when Ensembl has none.';
COMMENT ON COLUMN ortholog.source_identity IS 'Percentage of the source gene''s protein that is identical to the target gene''s.';
COMMENT ON COLUMN ortholog.target_identity IS 'Percentage of the target gene''s protein that is identical to the source gene''s.';
COMMENT ON COLUMN ortholog.identity IS 'Mean of the two identities (percent).';
COMMENT ON COLUMN ortholog.goc IS 'Gene-order conservation score, 0 to 100; NULL when not given.';
COMMENT ON COLUMN ortholog.wga IS 'Whole-genome-alignment coverage, 0 to 100; NULL when not given.';
COMMENT ON COLUMN ortholog.confidence IS 'Ensembl''s orthology confidence: 1 high, 0 low; NULL when not given.';
COMMENT ON COLUMN ortholog.correlation IS 'Pearson correlation of the two gene embeddings, -1 to 1; NULL when unknown.';
COMMENT ON COLUMN ortholog.margin IS 'Best correlation less second best, of the gene for which that is smaller; NULL when unknown.';
COMMENT ON COLUMN ortholog.tied IS 'Whether another way of breaking ties, at its genes or at those before them, would not give the row.';
COMMENT ON COLUMN ortholog.score IS 'What the strategy ranks by within a confidence: identity (ENS_M2M, ENS_O2O, HM_O2O), correlation (LM_O2O), the weighted sum (HL_O2O).';
COMMENT ON COLUMN ortholog.rank IS 'Place of the pair in the strategy''s order among its candidates, 1 is best.';
COMMENT ON COLUMN ortholog.evidence_class IS 'What stands behind the pair: both, ensembl, lm_orphan, lm_unnamed, lm_partial, lm_contradicts.';
