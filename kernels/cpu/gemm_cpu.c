/* Products in bf16 with fp32 sums. Operands are packed into words along K (bf16_word.h).
 *
 *     B    packed once, by all threads: K blocks of panels of NR columns, panel[k][column]
 *     A    a task's rows, packed by its thread a K block at a time: panel of MR rows
 *     C    a task: MB rows by a range of panels; a tile of MR x NR is summed in registers
 *
 * Each element of C is the sum over K blocks, in order, of sums over words, in order. STEP words
 * are multiplied at once; a K block is filled up with zeros to a multiple of it. */
#include "gemm.h"

#include "bf16_word.h"

#if defined(__AMX_BF16__)
enum { MR = 32, LANES = 16, VECTORS = 2, STEP = 16 };
#elif defined(__AVX512BF16__)
enum { MR = 8, LANES = 16, VECTORS = 3, STEP = 1 };
#else
enum { MR = 4, LANES = 8, VECTORS = 2, STEP = 1 };
#endif
enum {
    NR = LANES * VECTORS,
    KB = 192, /* words of a K block: a panel of B takes 36 KiB at most */
    MB_MAX = 128,
    MB_MIN = 32,
    TASKS_WANTED = 8,
    PANELS_MAX = 16, /* of a task: its sums (MB * PANELS * NR * 4 bytes) stay in L2 */
};

struct block { /* lines [line, line + lines) by elements [k, k + ks) along K */
    int64_t line, lines, k, ks;
};

/* Words [k, k + n) of a line. */
static inline void join_line(rn_word *out, const struct rn_matrix *m, const struct block *b,
                             int64_t l, int64_t k, int64_t n)
{
    rn_words_along(out, m->p, m->type, (b->line + l) * m->ld + b->k + 2 * k,
                   rn_min(2 * n, b->ks - 2 * k));
}

/* Of a line of a block, as packed. */
static int64_t packed_words(int64_t ks)
{
    return rn_div_up(rn_word_count(ks), STEP) * STEP;
}

/* Lines are rows: line behind line. */
static void pack_rows(rn_word *out, const struct rn_matrix *m, const struct block *b)
{
    for (int64_t l = 0; l < b->lines; l++)
        join_line(out + l * packed_words(b->ks), m, b, l, 0, rn_word_count(b->ks));
}

/* Lines are rows: out[k * NR + l], turned by way of small squares that stay in cache. */
static void pack_rows_turned(rn_word *out, const struct rn_matrix *m, const struct block *b)
{
    for (int64_t k = 0; k < rn_word_count(b->ks); k += RN_SQUARE) {
        rn_word square[NR][RN_SQUARE];
        int64_t n = rn_min(RN_SQUARE, rn_word_count(b->ks) - k);
        for (int64_t l = 0; l < b->lines; l++)
            join_line(square[l], m, b, l, k, n);
        for (int64_t l = 0; l < b->lines; l += RN_SQUARE)
            rn_words_turn(out + k * NR + l, NR, square[l], RN_SQUARE,
                          rn_min(RN_SQUARE, b->lines - l), n);
    }
}

/* out[l] = word k of all lines, which are columns */
static void join_columns(rn_word *out, const struct rn_matrix *m, const struct block *b, int64_t k)
{
    rn_words_down(out, m->p, m->type, (b->k + 2 * k) * m->ld + b->line,
                  2 * k + 1 < b->ks ? m->ld : RN_NO_ROW, b->lines);
}

/* Lines are columns: out[k * NR + l]. */
static void pack_columns(rn_word *out, const struct rn_matrix *m, const struct block *b)
{
    for (int64_t k = 0; k < rn_word_count(b->ks); k++)
        join_columns(out + k * NR, m, b, k);
}

/* Lines are columns, in panels of MR: out[panel][k * MR + l]. Rows are read whole, because each is
 * far from the next. */
static void pack_column_panels(rn_word *out, const struct rn_matrix *m, const struct block *b)
{
    int64_t ks = rn_word_count(b->ks);
    rn_word row[MB_MAX] = {0};
    for (int64_t k = 0; k < ks; k++) {
        join_columns(row, m, b, k);
        for (int64_t l = 0; l < b->lines; l += MR)
            memcpy(out + l * ks + k * MR, row + l, MR * sizeof *out);
    }
}

/* Lines are columns: line behind line. */
static void pack_columns_turned(rn_word *out, const struct rn_matrix *m, const struct block *b)
{
    int64_t words = rn_word_count(b->ks), ks = packed_words(b->ks);
    for (int64_t k = 0; k < words; k += RN_SQUARE) {
        rn_word rows[RN_SQUARE][MB_MAX];
        int64_t n = rn_min(RN_SQUARE, words - k);
        for (int64_t i = 0; i < n; i++)
            join_columns(rows[i], m, b, k + i);
        for (int64_t l = 0; l < b->lines; l += RN_SQUARE)
            rn_words_turn(out + l * ks + k, ks, &rows[0][l], MB_MAX, n,
                          rn_min(RN_SQUARE, b->lines - l));
    }
}

