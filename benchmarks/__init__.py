"""Speed and memory, each beside an anchor measured in the same run: `make bench`, or `python -m benchmarks NAME`."""
