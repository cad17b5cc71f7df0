-- Invariants. Each query returns no row in a sound release; its name stands before it.

-- check one_release: table release has exactly one row
SELECT count(*) AS row_count FROM release HAVING count(*) <> 1;

-- check gene_key: a gene's key is unique, of its species, and ranked by stable ID
SELECT gene, species, stable_id
FROM gene
QUALIFY gene <> species::BIGINT * 16777216 + row_number() OVER (PARTITION BY species ORDER BY stable_id) - 1;

-- check gene_stable_id: a stable ID stands once per species
SELECT species, stable_id, count(*) AS repeats FROM gene GROUP BY ALL HAVING count(*) > 1;

-- check gene_primary: a primary gene is primary itself and of the same species
SELECT g.gene FROM gene g LEFT JOIN gene p ON p.gene = g.primary_gene
WHERE p.gene IS NULL OR p.species <> g.species OR p.primary_gene <> p.gene;

-- check alias_of_primary: an alias belongs to a primary gene
SELECT x.gene, x.alias FROM gene_alias x LEFT JOIN gene g USING (gene) WHERE g.gene IS NULL OR g.primary_gene <> g.gene;

-- check species_once: a species stands once, and every gene's species stands
(SELECT species FROM species GROUP BY species HAVING count(*) > 1) UNION ALL (SELECT species FROM gene EXCEPT SELECT species FROM species);

-- check embedding_once: an embedding stands once, and what tables say of embeddings is of one that stands
(SELECT embedding FROM embedding GROUP BY embedding HAVING count(*) > 1)
UNION ALL (SELECT embedding FROM embedding_pair EXCEPT SELECT embedding FROM embedding)
UNION ALL (SELECT embedding FROM gene_embedding EXCEPT SELECT embedding FROM embedding)
UNION ALL (SELECT default_embedding FROM release WHERE default_embedding IS NOT NULL EXCEPT SELECT embedding FROM embedding);

-- check gene_embedding: a gene with a vector is primary and stands once per embedding, with at least one protein
SELECT e.embedding, e.gene FROM gene_embedding e LEFT JOIN gene g USING (gene)
GROUP BY ALL HAVING count(*) > 1 OR bool_or(g.gene IS NULL OR g.primary_gene <> g.gene
   OR e.n_isoforms < 1 OR e.n_nmd NOT BETWEEN 0 AND e.n_isoforms);

-- check species_alias_unambiguous: a name means one species of the release
SELECT alias FROM species_alias GROUP BY alias HAVING count(*) > 1;

-- check protein_gene: a protein belongs to a gene, and at most one of a gene is canonical
SELECT p.gene FROM protein p LEFT JOIN gene g USING (gene)
GROUP BY p.gene HAVING bool_or(g.gene IS NULL) OR count(*) FILTER (p.canonical) > 1;

-- check homology_order: a homology stands with its species in order and its genes of these species
SELECT h.gene_a, h.gene_b FROM homology h
LEFT JOIN gene a ON a.gene = h.gene_a LEFT JOIN gene b ON b.gene = h.gene_b
WHERE a.species IS DISTINCT FROM h.species_a OR b.species IS DISTINCT FROM h.species_b
   OR (h.homology_type = 'gene_split') <> (h.species_a = h.species_b) OR h.species_a > h.species_b;

-- check homology_range: identities, GOC and WGA lie in 0 to 100, confidence is 0 or 1
SELECT gene_a, gene_b FROM homology
WHERE identity_a NOT BETWEEN 0 AND 100 OR identity_b NOT BETWEEN 0 AND 100 OR goc NOT BETWEEN 0 AND 100
   OR wga NOT BETWEEN 0 AND 100 OR confidence NOT IN (0, 1);

-- check homology_type: every homology type is a known one
SELECT DISTINCT homology_type FROM homology
WHERE homology_type NOT IN ('ortholog_one2one', 'ortholog_one2many', 'ortholog_many2many', 'gene_split');

