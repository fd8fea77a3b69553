/* html.h - text and data that go into a page, whatever they hold.
 *
 *     rn_html_text(&s, sample);               <script> becomes &lt;script&gt;
 *     rn_html_json(&s, doc);                  inside <script type="application/json">
 *
 * Control bytes but line ends and tabs become U+FFFD, and so do bytes that are no UTF-8. */
#ifndef RN_HTML_H
#define RN_HTML_H

#include "json.h"
#include "str.h"

void rn_html_text(struct rn_str *, const char *text);
void rn_html_printf(struct rn_str *, const char *fmt, ...) RN_PRINTF(2, 3); /* escaped as a whole */
void rn_html_json(struct rn_str *, const json_t *doc);

#endif
