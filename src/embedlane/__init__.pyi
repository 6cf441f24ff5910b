from .config.settings import Config, load_config
from .errors import EmbedlaneError
from .indexes.search import Hit
from .indexes.settings import IndexSettings
from .models.card import Lane, ModelCard, Role
from .models.space import Space
from .providers.embedder import Embedder
from .text.cutting import ChunkRule, TooLong, Unit
from .text.documents import Item
from .workspace.index import Index
from .workspace.reports import AddReport, EmbedReport, Plan
from .workspace.workspace import Workspace

__all__ = [
    "AddReport",
    "ChunkRule",
    "Config",
    "EmbedReport",
    "Embedder",
    "EmbedlaneError",
    "Hit",
    "Index",
    "IndexSettings",
    "Item",
    "Lane",
    "ModelCard",
    "Plan",
    "Role",
    "Space",
    "TooLong",
    "Unit",
    "Workspace",
    "load_config",
]
