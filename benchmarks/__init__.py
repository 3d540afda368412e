"""Speed and memory, each beside an anchor measured in the same run: `make bench`, or `python -m benchmarks NAME`."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before a peer loads OpenMP: as etsyml sets it for itself
