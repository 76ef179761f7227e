# make demo    from a fresh clone to a lesion mask, its picture, its score and the web page   (SCAN=path takes your own FLAIR)
# make demo-pacs  the same by DICOM: a study through a local Orthanc, its SEG and report back   (apt install orthanc orthanc-dicomweb)
# make test    every test, against a real Triton
# make up      the serving system on this machine, until Ctrl-C
# make bench   speed, as ratios against what you would use instead; kept in benchmarks/results
# make faults  every part killed and overloaded many times; make soak  half an hour of load
# make audit   known vulnerabilities of what the images install, and their bills of materials (SBOM)
# make lint    style, types, and who may import whom
# make setup   .venv with everything in it; the others do this by themselves

PYTHON ?= python3
VENV   := .venv
PIP    := $(VENV)/bin/pip -q -q --disable-pip-version-check
HUNET  := $(VENV)/bin/hunet
OUT    ?= out/demo
DEMO_SCAN = $(or $(SCAN),out/phantom/flair.nii.gz)

# CPU builds of torch; where this index cannot be reached, whatever else pip is configured with is used.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

PARTS   := protocol client preprocess_service pacs_gateway model export deploy/local deploy/load deploy/batch
SOURCES := constraints.txt $(PARTS:%=%/pyproject.toml) $(wildcard model/setup.py model/CMakeLists.txt model/src/mamba_hunet/csrc/*)

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down demo-pacs test bench up audit lint faults soak sanitize

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: $(VENV)/.ready

$(VENV)/.ready: $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11. Give another: make PYTHON=python3.12"; exit 1; }
	@command -v c++ >/dev/null || { echo "error: no C++ compiler. On Debian or Ubuntu: apt install g++"; exit 1; }
	@echo "setup 1/4: virtual environment and torch"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt setuptools cmake ninja
	@$(PIP) install --retries 1 --timeout 20 --extra-index-url $(TORCH_INDEX) --no-deps --constraint constraints.txt torch
	@$(PIP) install --constraint constraints.txt torch
	@echo "setup 2/4: protocol, client, preprocessing service, PACS gateway"
	@$(PIP) install --no-build-isolation --constraint constraints.txt -e protocol -e 'client[tracing]' -e preprocess_service -e pacs_gateway
	@echo "setup 3/4: networks, and the selective scan compiled for this machine"
	@$(PIP) install --no-build-isolation --constraint constraints.txt -e model -e 'export[export]' -e deploy/local -e deploy/load -e deploy/batch
	@echo "setup 4/4: Triton Inference Server"
	@$(VENV)/bin/python -m hunet_local.install
	@touch $@

# The demo has a stack of its own, so that it never disturbs one that is running.
demo: export HUNET_STATE_DIR := $(CURDIR)/out/demo-stack
demo: setup
ifndef SCAN
	@$(HUNET) phantom -o out/phantom
endif
	@$(HUNET) up --detach --any-ports
	@$(HUNET) segment '$(DEMO_SCAN)' -o '$(OUT)' || { status=$$?; $(HUNET) down; exit $$status; }
ifndef SCAN
	@$(HUNET) score '$(OUT)/mask.nii.gz' out/phantom/lesions.nii.gz
endif
	@echo "look first at $(OUT)/overlay.png; the system stays up until make demo-down: drop $(DEMO_SCAN) on its"
	@$(HUNET) status | grep 'web page'

demo-down: export HUNET_STATE_DIR := $(CURDIR)/out/demo-stack
demo-down: setup
	@$(HUNET) down

demo-pacs: export HUNET_STATE_DIR := $(CURDIR)/out/demo-pacs-stack
demo-pacs: setup
	@$(HUNET) phantom -o out/phantom --dicom
	@$(HUNET) up --detach --any-ports --pacs
	@$(HUNET) send-study out/phantom/dicom -o out/demo-pacs; status=$$?; \
	  if [ $$status -eq 0 ]; then echo "the archive stays up: HUNET_STATE_DIR=$(HUNET_STATE_DIR) $(HUNET) down ends it"; \
	  else $(HUNET) down; fi; exit $$status

up: setup
	@$(HUNET) up

$(VENV)/.ready-to-test: $(VENV)/.ready tests/requirements.txt tests/install_oracle.sh
	@echo "setup for tests: pytest, linters, and mamba-ssm as an oracle"
	@$(PIP) install --constraint constraints.txt -r tests/requirements.txt
	@tests/install_oracle.sh $(VENV)/bin/python
	@touch $@

test: $(VENV)/.ready-to-test
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.ready-to-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	MYPYPATH=benchmarks $(VENV)/bin/mypy benchmarks/*.py
	$(VENV)/bin/lint-imports

$(VENV)/.ready-to-bench: $(VENV)/.ready benchmarks/requirements.txt
	@echo "setup for benchmarks: what they compare with"
	@$(PIP) install --constraint constraints.txt -r benchmarks/requirements.txt
	@touch $@

audit: $(VENV)/.ready-to-test
	@mkdir -p out/sbom
	@for lock in deploy/docker/locks/*.txt; do \
	  image="$$(basename "$$lock" .txt)"; echo "== $$image"; \
	  $(VENV)/bin/cyclonedx-py requirements --output-file "out/sbom/$$image.cdx.json" "$$lock" || exit 1; \
	  $(VENV)/bin/pip-audit --disable-pip --require-hashes --requirement "$$lock" || exit 1; done
	@echo "bills of materials, CycloneDX: out/sbom"

bench: $(VENV)/.ready-to-bench
	@mkdir -p benchmarks/results
	@for script in benchmarks/*.py; do \
	  echo "== $$script"; output="benchmarks/results/$$(basename "$$script" .py).txt"; \
	  { date -u '+%F %R UTC'; git describe --always --dirty; lscpu | sed -n 's/^Model name: *//p;s/^CPU(s): */CPUs: /p'; echo; \
	    $(VENV)/bin/python "$$script"; } > "$$output.part" || exit 1; \
	  mv "$$output.part" "$$output"; cat "$$output"; done

# The long forms of the fault tests; about half an hour. What was counted goes to docs/results/faults.md.
faults: $(VENV)/.ready-to-test
	@tests/faults/long.sh

# Half an hour of load on a stack of its own; what every process held goes to docs/results.
soak: export HUNET_STATE_DIR := $(CURDIR)/out/soak-stack
soak: setup
	@$(HUNET) phantom -o out/phantom
	@$(HUNET) up --detach --any-ports
	@$(HUNET) load out/phantom/flair.nii.gz --slices 4 --slices 8 --slices 16 --soak-min 30 -o out/soak; status=$$?; $(HUNET) down; \
	  sed "1s/$$/, commit $$(git rev-parse --short HEAD)/" out/soak/load.md >docs/results/soak.md; exit $$status

# The C++ core under sanitizers, longer than the tests take for it.
sanitize:
	@mkdir -p out/sanitize
	@for kind in address,undefined thread; do \
	  echo "== $$kind"; tests/model/selective_scan/build_sanitized.sh $$kind out/sanitize/core || exit 1; \
	  out/sanitize/core 300 || exit 1; done
