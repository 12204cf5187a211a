/* logput: see logput.h. Deals in lines and sizes; touches no names. */
#include "shim/logput.h"

#include <errno.h>
#include <string.h>

#include "common/shim_proto.h"
#include "shim/logfile.h"
#include "shim/lost.h"
#include "shim/room.h"
#include "shim/text.h"

#define MARK_BYTES 160

/* Where the last whole line of N bytes ends; 0 if there is none. */
static size_t whole(const char *p, size_t n)
{
        const char *newline = n ? (const char *)memrchr(p, '\n', n) : NULL;
        return newline ? (size_t)(newline - p) + 1 : 0;
}

static int64_t limit(const struct log *l)
{
        return l->max_bytes < LOGPUT_MIN_BYTES ? LOGPUT_MIN_BYTES : l->max_bytes;
}

static bool limited(const struct log *l)
{
        return l->regular && l->max_bytes > 0;
}

/* For the pieces of a line that begins here: "out" of `TIME out text`. */
static void know_source(struct log *l, const char *line, size_t n)
{
        size_t i = 0;
        if (l->plain)
                return;
        while (i < LOG_SOURCE_MAX && STAMP_LEN + i < n && line[STAMP_LEN + i] != ' ') {
                l->source[i] = line[STAMP_LEN + i];
                i++;
        }
        l->source[i] = '\0';
}

/* Returns how much of N bytes is in the file for good: all, or whole lines. */
static size_t put(struct log *l, const char *p, size_t n, int64_t now_us, int *ret_error)
{
        int64_t at = l->size_bytes, from = l->mid ? l->line_at : at;
        size_t done = logfile_append(l, p, n, ret_error), keep = whole(p, done);
        bool begins = (!l->mid || keep) && keep < n;
        if (!l->mid || keep)
                l->line_at = at + (int64_t)keep;
        if (done == n) {
                l->mid = keep < n;
                if (begins)
                        know_source(l, p + keep, n - keep);
        } else {
                logfile_cut(l, l->line_at);
                done = keep;
        }
        if (logfile_keep(l, from, now_us))
                return done;
        *ret_error = l->open_error;
        return 0;
}

/* How much of N bytes may go into a file of at most MOST bytes as it is; 0: none. */
static size_t portion(const struct log *l, const char *p, size_t n, int64_t most)
{
        bool unfinished = p[n - 1] != '\n'; /* its end must have room too */
        if (!limited(l) || l->size_bytes + (int64_t)n + unfinished <= most)
                return n;
        int64_t room = most - l->size_bytes;
        return room > 0 ? whole(p, (size_t)room < n ? (size_t)room : n) : 0;
}

/* What is in the file is the beginning of the next line's rest, if anything is. */
static bool alone(const struct log *l)
{
        return l->mid ? l->line_at == 0 : l->size_bytes == 0;
}

/* The same after rotating if that is due; a file that cannot be rotated has another limit. 0 without an error:
 * the next line has the file for itself and does not fit. */
static size_t allowed(struct log *l, const char *p, size_t n, int64_t now_us, int *ret_error)
{
        size_t part = portion(l, p, n, limit(l));
        if (part || alone(l))
                return part;
        if (logfile_next(l, now_us)) {
                part = portion(l, p, n, limit(l));
                if (part || alone(l))
                        return part;
        }
        part = portion(l, p, n, 2 * limit(l));
        if (part == 0)
                *ret_error = l->rotate_error ? l->rotate_error : EFBIG;
        return part;
}

/* The file is filled with the beginning of N bytes; their rest goes on in the next one. Returns how much that
 * was. */
static size_t put_cut(struct log *l, const char *p, size_t n, int64_t now_us, int *ret_error)
{
        int64_t room = limit(l) - l->size_bytes - !l->plain;
        size_t part = room < 0 ? 0 : (size_t)room < n ? (size_t)room : n;
        if (part && put(l, p, part, now_us, ret_error) != part)
                return 0;
        if (!l->plain && l->mid) {
                if (put(l, "\n", 1, now_us, ret_error) != 1)
                        return 0;
        }
        l->mid = false;
        l->rest = true;
        logfile_next(l, now_us);
        return part;
}

/* The rest of a line that was cut. Its marks and its text stay together, as if they were one line. */
static bool begin_rest(struct log *l, int64_t now_us, int *ret_error)
{
        char buf[MARK_BYTES];
        struct text t = text_on(buf, sizeof(buf));
        l->rest = false;
        if (l->plain)
                return true;
        const char *time = stamp_at(&l->stamp, stamp_wall_ms());
        text_bytes(&t, time, STAMP_LEN);
        text_str(&t, LOG_CONTINUED);
        text_str(&t, l->source);
        text_str(&t, "\n");
        text_bytes(&t, time, STAMP_LEN);
        text_str(&t, l->source);
        text_str(&t, " ");
        if (portion(l, buf, t.n, limit(l)) != t.n)
                logfile_next(l, now_us);
        if (portion(l, buf, t.n, 2 * limit(l)) != t.n) {
                *ret_error = l->rotate_error;
                return false;
        }
        int64_t at = l->size_bytes;
        if (logfile_append(l, buf, t.n, ret_error) != t.n) {
                logfile_cut(l, at);
                return false;
        }
        l->mid = true;
        l->line_at = at;
        if (logfile_keep(l, at, now_us))
                return true;
        *ret_error = l->open_error;
        return false;
}

