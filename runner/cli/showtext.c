#include "showtext.h"

#include "str.h"

#include <string.h>

/* Bytes of a character that begins so; 1 for what cannot begin one. */
static size_t length_of(unsigned char lead)
{
    return lead >= 0xF0 && lead <= 0xF4  ? 4
           : lead >= 0xE0 && lead < 0xF0 ? 3
           : lead >= 0xC2 && lead < 0xE0 ? 2
                                         : 1;
}

static bool may_go_on(const struct rn_showtext *s)
{
    for (size_t i = 1; i < s->n; i++)
        if ((s->held[i] & 0xC0) != 0x80)
            return false;
    return s->n < length_of(s->held[0]);
}

/* Shows the first character of what is held. */
static void show_one(struct rn_showtext *s)
{
    int size;
    uint32_t c = rn_utf8_next(s->held, s->held + s->n, &size);
    bool bad = rn_is_control(c) || (c == 0xFFFD && size == 1);
    fwrite(bad ? "\xEF\xBF\xBD" : (const char *)s->held, 1, bad ? 3 : (size_t)size, s->out);
    s->n -= (size_t)size;
    memmove(s->held, s->held + size, s->n);
}

void rn_showtext_add(struct rn_showtext *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s->held[s->n++] = (unsigned char)bytes[i];
        while (s->n && !may_go_on(s))
            show_one(s);
    }
    fflush(s->out);
}

void rn_showtext_end(struct rn_showtext *s)
{
    while (s->n)
        show_one(s);
    fflush(s->out);
}
