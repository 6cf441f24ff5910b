"""The Gemini Developer API: models, embeddings, batches and files."""
