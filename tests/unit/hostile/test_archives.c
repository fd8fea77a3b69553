/* Archives that lie, climb, swell or point elsewhere: each is refused, for the reason that is
 * written beside it, by a process of its own within 64 MiB and one second, and leaves nothing. */
#include "../fetch/rig.h"
#include "../scratch.h"
#include "file.h"
#include "pack.h"
#include "path.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zlib.h>

enum { MOST_KIB = 64 << 10 };

static char *archive, *out;

static void up(void)
{
    scratch_up();
    archive = rn_join(dir, "a");
    out = rn_join(dir, "out");
}

static void down(void)
{
    scratch_down();
    free(archive);
    free(out);
}

TestSuite(archives, .init = up, .fini = down, .timeout = 300);

/* --- makers; arg: what differs between the rows that share one --- */

struct bomb {
    const char *what;
    void (*make)(struct rn_str *, const struct bomb *);
    const char *why; /* in the message */
    const char *text;
    long number;
};

static char zeros[32 << 20];

static void finish_zip(struct rn_str *s, struct zip_pack *z, const struct zip_end *said)
{
    zip_pack_end(z, said);
    rn_str_add(s, z->out.p, z->out.n);
    rn_str_release(&z->out);
}

static void one_entry(struct rn_str *s, struct zip_entry e)
{
    struct zip_pack z = {0};
    zip_pack_add(&z, &e);
    finish_zip(s, &z, &(struct zip_end){0});
}

static struct zip_entry plain(const char *name)
{
    return zip_stored(name, "content", 7);
}

static void zip_name(struct rn_str *s, const struct bomb *b)
{
    one_entry(s, plain(b->text));
}

static void zip_nul_name(struct rn_str *s, const struct bomb *b)
{
    struct zip_entry e = plain(b->text);
    e.name_bytes = 9;
    one_entry(s, e);
}

static void zip_mode(struct rn_str *s, const struct bomb *b)
{
    struct zip_entry e = plain("entry");
    e.mode = (unsigned)b->number;
    one_entry(s, e);
}

static void zip_flags(struct rn_str *s, const struct bomb *b)
{
    struct zip_entry e = plain("entry");
    e.flags = (unsigned)b->number;
    one_entry(s, e);
}

static void zip_method(struct rn_str *s, const struct bomb *b)
{
    struct zip_entry e = plain("entry");
    e.method = (unsigned)b->number;
    one_entry(s, e);
}

static void zip_long_component(struct rn_str *s, const struct bomb *b)
{
    char name[3000];
    memset(name, 'x', sizeof name);
    name[b->number] = '\0';
    one_entry(s, plain(name));
}

static void zip_deep(struct rn_str *s, const struct bomb *b)
{
    struct rn_str name = {0};
    for (long i = 0; i < b->number; i++)
        rn_str_puts(&name, "d/");
    rn_str_puts(&name, "f");
    one_entry(s, plain(name.p));
    rn_str_release(&name);
}

/* Two names, separated by '|'. */
static void zip_pair(struct rn_str *s, const struct bomb *b)
{
    struct zip_pack z = {0};
    char first[64];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(b->text, "|"), b->text);
    struct zip_entry e = plain(first);
    e.mode = (unsigned)b->number;
    zip_pack_add(&z, &e);
    e = plain(strchr(b->text, '|') + 1);
    zip_pack_add(&z, &e);
    finish_zip(s, &z, &(struct zip_end){0});
}

static void zip_zeros(struct rn_str *s, const struct bomb *b)
{
    struct rn_str packed = {0};
    struct zip_entry e = zip_deflated("zeros", zeros, sizeof zeros, &packed);
    e.size = b->number ? (uint32_t)b->number : e.size; /* what it says */
    one_entry(s, e);
    rn_str_release(&packed);
}

static void zip_many_zeros(struct rn_str *s, const struct bomb *b)
{
    struct zip_pack z = {0};
    struct rn_str packed = {0};
    char name[32];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "zeros-%d", i);
        rn_str_release(&packed);
        struct zip_entry e = zip_deflated(name, zeros, (size_t)b->number, &packed);
        zip_pack_add(&z, &e);
    }
    rn_str_release(&packed);
    finish_zip(s, &z, &(struct zip_end){0});
}

