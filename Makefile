# SPDX-License-Identifier: BSD-3-Clause
#
# A front door to CMake. Every target installs what this machine lacks (tools/setup.sh says what).
# CMakePresets.json has the same configurations for people who use CMake directly.
.DEFAULT_GOAL := build
.PHONY: build demo test test-asan test-asan-untrusted test-large real-models fuzz bench gpu-test gpu-bench \
        format format-check lint install clean help

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
WERROR ?= OFF
JOBS ?= $(shell nproc)

SETUP := tools/setup.sh
LAUNCHER := $(if $(shell command -v ccache),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
CONFIGURE := cmake $(LAUNCHER) -DUNWEIGHT_WERROR=$(WERROR) --preset
CTEST := ctest --output-on-failure -j $(JOBS)
SOURCES = $(shell find include src tests bench examples -name '*.h' -o -name '*.cpp' -o -name '*.c' -o -name '*.cu' -o -name '*.cuh')

build:  ## Release build; the tool is build/bin/unweight
	@$(SETUP) build
	$(CONFIGURE) default
	cmake --build build -j $(JOBS) --target unweight_cli unweight

demo: build  ## Compress a real model, prove that it comes back bit for bit, write a report
	@$(SETUP) python tools/requirements-demo.txt
	.venv/bin/python tools/demo.py

test:  ## Build everything, run every test
	@$(SETUP) build
	@$(SETUP) python tests/real_models/requirements.txt || \
	  echo "test: no Python packages, the tests on real models will be skipped" >&2
	$(CONFIGURE) default
	cmake --build build -j $(JOBS)
	$(CTEST) --test-dir build -LE large

test-asan:  ## The same tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(SETUP) build clang
	$(CONFIGURE) asan
	cmake --build build/asan -j $(JOBS)
	$(CTEST) --test-dir build/asan -LE 'large|package|real-models'

# The tests of packed tensors, and the fuzzers of every parser and decoder: what CI has time for.
UNTRUSTED = packed_test
test-asan-untrusted:  ## Of these, what reads untrusted bytes: packed tensors, the fuzzers
	@$(SETUP) build clang
	$(CONFIGURE) asan
	cmake --build build/asan -j $(JOBS) --target $(UNTRUSTED) fuzzers
	$(CTEST) --test-dir build/asan -LE 'large|package|real-models|slow' \
	  -E 'NOT_BUILT|c11|^(cli|house)[.]|^PackedSize'

test-large:  ## Tests that need tens of gigabytes of disk or memory
	@$(SETUP) build
	$(CONFIGURE) default
	cmake --build build -j $(JOBS)
	$(CTEST) --test-dir build -L large --no-tests=error

real-models:  ## Compress three trained models; fails if a stored size differs from the pinned one
	@$(SETUP) build python tests/real_models/requirements.txt
	$(CONFIGURE) default
	cmake --build build -j $(JOBS) --target unweight_cli
	.venv/bin/python tests/real_models/stored_sizes.py --write
	git diff --exit-code -- tests/real_models/sizes.csv

fuzz:  ## Fuzz every parser and decoder, FUZZ_SECONDS (60) each
	@$(SETUP) build clang
	$(CONFIGURE) asan
	cmake --build build/asan -j $(JOBS) --target fuzzers
	tools/fuzz.sh $(FUZZ_SECONDS)

bench:  ## CPU benchmarks: every kernel, then whole tensors beside ZipNN and zstd
	@$(SETUP) build bench
	$(CONFIGURE) default -DUNWEIGHT_BENCHES=ON
	cmake --build build -j $(JOBS) --target codec_bench codec_speed
	build/bin/codec_bench
	@$(SETUP) python bench/requirements.txt
	.venv/bin/python bench/compare.py

gpu-test:  ## GPU tests; without a GPU it compiles them, says so and fails
	@tools/gpu.sh test

gpu-bench:  ## GPU benchmarks; without a GPU it compiles them, says so and fails
	@tools/gpu.sh bench

format:  ## clang-format all C++
	@$(SETUP) format
	@clang-format -i $(SOURCES)

format-check:  ## Fail if clang-format would change anything
	@$(SETUP) format
	@clang-format --dry-run -Werror $(SOURCES)

LINTED = $(filter src/%.cpp,$(filter-out %_test.cpp %_bench.cpp %_fuzz.cpp,$(SOURCES)))
# The static analyzer of LLVM 14 crashes on these.
NOT_ANALYZED := src/packed/codec_api.cpp src/packed/packed_reader.cpp
TIDY := clang-tidy --quiet -p build --warnings-as-errors='*'
lint: build  ## House rules and clang-tidy
	@$(SETUP) lint
	tools/check_layering.py
	@printf '%s\n' $(filter-out $(NOT_ANALYZED),$(LINTED)) | xargs -P $(JOBS) -n 1 $(TIDY)
	$(TIDY) --checks='-clang-analyzer-*' $(NOT_ANALYZED)

install: build  ## Install to PREFIX (/usr/local); DESTDIR is honoured
	cmake --install build --prefix $(PREFIX)

clean:  ## Remove everything that was built or downloaded
	rm -rf build out .venv

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'
