#!/bin/sh
# install_oracle.sh PYTHON: installs mamba-ssm into PYTHON's environment, for its selective_scan_ref alone.
#
# MAMBA_FORCE_BUILD keeps it from fetching a CUDA wheel and MAMBA_SKIP_CUDA_BUILD from compiling its kernels. Without its
# dependencies it does not import as it is; the fixture mamba_ssm_reference (tests/model/selective_scan) sees to that.
set -eu
python=${1:?usage: install_oracle.sh PYTHON}
version=2.3.2.post1
if "$python" -c "import importlib.metadata as m; assert m.version('mamba-ssm') == '$version'" 2>/dev/null; then
    exit 0
fi
"$python" -m pip install -q -q --constraint "$(dirname "$0")/../constraints.txt" einops triton
MAMBA_FORCE_BUILD=TRUE MAMBA_SKIP_CUDA_BUILD=TRUE \
    "$python" -m pip install -q -q --no-deps --no-build-isolation "mamba-ssm==$version"
