"""Speed as ratios against a peer or a floor in one run; `python -m benchmarks` writes results.md."""
