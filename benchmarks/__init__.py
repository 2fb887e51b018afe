"""How fast, compared with what: one file for each question, answered by `python -m benchmarks`."""
