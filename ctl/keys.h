/* keys: what a terminal sends, as keys: characters, arrows, pages. Pure: bytes in, keys out.
 *
 * The key Esc is the first byte of what other keys send, too: a caller that has waited for more for a moment and got
 * nothing says so by keys_flush.
 */
#ifndef SVCD_CTL_KEYS_H
#define SVCD_CTL_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#define KEYS_ROOM 64

enum key {
        KEY_NONE = 0, /* nothing more for now */
        /* 1 to 0x10ffff: the character (controls: Ctrl-L is 12) */
        KEY_ENTER = '\r',
        KEY_ESC = 27,
        KEY_BACKSPACE = 127,
        KEY_UP = 0x110000,
        KEY_DOWN,
        KEY_LEFT,
        KEY_RIGHT,
        KEY_PAGE_UP,
        KEY_PAGE_DOWN,
        KEY_HOME,
        KEY_END,
        KEY_DELETE,
        KEY_UNKNOWN, /* something that nobody asks for */
};
#define KEY_CTRL(c) ((c)&0x1f)

/* Zero-initialise. */
struct keys {
        char buf[KEYS_ROOM];
        size_t n;
        bool whole; /* what is there is all that comes */
};

/* How many bytes there is room for behind those that wait. */
size_t keys_room(const struct keys *k);
void keys_add(struct keys *k, const char *s, size_t n);

/* Nothing follows soon: an Esc that waits is the key, half a sequence is nothing. */
void keys_flush(struct keys *k);

/* The next key; KEY_NONE: it takes more bytes. */
int keys_next(struct keys *k);

#endif
