#include "command.h"
#include "encoder.h"
#include "json.h"
#include "machine.h"
#include "mem.h"
#include "split.h"
#include "tokenizer_info.h"
#include "tokenizer_train.h"
#include "unicode.h"
#include "units.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1 << 28, VOCAB_MAX = 2000000 };

/* --- opening --- */

static int open_tokenizer(struct rn_tokenizer **t, const struct rn_cli *cli, struct rn_err *err)
{
    const char *path = rn_cli_opt(cli, "tokenizer"), *pattern = rn_cli_opt(cli, "pattern");
    *t = NULL;
    if (!path &&
        (strcmp(rn_cli_arg(cli, 0), "info") == 0 || strcmp(rn_cli_arg(cli, 0), "convert") == 0))
        path = rn_cli_arg(cli, 1);
    if (!path)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--tokenizer is needed: a directory or a file");
    RN_TRY(rn_tokenizer_open(t, path, pattern ? pattern : "nanochat", rn_special_nanochat, err));
    const char *own = rn_tokenizer_pattern(*t);
    if (!pattern || strcmp(pattern, own) == 0)
        return RN_OK;
    rn_tokenizer_free(*t);
    *t = NULL;
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "%s has the pattern %s, --pattern says %s", path,
                   own, pattern);
}

/* --- reading --- */

static int open_input(const struct rn_cli *cli, FILE **in, const char **name, struct rn_err *err)
{
    *name = rn_cli_arg(cli, 1);
    if (rn_cli_n(cli) > 2)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "one FILE at most, or standard input");
    if (!*name || strcmp(*name, "-") == 0) {
        *name = "standard input";
        *in = stdin;
        return RN_OK;
    }
    *in = fopen(*name, "rb");
    return *in ? RN_OK : rn_fail_errno(err, RN_PATH(*name), "cannot open");
}

static void close_input(FILE *in)
{
    if (in && in != stdin)
        fclose(in);
}

static int read_all(FILE *in, const char *name, struct rn_str *out, struct rn_err *err)
{
    char buf[1 << 16];
    for (size_t n; (n = fread(buf, 1, sizeof buf, in)) > 0;) {
        if (out->n + n > LINE_MAX_BYTES)
            return rn_fail(err, RN_ECORRUPT, RN_PATH(name), "more than %d bytes; use --json-lines",
                           LINE_MAX_BYTES);
        rn_str_add(out, buf, n);
    }
    return ferror(in) ? rn_fail_errno(err, RN_PATH(name), "cannot read") : RN_OK;
}

/* The next line without its newline; false at the end, or if it is longer than LINE_MAX_BYTES. */
static bool read_line(FILE *in, struct rn_str *line)
{
    rn_str_clear(line);
    int c;
    while ((c = getc_unlocked(in)) != EOF && c != '\n') {
        if (line->n == LINE_MAX_BYTES)
            return false;
        rn_str_putc(line, (char)c);
    }
    return c == '\n' || line->n > 0;
}

/* Calls each(ctx, document) for every line. */
static int each_line(FILE *in, const char *name,
                     int (*each)(void *ctx, const json_t *, struct rn_place, struct rn_err *),
                     void *ctx, struct rn_err *err)
{
    struct rn_place at = RN_PATH(name);
    struct rn_str line = {0};
    int rc = RN_OK;
    while (rc == RN_OK && read_line(in, &line)) {
        json_t *doc = NULL;
        at.line++;
        rc = rn_json_parse(line.p ? line.p : "", line.n, at, &doc, err);
        if (rc == RN_OK)
            rc = each(ctx, doc, at, err);
        json_decref(doc);
    }
    if (rc == RN_OK && ferror(in))
        rc = rn_fail_errno(err, RN_PATH(name), "cannot read");
    else if (rc == RN_OK && !feof(in))
        rc = rn_fail(err, RN_ECORRUPT, RN_LINE(name, at.line + 1), "line over %d bytes",
                     LINE_MAX_BYTES);
    rn_str_release(&line);
    return rc;
}

