"""What homodb says: the fragments of messages that tests look for, as regular expressions, by room.

A test names the class of an error and a fragment of this table, so the English can be changed here alone. Where
one has names in braces, the test fills them in (``str.format``). ``Shared`` holds what several rooms say. Texts
that a test is parametrised with stand beside its parameters.
"""

from __future__ import annotations


class Shared:
    at_most_or_longer = "expected at most|is longer than the expected"
    cannot_be_created = "cannot be created"
    cannot_be_created_because = "cannot be created because"
    cannot_be_read = "cannot be read"
    cannot_be_written = "cannot be written"
    damaged = "damaged"
    did_you_mean = "did you mean"
    from_ = "Name the species"
    holds_no_vectors = "holds no vectors"
    is_input_file = "is the input file"
    is_input_or_output = "is the input or the output"
    is_not_json = "is not JSON"
    is_not_regular_file = "is not a regular file"
    nan = "NaN"
    no_folder = "no folder"
    no_h5ad = r"no\.h5ad: there is no such file"
    no_ortholog_between_homo = "no ortholog between homo_sapiens and mus_musculus"
    no_such_file = "no such file"
    object_cannot_be_joined = "1 object cannot be joined"
    says_404 = "404"
    there_is_no_folder = "there is no folder"
    there_is_no_such_file = "there is no such file"


class Annotate:
    cannot_be_read_as_label = "cannot be read as a label map"
    consensus_needs_two = "a consensus needs two methods, and 1 could run"
    differ_in_their_dimensions = "differ in their dimensions"
    fewer_than_two_cells_can = "fewer than two cells can be judged"
    is_must_be_at_least = "^{name}: Expected (at least|above) .+ and at most .+, got "
    method_tron_needs_torch = r"method tron needs torch.*homodb\[annotate\]"
    no_cell_query_has_count = "no cell of the query has a count of a known gene"
    no_cell_reference = "no cell of the reference"
    no_table_vectors_is_given = "no table of vectors is given for human"
    none_measured_genes_human = "none of the measured genes of human"
    none_tsv = r"none\.tsv: there is no such file"
    other_h5ad = r"other\.h5ad: there is no such file"
    other_methods_than_itself = "of other methods than itself"
    reference_is_about_cell = "reference is about cell types"
    reference_species_none = "--reference-species|none of the"
    resamples_is_1_must = "resamples is -1; it must be at least 0"
    share_no_genes = "share no genes"
    share_no_genes_none_genes = "share no genes: none of the .* genes of mouse"
    there_is_no_method_svm = "there is no method 'svm'; there are knn"
    wanted_name_value = "Expected NAME=VALUE"
    expected_finite_numbers = "expected finite numbers"


class Build:
    described_by_taxon_id = "described in .*taxon_id and common_name"
    says_how_to_read_a_proteome = "header says how to read a proteome"
    whole_number_or_date = "a whole number, or a date such as '2026_04'"
    are_listed_twice_for_m = "are listed twice for m, mean"
    breaks_invariants_release = r"breaks invariants of a release: .*\b{name} \("
    different_ensembl_releases = r"different Ensembl releases: 110 \(.+entrez\.tsv\), 115 \(.+\.gtf\)"
    disk_full = "disk full"
    division_there = "^division: There is no division 'fish'; there are vertebrates, "
    frozen = "frozen"
    guess = "guess"
    homo_sapiens_11_100_genes = "homo_sapiens: 11 of 100 genes in the homologies are missing from the proteome"
    homo_sapiens_1_11_genes = r"homo_sapiens: 1 of 11 genes .* the annotation \(such as ENSG00000000099\)"
    layer_has_no_meaning = "^layer has no meaning for model 'kmer'"
    listing_folder = "listing of a folder"
    mouse_pig_csv_no_ortholog = r"mouse_pig\.csv: no ortholog between mus_musculus and sus_scrofa"
    release_ensembl_set_allow = r"7 \(\[release\] ensembl\).*set allow_mixed"
    se_new_or_empty_folder = "[Uu]se a new or empty folder"
    unknown_key_modle_did_you = r"^Unknown key 'modle'; .*; did you mean 'model'\?$"


