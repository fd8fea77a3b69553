# The tokenizer as a user meets it: training, encoding, decoding, taking over files, refusals.
. "$(dirname "$0")/lib.bash"
golden=$SRC/tests/golden
vocab=$golden/nanochat-32k.tiktoken

# A JSON string a line in, tiktoken's ids as a JSON list a line out, and back (the unit tests hold
# the 300 golden strings).
cat >texts <<'EOF'
""
"don't  stop 1234\n\n"
"\u6f22\u5b57 \ud83d\ude00\u0000x"
EOF
cat >ids <<'EOF'
[]
[5521, 540, 32, 2500, 32, 1037, 2083, 376]
[230, 188, 162, 229, 173, 151, 32, 240, 159, 152, 128, 0, 120]
EOF
"$RUNNEL" tokenizer encode --tokenizer "$vocab" --pattern nanochat --json-lines <texts >got || fail "encode"
same got ids
"$RUNNEL" tokenizer decode --tokenizer "$vocab" --json-lines <ids >back || fail "decode"
"$RUNNEL" tokenizer encode --tokenizer "$vocab" --json-lines back >again || fail "encode what was decoded"
same again ids
printf 'any\nplain text' >plain
"$RUNNEL" tokenizer encode --tokenizer "$vocab" plain >one || fail "encode plain text"
"$RUNNEL" tokenizer decode --tokenizer "$vocab" one >plain.back || fail "decode to bytes"
same plain plain.back

# Training gives the same files for any number of threads, and info tells what they are.
for i in $(seq 300); do echo "{\"text\": \"the $i sheep of farm $((i % 7)) sleep, don't they?\"}"; done >docs.jsonl
expect 0 "$RUNNEL" tokenizer train docs.jsonl --vocab-size 340 --out one-thread --threads 1
expect 0 "$RUNNEL" tokenizer train docs.jsonl --vocab-size 340 --out two-threads --threads 2
same one-thread/tokenizer.tiktoken two-threads/tokenizer.tiktoken
same one-thread/tokenizer.json two-threads/tokenizer.json
expect 0 "$RUNNEL" tokenizer info one-thread
says '"<|bos|>":331'

# A text file is one document: most of it is left out, and that is said.
for i in $(seq 3000); do echo "sheep $i of farm $((i % 7))"; done >book.txt
expect 0 "$RUNNEL" tokenizer train book.txt --vocab-size 280 --out book
says "a .txt file is one document"
expect 0 "$RUNNEL" tokenizer train book.txt --vocab-size 280 --out whole --doc-chars 1M
silent_about "left out"

# A pattern of one's own: for training, encoding, tokenizer.json, and as a stage below.
expect 0 "$RUNNEL" tokenizer train docs.jsonl --vocab-size 340 --out own --pattern 'regex:\p{L}+|[0-9]{1,2}+|.'
expect 0 "$RUNNEL" tokenizer info own
says 'regex:'
"$RUNNEL" tokenizer encode --tokenizer own plain >own.ids || fail "encode by an own pattern"
"$RUNNEL" tokenizer decode --tokenizer own own.ids >plain.back || fail "decode by an own pattern"
same plain plain.back
expect 0 "$RUNNEL" tokenizer convert own --out own.json
grep -qF '(?>[0-9]{1,2})' own.json || fail "tokenizer.json has the pattern as Oniguruma reads it"
expect 2 "$RUNNEL" tokenizer train docs.jsonl --vocab-size 340 --out bad --pattern 'regex:(a'
says 'missing closing parenthesis'

# Converted to tokenizer.json and back: the same digest; as a stage, too.
mkdir hf
expect 0 "$RUNNEL" tokenizer convert "$vocab" --out hf/tokenizer.json
expect 0 "$RUNNEL" tokenizer info hf/tokenizer.json
says "$("$RUNNEL" tokenizer info "$vocab" | grep digest)"
expect 2 "$RUNNEL" tokenizer convert "$vocab"
expect 5 "$RUNNEL" tokenizer convert "$vocab" --out hf/vocab.bpe
says "GPT-2's pattern"

