"""Speed and size against a committed table: `make benchmarks`."""
