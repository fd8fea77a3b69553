# Consent at a terminal: what costs hours or cannot be undone is asked for, everything but a yes is a
# no, and whoever is asked can still interrupt, while stages at work are heard.
. "$SRC/tests/e2e/lib.bash"
. "$SRC/tests/e2e/serve.bash"
command -v script >/dev/null || {
    echo "SKIP: no script(1), nobody can be asked"
    exit 0
}
mkfifo keys
# at_terminal COMMAND: on a pseudo terminal in the background; what it shows in `shown`.
at_terminal() {
    script -qefc "$1" /dev/null <keys >shown 2>&1 &
    person=$!
    pids+=("$person")
    exec 3>keys
}
asked() { grep -qF '[y/N]' shown; }
# answers KEYS CODE: typed when the question is there; how the command ends.
answers() {
    eventually asked
    printf "$1" >&3
    wait "$person"
    got=$?
    exec 3>&-
    cp shown out
    [ "$got" -eq "$2" ] || fail "exit $got, expected $2, after the answer $1"
}

# Other bytes of a local file under the same tag.
cat >p.yaml <<'YAML'
runnel: 1
name: p
stages:
  data: {kind: fetch, files: {words: {urls: [words.jsonl], check: {format: jsonl}}}}
YAML
echo '{"text": "one"}' >words.jsonl
expect 0 "$RUNNEL" run p.yaml
echo '{"text": "two"}' >words.jsonl
expect 2 "$RUNNEL" run p.yaml
says "--yes=data"
for no in 'n\n' '\n' 'maybe\n' '\004'; do
    at_terminal "'$RUNNEL' run p.yaml"
    answers "$no" 2
    says "stage 'data' runs from the start"
    says "--yes=data"
done
at_terminal "'$RUNNEL' run p.yaml"
answers '\003' 75 # Ctrl-C
says "stopped before stage 'data'"
at_terminal "'$RUNNEL' run p.yaml"
answers 'y\n' 0
says "+ data"
grep -q two runs/p-*/stages/data/words/words.jsonl || fail "consent was given and nothing was made"

# Beside the question a stage goes on and is heard to its end.
cat >>p.yaml <<YAML
  slow: {kind: exec, cmd: [sh, -c, "until [ -e $work/go ]; do sleep 0.05; done; echo x >\$0/x", "{out.x}"], outputs: {x: files}}
YAML
sed -i '/^  data:/{h;d};$G' p.yaml # slow first
echo '{"text": "three"}' >words.jsonl
expect 0 "$RUNNEL" run p.yaml --only data --yes=data
echo '{"text": "four"}' >words.jsonl
at_terminal "'$RUNNEL' run p.yaml -j 2 --allow-exec"
eventually asked
touch go
eventually grep -q '+ slow' shown
answers 'y\n' 0
says "2 made"

# Deleting, and replacing a pin.
mkdir runs/.store/sft-0000000000000000.attempt
at_terminal "'$RUNNEL' runs prune"
answers 'n\n' 2
says "nothing was deleted"
[ -d runs/.store/sft-0000000000000000.attempt ] || fail "deleted after a no"
at_terminal "'$RUNNEL' runs prune"
answers 'Y\n' 0
[ -d runs/.store/sft-0000000000000000.attempt ] && fail "not deleted after a yes"

mkdir www
cp words.jsonl www
cat >q.yaml <<'YAML'
runnel: 1
name: q
vars: {from: "http://127.0.0.1:1"}
stages:
  data: {kind: fetch, files: {words: {urls: ["${vars.from}/words.jsonl"], check: {format: jsonl}}}}
YAML
serve www
expect 0 "$RUNNEL" fetch q.yaml "vars.from=$url"
echo '{"text": "five"}' >www/words.jsonl
cp q.lock before
for no in 'n\n' '\003'; do
    at_terminal "'$RUNNEL' fetch q.yaml data.words --update vars.from=$url"
    answers "$no" 2
    says "1 pin would be replaced"
    same q.lock before
done
at_terminal "'$RUNNEL' fetch q.yaml data.words --update vars.from=$url"
answers 'y\n' 0
cmp -s q.lock before && fail "consent was given and the pin stayed"
unserve
echo "asked, answered, interrupted"
