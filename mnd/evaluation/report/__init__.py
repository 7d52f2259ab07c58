"""The page of an evaluation: tables, verdicts, examples and plots from `results.jsonl`, and opinions."""
