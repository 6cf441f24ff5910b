"""The dialect of the OpenAI API and of servers compatible with it."""
