from .config.settings import Config, load_config
from .errors import EmbedlaneError
from .indexes.search import Hit
from .indexes.settings import IndexSettings
from .models.card import Lane, ModelCard, Role
from .models.space import Space
from .providers.embedder import Embedder
from .text.cutting import ChunkRule, TooLong, Unit
from .text.documents import Item
from .vectors.failures import Attempt, Failure, FailureReport
from .workspace.index import Index
from .workspace.reports import AddReport, Cost, CostReport, EmbedReport, LaneCost, LanePlan, Plan
from .workspace.workspace import Workspace

__all__ = [
    "AddReport",
    "Attempt",
    "ChunkRule",
    "Config",
    "Cost",
    "CostReport",
    "EmbedReport",
    "Embedder",
    "EmbedlaneError",
    "Failure",
    "FailureReport",
    "Hit",
    "Index",
    "IndexSettings",
    "Item",
    "Lane",
    "LaneCost",
    "LanePlan",
    "ModelCard",
    "Plan",
    "Role",
    "Space",
    "TooLong",
    "Unit",
    "Workspace",
    "load_config",
]
