/* keys: takes the bytes of a terminal apart; see keys.h. Reading and waiting is the caller's.
 */
#include "ctl/keys.h"

#include <stdint.h>
#include <string.h>

#include "common/text.h"
#include "common/util.h"

#define ESC '\033'

size_t keys_room(const struct keys *k)
{
        return sizeof(k->buf) - k->n;
}

void keys_add(struct keys *k, const char *s, size_t n)
{
        n = MIN(n, keys_room(k));
        memcpy(k->buf + k->n, s, n);
        k->n += n;
        k->whole = false;
}

void keys_flush(struct keys *k)
{
        k->whole = true;
}

static void drop(struct keys *k, size_t n)
{
        k->n -= n;
        memmove(k->buf, k->buf + n, k->n);
}

static int key_of_letter(char c)
{
        static const struct {
                char letter;
                int key;
        } keys[] = {{'A', KEY_UP},   {'B', KEY_DOWN}, {'C', KEY_RIGHT},
                    {'D', KEY_LEFT}, {'H', KEY_HOME}, {'F', KEY_END}};
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (keys[i].letter == c)
                        return keys[i].key;
        return KEY_UNKNOWN;
}

/* Of ESC [ N ~ */
static int key_of_number(char c)
{
        static const int keys[] = {
            [1] = KEY_HOME,      [3] = KEY_DELETE, [4] = KEY_END, [5] = KEY_PAGE_UP,
            [6] = KEY_PAGE_DOWN, [7] = KEY_HOME,   [8] = KEY_END};
        size_t n = (size_t)(c - '0');
        return n < ARRAY_SIZE(keys) && keys[n] ? keys[n] : KEY_UNKNOWN;
}

/* A sequence that begins with ESC: its length, 0 if it is not whole yet. */
static size_t sequence(const struct keys *k, int *ret)
{
        *ret = KEY_UNKNOWN;
        if (k->n < 3)
                return 0;
        if (k->buf[1] == 'O') {
                *ret = key_of_letter(k->buf[2]);
                return 3;
        }
        for (size_t i = 2; i < k->n; i++) {
                if (k->buf[i] < 0x40 || k->buf[i] > 0x7e) /* its parameters */
                        continue;
                if (k->buf[i] != '~')
                        *ret = key_of_letter(k->buf[i]);
                else if (i == 3)
                        *ret = key_of_number(k->buf[2]);
                return i + 1;
        }
        return 0;
}

static int escape(struct keys *k)
{
        int key = KEY_ESC;
        size_t n = 1;
        if (k->n == 1 && !k->whole)
                return KEY_NONE;
        if (k->n > 1 && (k->buf[1] == '[' || k->buf[1] == 'O')) {
                n = sequence(k, &key);
                if (n == 0 && !k->whole && keys_room(k) > 0)
                        return KEY_NONE;
                if (n == 0)
                        n = k->n;
        }
        drop(k, n);
        return key;
}

int keys_next(struct keys *k)
{
        if (k->n == 0)
                return KEY_NONE;
        if (k->buf[0] == ESC)
                return escape(k);
        uint32_t c = 0;
        size_t n = text_decode(k->buf, k->n, &c);
        bool half = n == 0 && k->n < 4 && ((unsigned char)k->buf[0] & 0xc0) == 0xc0;
        if (half && !k->whole)
                return KEY_NONE;
        drop(k, n ? n : 1);
        if (n == 0 || c == 0)
                return KEY_UNKNOWN;
        if (c == '\n')
                return KEY_ENTER;
        return c == KEY_CTRL('h') ? KEY_BACKSPACE : (int)c;
}
