from .config.settings import Config, load_config
from .errors import EmbedlaneError
from .evaluation.comparison import Comparison
from .evaluation.queries import Query, QuerySet
from .generation.sets import GenerationTally
from .indexes.exchange import Arrival
from .indexes.generations import Generation
from .indexes.search import Hit
from .indexes.settings import IndexSettings
from .models.card import GenerationCard, Lane, ModelCard, Role
from .models.space import Space
from .providers.embedder import Embedder
from .providers.values import Prompt
from .text.cutting import ChunkRule, TooLong, Unit
from .text.documents import Item
from .vectors.failures import Attempt, Failure, FailureReport
from .workspace.comparing import CompareOptions, Comparing
from .workspace.enriching import Enrichment
from .workspace.enrichment_reports import EnrichmentPlan, EnrichmentReport, EnrichmentTally
from .workspace.gating import QualityGate
from .workspace.generating import Generating
from .workspace.generation_set import Generated, GenerationSet
from .workspace.importing import import_index
from .workspace.index import Index
from .workspace.migrating import Migration
from .workspace.migration_reports import (
    AbortReport,
    BuildReport,
    FinishReport,
    MigrationPlan,
    MigrationStatus,
    SwapReport,
)
from .workspace.reports import (
    AddReport,
    CanaryCheck,
    CanaryVerdict,
    CheckReport,
    ComparePlan,
    Cost,
    CostReport,
    EmbedPlan,
    EmbedReport,
    GenerationPlan,
    GenerationReport,
    LaneCost,
    LanePlan,
    Plan,
)
from .workspace.transfers import Compared, ExportReport, ImportOptions, ImportReport, SampleReport
from .workspace.workspace import Workspace

__all__ = [
    "AbortReport",
    "AddReport",
    "Arrival",
    "Attempt",
    "BuildReport",
    "CanaryCheck",
    "CanaryVerdict",
    "CheckReport",
    "ChunkRule",
    "CompareOptions",
    "ComparePlan",
    "Compared",
    "Comparing",
    "Comparison",
    "Config",
    "Cost",
    "CostReport",
    "EmbedPlan",
    "EmbedReport",
    "Embedder",
    "EmbedlaneError",
    "Enrichment",
    "EnrichmentPlan",
    "EnrichmentReport",
    "EnrichmentTally",
    "ExportReport",
    "Failure",
    "FailureReport",
    "FinishReport",
    "Generated",
    "Generating",
    "Generation",
    "GenerationCard",
    "GenerationPlan",
    "GenerationReport",
    "GenerationSet",
    "GenerationTally",
    "Hit",
    "ImportOptions",
    "ImportReport",
    "Index",
    "IndexSettings",
    "Item",
    "Lane",
    "LaneCost",
    "LanePlan",
    "Migration",
    "MigrationPlan",
    "MigrationStatus",
    "ModelCard",
    "Plan",
    "Prompt",
    "QualityGate",
    "Query",
    "QuerySet",
    "Role",
    "SampleReport",
    "Space",
    "SwapReport",
    "TooLong",
    "Unit",
    "Workspace",
    "import_index",
    "load_config",
]
