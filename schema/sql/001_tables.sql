-- The tables of a release. Once a release has been published this file is never edited: a change is the next file.
CREATE TABLE release (
    version VARCHAR NOT NULL,
    title VARCHAR,
    schema_version INTEGER NOT NULL,
    homodb_version VARCHAR NOT NULL,
    ensembl VARCHAR,
    default_embedding INTEGER,
    licence VARCHAR,
    citation VARCHAR
);
COMMENT ON TABLE release IS 'The release itself: exactly one row.';
COMMENT ON COLUMN release.version IS 'Version of the release, as its config names it.';
COMMENT ON COLUMN release.title IS 'One line that says what is in it.';
COMMENT ON COLUMN release.schema_version IS 'Number of the last schema file that made these tables.';
COMMENT ON COLUMN release.homodb_version IS 'Version of homodb that built it.';
COMMENT ON COLUMN release.ensembl IS 'Ensembl release of the inputs, as the config gives it.';
COMMENT ON COLUMN release.default_embedding IS 'Embedding that the views and the evidence classes rest on; NULL when the release has none.';
COMMENT ON COLUMN release.licence IS 'Licence of the data.';
COMMENT ON COLUMN release.citation IS 'How to cite the release.';

CREATE TABLE provenance (
    source VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL,
    row_count BIGINT NOT NULL,
    kept BIGINT NOT NULL
);
COMMENT ON TABLE provenance IS 'One input file of the build.';
COMMENT ON COLUMN provenance.source IS 'The reader that read it: biomart, compara, proteome, annotation, canonical, xref, synonyms, history, core, hits.';
COMMENT ON COLUMN provenance.path IS 'Path as the config writes it, or URL.';
COMMENT ON COLUMN provenance.bytes IS 'Size of the file in bytes.';
COMMENT ON COLUMN provenance.sha256 IS 'SHA-256 of the file, hexadecimal.';
COMMENT ON COLUMN provenance.row_count IS 'Data rows (or FASTA records) in the file.';
COMMENT ON COLUMN provenance.kept IS 'Of these, rows that told something about the species of the release.';

CREATE TABLE species (
    species SMALLINT NOT NULL,
    name VARCHAR NOT NULL,
    taxon_id INTEGER NOT NULL,
    common_name VARCHAR NOT NULL,
    assembly VARCHAR,
    annotated BOOLEAN NOT NULL
);
COMMENT ON TABLE species IS 'A species of the release.';
COMMENT ON COLUMN species.species IS 'Fixed number of the species; a gene''s key is this times 2^24 plus its rank.';
COMMENT ON COLUMN species.name IS 'Ensembl production name, for example mus_musculus.';
COMMENT ON COLUMN species.taxon_id IS 'NCBI taxon ID.';
COMMENT ON COLUMN species.common_name IS 'Usual English name.';
COMMENT ON COLUMN species.assembly IS 'Genome assembly, as the config gives it.';
COMMENT ON COLUMN species.annotated IS 'Whether a proteome or an annotation told its genes; otherwise they are those that homologies and evidence name.';

CREATE TABLE species_alias (
    alias VARCHAR NOT NULL,
    species SMALLINT NOT NULL
);
COMMENT ON TABLE species_alias IS 'A name that means a species, in normal form (lower case, words joined by one underscore).';
COMMENT ON COLUMN species_alias.alias IS 'The name in normal form: human, homo_sapiens, hsapiens, 9606.';
COMMENT ON COLUMN species_alias.species IS 'The species that it means.';

