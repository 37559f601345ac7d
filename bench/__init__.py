"""Benchmarks: this engine, the real Dagu and ninja, side by side in one run."""