/* Before anything else: the end of a line that was left without one, and what was lost. */
static bool catch_up(struct log *l, int64_t now_us, int *ret_error)
{
        char buf[LOST_NOTICE_BYTES];
        if (l->torn && allowed(l, "\n", 1, now_us, ret_error) != 1)
                return false;
        if (l->torn && logfile_append(l, "\n", 1, ret_error) != 1)
                return false;
        l->torn = false;
        if (!l->lost)
                return true;
        size_t n = lost_notice(l, buf);
        if (allowed(l, buf, n, now_us, ret_error) != n || put(l, buf, n, now_us, ret_error) != n)
                return false;
        lost_told(l);
        return true;
}

/* The next lines of N bytes. Returns how many bytes are dealt with; 0: nothing more can be written. */
static size_t write_some(struct log *l, const char *p, size_t n, int64_t now_us, int *ret_error)
{
        if (!logfile_ready(l, now_us)) {
                *ret_error = l->open_error;
                return 0;
        }
        if (!l->mid && room_is_short(l, n, now_us)) {
                *ret_error = SHIM_ERRNO_ROOM;
                return 0;
        }
        if (!l->mid && !catch_up(l, now_us, ret_error))
                return 0;
        if (l->rest && !begin_rest(l, now_us, ret_error))
                return 0;
        size_t part = allowed(l, p, n, now_us, ret_error);
        if (part)
                return put(l, p, part, now_us, ret_error);
        return *ret_error ? 0 : put_cut(l, p, n, now_us, ret_error);
}

/* RLIMIT_FSIZE, the account's, is below log.max_size: then it takes its place. */
static bool rotate_at_limit(struct log *l, int error, int64_t now_us)
{
        return error == EFBIG && limited(l) && l->size_bytes > 0 && !l->torn &&
               logfile_next(l, now_us);
}

static void drop(struct log *l, const char *p, size_t n, int error)
{
        if (l->mid && l->fd >= 0)
                logfile_cut(l, l->line_at);
        l->mid = l->rest = false;
        lost_drop(l, p, n, error);
}

/* The line that has begun is not in the file any more, or is as good as not. */
static void take_back(struct log *l)
{
        if (l->ahead)
                logfile_cut(l, l->size_bytes - (int64_t)l->ahead);
        l->ahead = 0;
}

static bool is_usual(struct log *l, const char *p, size_t n, int64_t now_us)
{
        return n && p[n - 1] == '\n' && l->fd >= 0 && l->regular && !l->mid && !l->torn &&
               !l->skip && !l->rest && !l->lost && !l->missing &&
               portion(l, p + l->ahead, n - l->ahead, limit(l)) == n - l->ahead &&
               !room_is_short(l, n - l->ahead, now_us) && logfile_as_left(l, now_us);
}

size_t logput_quick(struct log *l, const char *p, size_t n, size_t end)
{
        int64_t now_us = stamp_mono_us(), begin = l->size_bytes - (int64_t)l->ahead;
        size_t more = end - l->ahead;
        int error = 0;
        if (!is_usual(l, p, n, now_us)) {
                take_back(l);
                return 0;
        }
        size_t done = l->ahead + logfile_append(l, p + l->ahead, more, &error);
        size_t keep = whole(p, done);
        l->ahead = 0;
        if (done < end)
                logfile_cut(l, begin + (int64_t)keep);
        switch (logfile_look(l, begin, more, now_us)) {
        case LOGFILE_GONE:
                return 0;
        case LOGFILE_TOUCHED:
                return keep;
        default:
                l->ahead = done < end ? 0 : end - keep;
                return keep;
        }
}

void logput_write(struct log *l, const char *p, size_t n)
{
        int64_t now_us = stamp_mono_us();
        const char *end = p + n;
        int error = 0;
        if (l->ahead)
                p += logput_quick(l, p, n, n);
        p = lost_skip(l, p, end);
        if (p == end && l->lost && !l->mid && logfile_ready(l, now_us) &&
            !room_is_short(l, 0, now_us))
                catch_up(l, now_us, &error);
        while (p < end) {
                bool mid = l->mid;
                size_t done = write_some(l, p, (size_t)(end - p), now_us, &error);
                p += done;
                if (!mid && rotate_at_limit(l, error, now_us)) {
                        error = 0;
                } else if (error || (!done && !l->rest)) {
                        drop(l, p, (size_t)(end - p), error);
                        break;
                }
        }
        lost_plan(l, now_us);
}