/* --- encode --- */

static void print_ids(struct rn_encoder *e, const char *text, size_t n)
{
    struct rn_ids ids = {0};
    rn_encoder_encode(e, text, n, &ids);
    putchar('[');
    for (size_t i = 0; i < ids.n; i++)
        printf(i ? ", %d" : "%d", ids.p[i]);
    puts("]");
    rn_ids_release(&ids);
}

static int encode_line(void *encoder, const json_t *doc, struct rn_place at, struct rn_err *err)
{
    if (!json_is_string(doc))
        return rn_fail(err, RN_ECORRUPT, at, "expected a JSON string");
    print_ids(encoder, json_string_value(doc), json_string_length(doc));
    return RN_OK;
}

static int encode_whole(struct rn_encoder *e, FILE *in, const char *name, struct rn_err *err)
{
    struct rn_str text = {0};
    int rc = read_all(in, name, &text, err);
    if (rc == RN_OK)
        print_ids(e, text.p, text.n);
    rn_str_release(&text);
    return rc;
}

static int encode(const struct rn_cli *cli, struct rn_tokenizer *t, FILE *in, const char *name,
                  struct rn_err *err)
{
    struct rn_encoder *e;
    RN_TRY(rn_encoder_new(&e, t, err));
    int rc = rn_cli_opt(cli, "json-lines") ? each_line(in, name, encode_line, e, err)
                                           : encode_whole(e, in, name, err);
    rn_encoder_free(e);
    return rc;
}

/* --- decode --- */

static int ids_of(const json_t *doc, struct rn_place at, struct rn_ids *ids, struct rn_err *err)
{
    if (!json_is_array(doc))
        return rn_fail(err, RN_ECORRUPT, at, "expected a JSON list of ids");
    for (size_t i = 0; i < json_array_size(doc); i++) {
        const json_t *id = json_array_get(doc, i);
        json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value > INT32_MAX)
            return rn_fail(err, RN_ECORRUPT, at, "item %zu of the list is no token id", i);
        rn_ids_push(ids, (int32_t)value);
    }
    return RN_OK;
}

/* The text of one line; place says which line, should an id be out of range. */
static int decode_doc(const struct rn_tokenizer *t, const json_t *doc, struct rn_place at,
                      struct rn_str *out, struct rn_err *err)
{
    struct rn_ids ids = {0};
    struct rn_err inner = {0};
    int rc = ids_of(doc, at, &ids, err);
    if (rc == RN_OK && rn_tokenizer_decode(t, ids.p, ids.n, out, &inner) != RN_OK)
        rc = rn_fail(err, inner.code, at, "%s", inner.msg);
    rn_ids_release(&ids);
    return rc;
}

static int decode_line(void *t, const json_t *doc, struct rn_place at, struct rn_err *err)
{
    struct rn_str bytes = {0}, clean = {0};
    int rc = decode_doc(t, doc, at, &bytes, err);
    if (rc == RN_OK) {
        rn_utf8_repair(bytes.p, bytes.n, &clean);
        json_t *text = json_stringn(clean.n ? clean.p : "", clean.n);
        char *line = json_dumps(text, JSON_ENCODE_ANY);
        puts(line);
        free(line);
        json_decref(text);
    }
    rn_str_release(&bytes);
    rn_str_release(&clean);
    return rc;
}

static int decode_bytes(void *t, const json_t *doc, struct rn_place at, struct rn_err *err)
{
    struct rn_str bytes = {0};
    int rc = decode_doc(t, doc, at, &bytes, err);
    if (rc == RN_OK)
        fwrite(bytes.p, 1, bytes.n, stdout);
    rn_str_release(&bytes);
    return rc;
}

static int decode(const struct rn_cli *cli, struct rn_tokenizer *t, FILE *in, const char *name,
                  struct rn_err *err)
{
    return each_line(in, name, rn_cli_opt(cli, "json-lines") ? decode_line : decode_bytes, t, err);
}

/* --- info --- */

