"""How good vectors are at finding: metrics, intervals, queries with relevance, and the verdict. Pure."""