class Cellama:
    lacks_weights = "lacks .* weights of its network .* would be random"
    at_least_two_cells_one = "at least two cells of one side"
    could_not_be_fetched = "could not be fetched"
    could_run_code_pytorch = r"could run code .*pytorch_model\.bin.*expected safetensors"
    custom_st_transformer = r"custom_st\.Transformer.*not run"
    dense = "2_Dense"
    device = "device"
    exists = "exists"
    genes_are_measured_on_both = "2 genes are measured on both sides, and 2 of them are ribosomal"
    holds_no_sentence_model = "holds no sentence model"
    no_cell_query_has_value = "no cell of the query has a value of 'tissue'"
    no_gene_is_left = "no gene is left"
    no_labelled_cell_reference = "no labelled cell of the reference expresses any of the 6 genes"
    no_sentence_model_can = "not a sentence model that can be loaded"
    no_space_left = "no space left"
    not_what_lists_parts = "does not list the parts"
    pip_install = "pip install {PACKAGED}"
    pip_install_homodb = r"pip install 'homodb\[annotate\]'"
    query_has_no_coordinates = r"the query has no coordinates.*spatial=2 needs obsm\['spatial'\]"
    too_few_to_fine_tune = "too few to fine-tune on"
    wanted_numbers_above_0 = "expected numbers above 0"


class Cells:
    cells_are = "^cells are an? .*; expected an AnnData, or the path"
    make_one_of_it = "make one of it: anndata"
    named_twice = "name them once"
    one_at_a_time = "one object at a time"
    one_object = "is one object, whose species are joined already"


class Cli:
    objects_2_species = "3 objects and 2 species are named"


class Compare:
    no_feature_by_same_symbol = "no feature by same symbol"
    no_lm_o2o = "no LM_O2O"
    no_method_could_integrate = "no method could integrate any mapping.*not today"
    unexpected_keyword = "unexpected keyword argument 'k_wight'"


class Embeddings:
    altered_after_delete_both = "was altered after .*; delete both files.*expected sha256 .*, got"
    cannot_be_written_file_too = r"cannot be written \(File too large\).*same command to continue"
    cut_short = "cut short"
    delete_this_file_run_same = "Delete this file and run the same command again"
    esm2_needs_fair_esm = "ESM2 needs fair-esm"
    esm2_needs_pip_install = r"ESM2 needs {package}, .*pip install 'homodb\[etl\]'"
    frequencies_differ = "frequencies that differ"
    give_another_folder_give = "give another folder|Give another folder"
    give_folder_can_be_written = "give a folder that can be written to"
    is_not_checkpoint_torch = "is not a checkpoint of torch"
    is_not_expected_layers_got = "is not {name} .expected .* layers of .*, got 6 of 320 and 20"
    kmer_has_no_weights_layer = "kmer has no weights, layer"
    lacks_10_14 = "lacks 10 of 14"
    lacks_1_1 = "lacks 1 of 1"
    no_protein_is_left = "no protein is left to embed .*fewer than 99999 residues"
    no_space_left_on_device = "No space left on device"
    no_space_left_run_same = "No space left.*run the same command to continue"
    not_checkpoint = "not a checkpoint"
    not_checkpoint_esm2 = "not a checkpoint of ESM2"
    not_finite_in_float32 = "not finite in float32"
    not_loaded_path = "not loaded.*Path"
    plan_is_damaged_delete = "plan is damaged.*Delete this file"
    unknown_esm1b_t33_650m = "unknown .* .esm1b_t33_650M_UR50S.*there are esm2_t6_8M_UR50D, .*did you mean"
    unknown_model = "unknown model .*; there are kmer, esm2_t6"
    use_fewer_workers_same = "use fewer workers.*same command to continue"
    values_are_not_finite = "values that are not finite in bfloat16; use another precision"
    vectors_another_model = r"vectors of another model \(.*: expected .*, got .*\)\. Give another folder"
    vectors_shape_64 = "vectors of shape|64 hexadecimal digits"
    w_pt = r"w\.pt"
    weights = "weights"
    worker_has_another_model = r"a worker has another model\. Expected Identity.*, got Identity"


class Evaluate:
    annotate_left_no_labels = "annotate left no labels in this file"
    no_cell_can_be_judged = "no cell can be judged: of 2, 0 have no true type"
    reference_other_types = "reference of other types than this one: it had .*; this one has x, y;"
    t_homodb_confidence_holds = r"'t_homodb_confidence'\] holds numbers"


