-- What users ask: every mapping in both directions, with names instead of keys.
CREATE VIEW mapping_default AS
SELECT * FROM mapping
WHERE embedding IS NULL OR embedding = (SELECT default_embedding FROM release);
COMMENT ON VIEW mapping_default IS 'Rows of mapping that rest on no embedding or on the release''s default one.';

CREATE VIEW ortholog AS
SELECT
    m.strategy,
    sa.name AS source_species, a.stable_id AS source_id, a.symbol AS source_symbol,
    sb.name AS target_species, b.stable_id AS target_id, b.symbol AS target_symbol,
    m.homology_type, m.identity_a AS source_identity, m.identity_b AS target_identity, m.identity,
    m.goc, m.wga, m.confidence, m.correlation, m.margin, m.tied, m.score, m.rank, m.evidence_class
FROM mapping_default m
JOIN gene a ON a.gene = m.gene_a
JOIN gene b ON b.gene = m.gene_b
JOIN species sa ON sa.species = m.species_a
JOIN species sb ON sb.species = m.species_b
UNION ALL
SELECT
    m.strategy,
    sb.name, b.stable_id, b.symbol,
    sa.name, a.stable_id, a.symbol,
    m.homology_type, m.identity_b, m.identity_a, m.identity,
    m.goc, m.wga, m.confidence, m.correlation, m.margin, m.tied, m.score, m.rank, m.evidence_class
FROM mapping_default m
JOIN gene a ON a.gene = m.gene_a
JOIN gene b ON b.gene = m.gene_b
JOIN species sa ON sa.species = m.species_a
JOIN species sb ON sb.species = m.species_b;
COMMENT ON VIEW ortholog IS 'Every row of every mapping, in both directions: source gene, target gene, strategy, evidence.';

CREATE VIEW ens_m2m AS SELECT * EXCLUDE (strategy) FROM ortholog WHERE strategy = 'ENS_M2M';
COMMENT ON VIEW ens_m2m IS 'ENS_M2M in both directions: every ortholog pair that Ensembl has.';

CREATE VIEW ens_o2o AS SELECT * EXCLUDE (strategy) FROM ortholog WHERE strategy = 'ENS_O2O';
COMMENT ON VIEW ens_o2o IS 'ENS_O2O in both directions: the pairs of type ortholog_one2one.';

CREATE VIEW hm_o2o AS SELECT * EXCLUDE (strategy) FROM ortholog WHERE strategy = 'HM_O2O';
COMMENT ON VIEW hm_o2o IS 'HM_O2O in both directions: greedy one-to-one choice by confidence and identity.';

CREATE VIEW lm_o2o AS SELECT * EXCLUDE (strategy) FROM ortholog WHERE strategy = 'LM_O2O';
COMMENT ON VIEW lm_o2o IS 'LM_O2O in both directions: mutual best hits of the gene embeddings.';

CREATE VIEW hl_o2o AS SELECT * EXCLUDE (strategy) FROM ortholog WHERE strategy = 'HL_O2O';
COMMENT ON VIEW hl_o2o IS 'HL_O2O in both directions: greedy choice among HM_O2O and LM_O2O by both kinds of evidence.';
