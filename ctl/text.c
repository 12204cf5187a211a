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

/* ---- shells ---- */

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

/* The length of the sequence of a colour at S, 0 if there is none. */
static size_t colour(const char *s, size_t n)
{
        const char *end = n > 2 && s[0] == '\033' && s[1] == '[' ? memchr(s, 'm', n) : NULL;
        return end ? (size_t)(end - s) + 1 : 0;
}

void text_cut_line(struct strbuf *b, const char *s, size_t n_bytes, int width)
{
        int used = 0;
        bool coloured = false;
        while (n_bytes) {
                uint32_t c = 0;
                size_t n = colour(s, n_bytes);
                int w = 0;
                coloured |= n > 0;
                if (n == 0) {
                        n = text_decode(s, n_bytes, &c);
                        w = c == '\t' ? 8 - used % 8 : n ? columns(c) : 1;
                        n = n ? n : 1;
                }
                if (used + w > width) {
                        strbuf_add(b, coloured ? "\033[0m" : "");
                        return;
                }
                strbuf_addn(b, s, n);
                used += w;
                s += n;
                n_bytes -= n;
        }
}
