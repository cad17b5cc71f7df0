from homodb.query import datasets as datasets
from homodb.query import pl as pl
from homodb.query.annotate import Annotation as Annotation
from homodb.query.annotate import Niches as Niches
from homodb.query.annotate import annotate as annotate
from homodb.query.annotate import niches as niches
from homodb.query.annotate.evaluate import Evaluation as Evaluation
from homodb.query.annotate.evaluate import evaluate as evaluate
from homodb.query.annotate.tron.layer import OrthologyLayer as OrthologyLayer
from homodb.query.api import Release as Release
from homodb.query.api import open as open
from homodb.query.compare import Comparison as Comparison
from homodb.query.compare import compare as compare
from homodb.query.gene_lists import translate_genes as translate_genes
from homodb.query.genes import Explanation as Explanation
from homodb.query.inspect import Inspection as Inspection
from homodb.query.inspect import inspect as inspect
from homodb.query.integrate import integrate as integrate
from homodb.query.join import JoinReport as JoinReport
from homodb.query.join import join as join
from homodb.query.markers import Markers as Markers
from homodb.query.markers import markers as markers
from homodb.query.release.download import download as download
from homodb.query.report import report as report
from homodb.query.score import Score as Score
from homodb.query.score import score as score
from homodb.query.settings import settings as settings
from homodb.query.translate import TranslationReport as TranslationReport
from homodb.query.translate import translate as translate
from homodb.schema.enums import EvidenceClass as EvidenceClass
from homodb.schema.enums import Strategy as Strategy
from homodb.schema.errors import HomodbError as HomodbError
from homodb.schema.manifest import verify as verify
from homodb.schema.species import Species as Species

from . import errors as errors

__version__: str
