/* jscan: a JSON reader that allocates nothing; see jscan.h. It is no validator: svcd is the writer.
 */
#include "ctl/jscan.h"

#include <stdlib.h>
#include <string.h>

static void blanks(struct jscan *s)
{
        while (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r')
                s->p++;
}

/* Goes on behind C if that is what comes. */
static bool take(struct jscan *s, char c)
{
        blanks(s);
        if (s->bad || *s->p != c)
                return false;
        s->p++;
        return true;
}

static void *broken(struct jscan *s)
{
        s->bad = true;
        return NULL;
}

static int hex4(const char *p)
{
        int v = 0;
        for (int i = 0; i < 4; i++) {
                char c = p[i];
                int digit = c >= '0' && c <= '9'   ? c - '0'
                            : c >= 'a' && c <= 'f' ? c - 'a' + 10
                            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                   : -1;
                if (digit < 0)
                        return -1;
                v = v << 4 | digit;
        }
        return v;
}

static char *put_utf8(char *to, unsigned c)
{
        if (c < 0x80) {
                *to++ = (char)c;
        } else if (c < 0x800) {
                *to++ = (char)(0xc0 | c >> 6);
                *to++ = (char)(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
                *to++ = (char)(0xe0 | c >> 12);
                *to++ = (char)(0x80 | (c >> 6 & 0x3f));
                *to++ = (char)(0x80 | (c & 0x3f));
        } else {
                *to++ = (char)(0xf0 | c >> 18);
                *to++ = (char)(0x80 | (c >> 12 & 0x3f));
                *to++ = (char)(0x80 | (c >> 6 & 0x3f));
                *to++ = (char)(0x80 | (c & 0x3f));
        }
        return to;
}

/* \uXXXX, the backslash at *FROM; two of them for what is beyond 16 bits. Moves both on; what is
 * decoded is never longer than what it was written with. */
static bool put_escape(char **from, char **to)
{
        int a = hex4(*from + 2), b;
        if (a <= 0)
                return false;
        *from += 6;
        unsigned c = (unsigned)a;
        if (a >= 0xd800 && a <= 0xdfff) {
                if (a >= 0xdc00 || (*from)[0] != '\\' || (*from)[1] != 'u')
                        return false;
                b = hex4(*from + 2);
                if (b < 0xdc00 || b > 0xdfff)
                        return false;
                *from += 6;
                c = 0x10000 + ((c - 0xd800) << 10) + ((unsigned)b - 0xdc00);
        }
        *to = put_utf8(*to, c);
        return true;
}

/* The string whose opening quote has been taken. */
static const char *rest_of_string(struct jscan *s)
{
        static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
        char *begin = s->p, *from = begin, *to;
        while (*from && *from != '"' && *from != '\\')
                from++;
        to = from; /* nearly always that was all of it */
        while (*from && *from != '"') {
                if (*from != '\\') {
                        *to++ = *from++;
                } else if (from[1] == 'u') {
                        if (!put_escape(&from, &to))
                                return broken(s);
                } else {
                        const char *k = from[1] ? strchr(letters, from[1]) : NULL;
                        if (!k)
                                return broken(s);
                        *to++ = meant[k - letters];
                        from += 2;
                }
        }
        if (!*from)
                return broken(s);
        *to = '\0';
        s->p = from + 1;
        return begin;
}

const char *jscan_string(struct jscan *s)
{
        if (take(s, '"'))
                return rest_of_string(s);
        jscan_skip(s);
        return NULL;
}

/* Goes on behind the quote in front of the next key; false: there is none. */
static bool to_key(struct jscan *s)
{
        if (take(s, '}'))
                return false;
        if (!take(s, ',') && !take(s, '{'))
                return broken(s) != NULL;
        if (take(s, '}'))
                return false;
        return take(s, '"') || broken(s) != NULL;
}

const char *jscan_key(struct jscan *s)
{
        const char *key = to_key(s) ? rest_of_string(s) : NULL;
        return !key || take(s, ':') ? key : broken(s);
}

char *jscan_raw_key(struct jscan *s)
{
        if (!to_key(s))
                return NULL;
        char *key = s->p;
        s->p += strcspn(key, "\"\\");
        return take(s, '"') && take(s, ':') ? key : broken(s);
}

const char *jscan_raw(struct jscan *s, size_t *ret_n)
{
        blanks(s);
        const char *begin = s->p;
        jscan_skip(s);
        *ret_n = (size_t)(s->p - begin);
        return begin;
}

bool jscan_element(struct jscan *s)
{
        if (take(s, ']'))
                return false;
        if (!take(s, ',') && !take(s, '['))
                return broken(s) != NULL;
        return !take(s, ']');
}

bool jscan_true(struct jscan *s)
{
        blanks(s);
        bool yes = !s->bad && strncmp(s->p, "true", 4) == 0;
        jscan_skip(s);
        return yes;
}

void jscan_int(struct jscan *s, int64_t *ret)
{
        blanks(s);
        if (!s->bad && (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))) {
                char *end;
                long long v = strtoll(s->p, &end, 10);
                if (*end != '.' && *end != 'e' && *end != 'E')
                        *ret = v;
        }
        jscan_skip(s);
}

/* The quote at the current place, and everything up to the one that closes it. */
static void skip_string(struct jscan *s)
{
        char *p = s->p + 1;
        while (*p && *p != '"')
                p += *p == '\\' && p[1] ? 2 : 1;
        s->bad |= !*p;
        s->p = p + (*p != '\0');
}

/* The bracket at the current place, and everything up to the one that closes it. */
static void skip_brackets(struct jscan *s)
{
        int depth = 0;
        do {
                char c = *s->p;
                if (c == '"') {
                        skip_string(s);
                        continue;
                }
                if (!c)
                        break;
                depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
                s->p++;
        } while (depth > 0);
        s->bad |= depth > 0;
}

void jscan_skip(struct jscan *s)
{
        blanks(s);
        if (s->bad)
                return;
        const char *begin = s->p;
        if (*s->p == '"') {
                skip_string(s);
        } else if (*s->p == '{' || *s->p == '[') {
                skip_brackets(s);
        } else {
                while (*s->p && *s->p != ',' && *s->p != '}' && *s->p != ']')
                        s->p++;
        }
        s->bad |= s->p == begin;
}

bool jscan_at_end(struct jscan *s)
{
        blanks(s);
        return !s->bad && *s->p == '\0';
}
