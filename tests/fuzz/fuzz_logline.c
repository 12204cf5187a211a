/* fuzz_logline: whatever a service writes, its lines are taken apart within their bounds, and what
 * is shown of them holds nothing that a terminal would obey, and fits.
 *
 * The sources are compiled in: they belong to svcctl, not to a library.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/logline.c"
#include "ctl/text.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void check_parse(const char *line, size_t n)
{
        struct logline l;
        int64_t ms;
        logline_parse(line, n, &l);
        check(l.text >= line && l.text + l.text_n == line + n);
        check(l.stamped == (l.source != LOG_NO_SOURCE));
        check(!l.stamped || (n > LOGLINE_STAMP && logline_parse_stamp(line, LOGLINE_STAMP, &ms) &&
                             ms == l.time_ms));
        check(l.stamped || (l.text == line && l.time_ms == 0));
        /* The head is enough. */
        struct logline head;
        logline_parse(line, n < LOGLINE_HEAD ? n : LOGLINE_HEAD, &head);
        check(head.stamped == l.stamped && head.source == l.source && head.time_ms == l.time_ms);
}

static void check_safe(const char *line, size_t n, enum text_keep keep)
{
        struct strbuf b = {0};
        uint32_t c = 0;
        strbuf_add(&b, "");
        text_add_safe(&b, line, n, keep);
        check(strlen(b.s) == b.n);
        for (size_t at = 0, m; at < b.n; at += m) {
                m = text_decode(b.s + at, b.n - at, &c);
                check(m > 0);
                check((c >= 0x20 && c < 0x7f) || c >= 0xa0 || (c == '\t' && keep == TEXT_TABS));
                check(keep != TEXT_ASCII || c < 0x7f);
        }
        for (int width = 0; width < 12; width++) {
                struct strbuf cut = {0};
                strbuf_add(&cut, "");
                int used = text_cut(&cut, b.s, width);
                check(used <= width && text_width(cut.s) == used);
                strbuf_done(&cut);
        }
        strbuf_done(&b);
}

static void check_utf8(const char *line, size_t n)
{
        struct strbuf b = {0};
        uint32_t c;
        text_add_utf8(&b, line, n);
        for (size_t at = 0, m; at < b.n; at += m) {
                m = text_decode(b.s + at, b.n - at, &c);
                check(m > 0 && c != 0);
        }
        strbuf_done(&b);
}

static void check_words(const char *line, size_t n)
{
        char *word = xstrndup(line, n);
        int64_t ms;
        unsigned bits = 0;
        int64_t last_ms;
        if (logline_parse_moment(word, INT64_C(1795169533123), false, &ms) < 0)
                check(strlen(word) != strlen("2026-11-20T11:12") ||
                      memcmp(word, "2026-11-20T11:12", 16) != 0);
        else
                check(logline_parse_moment(word, INT64_C(1795169533123), true, &last_ms) == 0 &&
                      last_ms >= ms);
        if (logline_parse_sources(word, &bits) == 0)
                check(bits && bits <= LOG_ALL_SOURCES);
        free(word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *p = (const char *)data, *end = p + size;
        while (p < end) {
                const char *nl = memchr(p, '\n', (size_t)(end - p));
                size_t n = (size_t)((nl ? nl : end) - p);
                check_parse(p, n);
                check_words(p, n);
                check_safe(p, n, TEXT_LINE);
                check_safe(p, n, TEXT_TABS);
                check_safe(p, n, TEXT_ASCII);
                check_utf8(p, n);
                p += n + (nl != NULL);
        }
        return 0;
}
