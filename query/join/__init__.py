"""Puts several species into one object: a joint table or groups of orthologs, and the cells over them.

What each name means (:mod:`.sides`), which way leads from species to species (:mod:`.way`), what a feature is
(:mod:`.table`), and the plan of it all (:mod:`.plan`) come first; one worker (:mod:`.work`) then carries the matrices.
"""

from homodb.query.join.join import join, join_files, join_to_file, join_with_report

__all__ = ["join", "join_files", "join_to_file", "join_with_report"]
