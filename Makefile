# A short way to the usual commands; Meson does the work. `make help` lists them.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
# Seconds that `make fuzz` gives each target, and which targets (default: all).
TIME ?= 60
TARGETS ?=

.DEFAULT_GOAL := all
.PHONY: all demo check bench fuzz install format clean help

all: $(BUILD)/build.ninja ## Build the program: build/vpcflow-diffd
	@ninja -C $(BUILD) -j $(JOBS)

# Unit tests are left out here, so that building needs no test library; `make check` builds its own trees.
$(BUILD)/build.ninja:
	@tools/dependencies.sh --look build
	@meson setup $(BUILD) -Dtests=false -Dprefix=$(PREFIX)

demo: ## Make flow logs, run the service on them, show a diff
	@tools/dependencies.sh build demo
	@$(MAKE) --no-print-directory all
	@tools/demo.sh

check: ## Run every test; the last line is `N passed, M failed`
	@tools/check.sh

bench: ## Measure speed and memory beside wc, cat and igzip (BENCH_SIZES="100k 1M 5M": shorter)
	@tools/dependencies.sh build bench
	@$(MAKE) --no-print-directory all
	@/usr/bin/python3 bench/run.py

fuzz: ## Fuzz each parser for TIME=60 seconds (TARGETS="dot_parse ..." picks some)
	@tools/dependencies.sh build check
	@TIME=$(TIME) JOBS=$(JOBS) tools/fuzz.sh $(TARGETS)

install: all ## Install below PREFIX=/usr/local (DESTDIR is honoured)
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD)

format: ## Rewrite the C sources in the project's format
	@git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs clang-format -i

clean: ## Remove what was built
	rm -rf $(BUILD) build-*

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
