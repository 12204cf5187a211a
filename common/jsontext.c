/* jsontext.c: see jsontext.h. It does not read JSON. */
#include "common/jsontext.h"

#include <string.h>

#include "common/text.h"

#define DIGITS 24

/* Writes what stands in front of a value, and returns where it goes: there is room for VALUE_MAX bytes. */
static char *begin(struct strbuf *b, const char *key, size_t value_max)
{
        size_t n = key ? strlen(key) : 0;
        strbuf_reserve(b, n + value_max + sizeof(",\"\":"));
        char *p = b->s + b->n;
        if (b->n && p[-1] != '{' && p[-1] != '[')
                *p++ = ',';
        if (!key)
                return p;
        *p++ = '"';
        p = (char *)memcpy(p, key, n) + n;
        *p++ = '"';
        *p++ = ':';
        return p;
}

static void end(struct strbuf *b, char *p)
{
        *p = '\0';
        b->n = (size_t)(p - b->s);
}

static void literal(struct strbuf *b, const char *key, const char *text, size_t n)
{
        char *p = begin(b, key, n);
        end(b, (char *)memcpy(p, text, n) + n);
}

void jsontext_open(struct strbuf *b, const char *key, char bracket)
{
        literal(b, key, &bracket, 1);
}

void jsontext_close(struct strbuf *b, char bracket)
{
        strbuf_addc(b, bracket);
}

static bool is_plain(char c)
{
        return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* What is neither a plain character nor the end. Returns how many bytes it takes. */
static size_t add_other(struct strbuf *b, const char *s, size_t left)
{
        uint32_t c;
        size_t n = text_decode(s, left, &c);
        if (n == 0)
                strbuf_addc(b, '?');
        else if (n > 1 || *s == 0x7f)
                strbuf_addn(b, s, n);
        else if (*s == '"' || *s == '\\')
                strbuf_addn(b, (char[]){'\\', *s}, 2);
        else
                strbuf_addf(b, "\\u%04x", (unsigned)c);
        return n ? n : 1;
}

void jsontext_string(struct strbuf *b, const char *key, const char *s)
{
        if (!s) {
                jsontext_null(b, key);
                return;
        }
        size_t left = strlen(s);
        char *p = begin(b, key, left + 2);
        *p++ = '"';
        for (;;) {
                while (is_plain(*s)) { /* nearly always that is all of it */
                        *p++ = *s++;
                        left--;
                }
                if (left == 0)
                        break;
                end(b, p);
                size_t n = add_other(b, s, left);
                s += n;
                left -= n;
                strbuf_reserve(b, left + 2);
                p = b->s + b->n;
        }
        *p++ = '"';
        end(b, p);
}

void jsontext_int(struct strbuf *b, const char *key, int64_t v)
{
        char digits[DIGITS], *last = digits + sizeof(digits), *d = last;
        uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
        do {
                *--d = (char)('0' + u % 10);
                u /= 10;
        } while (u);
        if (v < 0)
                *--d = '-';
        literal(b, key, d, (size_t)(last - d));
}

void jsontext_bool(struct strbuf *b, const char *key, bool v)
{
        literal(b, key, v ? "true" : "false", v ? 4 : 5);
}

void jsontext_null(struct strbuf *b, const char *key)
{
        literal(b, key, "null", 4);
}

void jsontext_members(struct strbuf *b, const char *members)
{
        jsontext_value(b, NULL, members);
}

void jsontext_value(struct strbuf *b, const char *key, const char *json)
{
        literal(b, key, json, strlen(json));
}

void jsontext_maybe(struct strbuf *b, const char *key, bool known, int64_t v)
{
        if (known)
                jsontext_int(b, key, v);
        else
                jsontext_null(b, key);
}
