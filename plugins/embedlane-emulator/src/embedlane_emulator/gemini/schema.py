"""The messages that clients send, as the discovery document has them."""

from __future__ import annotations

from embedlane_emulator.gemini.protojson import Enum, Field, Message

TASK_TYPES = Enum(
    "TaskType",
    {
        "TASK_TYPE_UNSPECIFIED": 0,
        "RETRIEVAL_QUERY": 1,
        "RETRIEVAL_DOCUMENT": 2,
        "SEMANTIC_SIMILARITY": 3,
        "CLASSIFICATION": 4,
        "CLUSTERING": 5,
        "QUESTION_ANSWERING": 6,
        "FACT_VERIFICATION": 7,
        "CODE_RETRIEVAL_QUERY": 8,
    },
)

_STRING, _INT32, _INT64, _ANY = Field("string"), Field("int32"), Field("int64"), Field("any")
_BLOB = Message("Blob", {"mimeType": _STRING, "data": Field("bytes")})
_FILE_DATA = Message("FileData", {"mimeType": _STRING, "fileUri": _STRING})
_PART = Message(
    "Part",
    {
        "text": Field("string", oneof="data"),
        "inlineData": Field(_BLOB, oneof="data"),
        "fileData": Field(_FILE_DATA, oneof="data"),
        "functionCall": Field("any", oneof="data"),
        "functionResponse": Field("any", oneof="data"),
        "executableCode": Field("any", oneof="data"),
        "codeExecutionResult": Field("any", oneof="data"),
        "thought": Field("bool"),
        "thoughtSignature": Field("bytes"),
        "videoMetadata": _ANY,
        "mediaResolution": _ANY,
        "partMetadata": _ANY,
    },
)
_CONTENT = Message("Content", {"parts": Field(_PART, repeated=True), "role": _STRING})

_CONFIG = Message(
    "EmbedContentConfig",
    {
        "title": _STRING,
        "taskType": Field(TASK_TYPES),
        "autoTruncate": Field("bool"),
        "outputDimensionality": _INT32,
        "documentOcr": Field("bool"),
        "audioTrackExtraction": Field("bool"),
    },
)
EMBED = Message(
    "EmbedContentRequest",
    {
        "model": _STRING,
        "content": Field(_CONTENT),
        "taskType": Field(TASK_TYPES),
        "title": _STRING,
        "outputDimensionality": _INT32,
        "embedContentConfig": Field(_CONFIG),
    },
)
BATCH_EMBED = Message("BatchEmbedContentsRequest", {"requests": Field(EMBED, repeated=True)})

GENERATE = Message(
    "GenerateContentRequest",
    {
        "model": _STRING,
        "contents": Field(_CONTENT, repeated=True),
        "systemInstruction": Field(_CONTENT),
        "tools": Field("any", repeated=True),
        "toolConfig": _ANY,
        "safetySettings": Field("any", repeated=True),
        "generationConfig": _ANY,
        "cachedContent": _STRING,
        "serviceTier": _ANY,
        "store": Field("bool"),
    },
)

_WEBHOOK = Message("WebhookConfig", {"uris": Field("string", repeated=True), "userMetadata": _ANY})
_FILE = Message(
    "File",
    {
        "name": _STRING,
        "displayName": _STRING,
        "mimeType": _STRING,
        "sizeBytes": _INT64,
        "createTime": _STRING,
        "updateTime": _STRING,
        "expirationTime": _STRING,
        "sha256Hash": Field("bytes"),
        "uri": _STRING,
        "downloadUri": _STRING,
        "state": _ANY,
        "source": _ANY,
        "error": _ANY,
        "videoMetadata": _ANY,
    },
)
CREATE_FILE = Message("CreateFileRequest", {"file": Field(_FILE)})


def _batch(prefix: str, request: Message) -> Message:
    item = Message(f"Inlined{prefix}Request", {"request": Field(request), "metadata": Field("struct")})
    items = Message(f"Inlined{prefix}Requests", {"requests": Field(item, repeated=True)})
    source = Message(
        f"Input{prefix}Config",
        {"fileName": Field("string", oneof="source"), "requests": Field(items, oneof="source")},
    )
    return Message(
        f"{prefix}Batch",
        {
            "model": _STRING,
            "name": _STRING,
            "displayName": _STRING,
            "inputConfig": Field(source),
            "output": _ANY,
            "createTime": _STRING,
            "endTime": _STRING,
            "updateTime": _STRING,
            "batchStats": _ANY,
            "state": _ANY,
            "priority": _INT64,
            "webhookConfig": Field(_WEBHOOK),
        },
    )


EMBED_BATCH = _batch("EmbedContent", EMBED)
GENERATE_BATCH = _batch("GenerateContent", GENERATE)
CREATE_EMBED_BATCH = Message("AsyncBatchEmbedContentRequest", {"batch": Field(EMBED_BATCH)})
CREATE_GENERATE_BATCH = Message("BatchGenerateContentRequest", {"batch": Field(GENERATE_BATCH)})
