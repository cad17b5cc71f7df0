from homodb.query.download import download as download
from homodb.query.explain import Explanation as Explanation
from homodb.query.inspect import Inspection as Inspection
from homodb.query.inspect import inspect as inspect
from homodb.query.integrate.integrate import integrate as integrate
from homodb.query.join.join import join as join
from homodb.query.join.join import join_with_report as join_with_report
from homodb.query.join.report import JoinReport as JoinReport
from homodb.query.lists.genes import translate_genes as translate_genes
from homodb.query.release import Release as Release
from homodb.query.release import open_release as open
from homodb.query.translate.report import Report as Report
from homodb.query.translate.translate import translate as translate
from homodb.query.translate.translate import translate_with_report as translate_with_report
from homodb.schema.errors import HomodbError as HomodbError
from homodb.schema.species import Species as Species
from homodb.schema.strategies import EvidenceClass as EvidenceClass
from homodb.schema.strategies import Strategy as Strategy
from homodb.schema.verify import verify as verify

__version__: str

__all__ = [
    "EvidenceClass",
    "Explanation",
    "HomodbError",
    "Inspection",
    "JoinReport",
    "Release",
    "Report",
    "Species",
    "Strategy",
    "__version__",
    "download",
    "inspect",
    "integrate",
    "join",
    "join_with_report",
    "open",
    "translate",
    "translate_genes",
    "translate_with_report",
    "verify",
]
