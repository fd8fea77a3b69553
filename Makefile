# The front door. `make demo` and `make check` are all a newcomer needs; both install what is missing.
.DEFAULT_GOAL := help
BUILD ?= build
JOBS  ?= $(shell nproc)

help:            ## this list
	@sed -n 's/^\([a-z-]*\): .*## /  make \1 — /p' Makefile

setup:
	@tools/setup.sh

configure: setup
	@test -f $(BUILD)/build.ninja || cmake -S . -B $(BUILD) -G Ninja -DRUNNEL_WERROR=ON >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

build: configure ## the program, build/runnel
	@cmake --build $(BUILD) -j $(JOBS)

demo: build ## the whole pipeline on a tiny world, offline, about a minute
	@$(BUILD)/runnel run pipelines/smoke.yaml

check: build ## every test
	@ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure

cuda-all:        ## the CUDA backend for every architecture: no spills, linked; cuDNN's graphs for five cards; emulated under ASan
	@tests/emu/registers.sh --all
	@tests/cuda/run.sh $(BUILD)
	@tests/emu/asan.sh

soak: build ## long campaigns: fuzzing, the smoke gate over seeds, kill and resume, real input
	@tests/soak/run.sh $(BUILD)/runnel

oracle: build ## compare with the Python originals (pip installs them into build/oracle-venv)
	@tests/oracle/run.sh $(BUILD)/runnel

bench: build ## throughput of training, tokenizer and parquet reading
	@tests/bench/run.sh $(BUILD)/runnel
	@ninja -C $(BUILD) bench-step >/dev/null && tests/bench/train.sh $(BUILD)
	@tests/bench/noop.sh $(BUILD)/runnel

asan tsan dev release: setup ## builds and tests with a preset
	@cmake --preset $@ >/dev/null && cmake --build --preset $@ -j $(JOBS) && ctest --preset $@

check-arm: ## cross-builds for aarch64 and runs the unit tests under qemu-user (half an hour)
	@tools/setup.sh arm && tools/arm_sysroot.sh $(BUILD)-arm/sysroot
	@cmake -S . -B $(BUILD)-arm -G Ninja -DRUNNEL_WERROR=ON -DCMAKE_TOOLCHAIN_FILE=tools/aarch64.cmake \
	    -DCMAKE_SYSROOT=$(abspath $(BUILD)-arm)/sysroot >/dev/null
	@cmake --build $(BUILD)-arm -j $(JOBS)
	@ctest --test-dir $(BUILD)-arm -R '^unit-' --output-on-failure --timeout 3600

format: ## clang-format over all sources
	@git ls-files '*.c' '*.h' '*.cu' '*.cuh' '*.cpp' | xargs clang-format -i

clean: ## removes the build folder (runs and caches stay)
	@rm -rf $(BUILD)

.PHONY: help setup configure build demo check cuda-all soak oracle bench asan tsan dev release check-arm format clean
