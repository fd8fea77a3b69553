#include "who.h"

#include "file.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 1 << 20 };

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *dup_or_null(struct rn_who *who, const char *text)
{
    return text ? rn_arena_dup(&who->arena, text) : NULL;
}

/* A path below the home directory, or NULL. */
static const char *in_home(struct rn_who *who, const char *rest)
{
    const char *home = env("HOME");
    return home ? rn_arena_printf(&who->arena, "%s/%s", home, rest) : NULL;
}

/* Content without the blanks around it; NULL if there is no such file or nothing in it. */
static const char *read_word(struct rn_who *who, const char *path)
{
    char *text;
    size_t n;
    if (!path || !rn_exists(path) || rn_file_read(path, LARGEST_FILE, &text, &n, NULL) != RN_OK)
        return NULL;
    static const char blanks[] = " \t\r\n";
    char *start = text + strspn(text, blanks), *end = start + strlen(start);
    while (end > start && strchr(blanks, end[-1]))
        *--end = '\0';
    const char *word = *start ? rn_arena_dup(&who->arena, start) : NULL;
    free(text);
    return word;
}

/* --- hub --- */

static const char *hf_token_path(struct rn_who *who)
{
    if (env("HF_TOKEN_PATH"))
        return env("HF_TOKEN_PATH");
    if (env("HF_HOME"))
        return rn_arena_printf(&who->arena, "%s/token", env("HF_HOME"));
    if (env("XDG_CACHE_HOME"))
        return rn_arena_printf(&who->arena, "%s/huggingface/token", env("XDG_CACHE_HOME"));
    return in_home(who, ".cache/huggingface/token");
}

static void read_hub(struct rn_who *who)
{
    who->hf_token = dup_or_null(who, env("HF_TOKEN"));
    if (!who->hf_token)
        who->hf_token = read_word(who, hf_token_path(who));
    who->hf_endpoint = dup_or_null(who, env("HF_ENDPOINT"));
}

/* --- s3 --- */

/* "name = value": true with both cut out of the line. */
static bool split_setting(char *line, char **name, char **value)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return false;
    *equals = '\0';
    *name = line + strspn(line, " \t");
    *value = equals + 1 + strspn(equals + 1, " \t");
    (*name)[strcspn(*name, " \t")] = '\0';
    (*value)[strcspn(*value, " \t\r")] = '\0';
    return true;
}

/* Fills what the section of an ini file says and what is not known yet. */
struct setting {
    const char *name, **into;
};
static void read_section(struct rn_who *who, const char *path, const char *section,
                         const struct setting *settings)
{
    char *text, *name, *value, header[160];
    size_t n;
    bool inside = false;
    if (!path || !rn_exists(path) || rn_file_read(path, LARGEST_FILE, &text, &n, NULL) != RN_OK)
        return;
    snprintf(header, sizeof header, "[%s]", section);
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        if (*line == '[')
            inside = strncmp(line, header, strlen(header)) == 0;
        else if (inside && *line != '#' && *line != ';' && split_setting(line, &name, &value))
            for (const struct setting *s = settings; s->name; s++)
                if (strcmp(s->name, name) == 0 && *value && !*s->into)
                    *s->into = rn_arena_dup(&who->arena, value);
    }
    free(text);
}

static void read_s3_keys(struct rn_who *who, const char *profile)
{
    if (env("AWS_ACCESS_KEY_ID") && env("AWS_SECRET_ACCESS_KEY")) {
        who->s3_key = dup_or_null(who, env("AWS_ACCESS_KEY_ID"));
        who->s3_secret = dup_or_null(who, env("AWS_SECRET_ACCESS_KEY"));
        who->s3_session = dup_or_null(who, env("AWS_SESSION_TOKEN"));
        return;
    }
    const char *path = env("AWS_SHARED_CREDENTIALS_FILE");
    read_section(who, path ? path : in_home(who, ".aws/credentials"), profile,
                 (const struct setting[]){{"aws_access_key_id", &who->s3_key},
                                          {"aws_secret_access_key", &who->s3_secret},
                                          {"aws_session_token", &who->s3_session},
                                          {0}});
    if (!who->s3_key || !who->s3_secret)
        who->s3_key = who->s3_secret = who->s3_session = NULL;
}

static void read_s3(struct rn_who *who)
{
    const char *profile = env("AWS_PROFILE") ? env("AWS_PROFILE") : "default";
    const char *region = env("AWS_REGION") ? env("AWS_REGION") : env("AWS_DEFAULT_REGION");
    const char *endpoint =
        env("AWS_ENDPOINT_URL_S3") ? env("AWS_ENDPOINT_URL_S3") : env("AWS_ENDPOINT_URL");
    const char *path = env("AWS_CONFIG_FILE");
    bool is_default = strcmp(profile, "default") == 0;
    read_s3_keys(who, profile);
    who->s3_region = dup_or_null(who, region);
    who->s3_endpoint = dup_or_null(who, endpoint);
    read_section(who, path ? path : in_home(who, ".aws/config"),
                 is_default ? profile : rn_arena_printf(&who->arena, "profile %s", profile),
                 (const struct setting[]){{"region", &who->s3_region}, {0}});
}

/* --- all --- */

/* Neither a blank nor a control character: it must not end the header that carries it. */
static bool is_token(const char *text)
{
    for (; text && *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

int rn_who_read(struct rn_who *who, struct rn_err *err)
{
    *who = (struct rn_who){0};
    read_hub(who);
    const char *netrc = env("NETRC") ? dup_or_null(who, env("NETRC")) : in_home(who, ".netrc");
    who->netrc_path = netrc && !rn_absent(netrc) ? netrc : NULL; /* looked into for every host */
    read_s3(who);
    const struct {
        const char *what, *text;
    } tokens[] = {{"the hub's token (HF_TOKEN)", who->hf_token},
                  {"AWS_ACCESS_KEY_ID", who->s3_key},
                  {"AWS_SECRET_ACCESS_KEY", who->s3_secret},
                  {"AWS_SESSION_TOKEN", who->s3_session},
                  {"AWS_REGION", who->s3_region}};
    for (size_t i = 0; i < RN_COUNT(tokens); i++)
        if (!is_token(tokens[i].text))
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "%s holds blanks or control characters",
                           tokens[i].what);
    return RN_OK;
}

void rn_who_release(struct rn_who *who)
{
    rn_arena_release(&who->arena);
    *who = (struct rn_who){0};
}

struct rn_who rn_who_only(const struct rn_who *who, enum rn_auth auth)
{
    struct rn_who some = *who;
    some.arena = (struct rn_arena){0};
    if (auth != RN_AUTH_AUTO && auth != RN_AUTH_HF)
        some.hf_token = NULL;
    if (auth != RN_AUTH_AUTO && auth != RN_AUTH_NETRC)
        some.netrc_path = NULL;
    if (auth != RN_AUTH_AUTO && auth != RN_AUTH_S3)
        some.s3_key = some.s3_secret = some.s3_session = NULL;
    return some;
}
