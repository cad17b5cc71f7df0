"""Simulate a clade with known truth, in the file formats of Ensembl."""

from homodb.etl.simulate.annotation import SimulatedAnnotation, annotate_genes
from homodb.etl.simulate.cells import Expression, design_cells, draw_counts, draw_expression
from homodb.etl.simulate.genome import CHROMOSOME, Genome, conserved_order, in_alignment, lay_out_genome
from homodb.etl.simulate.histories import TYPES, GeneTrees, Histories, Kind, Role, grow_families, read_histories
from homodb.etl.simulate.homologies import (
    FALSE_PAIR,
    MISSED,
    RETYPED,
    SPLIT,
    WRONG_TYPE,
    Calls,
    call_orthologs,
    is_confident,
)
from homodb.etl.simulate.proteins import (
    UNKNOWN,
    Block,
    ProteinPlan,
    amino_acid_frequencies,
    evolve_proteins,
    plan_proteins,
    rate_matrix,
)
from homodb.etl.simulate.run import simulate
from homodb.etl.simulate.settings import Settings, SimulationProgress, Summary
from homodb.etl.simulate.species import SpeciesTree, species_tree

__all__ = [
    "CHROMOSOME", "FALSE_PAIR", "MISSED", "RETYPED", "SPLIT", "TYPES", "UNKNOWN", "WRONG_TYPE", "Block", "Calls",
    "Expression", "GeneTrees", "Genome", "Histories", "Kind", "ProteinPlan", "Role", "Settings", "SimulatedAnnotation",
    "SimulationProgress", "SpeciesTree", "Summary", "amino_acid_frequencies", "annotate_genes", "call_orthologs",
    "conserved_order", "design_cells", "draw_counts", "draw_expression", "evolve_proteins", "grow_families",
    "in_alignment", "is_confident", "lay_out_genome", "plan_proteins", "rate_matrix", "read_histories", "simulate",
    "species_tree",
]  # fmt: skip
