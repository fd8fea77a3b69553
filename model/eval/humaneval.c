#include "humaneval.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void add_stripped(struct rn_str *out, const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    while (end > p && is_blank(end[-1]))
        end--;
    rn_str_add(out, p, (size_t)(end - p));
}

/* The code behind a fence at p ("```", perhaps "python", blanks, a line's end) up to the next line
 * that is a fence. Of the line's ends among the blanks the last that has such a line counts. */
static bool block(const char *p, const char **first, const char **end)
{
    p += 3;
    if (rn_starts_with(p, "python"))
        p += 6;
    const char *blanks = p;
    while (is_blank(*blanks))
        blanks++;
    while (blanks > p) {
        if (*--blanks != '\n')
            continue;
        *first = blanks + 1;
        *end = strstr(*first, "\n```");
        if (*end)
            return true;
    }
    return false;
}

void rn_humaneval_extract(const char *answer, struct rn_str *out)
{
    const char *first, *end;
    for (const char *p = answer; (p = strstr(p, "```")); p++) {
        if (!block(p, &first, &end))
            continue;
        add_stripped(out, first, end);
        return;
    }
    add_stripped(out, answer, answer + strlen(answer));
}

/* Lines of import at the beginning; comments and blank lines between them are passed over. */
static void add_imports(const char *prompt, struct rn_str *out)
{
    for (const char *line = prompt, *end; *line; line = *end ? end + 1 : end) {
        struct rn_str s = {0};
        end = line + strcspn(line, "\n");
        add_stripped(&s, line, end);
        const char *text = s.p ? s.p : "";
        bool import = rn_starts_with(text, "import ") || rn_starts_with(text, "from ");
        bool over = !import && *text && *text != '#';
        if (import)
            rn_str_printf(out, "%s\n", text);
        rn_str_release(&s);
        if (over)
            break;
    }
}

void rn_humaneval_program(const char *prompt, const char *answer, const char *test,
                          const char *entry_point, struct rn_str *out)
{
    add_imports(prompt, out);
    rn_str_puts(out, "\n\n");
    rn_humaneval_extract(answer, out);
    rn_str_printf(out, "\n\n%s\ncheck(%s)", test, entry_point);
}
