"""Benchmarks: real servers, one load generator, everything in one run, as ratios."""
