"""What plugin authors import: the hook marker and the values that hooks return."""

from embedlane.models.card import (
    Dimensions,
    InputLimits,
    Lane,
    Lifecycle,
    ModelCard,
    MultiInput,
    Normalisation,
    Price,
    Role,
    Source,
    TaskMechanism,
    TaskScheme,
)
from embedlane.models.names import ModelId
from embedlane.models.space import Space
from embedlane.plugin.hookspecs import hookimpl
from embedlane.providers.interfaces import BatchEmbedder, OpenContext, SyncEmbedder
from embedlane.providers.route import Route
from embedlane.providers.values import (
    BatchFile,
    BatchLimits,
    BatchRow,
    Correlation,
    Malformed,
    RawEmbeddings,
    Refusal,
    RemoteJob,
    RemoteState,
    RowResult,
    StagedInput,
    Vector,
)
from embedlane.text.tokens import TokenCounter

__all__ = [
    "BatchEmbedder",
    "BatchFile",
    "BatchLimits",
    "BatchRow",
    "Correlation",
    "Dimensions",
    "InputLimits",
    "Lane",
    "Lifecycle",
    "Malformed",
    "ModelCard",
    "ModelId",
    "MultiInput",
    "Normalisation",
    "OpenContext",
    "Price",
    "RawEmbeddings",
    "Refusal",
    "RemoteJob",
    "RemoteState",
    "Role",
    "Route",
    "RowResult",
    "Source",
    "Space",
    "StagedInput",
    "SyncEmbedder",
    "TaskMechanism",
    "TaskScheme",
    "TokenCounter",
    "Vector",
    "hookimpl",
]
