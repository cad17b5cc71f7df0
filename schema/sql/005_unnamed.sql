-- Orthologs that no mapping can have, so that a gene without a partner is told from a gene without an ortholog.
CREATE TABLE unnamed_ortholog (
    gene BIGINT NOT NULL,
    species SMALLINT NOT NULL,
    reason VARCHAR NOT NULL,
    homologies INTEGER NOT NULL
);
COMMENT ON TABLE unnamed_ortholog IS 'A gene that has orthologs in another species by Ensembl''s data, of which no mapping can have the other gene: the sources give it no name that means one.';
COMMENT ON COLUMN unnamed_ortholog.gene IS 'The gene; always a primary gene.';
COMMENT ON COLUMN unnamed_ortholog.species IS 'The other species.';
COMMENT ON COLUMN unnamed_ortholog.reason IS 'unnamed (neither stable ID nor symbol), ambiguous (a symbol that several genes bear), retired (a stable ID that the species'' gene list lacks), alternate (a gene on a haplotype or patch, whose primary gene has not the homology).';
COMMENT ON COLUMN unnamed_ortholog.homologies IS 'Homologies of this kind in the inputs.';

COMMENT ON COLUMN mapping.evidence_class IS 'both, ensembl, lm_orphan, lm_unnamed, lm_partial, lm_contradicts.';
COMMENT ON COLUMN mapping.tied IS 'Whether another way of breaking ties, at its genes or at those before them, would not give the row.';
