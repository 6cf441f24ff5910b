"""Reading documents, cutting them into chunks, and naming content by its hash."""
