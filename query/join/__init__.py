"""Puts several species into one object: a joint table or groups of orthologs, and the cells over them.

What each name means (:mod:`.sides`), which way leads from species to species (:mod:`.way`), what a feature is
(:mod:`.table`), and the plan of it all (:mod:`.plan`) come first; one worker (:mod:`.work`) then carries the matrices.
"""

from __future__ import annotations

from homodb.query.join.join import (
    Work,
    check_objects,
    join,
    join_files,
    join_to_file,
    join_with_report,
    joined,
    read_sides,
)
from homodb.query.join.options import JoinChoices, JoinOptions, read_join_options
from homodb.query.join.plan import JoinPlan, make_plan, plan_from_table
from homodb.query.join.report import JoinReport
from homodb.query.join.route import JoinRoute
from homodb.query.join.sides import JoinSide, read_side
from homodb.query.join.stack import FILE, SPECIES

__all__ = [
    "FILE",
    "SPECIES",
    "JoinChoices",
    "JoinOptions",
    "JoinPlan",
    "JoinReport",
    "JoinRoute",
    "JoinSide",
    "Work",
    "check_objects",
    "join",
    "join_files",
    "join_to_file",
    "join_with_report",
    "joined",
    "make_plan",
    "plan_from_table",
    "read_join_options",
    "read_side",
    "read_sides",
]
