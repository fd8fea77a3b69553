# Planted faults: each is put into a copy of the sources, and a test must fail. A fault that survives
# is a test that is missing. For scripts that are tables of faults:
#
#     . plant.bash
#     plant_begin runnel-cpu                            what to build beside test-kernels
#     plant_try FILE FROM TO WHAT TEST                  every such text; WHAT it breaks; which tests
#     plant_end
#
# FAULT=TEXT in the environment: only those whose WHAT has it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tried=0 missed=0
export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1 # a copy elsewhere compiles to the same objects

build() {
    cmake --build "$work/build" --target test-kernels "${targets[@]}" >"$work/log" 2>&1
}

passes() { # TEST
    "$work/build/test-kernels" --filter "$1" >"$work/log" 2>&1
}

plant_begin() { # TARGET ...
    local launcher options=()
    targets=("$@")
    echo "building a copy"
    cp -r "$src/CMakeLists.txt" "$src/CMakePresets.json" "$src/LICENSE" "$src/README.md" \
        "$src"/{base,data,docs,fetch,kernels,model,pipelines,runner,stages,tests,tools} "$work"/ || exit 1
    launcher=$(command -v ccache) && options=(-DCMAKE_C_COMPILER_LAUNCHER="$launcher"
                                              -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher")
    cmake -S "$work" -B "$work/build" -G Ninja "${options[@]}" >"$work/log" 2>&1 && build ||
        { tail "$work/log"; exit 1; }
}

# plant FILE FROM TO: fails where there is no such text.
plant() {
    local text
    text=$(cat "$1")
    [[ $text == *"$2"* ]] || return 1
    printf '%s\n' "${text//"$2"/"$3"}" >"$1"
}

plant_try() { # FILE FROM TO WHAT TEST
    local verdict path=$work/$1
    [[ $4 == *${FAULT:-}* ]] || return 0
    cp "$path" "$work/sound"
    if ! plant "$path" "$2" "$3"; then
        verdict="not there"
    elif ! build; then
        verdict="does not build"
    elif passes "$5"; then
        verdict="SURVIVED"
    else
        verdict="caught"
    fi
    tried=$((tried + 1))
    [ "$verdict" = caught ] || missed=$((missed + 1))
    printf '%-14s %s: %s\n' "$verdict" "${1##*/}" "$4"
    cp "$work/sound" "$path"
}

plant_end() {
    [ "$missed" -eq 0 ] || { echo "$missed faults were not caught"; exit 1; }
    echo "$tried faults, all caught"
}
