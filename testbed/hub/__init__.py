"""A small model hub of our own that speaks to the real ModelScope and Hugging Face clients.

It serves a directory tree, counts every request and breaks on demand, so that a test can show
what happens when a hub cuts, lies, stalls or asks for patience. Standard library only.
"""