CREATE TABLE gene (
    gene BIGINT NOT NULL,
    species SMALLINT NOT NULL,
    stable_id VARCHAR NOT NULL,
    symbol_stands_in BOOLEAN NOT NULL,
    version INTEGER,
    symbol VARCHAR,
    biotype VARCHAR,
    biotype_basis VARCHAR,
    region VARCHAR,
    region_start BIGINT,
    region_end BIGINT,
    strand TINYINT,
    description VARCHAR,
    mitochondrial BOOLEAN NOT NULL,
    ribosomal BOOLEAN NOT NULL,
    pseudoautosomal BOOLEAN,
    primary_gene BIGINT NOT NULL,
    primary_basis VARCHAR NOT NULL
);
COMMENT ON TABLE gene IS 'A gene of a species.';
COMMENT ON COLUMN gene.gene IS 'Key: species number times 2^24 plus the rank of the stable ID among the species'' genes.';
COMMENT ON COLUMN gene.species IS 'Its species.';
COMMENT ON COLUMN gene.stable_id IS 'Gene stable ID without version; the symbol where the sources give no stable ID.';
COMMENT ON COLUMN gene.symbol_stands_in IS 'Whether stable_id is the symbol, because no source gave a stable ID.';
COMMENT ON COLUMN gene.version IS 'Version of the stable ID.';
COMMENT ON COLUMN gene.symbol IS 'Display name in the species'' own spelling; a label, not unique; NULL for a gene without one.';
COMMENT ON COLUMN gene.biotype IS 'Ensembl biotype, for example protein_coding, lncRNA.';
COMMENT ON COLUMN gene.biotype_basis IS 'What told the biotype: annotation, proteome, biomart, or nomenclature (the symbol is of a form that only non-coding genes bear).';
COMMENT ON COLUMN gene.region IS 'Sequence region: chromosome, scaffold, haplotype or patch.';
COMMENT ON COLUMN gene.region_start IS 'First base, 1-based.';
COMMENT ON COLUMN gene.region_end IS 'Last base, 1-based, inclusive.';
COMMENT ON COLUMN gene.strand IS '1 or -1.';
COMMENT ON COLUMN gene.description IS 'Description.';
COMMENT ON COLUMN gene.mitochondrial IS 'On the mitochondrial genome, by location; where none is known, by symbol or by a one-to-one ortholog that is.';
COMMENT ON COLUMN gene.ribosomal IS 'Codes for a protein of the cytosolic ribosome, by symbol or by a one-to-one ortholog that does.';
COMMENT ON COLUMN gene.pseudoautosomal IS 'Lies in a pseudo-autosomal region; NULL where the location is unknown.';
COMMENT ON COLUMN gene.primary_gene IS 'The gene on the primary assembly for which this one (haplotype, patch) stands; itself when it is primary.';
COMMENT ON COLUMN gene.primary_basis IS 'What told the primary gene: region, alternate allele (Ensembl groups them), orthology (of the genes of one symbol only one has homologies), or unknown.';

CREATE TABLE gene_alias (
    gene BIGINT NOT NULL,
    alias VARCHAR NOT NULL,
    kind VARCHAR NOT NULL
);
COMMENT ON TABLE gene_alias IS 'Another identifier of a gene.';
COMMENT ON COLUMN gene_alias.gene IS 'The gene; always a primary gene.';
COMMENT ON COLUMN gene_alias.alias IS 'The identifier, as its source spells it.';
COMMENT ON COLUMN gene_alias.kind IS 'synonym, entrez, uniprot, refseq, retired, alternate_locus.';

CREATE TABLE protein (
    gene BIGINT NOT NULL,
    stable_id VARCHAR NOT NULL,
    version INTEGER,
    transcript VARCHAR,
    biotype VARCHAR,
    length INTEGER NOT NULL,
    unknown_residues INTEGER NOT NULL,
    sequence_sha256 VARCHAR NOT NULL,
    canonical BOOLEAN NOT NULL,
    canonical_basis VARCHAR
);
COMMENT ON TABLE protein IS 'A protein of a gene (an isoform).';
COMMENT ON COLUMN protein.gene IS 'The gene that codes for it.';
COMMENT ON COLUMN protein.stable_id IS 'Protein stable ID without version.';
COMMENT ON COLUMN protein.version IS 'Version of the protein stable ID.';
COMMENT ON COLUMN protein.transcript IS 'Transcript stable ID without version.';
COMMENT ON COLUMN protein.biotype IS 'Biotype of the transcript.';
COMMENT ON COLUMN protein.length IS 'Residues, unknown ones included, stops excluded.';
COMMENT ON COLUMN protein.unknown_residues IS 'Of these, unknown ones (X).';
COMMENT ON COLUMN protein.sequence_sha256 IS 'SHA-256 of the sequence in upper case, hexadecimal.';
COMMENT ON COLUMN protein.canonical IS 'Whether it is the canonical isoform of its gene.';
COMMENT ON COLUMN protein.canonical_basis IS 'Why: ensembl_canonical, appris, mane, longest.';

CREATE TABLE species_pair (
    species_a SMALLINT NOT NULL,
    species_b SMALLINT NOT NULL,
    homologies BIGINT NOT NULL,
    unnamed BIGINT NOT NULL,
    repeated BIGINT NOT NULL,
    median_identity DOUBLE,
    strategies VARCHAR[] NOT NULL
);
COMMENT ON TABLE species_pair IS 'A pair of species for which the release holds mappings.';
COMMENT ON COLUMN species_pair.species_a IS 'The species with the lower number.';
COMMENT ON COLUMN species_pair.species_b IS 'The species with the higher number.';
COMMENT ON COLUMN species_pair.homologies IS 'Rows of table homology for the pair.';
COMMENT ON COLUMN species_pair.unnamed IS 'Homologies in the inputs that are lost because one of their genes had neither stable ID nor symbol.';
COMMENT ON COLUMN species_pair.repeated IS 'Rows in the inputs that repeated another row exactly.';
COMMENT ON COLUMN species_pair.median_identity IS 'Median over all homologies of the inputs, unnamed ones too, of the mean of both identities (percent); HL_O2O takes it for an unknown one.';
COMMENT ON COLUMN species_pair.strategies IS 'Strategies that map the pair, by no embedding or by the default one.';