-- check mapping_genes: the genes of a mapping row are primary and of its species, which stand in order
SELECT m.gene_a, m.gene_b FROM mapping m
LEFT JOIN gene a ON a.gene = m.gene_a LEFT JOIN gene b ON b.gene = m.gene_b
WHERE a.species IS DISTINCT FROM m.species_a OR b.species IS DISTINCT FROM m.species_b
   OR a.primary_gene <> a.gene OR b.primary_gene <> b.gene OR m.species_a >= m.species_b;

-- check mapping_pair_once: a strategy gives a pair of genes once per embedding
SELECT strategy, embedding, gene_a, gene_b FROM mapping GROUP BY ALL HAVING count(*) > 1;

-- check mapping_values: strategies and evidence classes are known ones, correlations lie in [-1, 1], ranks start at 1
SELECT gene_a, gene_b FROM mapping
WHERE strategy NOT IN ('ENS_M2M', 'ENS_O2O', 'HM_O2O', 'LM_O2O', 'HL_O2O')
   OR evidence_class NOT IN ('both', 'ensembl', 'lm_orphan', 'lm_unnamed', 'lm_partial', 'lm_contradicts')
   OR correlation NOT BETWEEN -1 AND 1 OR rank < 1;

-- check mapping_embedding: LM_O2O and HL_O2O name their embedding, the others have none
SELECT m.strategy, m.embedding FROM mapping m LEFT JOIN embedding e USING (embedding)
WHERE (m.strategy IN ('LM_O2O', 'HL_O2O')) <> (m.embedding IS NOT NULL)
   OR (m.embedding IS NOT NULL AND e.embedding IS NULL);

-- check one_to_one: HM_O2O, LM_O2O and HL_O2O use a gene once; ENS_O2O does where no symbol stands in for a stable ID
WITH one AS (
    SELECT m.strategy, m.embedding, m.species_a, m.species_b, m.gene_a, m.gene_b
    FROM mapping m JOIN gene a ON a.gene = m.gene_a JOIN gene b ON b.gene = m.gene_b
    WHERE m.strategy IN ('HM_O2O', 'LM_O2O', 'HL_O2O')
       OR (m.strategy = 'ENS_O2O' AND NOT a.symbol_stands_in AND NOT b.symbol_stands_in)
)
SELECT strategy, gene_a AS gene FROM one GROUP BY strategy, embedding, species_a, species_b, gene_a HAVING count(*) > 1
UNION ALL
SELECT strategy, gene_b FROM one GROUP BY strategy, embedding, species_a, species_b, gene_b HAVING count(*) > 1;

-- check ensembl_mapping: ENS_M2M is every pair of primary genes that has an ortholog homology, no more and no fewer
WITH ensembl AS (
    SELECT h.gene_a, h.gene_b FROM homology h
    JOIN gene a ON a.gene = h.gene_a JOIN gene b ON b.gene = h.gene_b
    WHERE h.homology_type LIKE 'ortholog%' AND a.primary_gene = a.gene AND b.primary_gene = b.gene
), mapped AS (
    SELECT gene_a, gene_b FROM mapping WHERE strategy = 'ENS_M2M'
)
(SELECT * FROM mapped EXCEPT SELECT * FROM ensembl) UNION ALL (SELECT * FROM ensembl EXCEPT SELECT * FROM mapped);

