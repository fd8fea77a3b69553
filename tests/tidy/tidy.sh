#!/usr/bin/env bash
# The law of the house, held by a program: arrows between rooms, line length, banned calls, marks.
set -u
cd "$(dirname "$0")/../.."
files=$(git ls-files -co --exclude-standard '*.c' '*.h' '*.cu' '*.cuh' '*.cpp' 2>/dev/null | sort -u) && [ -n "$files" ] || { echo "SKIP tidy: not a git checkout"; exit 0; }
bad=0
complain() { # HEADING TEXT
    [ -z "$2" ] && return
    printf '%s\n%s\n\n' "$1" "$2"
    bad=1
}

# A room may include headers of itself and of the rooms below it only.
declare -A below=([base]="" [fetch]="base" [kernels]="base" [data]="base" [model]="base kernels data"
                  [stages]="base fetch kernels data model" [runner]="base fetch kernels data model stages")
declare -A owner_of
for header in $(printf '%s\n' $files | grep '\.h$' | grep -v '^tests/'); do
    owner_of[${header##*/}]=${header%%/*}
done
while IFS=: read -r file header; do
    room=${file%%/*}
    owner=${owner_of[$header]:-$room}
    case " $room ${below[$room]} " in *" $owner "*) ;;
    *) complain "an arrow points the wrong way:" "$file includes $header of $owner" ;; esac
done < <(for room in "${!below[@]}"; do
    printf '%s\n' $files | grep "^$room/"
done | xargs awk '/^#include "/ { gsub(/"/, "", $2); print FILENAME ":" $2 }')

complain "lines over 100 columns:" "$(awk 'length($0) > 100 {print FILENAME ":" FNR}' $files $(git ls-files '*.def') | grep -v unicode_table | head)"
complain "banned calls (use rn_str, rn_xprintf, strtol; exit belongs to main):" \
    "$(grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atof|strtok|system|popen)\(' $(printf '%s\n' $files | grep -v '^tests/') /dev/null)"
complain "exit outside main:" "$(grep -nE '(^|[^_a-z])exit\(' $(printf '%s\n' $files | grep -v -e '^tests/' -e runner/main.c) /dev/null)"
# A comment that calls a function which is not there has outlived it.
gone() { # FILES...
    awk 'FNR == 1 { in_comment = 0 }
        {
            for (rest = $0; rest != ""; rest = at ? substr(rest, at + 2) : "") {
                at = index(rest, in_comment ? "*/" : "/*")
                part = at ? substr(rest, 1, at - 1) : rest
                while (match(part, /(rn|RN)_[A-Za-z0-9_]+\(?/)) {
                    name = substr(part, RSTART, RLENGTH)
                    part = substr(part, RSTART + RLENGTH)
                    called = sub(/\($/, "", name)
                    if (!in_comment) there[name] = 1
                    else if (called) said[name] = FILENAME ":" FNR
                }
                if (at) in_comment = !in_comment
            }
        }
        END { for (name in said) if (!(name in there)) print said[name] ": " name }' "$@"
}
complain "comments call what is not there:" "$(gone $files | sort)"
complain "unfinished marks:" "$(grep -nE '\b(TODO|FIXME|XXX)\b' $files)"
complain "marks of a merge:" "$(grep -nE '^(<<<<<<<|>>>>>>>) ' $files)"
complain "file names must be unique:" "$(printf '%s\n' $files | grep -v '^tests/' | sed 's|.*/||' | sort | uniq -d)"

long() { # LIMIT FILES...: functions longer than LIMIT lines
    local limit=$1
    shift
    awk -v limit="$limit" '
        FNR == 1 { start = 0 }
        /^\{/ { start = FNR; name = prev }
        /^\}/ { if (start && FNR - start > limit) printf "%s:%d %d lines: %s\n", FILENAME, start, FNR - start, name; start = 0 }
        { if ($0 !~ /^[ \t]*$/) prev = $0 }' "$@" /dev/null
}
complain "functions over 70 lines:" "$(long 70 $(printf '%s\n' $files | grep -v -e '^tests/' -e '^kernels/'))"
complain "functions over 100 lines in kernels/:" "$(long 100 $(printf '%s\n' $files | grep '^kernels/'))"
# Files of a room that call each other in a circle can only be read, tested and changed together: what
# they share belongs below both, or they are one. Counted are functions, by the linker's names; a
# table of structs (stages, ops, commands) is no call of its rows, and a callback none of its giver.
calls() { # ARCHIVE: "CALLER CALLED" a line, and "FILE FILE" for each file
    nm -P -A "$1" | awk '
        { file = $1; sub(/.*\[/, "", file); sub(/\.o\]:$/, "", file); print file, file }
        $3 == "T" { home[$2] = file }
        $3 == "U" { wants[file " " $2] = 1 }
        END { for (w in wants) { split(w, part, " ")
                  if (part[2] in home) print part[1], home[part[2]] } }' | sort -u
}
circles() { # one a line
    calls "$1" | tsort 2>&1 >/dev/null |
        awk '/loop:$/ { if (n++) print ""; next } { printf "%s ", $2 } END { if (n) print "" }'
}
built=$(ls "${1:-build}"/lib{base,fetch,kernels,data,model,stages,runner}.a 2>/dev/null)
[ -n "$built" ] || echo "SKIP tidy: nothing is built in ${1:-build}, so nobody knows who calls whom"
for archive in $built; do
    complain "files that call each other in a circle (${archive##*/}):" "$(circles "$archive")"
done

[ $bad -eq 0 ] && echo "tidy: $(printf '%s\n' $files | wc -l) files"
exit $bad
