/* sample_text.h - a page of each of several kinds of text, to see how a tokenizer packs them.
 *
 *     for (const struct rn_sample_text *s = rn_sample_texts; s->kind; s++)
 *         rn_tokenizer_encode(t, s->text, strlen(s->text), &ids);
 *
 * Written for this purpose: short, so that the numbers are a first look and no measurement. */
#ifndef RN_SAMPLE_TEXT_H
#define RN_SAMPLE_TEXT_H

struct rn_sample_text {
    const char *kind; /* "news"; NULL ends the table */
    const char *text; /* UTF-8 */
};
extern const struct rn_sample_text rn_sample_texts[];

#endif