class Exam:
    ensg00000000001_3 = r"ENSG00000000001\.3 - ENSMUSG00000000001 for one.*without version"
    release_bare = "release bare has no mappings"
    tells_human_rat_mouse_rat = "covers human - rat, mouse - rat; release toy-1 maps human - mouse, mouse - pig"


class Export:
    gene_embedding = "gene_embedding"
    not_file = "not the file"
    not_gene_graph = "not a gene graph"
    pip_install = "pip install {package}"
    place_on_chromosomes = "place on chromosomes"


class Fetch:
    is_of_release = "is of release 2026_04"
    expected_1_to_8 = "expected 1 to 8 connections, got {count}"
    files_are_missing = "2 files are missing or altered"
    has_bytes_but_listing_says = r"has [\d,]+ bytes, but its listing says at least [\d,]+, twice the same"
    has_no_files_homo_sapiens = "has no files of homo_sapiens, and cannot download them offline"
    has_no_files_mus_musculus = "has no files of mus_musculus"
    homo_sapiens_is_repeated = "homo_sapiens is repeated"
    humna = "humna"
    no_species = "no species"
    same_command_goes = "the same command goes on"
    twice_same_published_files = "twice the same: the published files are inconsistent"


class Genes:
    but_for_their_case = "genes but for their case.*as mus_musculus"
    bytes = "bytes"
    cannot_be_read_as_vectors = "cannot be read as (gene )?vectors"
    column = "If a column of var holds the gene names, name it"
    dimensions = "5 dimensions"
    holds_no_vectors_made = r"holds no vectors.*made-by-hand-mean.*\[embedding\]"
    human_mouse_mouse_pig = "human - mouse, mouse - pig"
    is_not_file_manifest_names = "is not the file that the manifest names"
    k_is_0 = "k is 0"
    nothing = "NOTHING"
    only_this_duckdb_file = "only this DuckDB file"
    open_folder = "open the folder"
    rattus_norvegicus = "rattus_norvegicus"
    tbce_ambiguous = r"TBCE \(ambiguous: ENSG00000000015, ENSG00000000016\)"


class Inspect:
    cannot_be_opened = "cannot be opened|not an AnnData"
    has_no_obs_var_holds = "it has no obs and var; it holds x"
    neither_h5ad_file_nor_zarr = "neither an h5ad file nor a zarr store"
    no_column_gene_columns = "no column 'gene'; its columns are: 'feature_name'"
    nor_zarr_store_is_folder = "nor a zarr store .it is a folder of something else."
    x_cannot_be_read = "X cannot be read"


class Integrate:
    dims_is_0_must = "dims is 0; it must be at least 1"
    homodb_total = "homodb_total"
    is_must_be_at_most = "^{name} is {value}; it must be .* and at most "
    k_anchor_is_inf_k = "k_anchor is inf|k_anchor is 'inf'; expected a whole number"
    k_weigth = "k_weigth"
    loess_cannot_be_fitted = "loess cannot be fitted to the"
    method_cca_uses = "method cca uses no sentence model"
    method_needs_homodb = r"method {method} needs .*homodb\[integrate\]"
    mine_is_no_species = "'mine' is not a species"
    name_release = "name the release"
    neighbours_among_3 = "for 4 neighbours, got 3"
    no_anchor_between_pig = "no anchor between pig and"
    obs_has_no_column_typ = "obs has no column 'typ' with cell types"
    no_file_is_named = "no object is named"
    span_is_1000000000_0_must = "span is 1000000000.0; it must be above 0 and at most 1"
    there_are_shared_full = "there are shared, full"
    var_does_not_tell_genes = "var does not name the genes of mouse"


class Join:
    groups_orthologs_have_more = "1 groups of orthologs have more than 3 genes, the largest 4"
    is_named_twice_cells_would = "is named twice, and its cells would be there twice"
    is_not_anndata_neither = "is not an AnnData, neither"
    no_value_kind = "no value of 'kind' is in all species"
    no_way_between_human_pig = r"no way between human, pig.*Go through mouse"
    none_2_names_is_gene = "1: none of its 2 names is a gene of human; they look like 'nothing', 'x'"
    obs_has_no_column_kind = "mouse: obs has no column 'kind'"
    share_no_feature = "share no feature"
    unexpected_keyword = "unexpected keyword argument 'wat'"
    x_2_holds_logarithms_1 = "X of mouse holds logarithms, that of human counts; join like with like"
    x_2_holds_nan = "X of mouse holds NaN"
    x_holds_logarithms_1 = r"X of human holds logarithms, and 1 feature adds up several genes"


