"""Benchmarks of speed and memory, with a reference in the same run: `make bench`, or `python -m benchmarks NAME`."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before another library loads OpenMP: the same setting as etsyml's
