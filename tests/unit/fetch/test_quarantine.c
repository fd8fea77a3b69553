/* Evidence: enough to diagnose, nothing secret, never too much. */
#include "file.h"
#include "path.h"
#include "quarantine.h"
#include "rig.h"

#include <dirent.h>
#include <json.h>
#include <sys/stat.h>

static struct rig rig;

static void up(void)
{
    rig_up(&rig);
}

static void down(void)
{
    rig_down(&rig);
}

TestSuite(quarantine, .init = up, .fini = down, .timeout = 300);

static json_t *read_meta(const char *folder)
{
    char *path = rn_xprintf("%s/%s/meta.json", rig.quarantine, folder);
    json_t *meta = NULL;
    cr_assert_eq(rn_json_read(path, 1 << 16, &meta, &rig.err), RN_OK, "%s", rig.err.msg);
    free(path);
    return meta;
}

static bool trail_has(const json_t *meta, const char *text)
{
    char *all = json_dumps(json_object_get(meta, "trail"), 0);
    bool has = strstr(all, text) != NULL;
    free(all);
    return has;
}

Test(quarantine, meta_tells_the_whole_story)
{
    char hex[RN_HEX];
    rn_sha256_hex("other", 5, hex);
    rig.file.sha256 = hex;
    server_fault(rig.server, "/a.jsonl", "redirect-html");
    rig_source(&rig, "/a.jsonl?token=hunter2");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    json_t *meta = read_meta("a.jsonl-error-page");
    cr_expect_str_eq(rn_json_str(meta, "id", ""), "data.a/a.jsonl");
    cr_expect_str_eq(rn_json_str(meta, "file", ""), "a.jsonl");
    cr_expect_str_eq(rn_json_str(meta, "verdict", ""), "error-page");
    cr_expect_str_eq(rn_json_str(meta, "expected_sha256", ""), hex);
    cr_expect_eq(strlen(rn_json_str(meta, "sha256", "")), 64);
    cr_expect_eq(json_integer_value(json_object_get(meta, "status")), 200);
    cr_expect_eq(json_integer_value(json_object_get(meta, "redirects")), 1);
    cr_expect(strstr(rn_json_str(meta, "first_bytes", ""), "3C 21 44 4F"));
    cr_expect(strstr(rn_json_str(meta, "first_text", ""), "<!DOCTYPE html>"));
    cr_expect(trail_has(meta, "HTTP/1.1 302 Found"));
    cr_expect(trail_has(meta, "Location: /moved/login.html"));
    cr_expect(trail_has(meta, "/moved/login.html\""));
    cr_expect(!trail_has(meta, "hunter2"));
    json_decref(meta);
}

Test(quarantine, the_message_says_what_came_and_what_to_do)
{
    server_fault(rig.server, "/a.jsonl", "403-xml");
    rig_source(&rig, "/a.jsonl");
    cr_assert_eq(rig_fetch(&rig), RN_EFETCH);
    cr_expect(strstr(rig.err.msg, "data.a/a.jsonl: 127.0.0.1:"), "%s", rig.err.msg);
    cr_expect(strstr(rig.err.msg, ": refused: S3 AccessDenied (403), begins 3C 3F 78 6D 6C"), "%s",
              rig.err.msg);
    cr_expect(strstr(rig.err.msg, "\"<?xml version=\"1"), "%s", rig.err.msg);
    cr_expect(strstr(rig.err.hint, "a token is needed, or add a source; what came instead"), "%s",
              rig.err.hint);
    cr_expect(strstr(rig.err.hint, rig.quarantine), "%s", rig.err.hint);
}

Test(quarantine, every_verdict_says_what_to_do_next)
{
    for (enum rn_verdict v = RN_ACCEPTED + 1; v <= RN_MALFORMED; v++)
        cr_expect_gt(strlen(rn_verdict_next(v)), 10, "%s", rn_verdict_id(v));
}

static size_t count_pieces(void)
{
    size_t n = 0;
    DIR *d = opendir(rig.quarantine);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void put_evidence(int i, size_t body_bytes)
{
    char *body = rn_join(rig.dir, "body"), name[32];
    char *bytes = rn_xalloc(body_bytes);
    cr_assert_eq(rn_file_write(body, bytes, body_bytes, NULL), RN_OK);
    struct rn_response r = {.has_body = true, .body = body, .size_bytes = (int64_t)body_bytes};
    rn_find(&r.finding, RN_REFUSED, "status 404");
    snprintf(name, sizeof name, "file-%03d", i);
    rn_quarantine(rig.quarantine,
                  &(struct rn_evidence){.id = "x", .name = name, .url = "http://h/", .r = &r},
                  &rig.log);
    free(bytes);
    free(body);
}

Test(quarantine, the_oldest_goes_when_there_is_too_much)
{
    for (int i = 0; i < 3; i++)
        put_evidence(i, 10);
    usleep(20000); /* the clock of files has a tick */
    for (int i = 3; i < RN_QUARANTINE_MAX + 3; i++)
        put_evidence(i, 10);
    cr_assert_eq(count_pieces(), RN_QUARANTINE_MAX);
    cr_expect(!rig_quarantined(&rig, "file-002-refused"));
    cr_expect(rig_quarantined(&rig, "file-003-refused"));
    for (int i = 200; i < 270; i++)
        put_evidence(i, 1 << 17);
    cr_expect_lt(count_pieces(), 65, "64 KiB each, 4 MiB together");
    cr_expect(rig_quarantined(&rig, "file-269-refused"));
}

Test(quarantine, a_trail_hides_secrets_and_escapes_the_rest)
{
    static const char *const lines[] = {"Set-Cookie: session=hunter2\r\n",
                                        "X-Amz-Security-Token: hunter2\r\n",
                                        "WWW-Authenticate: Bearer realm=hunter2\r\n",
                                        "Location: https://me:hunter2@host/b?sig=hunter2\r\n",
                                        "Server: \033[2J\r\n",
                                        "\r\n"};
    struct rn_str trail = {0}, text = {0};
    rn_trail_hop(&trail, "https://me:hunter2@host/a?sig=hunter2#x");
    for (size_t i = 0; i < RN_COUNT(lines); i++)
        rn_trail_line(&trail, lines[i], strlen(lines[i]));
    rn_trail_show(&trail, &text);
    cr_assert_str_eq(text.p, "> https://host/a\nSet-Cookie: (not shown)\n"
                             "X-Amz-Security-Token: (not shown)\nWWW-Authenticate: (not shown)\n"
                             "Location: https://host/b\nServer: \\x1B[2J\n");
    for (int i = 0; i < 1000; i++)
        rn_trail_line(&trail, "X-More: and more and more and more\r\n", 36);
    cr_assert_leq(trail.n, RN_TRAIL_BYTES);
    rn_str_clear(&text);
    rn_trail_show(&trail, &text);
    cr_assert_leq(text.n, RN_TRAIL_BYTES);
    rn_str_release(&text);
    rn_str_release(&trail);
}
