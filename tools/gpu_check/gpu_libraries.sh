# Of gpu_check.sh: where this machine keeps CUDA's libraries, and what is lost where it has none.

# SONAME, and what goes without it.
needed_libraries() {
    cat <<'END'
libcuda.so.1	nothing runs: it comes with the driver
libcublasLt.so.13	nothing runs: products of matrices
libcudnn.so.9	attention by our own kernels, slower
libnvrtc.so.13	cuDNN cannot compile its attention: by our own kernels, slower
libnccl.so.2	no ranks on GPUs
libnvidia-ml.so.1	no power, no clocks: `runnel monitor` has nothing to read
END
}

# The folders to look into, the likely ones first: the loader's, a toolkit, Python's packages.
likely_folders() {
    ldconfig -p 2>/dev/null | sed -n 's|.*=> \(/.*\)/[^/]*$|\1|p' | sort -u
    ls -d /usr/local/cuda*/lib64 /usr/local/cuda*/targets/*/lib /usr/local/nvidia/lib64 2>/dev/null
    python3 -c 'import nvidia; print("\n".join(nvidia.__path__))' 2>/dev/null |
        xargs -I{} find {} -maxdepth 3 -type d -name lib
}

path_of() { # SONAME FOLDERS
    local folder
    while read -r folder; do
        [ -e "$folder/$1" ] && { echo "$folder/$1"; return; }
    done <<<"$2"
    timeout 60 find / \( -path /proc -o -path /sys -o -path /dev \) -prune -o -name "$1" -print \
        2>/dev/null | head -n 1
}

# Fills library_path and $OUT/env.txt's list; the first thing that is told.
find_libraries() {
    local folders soname lost found
    [ -n "$emulated" ] && return
    folders=$(likely_folders)
    : >"$OUT/env.txt"
    while IFS=$'\t' read -r soname lost; do
        found=$(path_of "$soname" "$folders")
        printf '%-20s %s\n' "$soname" "${found:-MISSING: $lost}" | tee -a "$OUT/env.txt"
        case $found in "" | /lib/* | /usr/lib/*) ;; *) library_path+=:$(dirname "$found") ;; esac
    done < <(needed_libraries)
    for tool in nvidia-smi ncu compute-sanitizer python3; do
        printf '%-20s %s\n' "$tool" "$(command -v $tool || echo MISSING)" | tee -a "$OUT/env.txt"
    done
}
