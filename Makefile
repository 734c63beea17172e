# Everything is made inside this folder; `make clean` removes it again.
PYTHON ?= python3
SEEDS ?= seeds
INDEX ?= .seedqa/index
EVAL ?= ../shared/eval
PORT ?= 7860
MINUTES ?= 10
USERS ?= 50
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)

.PHONY: run test test-ray index lint bench-retrieval bench-study bench-speed bench-roofline bench-page bench-load bench-scale bench-scale-whole bench-lexical bench-confidence bench-formats bench-peers bench-stores soak screenshots fuzz lock audit sbom wheel clean

run: .venv/run
	@test -f $(INDEX)/CURRENT || $(BIN)/qa build $(SEEDS) --index $(INDEX)
	@$(BIN)/qa serve --index $(INDEX) --port $(PORT)

# Files side by side, each whole in one process; every process holds the model and a server.
test: .venv/test
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

# The builds on a Ray cluster alone. On Linux `make test` runs them too; elsewhere Ray is installed here.
test-ray: .venv/test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[ray]'
	$(BIN)/python -m pytest tests/test_ray.py

index: .venv/run
	$(BIN)/qa build $(SEEDS) --index $(INDEX)

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench-retrieval: .venv/test
	$(BIN)/python -m benchmarks.retrieval $(EVAL)

bench-study: .venv/test
	$(BIN)/python -m benchmarks.study $(EVAL) $(foreach set,$(wildcard benchmarks/out/faq) $(SETS),--set $(set)) $(if $(PRECISE),--precise) $(if $(CROSS_ENCODER),--cross-encoder $(CROSS_ENCODER))

bench-speed: .venv/test
	$(BIN)/python -m benchmarks.speed $(EVAL)

bench-roofline: .venv/test
	$(BIN)/python -m benchmarks.roofline $(EVAL)

bench-page: .venv/test
	$(BIN)/python -m benchmarks.page

# The load comes from an environment of its own: what makes it should not lie beside what is tested.
bench-load: .venv/test .venv-load/done
	$(BIN)/python -m benchmarks.load $(EVAL) --minutes $(MINUTES) --users $(USERS)

# SIZES="10000 100000" and ENGINES="exact ours hnswlib usearch" choose; ten million take an hour or so and 20 GB of disk.
bench-scale: .venv/test .venv-scale/done
	$(BIN)/python -m benchmarks.scale $(EVAL) $(SIZES) $(foreach engine,$(ENGINES),--engine $(engine))

bench-lexical: .venv/test
	$(BIN)/python -m benchmarks.lexical_engines $(EVAL)

# SIZES are sentences; ten million need some 30 GB of disk, in the folder that TMPDIR names. SPLIT=1 leaves reading out.
bench-scale-whole: SIZES = 100000 1000000
bench-scale-whole: .venv/test
	$(BIN)/python -m benchmarks.scale_whole $(EVAL) $(SIZES) $(if $(SPLIT),--split)

bench-confidence: .venv/test
	$(BIN)/python -m benchmarks.fit_confidence $(EVAL)

bench-formats: .venv/test
	$(BIN)/python -m benchmarks.formats $(if $(DOCS),--docs "$(DOCS)")

bench-peers: .venv/test
	$(BIN)/python -m benchmarks.peers --eval $(EVAL) $(BENCH)

# STORE=milvus://host:port/any asks a server that is there; without one, Milvus Lite on loopback.
bench-stores: .venv/test
	$(BIN)/python -m benchmarks.stores $(EVAL) $(if $(STORE),--index $(STORE))

# An hour by default; make soak MINUTES=5 SEED=1 for a look.
soak: MINUTES = 60
soak: .venv/test
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

screenshots: .venv/test
	$(BIN)/python -m benchmarks.screenshots

# torch comes first and by its exact version, so that no other package's range draws in a larger build.
.venv/run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "SeedQA needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

# TARGETS="link library.docx" fuzzes these alone; MINUTES is for each.
fuzz: .venv/fuzz
	$(BIN)/python -m benchmarks.fuzz --minutes $(MINUTES) $(foreach target,$(TARGETS),--target $(target))

# Locks, advisories and the list of packages need tools that lie in an environment of their own.
lock audit sbom: .venv-tools/done
	$(subst .venv,.venv-tools,$(BIN))/python -m benchmarks.supply $@

wheel: .venv/run
	$(BIN)/python -m benchmarks.supply wheel

.venv/fuzz: .venv/test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fuzz]'
	@touch $@

.venv-tools/done: locks/tools.txt
	$(PYTHON) -m venv .venv-tools
	$(subst .venv,.venv-tools,$(BIN))/python -m pip install --quiet --no-deps --require-hashes --requirement locks/tools.txt
	@touch $@

.venv-load/done: benchmarks/load.txt
	$(PYTHON) -m venv .venv-load
	$(subst .venv,.venv-load,$(BIN))/python -m pip install --quiet --requirement benchmarks/load.txt
	@touch $@

.venv-scale/done: benchmarks/scale.txt
	$(PYTHON) -m venv .venv-scale
	$(subst .venv,.venv-scale,$(BIN))/python -m pip install --quiet --requirement benchmarks/scale.txt
	@touch $@

.venv/test: .venv/run
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

clean:
	rm -rf .venv .venv-load .venv-scale .venv-tools .seedqa benchmarks/out build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
