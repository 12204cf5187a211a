/* top_keys: what each key does to the model, in each of its modes; see top.h.
 */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "ctl/keys.h"
#include "ctl/top.h"

#define INTERVAL_MIN_MS 500
#define INTERVAL_MAX_MS 60000

/* Moves one of N things by STEP, no further than to the first and the last. */
static size_t moved(size_t at, size_t n, int64_t step)
{
        int64_t to = (int64_t)at + step;
        return n == 0 || to < 0 ? 0 : MIN((size_t)to, n - 1);
}

/* The keys that move, the same everywhere. False: it is none. LETTERS: j and k, too. */
static bool step_of(int key, size_t body, bool letters, int64_t *ret)
{
        int64_t page = (int64_t)MAX(body, (size_t)2) - 1;
        switch (letters || key > 0xff ? key : 0) {
        case KEY_UP:
        case 'k':
                *ret = -1;
                return true;
        case KEY_DOWN:
        case 'j':
                *ret = 1;
                return true;
        case KEY_PAGE_UP:
        case 'b':
                *ret = -page;
                return true;
        case KEY_PAGE_DOWN:
        case ' ':
                *ret = page;
                return true;
        case KEY_HOME:
        case 'g':
                *ret = INT32_MIN;
                return true;
        case KEY_END:
        case 'G':
                *ret = INT32_MAX;
                return true;
        default:
                return false;
        }
}

static bool move_row(struct top *t, int key, bool letters)
{
        int64_t step;
        if (!step_of(key, top_body(t), letters, &step))
                return false;
        t->at = moved(t->at, t->view_n, step);
        top_settle(t, false);
        return true;
}

static void sort_by(struct top *t, enum top_sort sort)
{
        t->reverse = t->sort == sort && !t->reverse;
        t->sort = sort;
        top_settle(t, true);
}

static bool sort_key(struct top *t, int key)
{
        static const struct {
                int key;
                enum top_sort sort;
        } keys[] = {{'N', TOP_BY_NAME},   {'C', TOP_BY_CPU},      {'P', TOP_BY_CPU},
                    {'M', TOP_BY_MEMORY}, {'R', TOP_BY_RESTARTS}, {'U', TOP_BY_UPTIME}};
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (keys[i].key == key) {
                        sort_by(t, keys[i].sort);
                        return true;
                }
        return false;
}

/* About the service that is selected. Stopping what runs is asked for twice. */
static enum top_want act(struct top *t, enum top_want want)
{
        if (!t->selected)
                return TOP_NOTHING;
        top_set(&t->about, xstrdup(t->selected));
        if (want != TOP_STOP && want != TOP_RESTART)
                return want;
        t->mode = TOP_CONFIRM;
        t->asked = want;
        return TOP_NOTHING;
}

static enum top_want set_interval(struct top *t, int64_t ms)
{
        t->interval_ms = MAX(INTERVAL_MIN_MS, MIN(ms, INTERVAL_MAX_MS));
        return TOP_INTERVAL;
}

static void enter(struct top *t, enum top_mode mode)
{
        t->mode = mode;
        top_settle(t, false);
}

static void set_filter(struct top *t, size_t n)
{
        t->filter[n] = '\0';
        top_settle(t, true);
}

static enum top_want table_key(struct top *t, int key)
{
        if (move_row(t, key, true) || sort_key(t, key))
                return TOP_NOTHING;
        switch (key) {
        case 'q':
                return TOP_QUIT;
        case 's':
                return act(t, TOP_START);
        case 'x':
                return act(t, TOP_STOP);
        case 'r':
                return act(t, TOP_RESTART);
        case 'l':
        case KEY_ENTER:
                return act(t, TOP_LOGS);
        case 'w':
                return act(t, TOP_WHY);
        case '+':
                return set_interval(t, t->interval_ms * 2);
        case '-':
                return set_interval(t, t->interval_ms / 2);
        case '/':
                enter(t, TOP_FILTER);
                return TOP_NOTHING;
        case '?':
        case 'h':
                enter(t, TOP_HELP);
                return TOP_NOTHING;
        case KEY_ESC:
                set_filter(t, 0);
                return TOP_NOTHING;
        default:
                return TOP_NOTHING;
        }
}

static void add_to_filter(struct top *t, int c)
{
        char s[5] = {0};
        size_t n = strlen(t->filter), bytes = 0;
        if (c < 0x80) {
                s[bytes++] = (char)c;
        } else {
                int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
                static const int lead[] = {0, 0xc0, 0xe0, 0xf0};
                s[bytes++] = (char)(lead[tail] | c >> 6 * tail);
                for (int i = tail - 1; i >= 0; i--)
                        s[bytes++] = (char)(0x80 | (c >> 6 * i & 0x3f));
        }
        if (n + bytes >= sizeof(t->filter))
                return;
        memcpy(t->filter + n, s, bytes);
        set_filter(t, n + bytes);
}

static enum top_want filter_key(struct top *t, int key)
{
        size_t n = strlen(t->filter);
        if (move_row(t, key, false))
                return TOP_NOTHING;
        if (key == KEY_ENTER) {
                enter(t, TOP_TABLE);
        } else if (key == KEY_ESC) {
                enter(t, TOP_TABLE);
                set_filter(t, 0);
        } else if (key == KEY_BACKSPACE) {
                while (n > 0 && ((unsigned char)t->filter[--n] & 0xc0) == 0x80)
                        ; /* the whole character */
                set_filter(t, n);
        } else if (key == KEY_CTRL('u')) {
                set_filter(t, 0);
        } else if (key >= ' ' && key < KEY_UP) {
                add_to_filter(t, key);
        }
        return TOP_NOTHING;
}

static enum top_want confirm_key(struct top *t, int key)
{
        enum top_want want = t->asked;
        enter(t, TOP_TABLE);
        if (key == 'y' || key == 'Y')
                return want;
        top_say(t, STYLE_DIM, xstrdup("nothing was done"));
        return TOP_NOTHING;
}

static enum top_want page_key(struct top *t, int key)
{
        int64_t step;
        if (key == 'q' || key == KEY_ESC || key == KEY_LEFT) {
                enter(t, TOP_TABLE);
                return TOP_NOTHING;
        }
        if (!step_of(key, top_body(t), true, &step))
                return TOP_NOTHING;
        t->page.follow = false;
        t->page.first = moved(t->page.first, t->page.pieces_n, step);
        top_settle(t, false);
        size_t body = top_body(t);
        t->page.follow = t->page.kind == TOP_LOGS && t->page.first + body >= t->page.pieces_n;
        return TOP_NOTHING;
}

enum top_want top_key(struct top *t, int key)
{
        if (t->message)
                top_set(&t->message, NULL);
        if (key == KEY_CTRL('l'))
                return TOP_REPAINT;
        switch (t->mode) {
        case TOP_FILTER:
                return filter_key(t, key);
        case TOP_CONFIRM:
                return confirm_key(t, key);
        case TOP_PAGE:
                return page_key(t, key);
        case TOP_HELP:
                enter(t, TOP_TABLE);
                return TOP_NOTHING;
        default:
                return table_key(t, key);
        }
}