static void zip_bad_crc(struct rn_str *s, const struct bomb *b)
{
    struct rn_str packed = {0};
    struct zip_entry e =
        b->number == 8 ? zip_deflated("entry", "content", 7, &packed) : plain("entry");
    e.crc ^= 1;
    one_entry(s, e);
    rn_str_release(&packed);
}

static void zip_said_size(struct rn_str *s, const struct bomb *b)
{
    struct zip_entry e = plain("entry");
    e.size = (uint32_t)b->number;
    one_entry(s, e);
}

static void zip_said_packed(struct rn_str *s, const struct bomb *b)
{
    struct zip_entry e = plain("entry");
    e.said_bytes = (uint32_t)b->number;
    one_entry(s, e);
}

static void zip_garbage_deflate(struct rn_str *s, const struct bomb *b)
{
    (void)b;
    struct zip_entry e = zip_stored("entry", "\xFF\xFF\xFF\xFF garbage", 12);
    e.method = 8;
    one_entry(s, e);
}

static void zip_cut_deflate(struct rn_str *s, const struct bomb *b)
{
    (void)b;
    struct rn_str packed = {0};
    struct zip_entry e = zip_deflated("entry", "some text, and more text, and text", 34, &packed);
    e.n -= 9;
    one_entry(s, e);
    rn_str_release(&packed);
}

static void zip_local_differs(struct rn_str *s, const struct bomb *b)
{
    struct zip_entry e = plain("entry");
    e.local_name = b->text;
    e.more_local_size = (uint32_t)b->number;
    one_entry(s, e);
}

/* Every entry of the directory is the first one's bytes under another name. */
static void zip_overlap(struct rn_str *s, const struct bomb *b)
{
    struct zip_pack z = {0};
    struct rn_str packed = {0};
    struct zip_entry e = zip_deflated("a-0000", zeros, 1 << 20, &packed);
    char name[16];
    zip_pack_add(&z, &e);
    for (long i = 1; i < b->number; i++) {
        snprintf(name, sizeof name, "a-%04ld", i);
        e.name = name;
        e.at = 1;
        zip_pack_add(&z, &e);
    }
    finish_zip(s, &z, &(struct zip_end){0});
    rn_str_release(&packed);
}

/* Local headers as content of the entry before: each entry quotes all that follow. */
static void zip_quoting(struct rn_str *s, const struct bomb *b)
{
    (void)b;
    struct zip_pack z = {0}, all = {0};
    struct zip_entry e = plain("b");
    zip_pack_add(&all, &e);
    struct zip_entry outer = zip_stored("a", all.out.p, all.out.n);
    zip_pack_add(&z, &outer);
    e.at = 32; /* behind the header of a: 30 bytes and its name */
    zip_pack_add(&z, &e);
    finish_zip(s, &z, &(struct zip_end){0});
    rn_str_release(&all.out);
    rn_str_release(&all.dir);
}

static void zip_end_lies(struct rn_str *s, const struct bomb *b)
{
    struct zip_pack z = {0};
    struct zip_end said = {0};
    struct zip_entry e = plain("entry");
    zip_pack_add(&z, &e);
    long *field = b->text[0] == 'n'   ? &said.entries
                  : b->text[0] == 's' ? &said.dir_bytes
                                      : &said.dir_offset;
    *field = b->number;
    finish_zip(s, &z, &said);
}

static void zip_zip64(struct rn_str *s, const struct bomb *b)
{
    struct zip_pack z = {0};
    struct zip_entry e = plain("entry");
    zip_pack_add(&z, &e);
    struct zip_end said = {.zip64_entries = (uint64_t)b->number};
    if (b->text)
        said.zip64_at = strtoull(b->text, NULL, 0);
    finish_zip(s, &z, &said);
}

static void zip_zip64_sizes(struct rn_str *s, const struct bomb *b)
{
    (void)b;
    struct zip_entry e = plain("entry");
    e.said_bytes = e.size = 0xFFFFFFFF;
    e.extra = "\1\0\x10\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F";
    e.extra_bytes = 20;
    one_entry(s, e);
}

