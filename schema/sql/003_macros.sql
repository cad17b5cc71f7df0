-- Table macros: questions with species in any spelling.
CREATE MACRO species_name(spelling) AS (
    SELECT coalesce(any_value(s.name), error('no species of this release is called ' || spelling))
    FROM species_alias x JOIN species s USING (species)
    WHERE x.alias = trim(regexp_replace(lower(replace(replace(spelling::VARCHAR, '(', ''), ')', '')), '[ _.-]+', '_', 'g'), '_')
);
COMMENT ON MACRO species_name IS 'Production name of a species of the release, from any of its names; an error where there is none.';

CREATE MACRO strategy_name(spelling) AS (
    CASE WHEN upper(replace(spelling::VARCHAR, '-', '_')) IN ('ENS_M2M', 'ENS_O2O', 'HM_O2O', 'LM_O2O', 'HL_O2O')
    THEN upper(replace(spelling::VARCHAR, '-', '_'))
    ELSE error('there is no strategy ' || spelling || ' (the strategies are ENS_M2M, ENS_O2O, HM_O2O, LM_O2O, HL_O2O)') END
);
COMMENT ON MACRO strategy_name IS 'Name of a strategy in any case, with - or _; an error where there is none.';

CREATE MACRO orthologs(source, target, wanted_strategy) AS TABLE
SELECT * FROM ortholog
WHERE source_species = species_name(source)
  AND target_species = species_name(target)
  AND strategy = strategy_name(wanted_strategy);
COMMENT ON MACRO TABLE orthologs IS 'One strategy''s mapping between two species in any spelling: orthologs(''human'', ''mouse'', ''ENS_M2M'').';