class Lists:
    holds_no_genes = "holds no genes; gene sets are lines of a title"
    form_of_uniprot = "'uniprot_1' has the form of a UniProt accession, which the release lacks"
    no_form = "there is no form of tables .triples."
    transpose = r"genes of mus_musculus in columns \(Gcg, Tnf, Vwf"
    cannot_be_read_as_text = "cannot be read as text"
    input_file = "input file"
    look_like_foo = "look like 'Foo'"
    reports_are_written_as_tsv = r"reports are written as \.tsv, \.json or \.html"


class Markers:
    files_1_species = "2 files and 1 species"
    no_mapping_between_human = "no mapping between human and pig"
    no_object_is_named = "no object is named"
    no_two_cell_types_500 = "no two cell types of 500 cells"
    nothing_to_draw = "nothing to draw"
    obs_cell_type_is_empty = r"1: 'cell_type' in obs is empty for 3 cells"
    rate_share = "rate and share"
    two_files_are_human = "two files are of human"


class Matching:
    expected_vectors_equal = "expected vectors of equal dimensions, got 4 and 5"
    genes_first_103_values = r"1 genes \(first: 103\).*values that are not finite"
    needs_torch = "needs torch"
    one_tile = "one tile"
    zip = "zip"


class Plots:
    groupby = "translate with groupby"
    no_calls = "no calls between these species"
    no_labels = "no labels to plot"
    one_query = "an evaluation is of one query"
    profile = "score with the profile cross-species"


class Publish:
    cannot_be_printed = "cannot be printed"
    different_release_toy_1 = "a different release toy-1 is already published, and published releases never change"
    gene_parquet_has_7_bytes = "gene.parquet has 7 bytes"


class Query:
    cannot_be_answered = "the query cannot be answered"
    cannot_name_a_table = "cannot name a table"
    column_that_sql_cannot_read = "a column that SQL cannot read"
    connection_has_been_closed = "this connection has been closed"
    does_not_exist = "does not exist"
    ending_of_no_table = "an ending of no table"
    expected_a_data_frame = "Expected a data frame of polars or pandas, or Arrow"
    no_answer_to_fetch = "there is no answer to fetch"
    release_has_itself = "the release has .+ itself"
    this_release_has_been_closed = "this release has been closed"
    took_longer = "took longer than 0.2 s"


class Release:
    does_not_hold = "does not hold"
    eastern_newt = "holds human, eastern newt"
    larger_than_any_catalog = "is larger than any catalog"
    took_longer_than = "took longer than 0.2 s"
    at_most_100_wanted = "expected at most 100"
    bytes_long_expected = "bytes long, expected"
    cache_holds_no_new_x = r"the cache holds no 'new', '\.\./x' \(it holds old, part"
    cast = "cast"
    cells_are_written = "cells are written as"
    closed = "closed"
    config_toml = "config.toml"
    encoding_is_not_known = "encoding that is not known"
    mb_are_to_come = "MB are to come, and"
    gene_parquet = "gene.parquet"
    has_no_release_new = r"has no release 'new' \(it has toy-1, old\)"
    holds_another_release_this = r"holds another release of this name .*\(homodb cache prune toy-1\)"
    in_use_by_another_process = "in use by another process"
    ins_not_found_text_stands = "\\\"INS\\\" not found .*; text stands in single quotes \\('INS'\\)$"
    is_encoding_is_not_known = r"/{part} is of an encoding that is not known, '\w+' 9\.0"
    is_larger_than_any_catalog = "is larger than any catalog"
    is_link_leads_out_folder = "is a link that leads out of the folder of releases"
    is_not_file = "is not the file"
    is_there_is_no_zarr = "exists and is not a zarr store"
    longer_than_0_05 = "longer than 0.05 s"
    manifest_json = r"manifest\.json"
    no_release_homodb_has_been = "No release of homodb has been published so far: `homodb build` makes one"
    no_species_this_release = "no species of this release is called"
    none_is_in_cache_homodb = "none is in the cache .*`homodb build` makes one, `homodb download` brings"
    not_homodb_release = "not a homodb release"
    other_settings = "with other settings"
    other_settings_2 = "other settings"
    pictures = "pictures"
    redirected_to_example_org = "redirected to example.org"
    release_homodb_release = "environment variable HOMODB_RELEASE"
    this_one_holds = "this one holds {split}"
    times_releases_in_cache = "3 times; .*Releases in the cache need no network: `homodb cache list`$"
    took_longer_than_0_2 = r"took longer than 0\.2 s and was stopped: narrow it, or allow more time"
    x_h5ad_x_cannot_be_read = r"x\.h5ad: .*cannot be read, or is damaged .*nonsense"


