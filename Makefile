# Each target sets up what it needs in .venv; a stamp there is older than the requirements when they have changed.
SHELL := /bin/bash
python := .venv/bin/python
requirements := setup.py scripts/setup.sh scripts/interfaces_wheel.sh scripts/system_packages.sh $(shell find interfaces requirements -type f)

export AMENT_PREFIX_PATH := $(CURDIR)/.venv$(if $(AMENT_PREFIX_PATH),:$(AMENT_PREFIX_PATH))
export FASTDDS_DEFAULT_PROFILES_FILE ?= $(CURDIR)/config/fastdds.xml
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST
export NO_MKDOCS_2_WARNING := 1

.PHONY: help demo test lint docs benchmarks setup clean

help:
	@echo "make demo [KITTI=DIR SEQUENCE=NN]  replay a drive through the node: figures, and a report in out/"
	@echo "make test                          lint, types, documents and all tests"
	@echo "make lint                          lint, types and documents alone"
	@echo "make docs                          write the parameter tables, build the site in build/site"
	@echo "make benchmarks                    measure against the committed table"
	@echo "make setup                         the environment for all of it, in .venv"
	@echo "make clean                         remove the environment, builds and caches"

.venv/.runtime: $(requirements)
	scripts/setup.sh view evaluate
	@touch $@

.venv/.develop: $(requirements)
	scripts/setup.sh view evaluate train test docs
	@touch .venv/.runtime $@

setup: .venv/.develop

demo: .venv/.runtime
	.venv/bin/isometry demo $(if $(KITTI),--kitti "$(KITTI)") $(if $(SEQUENCE),--sequence "$(SEQUENCE)")

lint: .venv/.develop
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) -m mkdocs build --strict

docs: .venv/.develop
	$(python) scripts/parameter_tables.py
	$(python) -m mkdocs build --strict

# two processes with a thread each: half of the tests wait for a node
test: lint
	OMP_NUM_THREADS=1 $(python) -m pytest -n 2 --dist loadfile

benchmarks: .venv/.develop
	$(python) -m benchmarks

clean:
	rm -rf .venv build dist install log out play_log .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
