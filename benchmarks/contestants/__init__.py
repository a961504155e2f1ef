"""Whoever is measured: each module has a `Contestant` that `benchmarks.worker` runs in a process of its own."""
