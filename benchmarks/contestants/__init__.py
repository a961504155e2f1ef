"""The contestants: each module has a `Contestant` that `benchmarks.worker` runs in a separate process."""
