"""The SDK, imported here and nowhere else.

``google.generativeai`` says by a FutureWarning that its support has ended. Who chose this plugin knows, and a
program that turns warnings into errors could not import it; so that one warning is silenced, during this one
import. Other warnings, and those of later imports by somebody else, are left alone.
"""

from __future__ import annotations

import warnings
from typing import Final

with warnings.catch_warnings():
    warnings.filterwarnings(
        "ignore", r"\s*All support for the `google\.generativeai` package has ended", FutureWarning
    )
    import google.generativeai as genai
    from google.ai.generativelanguage import GenerativeServiceClient, ModelServiceClient
    from google.generativeai import protos
    from google.generativeai.embedding import to_task_type

from google.api_core.gapic_v1.client_info import ClientInfo

__all__ = ["CLIENT_INFO", "GenerativeServiceClient", "ModelServiceClient", "protos", "to_task_type"]

#: What `genai.configure` would tell the service about the caller.
CLIENT_INFO: Final = ClientInfo(user_agent=f"genai-py/{genai.__version__}")
