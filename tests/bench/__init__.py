"""The figures: what the operator costs against a real API server. `python -m tests.bench`."""