-- check evidence_class: a class says what stands behind the pair
WITH ensembl AS (
    SELECT species_a, species_b, gene_a, gene_b FROM mapping WHERE strategy = 'ENS_M2M'
),
lm AS (
    SELECT embedding, gene_a, gene_b FROM mapping WHERE strategy = 'LM_O2O'
),
told AS (
    SELECT m.strategy, m.gene_a, m.gene_b, m.evidence_class,
        e.gene_a IS NOT NULL AS by_ensembl,
        l.gene_a IS NOT NULL AS by_lm,
        (m.species_a, m.species_b, m.gene_a) IN (SELECT (species_a, species_b, gene_a) FROM ensembl) AS a_elsewhere,
        (m.species_a, m.species_b, m.gene_b) IN (SELECT (species_a, species_b, gene_b) FROM ensembl) AS b_elsewhere
    FROM mapping m
    LEFT JOIN ensembl e ON e.gene_a = m.gene_a AND e.gene_b = m.gene_b
    LEFT JOIN lm l ON l.gene_a = m.gene_a AND l.gene_b = m.gene_b
        AND l.embedding = coalesce(m.embedding, (SELECT default_embedding FROM release))
)
SELECT strategy, gene_a, gene_b, evidence_class FROM told
WHERE replace(evidence_class, 'lm_unnamed', 'lm_orphan') <> CASE
    WHEN by_ensembl AND by_lm THEN 'both'
    WHEN by_ensembl THEN 'ensembl'
    WHEN a_elsewhere AND b_elsewhere THEN 'lm_contradicts'
    WHEN a_elsewhere OR b_elsewhere THEN 'lm_partial'
    ELSE 'lm_orphan'
END;

-- check unnamed_class: where Ensembl has orthologs without a name for one of the genes, the pair is not of orphans
SELECT m.strategy, m.gene_a, m.gene_b, m.evidence_class FROM mapping m
WHERE m.evidence_class IN ('lm_orphan', 'lm_unnamed') AND (m.evidence_class = 'lm_unnamed') <> (
    (m.gene_a, m.species_b) IN (SELECT (gene, species) FROM unnamed_ortholog)
    OR (m.gene_b, m.species_a) IN (SELECT (gene, species) FROM unnamed_ortholog)
);

-- check unnamed_ortholog: a gene stands once per species and reason, is primary, of another species, which the release has
SELECT u.gene, u.species FROM unnamed_ortholog u LEFT JOIN gene g USING (gene)
GROUP BY u.gene, u.species, u.reason HAVING count(*) > 1 OR bool_or(g.gene IS NULL OR g.primary_gene <> g.gene
   OR g.species = u.species OR u.species NOT IN (SELECT species FROM species)
   OR u.reason NOT IN ('unnamed', 'ambiguous', 'retired', 'alternate') OR u.homologies < 1);

-- check pair_known: table species_pair lists every pair of species that is mapped, with the strategies that do
SELECT species_a, species_b, mapped, listed
FROM (SELECT species_a, species_b, list(DISTINCT strategy) AS mapped FROM mapping_default GROUP BY ALL)
FULL JOIN (SELECT species_a, species_b, strategies AS listed FROM species_pair) USING (species_a, species_b)
WHERE list_sort(coalesce(mapped, [])) IS DISTINCT FROM list_sort(listed)
UNION ALL
SELECT species_a, species_b, NULL, NULL FROM mapping ANTI JOIN species_pair USING (species_a, species_b);

-- check data_source: a source is of species that stand in order, and derived types are of homologies
SELECT species_a, species_b, kind, name FROM data_source
WHERE species_a NOT IN (SELECT species FROM species) OR species_b NOT IN (SELECT species FROM species) OR species_a >= species_b
   OR kind NOT IN ('genes', 'synonyms', 'homologies', 'databases', 'embedding')
   OR (kind = 'homologies') <> (type_basis IS NOT NULL) OR type_basis NOT IN ('ensembl', 'derived')
   OR (kind IN ('genes', 'synonyms')) <> (species_b IS NULL);

-- check orthology_pair: a pair that databases name stands once, of primary genes of its species in order, with its databases counted
SELECT p.gene_a, p.gene_b FROM orthology_pair p
LEFT JOIN gene a ON a.gene = p.gene_a LEFT JOIN gene b ON b.gene = p.gene_b
LEFT JOIN (SELECT database_set, count(DISTINCT database) AS n FROM database_set GROUP BY ALL) s USING (database_set)
GROUP BY ALL HAVING count(*) > 1 OR bool_or(a.species IS DISTINCT FROM p.species_a OR b.species IS DISTINCT FROM p.species_b
   OR a.primary_gene <> a.gene OR b.primary_gene <> b.gene OR p.species_a >= p.species_b OR s.n IS DISTINCT FROM p.n_databases);
