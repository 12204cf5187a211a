/* text: short forms, safe forms and widths of strings; see text.h. No input or output.
 */
#include "ctl/text.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

bool text_utf8(void)
{
        static int known = -1;
        if (known < 0) {
                setlocale(LC_CTYPE, "");
                known = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
        }
        return known;
}

/* ---- short forms ---- */

const char *text_duration(int64_t ms, char buf[TEXT_SHORT_MAX])
{
        static const struct {
                int64_t size;
                char unit;
        } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
        if (ms < 1000) {
                snprintf(buf, TEXT_SHORT_MAX, "%dms", ms < 0 ? 0 : (int)ms);
                return buf;
        }
        int64_t s = ms / 1000;
        size_t i = 0;
        while (s < units[i].size)
                i++;
        int n =
            snprintf(buf, TEXT_SHORT_MAX, "%lld%c", (long long)(s / units[i].size), units[i].unit);
        s %= units[i].size;
        if (i + 1 < ARRAY_SIZE(units) && s >= units[i + 1].size)
                snprintf(buf + n, (size_t)(TEXT_SHORT_MAX - n), "%d%c",
                         (int)(s / units[i + 1].size), units[i + 1].unit);
        return buf;
}

const char *text_bytes(int64_t n_bytes, char buf[TEXT_SHORT_MAX])
{
        static const char units[] = "BKMGTPE";
        double v = n_bytes < 0 ? 0 : (double)n_bytes;
        int i = 0;
        /* 999.5 would be printed with four digits. */
        while (v >= 999.5 && units[i + 1]) {
                v /= 1024;
                i++;
        }
        bool whole = i == 0 || v >= 99.95;
        snprintf(buf, TEXT_SHORT_MAX, "%.*f%c", whole ? 0 : 1, v, units[i]);
        return buf;
}

/* ---- UTF-8 ---- */

size_t text_decode(const char *s, size_t n_bytes, uint32_t *ret)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        const unsigned char *p = (const unsigned char *)s;
        size_t n = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc0 ? 2 : 0;
        if (n == 0 || n > n_bytes || *p > 0xf4)
                return 0;
        uint32_t c = n == 1 ? *p : *p & (0x7fu >> n);
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }
        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return n;
}

/* Characters that change how those around them are shown. */
static bool turns_text(uint32_t c)
{
        return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
               c == 0x200f || c == 0x061c || c == 0x2028 || c == 0x2029;
}

static void add_escaped(struct strbuf *b, const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                strbuf_addf(b, "\\x%02x", (unsigned char)s[i]);
}

void text_add_safe(struct strbuf *b, const char *s, size_t n_bytes, enum text_keep keep)
{
        const char *end = s + n_bytes;
        while (s < end) {
                const char *plain = s; /* the run of printable ASCII that most text is */
                while (s < end && *s >= 0x20 && *s < 0x7f)
                        s++;
                strbuf_addn(b, plain, (size_t)(s - plain));
                if (s == end)
                        break;
                uint32_t c = 0;
                size_t n = text_decode(s, (size_t)(end - s), &c);
                if (c == '\t' && keep == TEXT_TABS)
                        strbuf_addc(b, '\t');
                else if (c == '\t' || (c == '\n' && keep != TEXT_TABS))
                        strbuf_addc(b, ' ');
                else if (n <= 1 || c < 0xa0)
                        add_escaped(b, s, n ? n : 1);
                else if (keep == TEXT_ASCII)
                        strbuf_addc(b, '?');
                else if (turns_text(c))
                        strbuf_addf(b, "\\u%04x", (unsigned)c);
                else
                        strbuf_addn(b, s, n);
                s += n ? n : 1;
        }
}

char *text_safe(const char *s, enum text_keep keep)
{
        struct strbuf b = {0};
        if (s)
                text_add_safe(&b, s, strlen(s), keep);
        return strbuf_take(&b);
}

/* What needs no quotes in any shell; bytes beyond ASCII mean nothing to one. */
static bool plain_for_shell(const char *s)
{
        const char *p = s;
        while ((unsigned char)*p >= 0x80 || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
               (*p && strchr("0123456789_@%+=:,./-", *p)))
                p++;
        return p > s && !*p;
}

void text_add_shell(struct strbuf *b, const char *s)
{
        if (plain_for_shell(s)) {
                strbuf_add(b, s);
                return;
        }
        strbuf_addc(b, '\'');
        for (; *s; s++)
                if (*s == '\'')
                        strbuf_add(b, "'\\''");
                else
                        strbuf_addc(b, *s);
        strbuf_addc(b, '\'');
}

void text_add_utf8(struct strbuf *b, const char *s, size_t n_bytes)
{
        const char *end = s + n_bytes;
        while (s < end) {
                uint32_t c = 0;
                size_t n = *s ? text_decode(s, (size_t)(end - s), &c) : 0;
                if (n)
                        strbuf_addn(b, s, n);
                else
                        strbuf_add(b, "\xef\xbf\xbd");
                s += n ? n : 1;
        }
}

/* ---- widths ---- */

static int columns(uint32_t c)
{
        if (c < 0x7f)
                return 1;
        /* Outside of a UTF-8 locale the library knows nothing of these: one each is the best guess.
         */
        int w = text_utf8() ? wcwidth((wchar_t)c) : 1;
        return w < 0 ? 1 : w;
}

int text_width(const char *s)
{
        int width = 0;
        for (; *s > 0 && *s < 0x7f; s++) /* ASCII, as most text is */
                width++;
        size_t left = strlen(s);
        while (left) {
                uint32_t c = 0;
                size_t n = text_decode(s, left, &c);
                width += n ? columns(c) : 1;
                s += n ? n : 1;
                left -= n ? n : 1;
        }
        return width;
}

int text_cut(struct strbuf *b, const char *s, int width)
{
        int whole = text_width(s), used = 0;
        if (whole <= width) {
                strbuf_add(b, s);
                return whole;
        }
        if (width <= 0)
                return 0;
        size_t left = strlen(s);
        while (left) {
                uint32_t c = 0;
                size_t n = text_decode(s, left, &c);
                int w = n ? columns(c) : 1;
                if (used + w > width - 1)
                        break;
                strbuf_addn(b, s, n ? n : 1);
                used += w;
                s += n ? n : 1;
                left -= n ? n : 1;
        }
        strbuf_add(b, text_utf8() ? "…" : "~");
        return used + 1;
}