static void zip_many_entries(struct rn_str *s, const struct bomb *b)
{
    struct zip_pack z = {0};
    char name[16];
    for (long i = 0; i < b->number; i++) {
        snprintf(name, sizeof name, "%ld", i);
        struct zip_entry e = zip_stored(name, "", 0);
        zip_pack_add(&z, &e);
    }
    finish_zip(s, &z, &(struct zip_end){.zip64_entries = (uint64_t)b->number});
}

static void zip_two_ends(struct rn_str *s, const struct bomb *b)
{
    struct zip_pack z = {0}, inner = {0};
    struct zip_entry e = plain("shown"), hidden = plain("hidden");
    zip_pack_add(&inner, &hidden);
    zip_pack_end(&inner, &(struct zip_end){0});
    zip_pack_add(&z, &e);
    finish_zip(s, &z, &(struct zip_end){.comment = inner.out.p, .comment_bytes = inner.out.n});
    rn_str_release(&inner.out);
    (void)b;
}

static void zip_around(struct rn_str *s, const struct bomb *b)
{
    if (b->number == 0)
        rn_str_puts(s, b->text);
    one_entry(s, plain("entry"));
    if (b->number == 1)
        rn_str_puts(s, b->text);
}

/* Junk before, and offsets that know about it. */
static void zip_stub(struct rn_str *s, const struct bomb *b)
{
    struct zip_pack z = {0};
    struct zip_entry e = plain("entry");
    rn_str_puts(&z.out, b->text);
    zip_pack_add(&z, &e);
    finish_zip(s, &z, &(struct zip_end){0});
}

static void zip_cut(struct rn_str *s, const struct bomb *b)
{
    one_entry(s, plain("entry"));
    s->n -= (size_t)b->number;
}

static void tar_one(struct rn_str *s, struct tar_entry e)
{
    tar_pack_add(s, &e);
    tar_pack_end(s);
}

static void tar_name(struct rn_str *s, const struct bomb *b)
{
    tar_one(s, (struct tar_entry){.name = b->text, .bytes = "content", .n = 7});
}

static void tar_type(struct rn_str *s, const struct bomb *b)
{
    tar_one(s, (struct tar_entry){.name = "entry", .type = (char)b->number, .link = b->text});
}

static void tar_mode(struct rn_str *s, const struct bomb *b)
{
    tar_one(s, (struct tar_entry){.name = "entry", .mode = (unsigned)b->number});
}

static void tar_link_then_file(struct rn_str *s, const struct bomb *b)
{
    tar_pack_add(s, &(struct tar_entry){.name = "way", .type = '2', .link = b->text});
    tar_one(s, (struct tar_entry){.name = "way/evil", .bytes = "content", .n = 7});
}

static void tar_pair(struct rn_str *s, const struct bomb *b)
{
    char first[64];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(b->text, "|"), b->text);
    tar_pack_add(s, &(struct tar_entry){.name = first, .bytes = "one", .n = 3});
    tar_one(s, (struct tar_entry){.name = strchr(b->text, '|') + 1, .bytes = "two", .n = 3});
}

static void tar_bad_sum(struct rn_str *s, const struct bomb *b)
{
    (void)b;
    tar_pack_add(s, &(struct tar_entry){.name = "good", .bytes = "one", .n = 3});
    tar_one(s, (struct tar_entry){.name = "entry", .bytes = "x", .n = 1, .checksum_off = 7});
}

static void tar_size(struct rn_str *s, const struct bomb *b)
{
    tar_one(s, (struct tar_entry){.name = "entry", .bytes = "x", .n = 1, .size_field = b->text});
}

static void tar_cut(struct rn_str *s, const struct bomb *b)
{
    tar_pack_add(s, &(struct tar_entry){.name = "entry", .bytes = zeros, .n = 100000});
    s->n = (size_t)b->number;
}

static void tar_pax(struct rn_str *s, const struct bomb *b)
{
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(b->text, "="), b->text);
    tar_pack_pax(s, key, strchr(b->text, '=') + 1);
    tar_one(s, (struct tar_entry){.name = "innocent", .bytes = "content", .n = 7});
}