static int info(const struct rn_cli *cli, struct rn_err *err)
{
    struct rn_tokenizer *t;
    RN_TRY(open_tokenizer(&t, cli, err));
    int rc = rn_tokenizer_info(t, cli, err);
    rn_tokenizer_free(t);
    return rc;
}

/* --- convert --- */

static int convert(const struct rn_cli *cli, struct rn_err *err)
{
    const char *out = rn_cli_opt(cli, "out");
    struct rn_tokenizer *t;
    if (!out || rn_cli_n(cli) != 2)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "convert needs a tokenizer and --out: tokenizer.json, vocab.bpe, .tiktoken "
                       "or a directory");
    RN_TRY(open_tokenizer(&t, cli, err));
    int rc = rn_tokenizer_write(t, out, err);
    rn_tokenizer_free(t);
    return rc;
}

/* --- train --- */

/* A number of an option, or the value it has when not given. */
static int number(const struct rn_cli *cli, const char *name, const char *absent, int64_t *out,
                  struct rn_err *err)
{
    const char *text = rn_cli_opt(cli, name);
    char why[RN_WHY];
    if (!rn_units_int(text ? text : absent, RN_U_COUNT, out, why))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--%s: %s", name, why);
    return *out > 0 ? RN_OK
                    : rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--%s: expected more than 0", name);
}

static int check_pattern(const char *pattern, struct rn_err *err)
{
    struct rn_split *split;
    struct rn_err why = {0};
    int rc = rn_split_open(&split, pattern, RN_NOWHERE, &why);
    rn_split_free(split);
    if (rc != RN_OK) {
        rc = rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--pattern: %s", why.msg);
        rn_hint(err, "%s", why.hint);
    }
    return rc;
}

static int plan_of(const struct rn_cli *cli, struct rn_train_plan *plan, struct rn_err *err)
{
    int64_t threads;
    char cores[16];
    snprintf(cores, sizeof cores, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    const char *pattern = rn_cli_opt(cli, "pattern");
    *plan = (struct rn_train_plan){.pattern = pattern ? pattern : "nanochat",
                                   .specials = rn_special_nanochat};
    RN_TRY(number(cli, "vocab-size", "65536", &plan->vocab_size, err));
    RN_TRY(number(cli, "max-chars", "2B", &plan->max_chars, err));
    RN_TRY(number(cli, "doc-chars", "10000", &plan->doc_chars, err));
    RN_TRY(number(cli, "threads", cores, &threads, err));
    plan->threads = (int)(threads > 256 ? 256 : threads);
    RN_TRY(check_pattern(plan->pattern, err));
    if (rn_train_merges(plan) < 0 || plan->vocab_size > VOCAB_MAX)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--vocab-size: expected 265 to %d", VOCAB_MAX);
    return RN_OK;
}

static int train_on(const struct rn_cli *cli, struct rn_docs *docs, const char *dir,
                    struct rn_err *err)
{
    struct rn_train_plan plan;
    struct rn_train_seen seen;
    struct rn_tokenizer *t;
    RN_TRY(plan_of(cli, &plan, err));
    RN_TRY(rn_tokenizer_train(&t, docs, &plan, (struct rn_train_watch){NULL, NULL}, &seen, err));
    int rc = rn_tokenizer_save(t, dir, err);
    if (rc == RN_OK && rn_cli_json(cli))
        printf("{\"chars\":%lld,\"documents\":%lld,\"peak_bytes\":%zu,\"seconds\":%.3f,"
               "\"vocab_size\":%d,\"words\":%lld}\n",
               (long long)seen.chars, (long long)seen.docs, rn_memory_peak(), seen.seconds,
               rn_tokenizer_vocab_size(t), (long long)seen.words);
    else if (rc == RN_OK)
        printf("%s: %d tokens from %lld characters in %lld documents, %.1f s\n", dir,
               rn_tokenizer_vocab_size(t), (long long)seen.chars, (long long)seen.docs,
               seen.seconds);
    char *left_out = rn_train_left_out(&plan, &seen);
    if (left_out)
        fprintf(stderr, "warning: %s\n", left_out);
    free(left_out);
    rn_tokenizer_free(t);
    return rc;
}

static int train(const struct rn_cli *cli, struct rn_err *err)
{
    const char *dir = rn_cli_opt(cli, "out"), *column = rn_cli_opt(cli, "column");
    size_t n = rn_cli_n(cli) - 1;
    if (!dir || n == 0)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "train needs --out DIR and files of text (.parquet, .jsonl, .txt)");
    const char **paths = rn_xalloc(n * sizeof *paths);
    for (size_t i = 0; i < n; i++)
        paths[i] = rn_cli_arg(cli, i + 1);
    struct rn_docs *docs = NULL;
    int rc = rn_docs_open(&docs, paths, n, column ? column : "text", err);
    if (rc == RN_OK)
        rc = train_on(cli, docs, dir, err);
    rn_docs_free(docs);
    free(paths);
    return rc;
}

