/* sparkline.c: see sparkline.h. */
#include "ctl/sparkline.h"

#include "ctl/jget.h"
#include "ctl/term.h"

#define SHOWN 20
#define FULL_MS                                                                                    \
        100 /* a bar is as high as its part of the longest one, or of this if none was that long */

static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

static const struct kind {
        const char *result, *mark;
        enum style style;
} kinds[] = {
    {"passed", NULL, STYLE_GREEN},
    {"degraded", "!", STYLE_YELLOW},
    {"failed", "x", STYLE_RED},
    {"not run", ".", STYLE_DIM},
};

static const struct kind *kind_of(const json_t *result)
{
        const char *word = jget_string(result, "result");
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (str_eq(word, kinds[i].result))
                        return &kinds[i];
        return NULL;
}

static int64_t took_ms(const json_t *result)
{
        int64_t ms = 0;
        jget_int(result, "took_ms", &ms);
        return MAX(ms, 0);
}

void sparkline_add(struct strbuf *b, const json_t *results, bool color, bool utf8)
{
        size_t n = MIN(json_array_size(results), (size_t)SHOWN);
        int64_t longest = FULL_MS;
        for (size_t i = 0; i < n; i++)
                longest = MAX(longest, took_ms(json_array_get(results, i)));
        enum style style = STYLE_PLAIN;
        for (size_t i = n; i-- > 0;) {
                const json_t *r = json_array_get(results, i);
                const struct kind *k = kind_of(r);
                if (!k)
                        continue;
                int64_t level = took_ms(r) / ((longest + 7) / 8);
                const char *bar = utf8 ? bars[MIN(level, 7)] : "+";
                if (k->style != style) {
                        strbuf_add(b, term_off(color, style));
                        strbuf_add(b, term_on(color, k->style));
                }
                style = k->style;
                strbuf_add(b, k->mark ? k->mark : bar);
        }
        strbuf_add(b, term_off(color, style));
}
