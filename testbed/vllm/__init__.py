"""A real vLLM that needs no GPU: to serve a tiny model, and to judge arguments."""
