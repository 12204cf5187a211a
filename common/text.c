/* text.c: what others wrote, made safe. No input or output. */
#include "common/text.h"

#include <string.h>

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

static bool is_plain(const char *s)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "/._-+:,@%";
        return *s && s[strspn(s, plain)] == '\0';
}

void text_add_value(struct strbuf *b, const char *s)
{
        if (is_plain(s)) {
                strbuf_add(b, s);
                return;
        }
        strbuf_addc(b, '"');
        for (; *s; s++) {
                unsigned char ch = (unsigned char)*s;
                if (ch == '"' || ch == '\\')
                        strbuf_addc(b, '\\');
                if (ch == '\n')
                        strbuf_add(b, "\\n");
                else if (ch < 0x20 || ch == 0x7f)
                        strbuf_addf(b, "\\x%02x", ch);
                else
                        strbuf_addc(b, *s);
        }
        strbuf_addc(b, '"');
}