/* Whether the lines of a panel of A lie side by side and not behind each other: words of single
 * lines are broadcast from anywhere, but whole tiles of them are read as rows. */
static bool side_by_side(const struct rn_matrix *a)
{
    return a->turned && STEP == 1;
}

/* A task's rows, in panels of MR lines. What the last panel lacks in lines, and each line in words,
 * is zero. */
static void pack_a(rn_word *out, const struct rn_matrix *m, const struct block *b)
{
    int64_t ks = packed_words(b->ks);
    if (b->lines % MR || ks > rn_word_count(b->ks))
        memset(out, 0, (size_t)(rn_div_up(b->lines, MR) * MR * ks) * sizeof *out);
    if (side_by_side(m))
        pack_column_panels(out, m, b);
    else if (m->turned)
        pack_columns_turned(out, m, b);
    else
        pack_rows(out, m, b);
}

static void pack_b(rn_word *out, const struct rn_matrix *m, const struct block *b)
{
    int64_t ks = packed_words(b->ks);
    if (b->lines < NR || ks > rn_word_count(b->ks))
        memset(out, 0, (size_t)(NR * ks) * sizeof *out);
    if (m->turned)
        pack_rows_turned(out, m, b);
    else
        pack_columns(out, m, b);
}

/* --- one tile --- */

struct panel_a {
    const rn_word *p;
    int64_t step_row, step_k; /* words */
};

#if defined(__AMX_BF16__)
/* Tiles 0 to 3 are two by two of C, 4 and 5 of A, 6 and 7 of B: 16 rows of 64 bytes each. They are
 * the calling thread's. */