CREATE TABLE homology (
    species_a SMALLINT NOT NULL,
    species_b SMALLINT NOT NULL,
    gene_a BIGINT NOT NULL,
    gene_b BIGINT NOT NULL,
    homology_type VARCHAR NOT NULL,
    identity_a FLOAT,
    identity_b FLOAT,
    goc SMALLINT,
    wga FLOAT,
    confidence TINYINT,
    dn FLOAT,
    ds FLOAT
);
COMMENT ON TABLE homology IS 'An Ensembl homology, stored once, species in order of their numbers.';
COMMENT ON COLUMN homology.species_a IS 'The species with the lower number.';
COMMENT ON COLUMN homology.species_b IS 'The species with the higher number (the same for gene_split).';
COMMENT ON COLUMN homology.gene_a IS 'Gene of species_a.';
COMMENT ON COLUMN homology.gene_b IS 'Gene of species_b.';
COMMENT ON COLUMN homology.homology_type IS 'ortholog_one2one, ortholog_one2many, ortholog_many2many; gene_split for two fragments of one gene.';
COMMENT ON COLUMN homology.identity_a IS 'Percentage of gene_a''s protein that is identical to gene_b''s.';
COMMENT ON COLUMN homology.identity_b IS 'Percentage of gene_b''s protein that is identical to gene_a''s.';
COMMENT ON COLUMN homology.goc IS 'Gene-order conservation score, 0 to 100.';
COMMENT ON COLUMN homology.wga IS 'Whole-genome-alignment coverage, 0 to 100.';
COMMENT ON COLUMN homology.confidence IS 'Ensembl''s orthology confidence: 1 high, 0 low.';
COMMENT ON COLUMN homology.dn IS 'Non-synonymous substitutions per site.';
COMMENT ON COLUMN homology.ds IS 'Synonymous substitutions per site.';

CREATE TABLE embedding (
    embedding INTEGER NOT NULL,
    model VARCHAR NOT NULL,
    layer INTEGER,
    pooling VARCHAR NOT NULL,
    dimensions INTEGER,
    long_sequences VARCHAR,
    precision VARCHAR,
    weights_sha256 VARCHAR,
    min_length INTEGER,
    biotypes VARCHAR[],
    origin VARCHAR NOT NULL
);
COMMENT ON TABLE embedding IS 'An embedding set: gene vectors of one model, layer and pooling, or ready evidence from one.';
COMMENT ON COLUMN embedding.embedding IS 'Number of the embedding in this release.';
COMMENT ON COLUMN embedding.model IS 'Model, for example esm2_t48_15B_UR50D.';
COMMENT ON COLUMN embedding.layer IS 'Layer that the vectors come from; NULL when unknown.';
COMMENT ON COLUMN embedding.pooling IS 'How isoforms make a gene vector: mean, max, canonical.';
COMMENT ON COLUMN embedding.dimensions IS 'Length of a vector; NULL when the vectors are not in the release.';
COMMENT ON COLUMN embedding.long_sequences IS 'What was done with proteins longer than the model reads: whole (it reads any), truncate, window; NULL when unknown.';
COMMENT ON COLUMN embedding.precision IS 'Arithmetic of the model: float32, bfloat16, float16; NULL when unknown.';
COMMENT ON COLUMN embedding.weights_sha256 IS 'SHA-256 of the model''s weights, hexadecimal; NULL for a model without weights, or when unknown.';
COMMENT ON COLUMN embedding.min_length IS 'Shortest protein, in residues, that enters a gene''s vector; NULL when unknown.';
COMMENT ON COLUMN embedding.biotypes IS 'Biotypes of transcripts whose proteins enter; NULL for all, or when unknown.';
COMMENT ON COLUMN embedding.origin IS 'given: best hits and correlations came ready; computed: vectors were computed by homodb.';

