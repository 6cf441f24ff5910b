"""The synchronous lane, through both SDKs."""

import numpy as np
import pytest


def _norm(values):
    return float(np.linalg.norm(values))


def test_each_text_has_its_vector(genai):
    """google-genai: a list of texts on gemini-embedding-001 is a list of vectors."""
    reply = genai.models.embed_content(
        model="gemini-embedding-001",
        contents=["a cat", "a dog"],
        config={"output_dimensionality": 768, "task_type": "RETRIEVAL_DOCUMENT", "title": "T"},
    )
    assert [len(embedding.values) for embedding in reply.embeddings] == [768, 768]
    assert reply.embeddings[0].values != reply.embeddings[1].values


def test_a_list_of_texts_is_one_vector_on_gemini_embedding_2(genai):
    """gemini-embedding-2 merges the parts of a content, and google-genai merges texts into one content."""
    from google.genai import types

    merged = genai.models.embed_content(model="gemini-embedding-2", contents=["a cat", "a dog"])
    contents = [types.Content(parts=[types.Part(text=text)]) for text in ("a cat", "a dog")]
    apart = genai.models.embed_content(model="gemini-embedding-2", contents=contents)
    assert (len(merged.embeddings), len(apart.embeddings)) == (1, 2)


@pytest.mark.parametrize(
    ("model", "dimensions", "normalised"),
    [
        ("gemini-embedding-001", 3072, True),
        ("gemini-embedding-001", 768, False),
        ("gemini-embedding-001", 128, False),
        ("gemini-embedding-2", 3072, True),
        ("gemini-embedding-2", 768, True),
        ("gemini-embedding-2", 128, True),
    ],
)
def test_length_of_vectors(genai, model, dimensions, normalised):
    """001 is of length 1 at full size only, 2 at every size."""
    config = {"output_dimensionality": dimensions}
    reply = genai.models.embed_content(model=model, contents="hello there", config=config)
    values = reply.embeddings[0].values
    assert len(values) == dimensions
    assert (abs(_norm(values) - 1) < 1e-5) is normalised


def test_the_head_of_a_vector_is_the_shorter_vector(genai):
    """What is asked for at 768 is the head of what is asked for at 3072."""
    short, whole = (
        genai.models.embed_content(
            model="gemini-embedding-001", contents="hello", config={"output_dimensionality": size}
        )
        .embeddings[0]
        .values
        for size in (768, 3072)
    )
    assert whole[:768] == short


@pytest.mark.parametrize(
    ("model", "changes"), [("gemini-embedding-001", True), ("gemini-embedding-2", False)]
)
def test_task_types(genai, model, changes):
    """A task type changes a vector of 001 and is ignored by 2."""
    query, document = (
        genai.models.embed_content(model=model, contents="hello", config={"task_type": task})
        .embeddings[0]
        .values
        for task in ("RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT")
    )
    assert (query != document) is changes


def test_prefixes_are_the_task_of_gemini_embedding_2(genai):
    """A prefixed query is near the prefixed document it asks for."""
    from google.genai import types

    texts = [
        "task: search result | query: sourdough bread",
        "title: none | text: How to bake sourdough bread at home",
        "title: none | text: The result of a search for new planets",
    ]
    contents = [types.Content(parts=[types.Part(text=text)]) for text in texts]
    reply = genai.models.embed_content(model="gemini-embedding-2", contents=contents)
    query, bread, planets = (np.array(embedding.values) for embedding in reply.embeddings)
    assert query @ bread > query @ planets + 0.2


def test_other_media(genai):
    """gemini-embedding-2 takes an image; equal images are equal, others are not."""
    from google.genai import types

    one, same, other = (
        genai.models.embed_content(
            model="gemini-embedding-2",
            contents=types.Content(parts=[types.Part.from_bytes(data=data, mime_type="image/png")]),
        )
        .embeddings[0]
        .values
        for data in (b"one", b"one", b"two")
    )
    assert one == same != other


def test_long_inputs(gemini_emulator, http):
    """A text above the limit is cut, charged as the limit, and by option refused."""
    path = "/v1/models/gemini-embedding-001:embedContent"
    body = {"content": {"parts": [{"text": "word " * 2000}]}}
    assert http.post(path, json=body).json()["usageMetadata"]["promptTokenCount"] == 2048
    gemini_emulator.configure(long_inputs="reject")
    assert http.post(path, json=body).status_code == 400


def test_the_bill_of_calls(gemini_emulator, genai):
    """Each call is charged with its rows and tokens."""
    genai.models.embed_content(model="gemini-embedding-001", contents=["four", "eight ch"])
    call = gemini_emulator.bill.charges("sync")[0]
    assert (call.operation, call.rows, call.tokens) == ("models.batchEmbedContents", 2, 3)
    assert gemini_emulator.bill.total("sync").dollars == pytest.approx(3 * 0.15 / 1e6)


def test_models(genai):
    """The models of today are listed by pages; 001 says that it can batch."""
    names = [model.name for model in genai.models.list(config={"page_size": 1})]
    assert names[:2] == ["models/gemini-embedding-001", "models/gemini-embedding-2"]
    assert "models/text-embedding-004" not in names
    model = genai.models.get(model="gemini-embedding-001")
    assert "asyncBatchEmbedContent" in model.supported_actions
    assert (model.version, model.input_token_limit) == ("001", 2048)


def test_models_retire_by_the_clock(gemini_emulator, genai):
    """A model answers until its day, and after it if asked to stay."""
    import datetime as dt

    from google.genai import errors

    gemini_emulator.clock.turn_to(dt.datetime(2026, 1, 13, tzinfo=dt.UTC))
    reply = genai.models.embed_content(model="text-embedding-004", contents="hello")
    assert _norm(reply.embeddings[0].values) == pytest.approx(1, abs=1e-5)
    gemini_emulator.clock.advance(86400)
    with pytest.raises(errors.ClientError, match="404 NOT_FOUND"):
        genai.models.embed_content(model="text-embedding-004", contents="hello")
    with pytest.raises(errors.ClientError, match="Model is not found"):
        genai.models.get(model="text-embedding-004")
    gemini_emulator.configure(keep_retired=True)
    assert len(genai.models.embed_content(model="text-embedding-004", contents="x").embeddings) == 1


def test_the_old_sdk(gemini_emulator, legacy, genai):
    """google-generativeai gets the same vectors as google-genai."""
    config = {"task_type": "RETRIEVAL_DOCUMENT", "title": "T", "output_dimensionality": 768}
    new = genai.models.embed_content(model="gemini-embedding-001", contents="hello", config=config)
    old = legacy.embed_content(
        model="models/gemini-embedding-001",
        content="hello",
        task_type="retrieval_document",
        title="T",
        output_dimensionality=768,
    )
    np.testing.assert_allclose(old["embedding"], new.embeddings[0].values, rtol=1e-6)
    many = legacy.embed_content(model="models/gemini-embedding-001", content=["a"] * 101)
    assert len(many["embedding"]) == 101
    assert [call.rows for call in gemini_emulator.bill.charges("sync")] == [1, 1, 100, 1]


def test_the_old_sdk_lists_models_and_reads_errors(legacy):
    """Models, and an error with its status."""
    from google.api_core import exceptions

    assert "models/gemini-embedding-001" in [model.name for model in legacy.list_models()]
    assert legacy.get_model("models/gemini-embedding-001").input_token_limit == 2048
    with pytest.raises(exceptions.NotFound):
        legacy.embed_content(model="models/embedding-001", content="hello")