class Results:
    no_table = "there is no table"


class Report:
    cca_mine = "cca, mine"
    pages_are_written_as_html = r"pages are written as \.html"


class Schema:
    or_less = "bytes: Expected 9,223,372,036,854,775,807 or less"
    cannot_be_created_because = "cannot be created because .*file is a file"
    cannot_be_created_because_2 = "cannot be created because a file is there"
    cannot_be_written_made = "cannot be (written|created)"
    cells_are_written_as_h5ad = r"cells are written as \.h5ad or \.zarr, not as \.\w+; change the ending"
    did_you_mean_cell_type = r"did you mean 'cell_type'\?"
    did_you_mean_gene_ids = r"did you mean 'gene_ids'\?"
    did_you_mean_harmony = r"did you mean 'harmony'\?"
    did_you_mean_hm_o2o = r"did you mean 'HM_O2O'\?"
    download_release_again = "download the release again"
    files = "3 of 4 files"
    files_2 = "2 of 2 files"
    files_gene_parquet = "2 of 4 files .*gene.parquet is not a file; empty is not a file"
    files_gene_parquet_has_14 = "1 of 2 files .*gene.parquet has 14 bytes"
    files_has_sha_256_instead = "1 of 4 files .*{name} has SHA-256 [0-9a-f]{{12}}… instead of "
    full = "full"
    gene_parquet_is_link_out = "gene.parquet is a link out of the release"
    gene_parquet_is_not_file = r"gene\.parquet (is not a file|cannot be read)"
    gene_parquet_is_not_file_2 = r"gene\.parquet is not a file"
    has_none = "it has none"
    has_schema_999_this_homodb = "has schema 999, this homodb supports up to {schema_version}; install"
    in_use_by_another_process = "in use by another process, for 0 s so far"
    is_input_file_name_another = "is the input file; name another output"
    is_inside_input = "is inside the input"
    is_link_out_release = "is a link out of the release"
    is_name_file_several = "has the ending of a file, but several"
    is_not_release_holds = r"is not a release \(it holds no manifest\.json\)"
    manifest_is_malformed = "the manifest is malformed"
    names_duckdb_files = r"names {count} DuckDB files\. Expected 1\."
    no_species_this_release = "no species of this release is called rat"
    there = "^there: "
    there_has_no_release_r2 = r"there: has no release 'r2' \(it has r0, r1\)"
    there_manifest_json = r"^there/manifest\.json: is not "
    there_releases_2_name = "^there: releases 2: name: (Expected text, got|.* cannot be the name of a folder)"


class Score:
    b_has_15_cells_need = "b has 15 cells; .* need 16"
    cells_is_not_same_cells = r"240 cells\) is not of the same cells as .* \(120 cells"
    homodb_score = r"homodb\[score\]"
    neighbours = "20 neighbours"
    neighbours_2 = "90 neighbours"
    neighbours_60_cells = "90 neighbours.*60 cells"
    neighbours_89_cells = "90 neighbours.*89 cells"
    neighbours_but = "90 neighbours, but there are 90 cells"
    no_embedding_nothing = "no embedding 'nothing'"
    not_same_cells = "not of the same cells"
    pip_install_homodb_score = r"pip install 'homodb\[score\]'"
    text_h5ad = "text.h5ad"
    they_share = "they share: a;"
    two_cell_types_all_species = "two cell types that all species .human, mouse. have; they share: none"


class Simulate:
    is_not_empty_use_new = "is not empty. Use a new or empty folder"


