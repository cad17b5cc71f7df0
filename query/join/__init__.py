"""Join objects of several species into one over shared features.

Names are resolved (:mod:`.sides`), a route between the species and the features are chosen (:mod:`.route`), and a plan
is built (:mod:`.plan`); then :mod:`.join` carries the matrices, block by block (:mod:`.stack`), and reports.
"""

from __future__ import annotations

from homodb.query.join.join import (
    JoinRun,
    check_objects,
    join,
    join_to_file,
    joined,
    read_sides,
)
from homodb.query.join.objects import (
    FILE,
    SPECIES,
    JoinOptions,
    JoinSide,
    check_two_species,
    for_each,
    read_join_options,
    read_side,
)
from homodb.query.join.plan import JoinPlan, make_plan, plan_from_table
from homodb.query.join.report import JoinReport
from homodb.query.join.route import JoinRoute

__all__ = [
    "FILE", "SPECIES", "JoinOptions", "JoinPlan", "JoinReport", "JoinRoute", "JoinRun", "JoinSide", "check_objects",
    "check_two_species", "for_each", "join", "join_to_file", "joined", "make_plan", "plan_from_table",
    "read_join_options", "read_side", "read_sides",
]  # fmt: skip
