"""Times and sizes, compared with a committed table: `make benchmarks`."""
