# runnel data: every format that is read says what it is and how it begins; what is damaged or
# unknown is refused in one line.
. "$(dirname "$0")/lib.bash"
golden=$SRC/tests/golden
while read -r file format key; do
    expect 0 "$RUNNEL" data info "$golden/$file" --json
    says "\"format\":\"$format\""
    says "$key"
    "$RUNNEL" data head "$golden/$file" -n 2 >rows || fail "head of $file"
    [ "$(wc -l <rows)" -eq 2 ] || fail "head of $file gave $(wc -l <rows) rows"
done <<'EOF2'
tokens/u2.npy npy "tokens":30
tokens/llmc-v7.bin llmc "bytes_a_token":4
tokens/megatron-i4.bin megatron "sequences":4
hf-small.json tokenizer "pattern":"nanochat"
nanochat-32k.tiktoken tokenizer "vocab_size":32759
gpt2-tiny.safetensors safetensors "tensors":122
small-zstd-v2.parquet parquet "rows":40
hf-small-ids.jsonl jsonl "rows":60
EOF2
echo '{"at":0,"ids":[299,7,14,21,28,35,42,49,299,63,70,77,84,91,98,105]}' >want
"$RUNNEL" data head "$golden/tokens/u2.npy" --rows 1 >got
same want got
"$RUNNEL" data head "$golden/parquet/dict-snappy-v1.parquet" -n 1 >rows
first=$(sed 's/^{"\([^"]*\)".*/\1/' rows)
expect 0 "$RUNNEL" data head "$golden/parquet/dict-snappy-v1.parquet" -n 2 --column "$first"
[ "$(wc -l <out)" -eq 2 ] && ! grep -q '",".*":' out || fail "not the one column: $(cat out)"
expect 5 "$RUNNEL" data head "$golden/parquet/dict-snappy-v1.parquet" --column nowhere
expect 2 "$RUNNEL" data head "$golden/tokens/u2.npy" --column text
says "it has no columns"

# Tokens for other programs: from every format to every format, byte for byte what numpy.save and
# Python's struct wrote.
for from in u2.npy llmc-v1.bin megatron-u2.bin; do
    expect 0 "$RUNNEL" data convert "$golden/tokens/$from" to.npy
    same to.npy "$golden/tokens/u2.npy"
    expect 0 "$RUNNEL" data convert "$golden/tokens/$from" to.bin
    same to.bin "$golden/tokens/llmc-v1.bin"
    expect 0 "$RUNNEL" data convert "$golden/tokens/$from" to.idx --bos 299
    same to.bin "$golden/tokens/megatron-u2.bin"
    same to.idx "$golden/tokens/megatron-u2.idx"
done
expect 0 "$RUNNEL" data convert "$golden/tokens/megatron-i4.bin" wide.bin
same wide.bin "$golden/tokens/llmc-v7.bin"
expect 0 "$RUNNEL" data convert "$golden/tokens/llmc-v7.bin" wide.npy
same wide.npy "$golden/tokens/u4.npy"
expect 2 "$RUNNEL" data convert "$golden/tokens/u2.npy" to.parquet
says "no format ends so"
expect 2 "$RUNNEL" data convert "$golden/tokens/u2.npy"
expect 5 "$RUNNEL" data convert "$golden/tokens/f4.npy" never.npy
[ ! -e never.npy ] || fail "a name for tokens that could not be read"

expect 0 "$RUNNEL" data info "$golden/tokens/megatron-u2.idx"
says '"megatron index"'
for bad in tokens/f4.npy README.md; do
    expect 5 "$RUNNEL" data info "$golden/$bad"
    [ "$(wc -l <out)" -eq 1 ] || fail "more than a line about $bad"
done
expect 1 "$RUNNEL" data info nowhere.npy
expect 2 "$RUNNEL" data info
expect 2 "$RUNNEL" data tail "$golden/tokens/u2.npy"

# A file cut short or with a byte flipped: an answer or a refusal, never a crash.
for file in tokens/u4.npy tokens/llmc-v1.bin small-snappy-dict.parquet hf-small.json; do
    size=$(stat -c %s "$golden/$file")
    for part in 1 3 7 15; do
        cut=cut-$(basename "$file")
        head -c $((size * part / 16)) "$golden/$file" >"$cut"
        expect 5 "$RUNNEL" data info "$cut"
        cp "$golden/$file" "$cut"
        printf '\377' | dd of="$cut" bs=1 seek=$((size * part / 16)) conv=notrunc status=none
        "$RUNNEL" data head "$cut" >/dev/null 2>&1
        [ $? -lt 128 ] || fail "data head crashed on a flipped byte of $file"
    done
done
echo "data: every format told, shown, and refused when damaged"