static void tar_pax_sparse(struct rn_str *s, const struct bomb *b)
{
    tar_pack_pax(s, "GNU.sparse.map", "0,7");
    tar_pack_pax(s, "GNU.sparse.size", b->text);
    tar_one(s, (struct tar_entry){.name = "sparse", .bytes = "content", .n = 7});
}

static void tar_huge_pax(struct rn_str *s, const struct bomb *b)
{
    size_t n = (size_t)b->number;
    char *value = malloc(n + 1);
    memset(value, 'x', n);
    value[n] = '\0';
    tar_pack_pax(s, "comment", value);
    tar_one(s, (struct tar_entry){.name = "entry"});
    pack_gzip(s);
    free(value);
}

static void tar_many_pax(struct rn_str *s, const struct bomb *b)
{
    size_t n = 1000 * 1000;
    char *value = malloc(n + 1);
    memset(value, 'x', n);
    value[n] = '\0';
    for (long i = 0; i < b->number; i++) {
        tar_pack_pax(s, "comment", value);
        tar_pack_add(s, &(struct tar_entry){.name = i % 2 ? "a" : "b"});
    }
    tar_pack_end(s);
    pack_gzip(s);
    free(value);
}

static void tar_long_name(struct rn_str *s, const struct bomb *b)
{
    size_t n = (size_t)b->number;
    char *name = malloc(n + 1);
    memset(name, 'x', n);
    memcpy(name, b->text, strlen(b->text));
    name[n] = '\0';
    tar_pack_add(
        s,
        &(struct tar_entry){
            .name = "././@LongLink", .type = 'L', .bytes = name, .n = n + 1, .version = "ustar  "});
    tar_one(s, (struct tar_entry){.name = "entry", .version = "ustar  "});
    free(name);
}

static void tar_cut_name(struct rn_str *s, const struct bomb *b)
{
    tar_long_name(s, &(struct bomb){.text = b->text, .number = 200});
    s->n = (size_t)b->number;
}

static void tar_swollen(struct rn_str *s, const struct bomb *b)
{
    tar_pack_add(s, &(struct tar_entry){.name = "zeros", .bytes = zeros, .n = sizeof zeros});
    tar_pack_end(s);
    if (b->number == 'g')
        pack_gzip(s);
    else
        pack_zstd(s);
}

static void tar_many_entries(struct rn_str *s, const struct bomb *b)
{
    char name[32];
    for (long i = 0; i < b->number; i++) {
        snprintf(name, sizeof name, "f%ld", i);
        tar_pack_add(s, &(struct tar_entry){.name = name});
    }
    tar_pack_end(s);
    pack_zstd(s);
}

static void tar_packed_and_cut(struct rn_str *s, const struct bomb *b)
{
    for (int i = 0; i < 256; i++)
        zeros[i] = (char)(i * 7);
    tar_one(s, (struct tar_entry){.name = "entry", .bytes = zeros, .n = 256});
    memset(zeros, 0, 256);
    if (b->number == 'g')
        pack_gzip(s);
    else
        pack_zstd(s);
    s->n -= 20;
}

static void tar_gzip_bad_crc(struct rn_str *s, const struct bomb *b)
{
    (void)b;
    tar_one(s, (struct tar_entry){.name = "entry", .bytes = "content", .n = 7});
    pack_gzip(s);
    s->p[s->n - 6] ^= 1;
}

static void tar_followed(struct rn_str *s, const struct bomb *b)
{
    tar_one(s, (struct tar_entry){.name = "entry", .bytes = "content", .n = 7});
    rn_str_add(s, zeros, (size_t)b->number);
    pack_gzip(s);
}

static void some_bytes(struct rn_str *s, const struct bomb *b)
{
    rn_str_add(s, b->text, (size_t)b->number);
}

/* --- the table --- */

#define NAME "unsafe name"