/* --- the command --- */

static int with_input(const struct rn_cli *cli,
                      int (*use)(const struct rn_cli *, struct rn_tokenizer *, FILE *, const char *,
                                 struct rn_err *),
                      struct rn_err *err)
{
    struct rn_tokenizer *t = NULL;
    FILE *in = NULL;
    const char *name;
    int rc;
    RN_CHECK(rc = open_tokenizer(&t, cli, err));
    RN_CHECK(rc = open_input(cli, &in, &name, err));
    rc = use(cli, t, in, name, err);
done:
    close_input(in);
    rn_tokenizer_free(t);
    return rc;
}

static int run_encode(const struct rn_cli *cli, struct rn_err *err)
{
    return with_input(cli, encode, err);
}

static int run_decode(const struct rn_cli *cli, struct rn_err *err)
{
    return with_input(cli, decode, err);
}

static const struct {
    const char *name;
    int (*run)(const struct rn_cli *, struct rn_err *);
} verbs[] = {{"train", train},
             {"encode", run_encode},
             {"decode", run_decode},
             {"info", info},
             {"convert", convert}};

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *verb = rn_cli_arg(cli, 0);
    for (size_t i = 0; verb && i < RN_COUNT(verbs); i++)
        if (strcmp(verbs[i].name, verb) == 0)
            return verbs[i].run(cli, err);
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                   "tokenizer: expected train, encode, decode, info or convert");
}

static const struct rn_opt opts[] = {
    {"tokenizer", 0, "FILE", "directory, .tiktoken, vocab.bpe, tokenizer.json, tokenizer.pkl"},
    {"pattern", 0, "NAME", "nanochat (default), gpt2, cl100k, or regex: and an expression"},
    {"json-lines", 0, NULL, "encode: a JSON string a line in; decode: a JSON string a line out"},
    {"out", 0, "DIR", "train, convert: where the tokenizer goes; convert: or a file by its ending"},
    {"vocab-size", 0, "N", "train: tokens, specials included (default 65536)"},
    {"max-chars", 0, "N", "train: stop after the document that passes it (default 2B)"},
    {"doc-chars", 0, "N", "train: characters taken of each document (default 10000)"},
    {"column", 0, "NAME", "train: text column of parquet and JSONL (default text)"},
    {"threads", 0, "N", "train: threads (default: all cores)"},
    {"against", 0, "FILE", "info: a tokenizer to compare with; gpt2 and cl100k if they are cached"},
    {0}};
static const struct rn_example examples[] = {
    {"tokenizer train --out tok --vocab-size 4096 corpus.txt", "make one"},
    {"tokenizer encode --tokenizer tok text.txt", "ids, separated by blanks"},
    {"tokenizer info tok --against vocab.bpe", "what it is, and bytes per token beside GPT-2's"},
    {"tokenizer convert tok --out tokenizer.json", "for Hugging Face's tokenizers"},
    {0}};
const struct rn_command rn_command_tokenizer = {"tokenizer",
                                                "train|encode|decode|info|convert [FILE ...]",
                                                "train and use tokenizers",
                                                opts,
                                                run,
                                                .examples = examples};
