"""What the operator would do with a model, said before it does it."""