CREATE TABLE gene_embedding (
    embedding INTEGER NOT NULL,
    gene BIGINT NOT NULL,
    n_isoforms INTEGER NOT NULL,
    n_nmd INTEGER NOT NULL
);
COMMENT ON TABLE gene_embedding IS 'A gene that has a vector in an embedding; the vectors lie in Parquet files beside the database.';
COMMENT ON COLUMN gene_embedding.embedding IS 'The embedding.';
COMMENT ON COLUMN gene_embedding.gene IS 'The gene; always a primary gene.';
COMMENT ON COLUMN gene_embedding.n_isoforms IS 'Proteins that entered the gene''s vector.';
COMMENT ON COLUMN gene_embedding.n_nmd IS 'Of these, proteins of transcripts that decay (nonsense_mediated_decay).';

CREATE TABLE embedding_pair (
    embedding INTEGER NOT NULL,
    species_a SMALLINT NOT NULL,
    species_b SMALLINT NOT NULL,
    best_hits BIGINT NOT NULL,
    correlations BIGINT NOT NULL,
    median_correlation DOUBLE
);
COMMENT ON TABLE embedding_pair IS 'What an embedding tells about a pair of species.';
COMMENT ON COLUMN embedding_pair.embedding IS 'The embedding.';
COMMENT ON COLUMN embedding_pair.species_a IS 'The species with the lower number.';
COMMENT ON COLUMN embedding_pair.species_b IS 'The species with the higher number.';
COMMENT ON COLUMN embedding_pair.best_hits IS 'Pairs of genes that are each other''s best hit.';
COMMENT ON COLUMN embedding_pair.correlations IS 'Pairs of genes whose correlation is known, best hits included.';
COMMENT ON COLUMN embedding_pair.median_correlation IS 'Median of all correlations between the two species; HL_O2O takes it for an unknown one.';

CREATE TABLE mapping (
    species_a SMALLINT NOT NULL,
    species_b SMALLINT NOT NULL,
    strategy VARCHAR NOT NULL,
    gene_a BIGINT NOT NULL,
    gene_b BIGINT NOT NULL,
    homology_type VARCHAR,
    identity_a FLOAT,
    identity_b FLOAT,
    identity FLOAT,
    goc SMALLINT,
    wga FLOAT,
    confidence TINYINT,
    correlation FLOAT,
    margin FLOAT,
    tied BOOLEAN NOT NULL,
    score DOUBLE,
    rank INTEGER NOT NULL,
    evidence_class VARCHAR NOT NULL,
    embedding INTEGER
);
COMMENT ON TABLE mapping IS 'A row of one strategy''s mapping between two species: one pair of primary genes.';
COMMENT ON COLUMN mapping.species_a IS 'The species with the lower number.';
COMMENT ON COLUMN mapping.species_b IS 'The species with the higher number.';
COMMENT ON COLUMN mapping.strategy IS 'ENS_M2M, ENS_O2O, HM_O2O, LM_O2O or HL_O2O.';
COMMENT ON COLUMN mapping.gene_a IS 'Gene of species_a.';
COMMENT ON COLUMN mapping.gene_b IS 'Gene of species_b.';
COMMENT ON COLUMN mapping.homology_type IS 'Type of the pair''s best Ensembl homology; NULL when Ensembl has none.';
COMMENT ON COLUMN mapping.identity_a IS 'Percentage of gene_a''s protein that is identical to gene_b''s, by that homology.';
COMMENT ON COLUMN mapping.identity_b IS 'Percentage of gene_b''s protein that is identical to gene_a''s, by that homology.';
COMMENT ON COLUMN mapping.identity IS 'Mean of the two identities (percent).';
COMMENT ON COLUMN mapping.goc IS 'Gene-order conservation score of that homology.';
COMMENT ON COLUMN mapping.wga IS 'Whole-genome-alignment coverage of that homology.';
COMMENT ON COLUMN mapping.confidence IS 'Confidence of that homology: 1 high, 0 low; NULL when not given.';
COMMENT ON COLUMN mapping.correlation IS 'Pearson correlation of the two gene embeddings where known, clipped to [-1, 1].';
COMMENT ON COLUMN mapping.margin IS 'Best correlation less second best, of the gene for which that is smaller; NULL where unknown.';
COMMENT ON COLUMN mapping.tied IS 'Whether another candidate for one of the two genes ranked equal, so that a tie-break decided.';
COMMENT ON COLUMN mapping.score IS 'What the strategy ranks by within a confidence: identity (ENS_M2M, ENS_O2O, HM_O2O), correlation (LM_O2O), the weighted sum (HL_O2O).';
COMMENT ON COLUMN mapping.rank IS 'Place of the pair in the strategy''s order among its candidates, 1 is best.';
COMMENT ON COLUMN mapping.evidence_class IS 'both, ensembl, lm_orphan, lm_partial, lm_contradicts.';
COMMENT ON COLUMN mapping.embedding IS 'Embedding that LM_O2O and HL_O2O rest on; NULL for the others.';