# How it packs text: built-in samples and given files, beside other tokenizers.
expect 0 "$RUNNEL" tokenizer info one-thread plain --against "$vocab" --json
count() { "$RUNNEL" tokenizer encode --tokenizer "$1" plain | tr -cd , | wc -c; }
ours=$(($(count one-thread) + 1)) theirs=$(($(count "$vocab") + 1))
says "\"text\":\"plain\",\"tokenizer\":\"this\",\"tokens\":$ours}"
says "\"text\":\"plain\",\"tokenizer\":\"$vocab\",\"tokens\":$theirs}"
for kind in news korean code math science; do
    says "\"text\":\"$kind\""
done
expect 1 "$RUNNEL" tokenizer info one-thread no-such-file

# Refusals: one line, the right status, nothing left behind.
expect 2 "$RUNNEL" tokenizer
expect 2 "$RUNNEL" tokenizer encode
expect 2 "$RUNNEL" tokenizer train docs.jsonl --vocab-size 100 --out bad
expect 2 "$RUNNEL" tokenizer train docs.jsonl --vocab-size 400 --pattern gpt3 --out bad
expect 2 "$RUNNEL" tokenizer info one-thread --pattern gpt2
[ ! -e bad ] || fail "a refused training left files"
sed '5s/.*/!!!! 4/' "$vocab" >broken.tiktoken
expect 5 "$RUNNEL" tokenizer info broken.tiktoken
says "broken.tiktoken:5:"
printf '"fine"\n{"no": "string"}\n' >lines
expect 5 "$RUNNEL" tokenizer encode --tokenizer "$vocab" --json-lines lines
says "lines:2:"
echo '[1, 32768]' >lines
expect 5 "$RUNNEL" tokenizer decode --tokenizer "$vocab" lines
says "expected 0 to 32767"

# As a stage: trained, and taken over from a file or from another stage.
cp "$vocab" ranks.tiktoken
cat >tok.yaml <<'EOF'
runnel: 1
name: tok
stages:
  data:
    kind: fetch
    files:
      docs: {urls: [docs.jsonl]}
      ranks: {urls: [ranks.tiktoken]}
      hf: {urls: [hf/tokenizer.json]}
  trained: {kind: train-tokenizer, in: {text: data.docs}, vocab_size: 340}
  own: {kind: train-tokenizer, in: {text: data.docs}, vocab_size: 340, pattern: 'regex:\p{L}+|[0-9]{1,2}+|.'}
  taken: {kind: train-tokenizer, import: data.ranks, vocab_size: 32768}
  copied: {kind: train-tokenizer, import: taken}
  from_hf: {kind: train-tokenizer, import: data.hf}
EOF
expect 0 "$RUNNEL" run tok.yaml
same runs/tok-*/stages/trained/tokenizer/tokenizer.tiktoken one-thread/tokenizer.tiktoken
same runs/tok-*/stages/own/tokenizer/tokenizer.tiktoken own/tokenizer.tiktoken
same runs/tok-*/stages/taken/tokenizer/tokenizer.tiktoken "$vocab"
same runs/tok-*/stages/copied/tokenizer/tokenizer.json runs/tok-*/stages/taken/tokenizer/tokenizer.json
same runs/tok-*/stages/from_hf/tokenizer/tokenizer.json runs/tok-*/stages/taken/tokenizer/tokenizer.json
expect 0 "$RUNNEL" run tok.yaml
says "nothing to do"
expect 3 "$RUNNEL" check tok.yaml trained.pattern=nanochta
says "did you mean 'nanochat'"
expect 3 "$RUNNEL" check tok.yaml trained.vocab_size=260
says "leaves no room"
expect 5 "$RUNNEL" run tok.yaml taken.vocab_size=32767 --until taken
says "has 32768 tokens"
echo "tokenizer: trained, encoded, taken over, refused"