static const struct bomb bombs[] = {
    {"zip: climbs", zip_name, NAME, "../evil"},
    {"zip: climbs later", zip_name, NAME, "a/../../evil"},
    {"zip: ends in ..", zip_name, NAME, "a/.."},
    {"zip: absolute", zip_name, NAME, "/etc/evil"},
    {"zip: backslashes", zip_name, NAME, "..\\..\\evil"},
    {"zip: drive letter", zip_name, NAME, "C:evil"},
    {"zip: empty component", zip_name, NAME, "a//b"},
    {"zip: dot", zip_name, NAME, "./a"},
    {"zip: newline", zip_name, NAME, "a\nb"},
    {"zip: escape sequence", zip_name, NAME, "a\033[2Jb"},
    {"zip: delete character", zip_name, NAME, "a\x7F"},
    {"zip: not UTF-8", zip_name, NAME, "caf\xE9"},
    {"zip: overlong UTF-8", zip_name, NAME,
     "..\xC0\xAF"
     "evil"},
    {"zip: empty name", zip_name, NAME, ""},
    {"zip: NUL in the name", zip_nul_name, "NUL", "good\0evil"},
    {"zip: long component", zip_long_component, NAME, NULL, 300},
    {"zip: long name", zip_long_component, NAME, NULL, 2999},
    {"zip: deep", zip_deep, NAME, NULL, 65},
    {"zip: link", zip_mode, "a link", NULL, S_IFLNK | 0777},
    {"zip: character device", zip_mode, "special file", NULL, S_IFCHR | 0666},
    {"zip: block device", zip_mode, "special file", NULL, S_IFBLK | 0666},
    {"zip: fifo", zip_mode, "special file", NULL, S_IFIFO | 0666},
    {"zip: socket", zip_mode, "special file", NULL, S_IFSOCK | 0666},
    {"zip: set-user-id", zip_mode, "other rights", NULL, S_IFREG | 04755},
    {"zip: set-group-id", zip_mode, "other rights", NULL, S_IFREG | 02755},
    {"zip: encrypted", zip_flags, "encrypted", NULL, 1},
    {"zip: unknown method", zip_method, "ompression method", NULL, 77},
    {"zip: link, then a file through it", zip_pair, "a link", "way|way/evil", S_IFLNK | 0777},
    {"zip: twice the same", zip_pair, "", "twin|twin"},
    {"zip: same but for case", zip_pair, "one place", "dir/File|dir/fILE"},
    {"zip: file and directory", zip_pair, "both file and directory", "a|a/b"},
    {"zip: file and directory but for case", zip_pair, "both file and directory", "A|a/b"},
    {"zip: swells", zip_zeros, "above"},
    {"zip: swells, says it is small", zip_zeros, "", NULL, 10},
    {"zip: swells, says it is huge", zip_zeros, "", NULL, 0x7FFFFFFF},
    {"zip: many that swell a little", zip_many_zeros, "above", NULL, 1 << 20},
    {"zip: wrong CRC, stored", zip_bad_crc, "CRC", NULL, 0},
    {"zip: wrong CRC, deflated", zip_bad_crc, "CRC", NULL, 8},
    {"zip: says smaller than it is", zip_said_size, "", NULL, 3},
    {"zip: says larger than it is", zip_said_size, "", NULL, 70000},
    {"zip: packed size too large", zip_said_packed, "", NULL, 1 << 20},
    {"zip: packed size too small", zip_said_packed, "", NULL, 3},
    {"zip: stored called deflated", zip_method, "", NULL, 8},
    {"zip: garbage called deflated", zip_garbage_deflate, ""},
    {"zip: cut deflate stream", zip_cut_deflate, ""},
    {"zip: another name inside", zip_local_differs, "", "evil!", 0},
    {"zip: another size inside", zip_local_differs, "", NULL, 5},
    {"zip: a thousand names for the same bytes", zip_overlap, "not a whole zip", NULL, 1000},
    {"zip: two names for the same bytes", zip_overlap, "not a whole zip", NULL, 2},
    {"zip: an entry in an entry", zip_quoting, "overlap"},
    {"zip: says more entries", zip_end_lies, "", "n", 1},
    {"zip: says fewer entries", zip_end_lies, "", "n", -1},
    {"zip: says a larger directory", zip_end_lies, "not a whole zip", "s", 5},
    {"zip: says a smaller directory", zip_end_lies, "not a whole zip", "s", -5},
    {"zip: directory elsewhere", zip_end_lies, "not a whole zip", "o", 3},
    {"zip: directory past the end", zip_end_lies, "not a whole zip", "o", 1 << 20},
    {"zip64: 2^40 entries", zip_zip64, "entries, at most", NULL, 1L << 40},
    {"zip64: one more entry", zip_zip64, "", NULL, 2},
    {"zip64: end elsewhere", zip_zip64, "zip64 end", "0x7fffffffffffffff", 1},
    {"zip64: end in the entry", zip_zip64, "zip64 end", "2", 1},
    {"zip64: sizes of 2^63", zip_zip64_sizes, ""},
    {"zip: 200,000 entries", zip_many_entries, "entries, at most", NULL, 200000},
    {"zip: an archive in its comment", zip_two_ends, "two ways"},
    {"zip: junk before", zip_around, "neither", "#!/bin/sh\n", 0},
    {"zip: junk behind", zip_around, "not a whole zip", "<script>", 1},
    {"zip: a program before", zip_stub, "neither", "MZ\x90 self-extracting"},
    {"zip: cut", zip_cut, "not a whole zip", NULL, 10},
    {"zip: only its first bytes", some_bytes, "not a whole zip", "PK\3\4", 4},
    {"tar: climbs", tar_name, NAME, "../evil"},
    {"tar: climbs later", tar_name, NAME, "a/../../evil"},
    {"tar: absolute", tar_name, NAME, "/etc/evil"},
    {"tar: backslashes", tar_name, NAME, "..\\evil"},
    {"tar: newline", tar_name, NAME, "a\nb"},
    {"tar: not UTF-8", tar_name, NAME, "caf\xE9"},
    {"tar: symbolic link", tar_type, "a link", "/etc/passwd", '2'},
    {"tar: hard link", tar_type, "a link", "other", '1'},
    {"tar: hard link out", tar_type, "a link", "../../etc/passwd", '1'},
    {"tar: character device", tar_type, "special file", NULL, '3'},
    {"tar: block device", tar_type, "special file", NULL, '4'},
    {"tar: fifo", tar_type, "special file", NULL, '6'},
    {"tar: set-user-id", tar_mode, "other rights", NULL, 04755},
    {"tar: link, then a file through it", tar_link_then_file, "a link", "/tmp"},
    {"tar: twice the same", tar_pair, "one place", "twin|twin"},
    {"tar: same but for case", tar_pair, "one place", "File|fILE"},
    {"tar: file and directory", tar_pair, "both file and directory", "a|a/b"},
    {"tar: wrong checksum", tar_bad_sum, "not a whole tar"},
    {"tar: negative size", tar_size, "", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xF0"},
    {"tar: size of 2^62", tar_size, "", "\x80\0\0\0\x40\0\0\0\0\0\0\0"},
    {"tar: size past the end", tar_size, "", "77777777777"},
    {"tar: cut in an entry", tar_cut, "", NULL, 5000},
    {"tar: cut in a header", tar_cut, "", NULL, 300},
    {"tar: pax name climbs", tar_pax, NAME, "path=../../evil"},
    {"tar: pax name is absolute", tar_pax, NAME, "path=/etc/evil"},
    {"tar: pax size lies", tar_pax, "", "size=99999999999999"},
    {"tar: pax size is negative", tar_pax, "", "size=-7"},
    {"tar: sparse, a terabyte", tar_pax_sparse, "", "1099511627776"},
    {"tar.gz: pax header of 80 MB", tar_huge_pax, "", NULL, 80 << 20},
    {"tar: long name climbs", tar_long_name, NAME, "../", 200},
    {"tar: name of 2 MB", tar_long_name, "", "a/", 2 << 20},
    {"tar: cut in a long name", tar_cut_name, "", "a/", 600},
    {"tar.gz: 100 pax headers of 1 MB", tar_many_pax, "bytes unpacked", NULL, 100},
    {"tar.gz: swells", tar_swollen, "above", NULL, 'g'},
    {"tar.zst: swells", tar_swollen, "above", NULL, 'z'},
    {"tar.zst: 110,000 empty files", tar_many_entries, "more than", NULL, 110000},
    {"tar.gz: cut", tar_packed_and_cut, "", NULL, 'g'},
    {"tar.zst: cut", tar_packed_and_cut, "", NULL, 'z'},
    {"tar.gz: wrong CRC", tar_gzip_bad_crc, "", NULL},
    {"tar.gz: zeros behind it", tar_followed, "behind", NULL, 32 << 20},
    {"bzip2", some_bytes, "neither", "BZh91AY&SY", 10},
    {"xz", some_bytes, "neither",
     "\xFD"
     "7zXZ\0\0\4",
     8},
    {"rar", some_bytes, "neither", "Rar!\x1A\7\0", 7},
    {"a page", some_bytes, "neither", "<html></html>", 13},
    {"nothing", some_bytes, "neither", "", 0},
};

/* --- trying one --- */

struct verdict {
    int check, unpack; /* codes */
    char msg[512];
};

/* Both ways to use an archive; runs in a process of its own. */
static void try_it(int answer)
{
    struct rn_err err = {0};
    struct verdict v = {.check = rn_archive_check(archive, NULL, NULL, &err)};
    snprintf(v.msg, sizeof v.msg, "%s", err.msg);
    v.unpack = rn_archive_unpack(archive, out, NULL, NULL);
    _exit(write(answer, &v, sizeof v) == (ssize_t)sizeof v ? 0 : 1);
}

static struct verdict measure(const struct bomb *b, struct rusage *used)
{
    struct verdict v = {.msg = "the process died"};
    int ends[2], status;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        try_it(ends[1]);
    close(ends[1]);
    if (read(ends[0], &v, sizeof v) != (ssize_t)sizeof v)
        cr_expect(false, "%s: no answer", b->what);
    close(ends[0]);
    cr_assert_eq(wait4(child, &status, 0, used), child);
    return v;
}

static int count_one(void *ctx, const char *name, struct rn_err *err)
{
    (void)name;
    (void)err;
    ++*(int *)ctx;
    return RN_OK;
}

struct cost {
    long kib;
    double seconds;
};

/* worst: the largest that any of them took so far. */
static void expect_refusal(const struct bomb *b, struct cost *worst)
{
    struct rn_str s = {0};
    struct rusage used;
    b->make(&s, b);
    cr_assert_eq(rn_file_write(archive, s.p ? s.p : "", s.n, NULL), RN_OK);
    rn_str_release(&s);
    struct verdict v = measure(b, &used);
    double seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    int files = 0;
    cr_expect_eq(v.check, RN_ECORRUPT, "%s: check said %d: %s", b->what, v.check, v.msg);
    cr_expect_eq(v.unpack, RN_ECORRUPT, "%s: unpack said %d", b->what, v.unpack);
    cr_expect(strstr(v.msg, b->why), "%s: %s", b->what, v.msg);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they take memory and time */
    cr_expect_lt(used.ru_maxrss, MOST_KIB, "%s: %ld KiB", b->what, used.ru_maxrss);
    cr_expect_lt(seconds, 1.0, "%s: %.2f s", b->what, seconds);
#endif
    worst->kib = used.ru_maxrss > worst->kib ? used.ru_maxrss : worst->kib;
    worst->seconds = seconds > worst->seconds ? seconds : worst->seconds;
    cr_assert_eq(rn_walk(dir, count_one, &files, NULL), RN_OK);
    cr_expect_eq(files, 1, "%s: something was left", b->what);
    cr_expect(!rn_exists(out), "%s: the folder has its name", b->what);
    rn_remove_tree(out, NULL);
}

Test(archives, each_is_refused_within_64_mib_and_one_second)
{
    struct cost worst = {0};
    cr_assert_geq(RN_COUNT(bombs), 60);
    for (size_t i = 0; i < RN_COUNT(bombs); i++)
        expect_refusal(&bombs[i], &worst);
    fprintf(stderr, "%zu archives refused, each within %.1f MiB and %.2f s\n", RN_COUNT(bombs),
            (double)worst.kib / 1024, worst.seconds);
}

/* --- what is only strange is taken as it is --- */

static void expect_files(const char *what, const struct rn_str *s, int wanted)
{
    struct rn_err err = {0};
    int files = 0;
    cr_assert_eq(rn_file_write(archive, s->p, s->n, NULL), RN_OK);
    cr_assert_eq(rn_archive_check(archive, NULL, NULL, &err), RN_OK, "%s: %s", what, err.msg);
    cr_assert_eq(rn_archive_unpack(archive, out, NULL, &err), RN_OK, "%s: %s", what, err.msg);
    cr_assert_eq(rn_walk(out, count_one, &files, NULL), RN_OK);
    cr_assert_eq(files, wanted, "%s: %d files", what, files);
    rn_remove_tree(out, NULL);
}

Test(archives, an_archive_in_an_archive_is_a_file)
{
    struct rn_str inner = {0}, s = {0};
    one_entry(&inner, plain("x"));
    one_entry(&s, zip_stored("inner.zip", inner.p, inner.n));
    expect_files("zip in zip", &s, 1);
    rn_str_release(&inner);
    rn_str_release(&s);
}

Test(archives, tar_in_all_its_dresses)
{
    static void (*const dress[])(struct rn_str *) = {NULL, pack_gzip, pack_zstd};
    for (size_t i = 0; i < RN_COUNT(dress); i++) {
        struct rn_str s = {0};
        tar_pack_add(&s, &(struct tar_entry){.name = "top", .type = '5', .mode = 02755});
        tar_pack_add(&s, &(struct tar_entry){.name = "top/a.txt", .bytes = "one", .n = 3});
        tar_pack_pax(&s, "path",
                     "top/sub/gr\xC3\xBC\xC3\x9F"
                     "e.txt");
        tar_pack_add(&s, &(struct tar_entry){.name = "short", .bytes = "two", .n = 3});
        tar_pack_end(&s);
        if (dress[i])
            dress[i](&s);
        expect_files("tar", &s, 2);
        rn_str_release(&s);
    }
}

Test(archives, what_strip_leaves_out_is_read_and_counted_too)
{
    static const struct rn_unpack deep = {.strip = 1, .max_bytes = -1};
    struct rn_err err = {0};
    struct rn_str s = {0};
    tar_pack_add(&s, &(struct tar_entry){.name = "zeros", .bytes = zeros, .n = sizeof zeros});
    tar_pack_add(&s, &(struct tar_entry){.name = "top/a", .bytes = "one", .n = 3});
    tar_pack_end(&s);
    pack_zstd(&s);
    cr_assert_eq(rn_file_write(archive, s.p, s.n, NULL), RN_OK);
    cr_assert_eq(rn_archive_check(archive, "tar", &deep, &err), RN_ECORRUPT);
    cr_assert(strstr(err.msg, "above"), "%s", err.msg);
    rn_str_release(&s);
}

Test(archives, strip_and_require_hold_for_tar_too)
{
    static const char *const require[] = {"core.yaml", NULL};
    struct rn_unpack u = {.strip = 1, .require = require, .max_bytes = -1};
    struct rn_err err = {0};
    struct rn_str s = {0};
    tar_pack_add(&s, &(struct tar_entry){.name = "top/core.yaml", .bytes = "a: 1\n", .n = 5});
    tar_pack_end(&s);
    cr_assert_eq(rn_file_write(archive, s.p, s.n, NULL), RN_OK);
    cr_assert_eq(rn_archive_unpack(archive, out, &u, &err), RN_OK, "%s", err.msg);
    char *path = rn_join(out, "core.yaml");
    cr_assert_eq(rn_file_size(path), 5);
    free(path);
    u.strip = 0;
    cr_assert_eq(rn_archive_check(archive, "tar", &u, &err), RN_ECORRUPT);
    cr_assert(strstr(err.msg, "'core.yaml' is not in the archive"), "%s", err.msg);
    err = (struct rn_err){0};
    cr_assert_eq(rn_archive_check(archive, "zip", NULL, &err), RN_ECORRUPT, "a tar is no zip");
    rn_str_release(&s);
}
