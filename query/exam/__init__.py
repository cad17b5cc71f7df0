"""Score the strategies of a release against a known truth."""

from homodb.query.exam.examine import exam
from homodb.query.exam.groups import grouped
from homodb.query.exam.result import CAVEATS, COLUMNS, Exam

__all__ = ["CAVEATS", "COLUMNS", "Exam", "exam", "grouped"]
