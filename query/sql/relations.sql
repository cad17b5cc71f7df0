-- One row per view and table of the release, with its comment; views first.
SELECT view_name AS name, coalesce(comment, '') AS comment, 0 AS kind,
    coalesce(list_position(['genes', 'ortholog', 'ens_m2m', 'ens_o2o', 'hm_o2o', 'lm_o2o', 'hl_o2o'], view_name), 9) AS place
FROM duckdb_views() WHERE NOT internal AND NOT temporary
UNION ALL
SELECT table_name, coalesce(comment, ''), 1, table_oid FROM duckdb_tables() WHERE NOT internal AND NOT temporary
ORDER BY kind, place, name;
