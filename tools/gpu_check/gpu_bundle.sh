# Of gpu_check.sh: `bundle DIR`, all that a machine with a driver, glibc and a shell is going to need.
# What is left to that machine is too large to be carried: cuBLASLt, cuDNN, NVRTC, NCCL.

# Which libraries are brought: all but the C library's own and those of CUDA.
brought_libraries() { # PROGRAM...
    local theirs='^(lib(cuda|cublas|cudnn|nccl|nvrtc|nvidia)|lib(c|m|dl|rt|pthread|resolv|mvec|util)\.so)'
    ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}' | sort -u |
        awk -v theirs="$theirs" '$1 !~ theirs {print $2}'
}

bundle() { # DIR
    local dir=${1:?gpu_check.sh bundle DIR} file built from="${BUILD:-$root/build}"
    built=$(mktemp -d) && mkdir -p "$built/lib" "$dir/data" "$dir/peers" || return 1
    for file in runnel bench-step test-kernels librunnel-cpu.so librunnel-cuda.so; do
        cp "$from/$file" "$built/" || return 1
    done
    # Where they were built: a device without a card, to try the bundle; ranks by NCCL.
    for file in librunnel-cuda-emu.so librunnel-cudnn-emu.so librunnel-nccl.so; do
        [ -e "$from/$file" ] && cp "$from/$file" "$built/"
    done
    brought_libraries "$built"/* 2>/dev/null | xargs -I{} cp -L {} "$built/lib/" || return 1
    strip --strip-unneeded "$built"/lib/* "$built"/*.so "$built"/runnel 2>/dev/null
    tar czf "$dir/built.tar.gz" -C "$built" . && rm -r "$built"
    cp "$root"/tests/golden/*-tiny.safetensors "$root/tests/e2e/mini.yaml" "$dir/data/"
    cp "$root/tests/bench/train_peer.py" "$dir/peers/"
    if [ -n "${NANOCHAT:-}" ]; then
        mkdir -p "$dir/peers/nanochat/nanochat"
        cp "$NANOCHAT"/nanochat/*.py "$dir/peers/nanochat/nanochat/"
    fi
    cp -r "$root/tools/gpu_check.sh" "$parts_dir" "$dir/"
    du -sm "$dir" | awk '{print $1 " MiB in " $2} $1 > 60 {print "more than can be carried"; exit 1}'
}