class Sources:
    has_none_of_the_proteins = "the table of proteins and genes has none of the proteins"
    missing_column = "missing column 'gene'"
    no_form_of_headers = "There is no (form|group)|is not a pattern|has no group"
    no_row_has_a_protein = "no row has a protein and a gene"
    pattern_does_not_match = "header that the pattern does not match"
    protein_of_two_genes = "protein of two genes"
    alt_allele_txt_gz_line = r"alt_allele.txt.gz: .*line 1: wrong number of fields \(expected 3, got 2\)"
    expected_sql_gene_txt = r"Expected its \.sql, gene\.txt and external_synonym\.txt"
    genes_ensg00000000777 = "1 of 3 genes .* ENSG00000000777"
    is_truncated = "is truncated"
    line_1_column_homo_sapiens = r"line 1: column of homo_sapiens\. Expected genes of mus_musculus\. Swap source"
    line_1_column_mus_musculus = r"line 1: column of mus_musculus\. Expected genes of sus_scrofa"
    long_line = "line [0-9]+: the line is longer than 1,048,576 bytes"
    missing_column_alt_allele = r"missing column alt_allele\.alt_allele_group_id"
    problems_5_more_identity = "26 problems: .*25 times: identity outside 0 to 100, first on line"
    says_113 = "112 .*113"


class Transfer:
    longer_than = "took longer than 0.5 s"
    redirected_to_invalid = "is redirected to an invalid address"
    at_most_1_000_000 = "at most 1,000,000"
    encoded = "encoded"
    fewer_than_65_536_bytes = r"fewer than 65,536 bytes arrived in 0\.1 s, 2 times"
    has_sha_256_instead = "has SHA-256 [0-9a-f]+ instead of {SHA256}; nothing was kept"
    long = "long"
    longer_than_expected_1_000 = "longer than the expected 1,000,000 bytes"
    more_than_5_times = "more than 5 times"
    no_space_left = "No space left"
    page = "page"
    redirected_to_mirror_org = "redirected to mirror.org"
    same_command_resumes = "500 .* the same command resumes it"
    timed_out = "timed out"
    times = "4 times"
    times_try_again_later = "3 times; try again later$"
    too_many_requests_asks = "429 Too Many Requests, and asks to wait 86400 s"
    truncation_could = "truncation could not be detected"


class Translate:
    zarr_lzf = "zarr stores have no lzf; use zstd"
    zstd = "hdf5plugin"
    no_compression = "unknown compression 'gzp'.*gzip"
    has_several_columns = "has several columns, as in 'cell_type,marker1'"
    list_of_target_genes = "names in the list of target genes is a gene of human"
    beyond_the_largest = "sums are beyond the largest number"
    choose_one = "choose one"
    damaged_nan_negative = "damaged|NaN|negative"
    human_mouse = "human - mouse"
    human_mouse_pig = "human, mouse, pig"
    human_pig = "human and pig"
    ins_more_than_once = "'INS' more than once"
    keep_id_symbol = "keep, id, symbol"
    lm_orphan = "lm_orphan"
    logarithms = "logarithms"
    logarithms_114_target = "logarithms.*114 target genes"
    logarithms_1_target_gene = "logarithms.*1 target gene.*a layer of counts or raw"
    many_too_one = "'many_too_one'"
    missing_txt = r"missing\.txt: there is no such file"
    negative = "negative"
    negative_values_least_is_1 = r"negative values \(the least is -1\)"
    no_ens_m2m = "no ENS_M2M"
    no_row_is_gene_expression = r"none of the 6 rows of var is gene expression: var\['feature_types'\] says Antibody"
    name_a_layer = "name a layer: 'counts'"
    no_layers_either = "it has no layers either"
    var_is_empty = "its var is empty"
    no_x = "no X"
    nothing_counts_spliced = "'nothing'.*'counts', 'spliced'"
    nothing_gene = "'nothing'.*'gene'"
    row0 = "'row0'"
    row0_column = "'row0'.*If a column of var holds the gene names, name it"
    say_that_they_are_linear = r"not whole, all at most 30, .*say that they are linear \(slot 'X': sum"
    source_gene_would_be_split = "1 source gene would be split"
    var_gene_symbols_column = r"'0', '1', '2'.*var\['gene_symbols'\] holds gene names"
    via = "does not go with an intermediate species"


class Tron:
    edge_is_there_twice = "edge is there twice"
    listed_twice = "listed twice"
    no_cell_query_has_counts = "no cell of the query has counts"
    no_start = "no start"
    no_state = "not the state"
    none_0_linked = "none of the 0 linked"
    none_as_label = "none as label"
    not_among_listed = "not among the listed"
    not_finite = "not finite"
    not_safetensors = "not a safetensors file"
    numbered_from_0 = "numbered from 0"
    one_each = "one of each"
    only = "only 'a'"
    shape = "shape"
    takes_1_target = "takes 1 target"
