"""Score the strategies of a release against a known truth."""

from homodb.query.exam.examine import exam
from homodb.query.exam.scores import CAVEATS, COLUMNS, Exam
from homodb.query.exam.truth import grouped

__all__ = ["CAVEATS", "COLUMNS", "Exam", "exam", "grouped"]