static void tiles_begin(void)
{
    struct {
        uint8_t palette, start_row, unused[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shape.row_bytes[i] = LANES * sizeof(float);
        shape.rows[i] = LANES;
    }
    _tile_loadconfig(&shape);
}

static void tiles_end(void)
{
    _tile_release();
}

static void tiles_load(const float *c, int64_t ldc)
{
    size_t row = (size_t)ldc * sizeof *c;
    _tile_loadd(0, c, row);
    _tile_loadd(1, c + LANES, row);
    _tile_loadd(2, c + LANES * ldc, row);
    _tile_loadd(3, c + LANES * ldc + LANES, row);
}

static void tiles_zero(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

/* c(MR,NR) = or += a(MR,K) b(K,NR) */
static void tile(int64_t ks, struct panel_a a, const rn_word *b, float *c, int64_t ldc, bool add)
{
    size_t a_row = (size_t)a.step_row * sizeof *b, c_row = (size_t)ldc * sizeof *c;
    if (add)
        tiles_load(c, ldc);
    else
        tiles_zero();
    for (int64_t k = 0; k < ks; k += STEP, b += STEP * NR) {
        _tile_loadd(4, a.p + k, a_row);
        _tile_loadd(5, a.p + LANES * a.step_row + k, a_row);
        _tile_loadd(6, b, NR * sizeof *b);
        _tile_loadd(7, b + LANES, NR * sizeof *b);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, c_row);
    _tile_stored(1, c + LANES, c_row);
    _tile_stored(2, c + LANES * ldc, c_row);
    _tile_stored(3, c + LANES * ldc + LANES, c_row);
}
#elif defined(__AVX512BF16__)
/* c(MR,NR) = or += a(MR,K) b(K,NR) */
static void tile(int64_t ks, struct panel_a a, const rn_word *b, float *c, int64_t ldc, bool add)
{
    __m512 sum[MR][VECTORS];
    for (int i = 0; i < MR; i++)
        for (int j = 0; j < VECTORS; j++) {
            sum[i][j] = _mm512_setzero_ps();
            __builtin_prefetch(c + i * ldc + j * LANES, 1);
        }
    for (int64_t k = 0; k < ks; k++, b += NR, a.p += a.step_k) {
        __m512bh right[VECTORS];
        for (int j = 0; j < VECTORS; j++)
            right[j] = (__m512bh)_mm512_loadu_si512(b + j * LANES);
        for (int i = 0; i < MR; i++) {
            __m512bh left = (__m512bh)_mm512_set1_epi32((int)a.p[i * a.step_row]);
            for (int j = 0; j < VECTORS; j++)
                sum[i][j] = _mm512_dpbf16_ps(sum[i][j], left, right[j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 3
        for (int j = 0; j < VECTORS; j++) {
            float *to = c + i * ldc + j * LANES;
            _mm512_storeu_ps(to, add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[i][j]) : sum[i][j]);
        }
}
#else
static inline float low(rn_word w)
{
    return rn_from_bf16((uint16_t)(w & 0xffff));
}

static inline float high(rn_word w)
{
    return rn_from_bf16((uint16_t)(w >> 16));
}

static void tile(int64_t ks, struct panel_a a, const rn_word *b, float *c, int64_t ldc, bool add)
{
    float sum[MR][NR] = {{0}};
    for (int64_t k = 0; k < ks; k++, b += NR, a.p += a.step_k)
        for (int i = 0; i < MR; i++) {
            float lo = low(a.p[i * a.step_row]), hi = high(a.p[i * a.step_row]);
            for (int j = 0; j < NR; j++)
                sum[i][j] += lo * low(b[j]) + hi * high(b[j]);
        }
    for (int i = 0; i < MR; i++)
        for (int j = 0; j < NR; j++)
            c[i * ldc + j] = add ? c[i * ldc + j] + sum[i][j] : sum[i][j];
}
#endif

#if !defined(__AMX_BF16__)
static void tiles_begin(void)
{
}

static void tiles_end(void)
{
}
#endif

/* A tile of which rows x columns count. */
static void edge_tile(int64_t ks, struct panel_a a, const rn_word *b, float *c, int64_t ldc,
                      bool add, int64_t rows, int64_t columns)
{
    float whole[MR * NR];
    tile(ks, a, b, whole, NR, false);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            c[i * ldc + j] = (add ? c[i * ldc + j] : 0) + whole[i * NR + j];
}

/* --- the whole product --- */

struct cut {               /* how a product is cut, by its shape alone */
    int64_t blocks;        /* of K */
    int64_t panels;        /* of B */
    int64_t rows, columns; /* of a task; columns in panels */
    int64_t down, across;  /* tasks */
};

static struct cut cut_of(const struct rn_product *p)
{
    struct cut c = {.blocks = rn_div_up(rn_word_count(p->K), KB), .panels = rn_div_up(p->N, NR)};
    c.rows = rn_div_up(rn_div_up(p->M, TASKS_WANTED), MR) * MR;
    c.rows = rn_min(rn_max(c.rows, MB_MIN), MB_MAX);
    c.down = rn_div_up(p->M, c.rows);
    c.across = rn_min(rn_div_up(TASKS_WANTED, c.down), rn_div_up(c.panels, 2));
    c.columns = rn_div_up(c.panels, c.across);
    c.columns = rn_min(c.columns, PANELS_MAX);
    c.across = rn_div_up(c.panels, c.columns);
    return c;
}

static int64_t block_length(const struct rn_product *p, int64_t block)
{
    return rn_min(2 * KB, p->K - block * 2 * KB);
}

/* Where the panels of a K block begin in packed B. */
static int64_t panels_at(const struct cut *c, int64_t block)
{
    return block * KB * NR * c->panels;
}

static void pack_all_b(rn_word *packed, const struct rn_product *p, const struct cut *c)
{
#pragma omp parallel for schedule(static) collapse(2)
    for (int64_t block = 0; block < c->blocks; block++)
        for (int64_t j = 0; j < c->panels; j++) {
            struct block b = {.line = j * NR,
                              .lines = rn_min(NR, p->N - j * NR),
                              .k = block * 2 * KB,
                              .ks = block_length(p, block)};
            pack_b(packed + panels_at(c, block) + j * NR * packed_words(b.ks), &p->b, &b);
        }
}

struct thread { /* what a thread has for itself, in words of scratch */
    rn_word a[MB_MAX * KB];
    float c[MB_MAX * PANELS_MAX * NR];
};

struct task {
    const struct rn_product *p;
    const struct cut *cut;
    int64_t row, rows, panel, panels;
    const rn_word *b;
    rn_word *a; /* a K block of its rows */
    float *c;   /* its first sum: in C, or waiting to be rounded */
    int64_t ldc;
};

static int64_t columns_of(const struct task *t)
{
    return rn_min(t->panels * NR, t->p->N - t->panel * NR);
}

/* The first of a task's rows whose tile against its j-th panel counts: in symmetric products tiles
 * above the diagonal are left out. */
static int64_t first_row(const struct task *t, int64_t j)
{
    int64_t above = (t->panel + j) * NR - t->row;
    return t->p->symmetric && above > 0 ? above / MR * MR : 0;
}

/* All tiles of a task against its j-th panel of B. */
static void run_panel(const struct task *t, int64_t j, int64_t ks, const rn_word *b, bool add)
{
    int64_t columns = rn_min(NR, columns_of(t) - j * NR);
    bool beside = side_by_side(&t->p->a);
    for (int64_t i = first_row(t, j); i < t->rows; i += MR) {
        struct panel_a a = {t->a + i * ks, beside ? 1 : ks, beside ? MR : 1};
        float *c = t->c + i * t->ldc + j * NR;
        int64_t rows = rn_min(MR, t->rows - i);
        if (rows == MR && columns == NR)
            tile(ks, a, b, c, t->ldc, add);
        else
            edge_tile(ks, a, b, c, t->ldc, add, rows, columns);
    }
}

static void run_block(const struct task *t, int64_t block, bool add)
{
    int64_t length = block_length(t->p, block), ks = packed_words(length);
    struct block a = {t->row, t->rows, block * 2 * KB, length};
    pack_a(t->a, &t->p->a, &a);
    const rn_word *panels = t->b + panels_at(t->cut, block) + t->panel * NR * ks;
    for (int64_t j = 0; j < t->panels; j++)
        run_panel(t, j, ks, panels + j * NR * ks, add);
}

static void run_task(const struct task *t)
{
    const struct rn_product *p = t->p;
    int64_t n = columns_of(t), at = t->row * p->c.ld + t->panel * NR;
    for (int64_t i = 0; p->bias && i < t->rows; i++)
        memcpy(t->c + i * t->ldc, p->bias + t->panel * NR, (size_t)n * sizeof *t->c);
    tiles_begin();
    for (int64_t block = 0; block < t->cut->blocks; block++)
        run_block(t, block, block > 0 || p->add || p->bias);
    tiles_end();
    for (int64_t i = 0; i < t->rows; i++)
        rn_row_done(p->c.p, p->c.type, at + i * p->c.ld, n, t->c + i * t->ldc);
}

static struct task task_of(const struct rn_product *p, const struct cut *c, int64_t i,
                           struct thread *own)
{
    int64_t row = i % c->down * c->rows, panel = i / c->down * c->columns;
    bool waits = p->c.type == RN_BF16;
    return (struct task){.p = p,
                         .cut = c,
                         .row = row,
                         .rows = rn_min(c->rows, p->M - row),
                         .panel = panel,
                         .panels = rn_min(c->columns, c->panels - panel),
                         .a = own->a,
                         .c = waits ? own->c : (float *)p->c.p + row * p->c.ld + panel * NR,
                         .ldc = waits ? PANELS_MAX * NR : p->c.ld};
}

/* What stands above the diagonal is what stands below it, in squares that stay in cache. */
static void mirror(float *c, int64_t ld, int64_t n)
{
    enum { SIDE = 32 };
#pragma omp parallel for schedule(dynamic) if (rn_worth(n * n))
    for (int64_t top = 0; top < n; top += SIDE)
        for (int64_t left = top; left < n; left += SIDE)
            for (int64_t i = top; i < rn_min(top + SIDE, n); i++)
                for (int64_t j = rn_max(left, i + 1); j < rn_min(left + SIDE, n); j++)
                    c[i * ld + j] = c[j * ld + i];
}

static void run_bf16(const struct rn_product *p, struct thread *threads)
{
    struct cut c = cut_of(p);
    rn_word *packed = (rn_word *)(threads + omp_get_max_threads());
    RN_ASSERT(!(p->add && (p->bias || p->c.type == RN_BF16)));
    RN_ASSERT(!p->symmetric || (p->M == p->N && !p->bias && !p->add && p->c.type == RN_F32));
    pack_all_b(packed, p, &c);
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < c.down * c.across; i++) {
        struct task t = task_of(p, &c, i, &threads[omp_get_thread_num()]);
        t.b = packed;
        if (first_row(&t, 0) < t.rows)
            run_task(&t);
    }
    if (p->symmetric)
        mirror(p->c.p, p->c.ld, p->M);
}

/* --- in fp32, by the library --- */

static void run_f32(const struct rn_product *p)
{
    const struct rn_matrix *a = &p->a, *b = &p->b, *c = &p->c;
    float *to = c->p;
    RN_ASSERT(a->type == RN_F32 && b->type == RN_F32 && c->type == RN_F32);
    if (p->bias) {
#pragma omp parallel for schedule(static) if (rn_worth(p->M * p->N))
        for (int64_t i = 0; i < p->M; i++)
            memcpy(to + i * c->ld, p->bias, (size_t)p->N * sizeof *to);
    }
    rn_gemm(a->turned, b->turned, p->M, p->N, p->K, 1, a->p, a->ld, b->p, b->ld, p->add || p->bias,
            to, c->ld);
}

/* --- the door --- */

void rn_product_run(const struct rn_product *p, enum rn_dtype compute, void *scratch)
{
    if (compute == RN_BF16)
        run_bf16(p, scratch);
    else
        run_f32(p);
}

size_t rn_product_scratch_bytes(const struct rn_product *p, enum rn_dtype compute, int threads)
{
    if (compute == RN_F32)
        return 0;
    struct cut c = cut_of(p);
    return (size_t)threads * sizeof(struct thread) +
           (size_t)(c.panels * NR * c.blocks * KB) * sizeof(rn_word);
}
