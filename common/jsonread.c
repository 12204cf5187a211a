/* jsonread.c: see jsonread.h. It judges nothing: where it is not sure it gives up. */
#include "common/jsonread.h"

#include <stdbool.h>
#include <string.h>

#define KEY_MAX    64 /* bytes with the NUL */
#define DIGITS_MAX 18 /* certainly within json_int_t */

static json_t *value(const char **p);

/* Goes on behind C if that is what comes. */
static bool take(const char **p, char c)
{
        if (**p != c)
                return false;
        ++*p;
        return true;
}

/* Where the string that begins at P, behind its quote, has the one that closes it; NULL: nowhere. */
static const char *end_of_string(const char *p, bool *escapes)
{
        for (; *p != '"'; p++) {
                if ((unsigned char)*p < 0x20) /* the end of the text, too */
                        return NULL;
                if (*p == '\\') {
                        *escapes = true;
                        if (!*++p)
                                return NULL;
                }
        }
        return p;
}

static json_t *string(const char **p)
{
        bool escapes = false;
        const char *begin = *p, *end = end_of_string(begin + 1, &escapes);
        if (!end)
                return NULL;
        *p = end + 1;
        if (escapes)
                return json_loadb(begin, (size_t)(*p - begin), JSON_DECODE_ANY, NULL);
        return json_stringn(begin + 1, (size_t)(end - begin - 1)); /* NULL: no UTF-8 */
}

static json_t *integer(const char **p)
{
        bool negative = take(p, '-');
        const char *digits = *p;
        json_int_t v = 0;
        while (**p >= '0' && **p <= '9' && *p - digits < DIGITS_MAX)
                v = 10 * v + (*(*p)++ - '0');
        bool zero = *digits == '0' && (*p - digits > 1 || negative);
        if (*p == digits || zero || (**p && strchr("0123456789.eE", **p)))
                return NULL;
        return json_integer(negative ? -v : v);
}

/* "KEY": in printable ASCII, into BUF. */
static bool key(const char **p, char buf[KEY_MAX])
{
        if (!take(p, '"'))
                return false;
        for (size_t n = 0; n < KEY_MAX; n++) {
                char c = *(*p)++;
                if (c == '"') {
                        buf[n] = '\0';
                        return take(p, ':');
                }
                if (c < 0x20 || c >= 0x7f || c == '\\')
                        return false;
                buf[n] = c;
        }
        return false;
}

static bool members(const char **p, json_t *o)
{
        char name[KEY_MAX];
        do {
                json_t *v = key(p, name) ? value(p) : NULL;
                if (!v || json_object_set_new_nocheck(o, name, v) < 0)
                        return false;
        } while (take(p, ','));
        return take(p, '}');
}

static bool elements(const char **p, json_t *list)
{
        do {
                json_t *v = value(p);
                if (!v || json_array_append_new(list, v) < 0)
                        return false;
        } while (take(p, ','));
        return take(p, ']');
}

/* A list or an object, of which EMPTY closes an empty one. */
static json_t *filled(const char **p, json_t *made, char empty,
                      bool (*fill)(const char **p, json_t *j))
{
        if (take(p, empty) || fill(p, made))
                return made;
        json_decref(made);
        return NULL;
}

static bool take_word(const char **p, const char *word)
{
        size_t n = strlen(word);
        if (strncmp(*p, word, n) != 0)
                return false;
        *p += n;
        return true;
}

static json_t *value(const char **p)
{
        switch (**p) {
        case '"':
                return string(p);
        case '{':
                ++*p;
                return filled(p, json_object(), '}', members);
        case '[':
                ++*p;
                return filled(p, json_array(), ']', elements);
        case 't':
                return take_word(p, "true") ? json_true() : NULL;
        case 'f':
                return take_word(p, "false") ? json_false() : NULL;
        case 'n':
                return take_word(p, "null") ? json_null() : NULL;
        default:
                return integer(p);
        }
}

json_t *jsonread_quick(const char *text)
{
        json_t *j = *text == '{' || *text == '[' ? value(&text) : NULL;
        if (j && !*text)
                return j;
        json_decref(j);
        return NULL;
}

json_t *jsonread(const char *text, json_error_t *ret_error)
{
        json_t *j = jsonread_quick(text);
        return j ? j : json_loads(text, 0, ret_error);
}
