"""Run the tests as on other CPUs; prints one line per setting. Arguments are passed to pytest.

Each setting makes one library use the instructions of an older or newer CPU, the last one all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

KERNELS = ("Prescott", "Nehalem", "Sandybridge", "Haswell", "SkylakeX")
BASELINE = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",  # else those of the host
    "NPY_DISABLE_CPU_FEATURES": "X86_V3",
}
SETTINGS = {
    **{f"OpenBLAS {kernel}": {"OPENBLAS_CORETYPE": kernel} for kernel in KERNELS},
    "torch baseline": {name: BASELINE[name] for name in ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")},
    "numba generic": {name: BASELINE[name] for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")},
    "numpy baseline": {"NPY_DISABLE_CPU_FEATURES": BASELINE["NPY_DISABLE_CPU_FEATURES"]},
    "all baseline": BASELINE | {"OPENBLAS_CORETYPE": "Prescott"},
}
PROBE = """
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
square = numpy.random.default_rng(0).random((300, 300), dtype="f")
numpy.linalg.eigh(square @ square.T), scipy.linalg.svd(square)
print(*sorted({library["architecture"] for library in threadpool_info() if library["user_api"] == "blas"}))
"""


def main(arguments: list[str]) -> int:
    logs = Path(tempfile.mkdtemp(prefix="etsyml-cpus-"))
    failed = 0
    for name, setting in SETTINGS.items():
        environment = os.environ | setting
        kernel = _active_kernel(environment)
        if not kernel:
            print(f"{name:<22}skipped: this CPU does not support it", flush=True)
            continue
        log = logs / f"{name.replace(' ', '-')}.log"
        code, last_line = _run_tests(arguments, environment, log)
        failed += code != 0
        outcome = last_line if code == 0 else f"FAILED, see {log}: {last_line}"
        print(f"{name:<22}{kernel:<12} {outcome}", flush=True)
    return int(failed > 0)


def _active_kernel(environment: dict[str, str]) -> str:
    """Name of the BLAS kernel in use; empty if this CPU lacks its instructions."""
    probe = subprocess.run([sys.executable, "-c", PROBE], env=environment, check=False, capture_output=True, text=True)
    return probe.stdout.strip() if probe.returncode == 0 else ""


def _run_tests(arguments: list[str], environment: dict[str, str], log: Path) -> tuple[int, str]:
    """Exit code and last line of pytest."""
    with log.open("w", encoding="utf-8") as out:
        line = [sys.executable, "-m", "pytest", "-q", *arguments]
        code = subprocess.run(line, env=environment, check=False, stdout=out, stderr=subprocess.STDOUT).returncode
    lines = log.read_text(encoding="utf-8").splitlines()
    return code, lines[-1] if lines else "no output"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
