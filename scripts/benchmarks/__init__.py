"""The parts of `scripts/benchmark.py`: what each figure of the docs was made with."""
