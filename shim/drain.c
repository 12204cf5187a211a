/* drain: see drain.h. Reads and cuts; the file is log.c's. */
#include "shim/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/gate.h"

static unsigned char *buffer(const struct shim *s, const struct stream *st)
{
        return st == &s->drain.out ? big.stream_out : big.stream_err;
}

static const char *source(const struct shim *s, const struct stream *st)
{
        return st == &s->drain.out ? "out" : "err";
}

void drain_init(struct shim *s)
{
        s->drain = (struct drain){.out = {.r = -1, .w = -1},
                                  .err = {.r = -1, .w = -1},
                                  .at_us = NEVER,
                                  .piece_at_us = NEVER};
}

static int make_pipe(struct stream *st, int size)
{
        int fd[2];
        if (pipe2(fd, O_CLOEXEC) < 0)
                return -errno;
        struct stat about;
        if (fcntl(fd[0], F_SETFL, O_NONBLOCK) < 0) { /* whoever reads would wait there for ever */
                int error = errno;
                close(fd[0]);
                close(fd[1]);
                return -error;
        }
        st->r = fd[0];
        st->w = fd[1];
        st->inode = fstat(fd[0], &about) == 0 ? about.st_ino : 0;
        int cap = fcntl(st->r, F_SETPIPE_SZ, size);
        if (cap < 0)
                cap = fcntl(st->r, F_GETPIPE_SZ);
        st->cap = st->holds = cap > 0 ? (size_t)cap : 4096;
        return 0;
}

int drain_pipes(struct shim *s)
{
        struct drain *d = &s->drain;
        int r = 0;
        if (d->out.r < 0)
                r = make_pipe(&d->out, DRAIN_PIPE_OUT);
        else
                fcntl(d->out.w, F_SETFL, 0);
        if (r < 0 || s->check)
                return r;
        if (d->err.r < 0)
                r = make_pipe(&d->err, DRAIN_PIPE_ERR);
        else
                fcntl(d->err.w, F_SETFL, 0);
        return r;
}

/* Another stream's line is in the file without its end, and still has time to get it. */
static bool must_wait(const struct shim *s, const struct stream *st)
{
        const struct drain *d = &s->drain;
        return d->open && d->open != st && s->now_us < d->open_until_us;
}

int drain_poll(const struct shim *s, struct pollfd *p)
{
        const struct drain *d = &s->drain;
        int n = 0;
        if (s->gate.report || d->at_us != NEVER)
                return 0;
        if (d->out.r >= 0 && !must_wait(s, &d->out))
                p[n++] = (struct pollfd){.fd = d->out.r, .events = POLLIN};
        if (d->err.r >= 0 && !must_wait(s, &d->err))
                p[n++] = (struct pollfd){.fd = d->err.r, .events = POLLIN};
        return n;
}

void drain_break(struct shim *s)
{
        if (!s->drain.open)
                return;
        log_raw(&s->log, "\n", 1);
        s->drain.open->cut = true;
        s->drain.open = NULL;
}

/* The piece P..END has no newline; it becomes the beginning of a line in the file, or more of it. */
static void put_piece(struct shim *s, struct stream *st, int64_t wall_ms, const unsigned char *p,
                      const unsigned char *end)
{
        struct drain *d = &s->drain;
        if (d->open != st) {
                drain_break(s);
                log_begin(&s->log, source(s, st), wall_ms);
                d->open = st;
                d->open_until_us = s->now_us + LINE_HOLD_US;
        }
        journal_piece(&s->journal, source(s, st), p, end);
        log_raw(&s->log, p, (size_t)(end - p));
}

/* The line that is in the file without its end goes on. */
static const unsigned char *feed_open(struct shim *s, const unsigned char *p,
                                      const unsigned char *end)
{
        const unsigned char *newline = (const unsigned char *)memchr(p, '\n', (size_t)(end - p));
        const unsigned char *stop = newline ? newline + 1 : end;
        journal_piece(&s->journal, source(s, s->drain.open), p, stop);
        log_raw(&s->log, p, (size_t)(stop - p));
        if (newline) {
                s->drain.open = NULL;
                gate_line_ended(s);
        }
        return stop;
}

/* The rest of a line that was ended too early is marked as such once there is something to write of it. */
static const unsigned char *feed_rest(struct shim *s, struct stream *st, int64_t wall_ms,
                                      const unsigned char *p, const unsigned char *end)
{
        const unsigned char *newline = (const unsigned char *)memchr(p, '\n', (size_t)(end - p));
        if (!newline && (size_t)(end - p) < LINE_BYTES)
                return p;
        st->cut = false;
        log_continued(&s->log, source(s, st), wall_ms);
        if (newline)
                return log_lines(&s->log, source(s, st), wall_ms, p, newline + 1);
        put_piece(s, st, wall_ms, p, end);
        return end;
}

/* In a log without times nobody has to know where a line begins: what has waited for its end goes out as it is. */
static void put_held(struct shim *s)
{
        struct drain *d = &s->drain;
        struct stream *const both[] = {&d->out, &d->err};
        d->piece_at_us = NEVER;
        for (int i = 0; i < 2 && s->log.plain; i++) {
                struct stream *st = both[i];
                if (st->held && must_wait(s, st)) {
                        d->piece_at_us = d->open_until_us;
                } else if (st->held) {
                        const unsigned char *p = buffer(s, st);
                        st->cut = false;
                        st->mute = !rate_line(s);
                        if (!st->mute)
                                put_piece(s, st, stamp_wall_ms(), p, p + st->held);
                        st->held = 0;
                }
        }
}

static void watch_held(struct shim *s)
{
        struct drain *d = &s->drain;
        if (!s->log.plain || (!d->out.held && !d->err.held))
                d->piece_at_us = NEVER;
        else if (d->piece_at_us == NEVER)
                d->piece_at_us = s->now_us + PIECE_HOLD_US;
}

/* FRESH bytes have come behind those that are held. */
static void feed(struct shim *s, struct stream *st, size_t fresh)
{
        struct drain *d = &s->drain;
        unsigned char *buf = buffer(s, st);
        const unsigned char *p = buf, *end = buf + st->held + fresh;
        int64_t wall_ms = stamp_wall_ms();
        if (d->open && d->open != st &&
            (st->held + fresh >= LINE_BYTES || memchr(buf + st->held, '\n', fresh)))
                drain_break(s);
        if (d->open == st)
                p = feed_open(s, p, end);
        if (st->cut && p < end)
                p = feed_rest(s, st, wall_ms, p, end);
        if (st->mute) {
                const unsigned char *newline =
                    (const unsigned char *)memchr(p, '\n', (size_t)(end - p));
                st->mute = !newline;
                p = newline ? newline + 1 : end;
        }
        if (p < end && (!st->held || memchr(buf + st->held, '\n', fresh)))
                p = rate_lines(s, source(s, st), wall_ms, p, end);
        if ((size_t)(end - p) >= LINE_BYTES) {
                st->mute = d->open != st && !rate_line(s);
                if (!st->mute)
                        put_piece(s, st, wall_ms, p, end);
                p = end;
        }
        st->held = (size_t)(end - p);
        if (st->held && p != buf)
                memmove(buf, p, st->held);
        watch_held(s);
}

/* A check keeps only the end. */
static void feed_tail(struct shim *s, struct stream *st, size_t fresh)
{
        unsigned char *buf = buffer(s, st);
        size_t n = st->held + fresh;
        st->held = n < SHIM_OUTPUT_MAX ? n : SHIM_OUTPUT_MAX;
        if (n > st->held)
                memmove(buf, buf + n - st->held, st->held);
}

/* Nothing has to be done to the bytes, nor to the line that goes on. */
static bool is_for_the_file_alone(const struct shim *s, const struct stream *st)
{
        return s->log.plain && !s->log.off && !s->check && !s->drain.open && !st->cut &&
               !st->mute && !s->rate.limit && !*s->journal.path;
}

/* Then they are read into the log's batch, which saves a copy; only what has no end yet is held here. */
static ssize_t read_into_batch(struct shim *s, struct stream *st, size_t limit)
{
        unsigned char *buf = buffer(s, st);
        size_t room = STREAM_BYTES - st->held;
        char *to = log_room(&s->log, STREAM_BYTES);
        memcpy(to, buf, st->held);
        ssize_t n = read(st->r, to + st->held, limit < room ? limit : room);
        if (n <= 0)
                return n;
        const char *newline = (const char *)memrchr(to + st->held, '\n', (size_t)n);
        size_t lines = newline ? (size_t)(newline + 1 - to) : 0,
               rest = st->held + (size_t)n - lines;
        if (lines && rest < LINE_BYTES) {
                log_take(&s->log, lines);
                memcpy(buf, to + lines, rest);
                st->held = rest;
                watch_held(s);
        } else {
                memcpy(buf + st->held, to + st->held, (size_t)n);
                feed(s, st, (size_t)n);
        }
        return n;
}

/* Reads at most LIMIT bytes; returns how many. */
static size_t read_some(struct shim *s, struct stream *st, size_t limit)
{
        if (st->r < 0 || limit == 0)
                return 0;
        size_t room = STREAM_BYTES - st->held;
        bool direct = is_for_the_file_alone(s, st);
        ssize_t n = direct ? read_into_batch(s, st, limit)
                           : read(st->r, buffer(s, st) + st->held, limit < room ? limit : room);
        if (n <= 0)
                return 0;
        if (s->check)
                feed_tail(s, st, (size_t)n);
        else if (!direct)
                feed(s, st, (size_t)n);
        if ((size_t)n * 2 >= st->cap && st->cap < DRAIN_PIPE_MAX) {
                int cap = fcntl(st->r, F_SETPIPE_SZ, DRAIN_PIPE_MAX);
                st->cap = st->holds = cap > 0 ? (size_t)cap : st->cap;
        }
        return (size_t)n;
}

/* All that is in the pipe. Portions stay in the fastest cache while they are cut into lines; a batch that is a whole
 * write does not wait for the end of the turn, nor does its memory grow until then. */
static size_t read_pipe(struct shim *s, struct stream *st)
{
        size_t all = 0, n;
        if (!s->drain.delay_us)
                return read_some(s, st, SIZE_MAX);
        do {
                n = read_some(s, st, DRAIN_PORTION);
                all += n;
                if (s->log.n >= LOG_UNIT_LINES)
                        log_flush_some(&s->log, LOG_LINES, LOG_UNIT_LINES, s->now_us);
        } while (n == DRAIN_PORTION && all < st->cap);
        return all;
}

static bool is_full(size_t n, size_t holds)
{
        return n * 8 >= holds * 7;
}

/* Nothing more can be written at this moment. Not asked if there was little the last time. */
static bool is_stalled(const struct stream *st)
{
        struct pollfd p = {.fd = st->w, .events = POLLOUT};
        return st->much && poll(&p, 1, 0) == 0;
}

/* N bytes were in the pipe. Found FULL, that is what it holds, as this writer fills it. */
static void learn(struct stream *st, size_t n, bool full)
{
        if (full && n)
                st->holds = n;
        else if (n >= st->holds)
                st->holds = st->cap;
        st->much = n * 4 >= st->cap;
}

/* How soon to read again, so that a pipe that HOLDS so many bytes is three quarters full by then: N came in PASSED_US.
 * Never much later than the time before (DELAY_US), since a writer may be quicker from now on than it was. */
static int64_t next_delay(int64_t delay_us, int64_t passed_us, size_t n, size_t holds)
{
        int64_t next = delay_us ? 4 * delay_us : DRAIN_FIRST_US;
        int64_t most = passed_us * (int64_t)holds * 3 / 4 / (int64_t)n;
        next = next < most ? next : most;
        next = next < DRAIN_DELAY_US ? next : DRAIN_DELAY_US;
        return next < DRAIN_FIRST_US ? 0 : next;
}

/* A writer that fills the pipe as fast as it is read is not waited for in between, and what it says is written
 * in pieces that suit the file. False if it is not as fast as that: then the pipe was full by chance, because this
 * process was not woken in time, and nothing is written before that is known,
 * unless the batch has as much already as it should. */
static bool read_on(struct shim *s, struct stream *st)
{
        struct drain *d = &s->drain;
        for (int i = 1; i < DRAIN_READS; i++) {
                if (i > 1 || !d->delay_us || s->log.n >= LOG_UNIT_LINES)
                        log_flush_some(&s->log, LOG_BYTES, LOG_UNIT, s->now_us);
                size_t n = read_pipe(s, st);
                d->last_us = s->now_us = stamp_mono_us();
                if (n * 4 < st->cap)
                        return false;
        }
        return true;
}

static void read_both(struct shim *s)
{
        struct drain *d = &s->drain;
        bool lazy = d->at_us != NEVER;
        bool out_full = lazy && is_stalled(&d->out), err_full = lazy && is_stalled(&d->err);
        size_t out = must_wait(s, &d->out) ? 0 : read_pipe(s, &d->out);
        size_t err = must_wait(s, &d->err) ? 0 : read_pipe(s, &d->err);
        d->at_us = NEVER;
        learn(&d->out, out, out_full);
        learn(&d->err, err, err_full);
        if (!out && !err)
                return;
        int64_t passed_us = s->now_us - d->last_us;
        if (passed_us >= DRAIN_PAUSE_US)
                d->delay_us = 0;
        d->last_us = s->now_us;
        bool fuller = err && err * d->out.holds > out * d->err.holds;
        struct stream *st = fuller ? &d->err : &d->out;
        if (!is_full(fuller ? err : out, st->holds))
                d->delay_us = next_delay(d->delay_us, passed_us, fuller ? err : out, st->holds);
        else if (read_on(s, st) || d->delay_us / 2 < DRAIN_FIRST_US)
                d->delay_us = 0;
        else
                d->delay_us /= 2;
        if (lazy && d->delay_us)
                d->at_us = s->now_us + d->delay_us;
}

bool drain_goes_on(const struct shim *s)
{
        return s->drain.out.much || s->drain.err.much;
}

bool drain_floods(const struct shim *s)
{
        return drain_goes_on(s) && !s->drain.delay_us;
}

void drain_turn(struct shim *s, bool readable)
{
        struct drain *d = &s->drain;
        if (s->gate.report)
                return;
        if (d->open && d->open_until_us && d->open_until_us <= s->now_us) {
                d->open_until_us = 0;
                gate_line_late(s);
        }
        if (d->at_us <= s->now_us)
                read_both(s);
        else if (readable && s->now_us - d->last_us >= d->delay_us)
                read_both(s);
        else if (readable)
                d->at_us = d->last_us + d->delay_us;
        if (d->piece_at_us <= s->now_us)
                put_held(s);
}

int64_t drain_deadline_us(const struct shim *s)
{
        const struct drain *d = &s->drain;
        if (s->gate.report)
                return NEVER;
        int64_t at_us = d->piece_at_us < d->at_us ? d->piece_at_us : d->at_us;
        if (d->open && d->open_until_us && d->open_until_us < at_us)
                return d->open_until_us;
        return at_us;
}

void drain_waiting(const struct shim *s, size_t ret[2])
{
        const struct stream *st[2] = {&s->drain.out, &s->drain.err};
        for (int i = 0; i < 2; i++) {
                int n = 0;
                if (st[i]->r < 0 || ioctl(st[i]->r, FIONREAD, &n) < 0)
                        n = 0;
                ret[i] = (size_t)n;
        }
}

static void complete(struct shim *s, struct stream *st)
{
        if (s->check)
                return;
        if (st->held) {
                unsigned char *buf = buffer(s, st);
                buf[st->held] = '\n';
                feed(s, st, 1);
        }
        if (s->drain.open == st) {
                drain_break(s);
                gate_line_ended(s);
        }
        st->cut = st->mute = false;
}

static void finish_stream(struct shim *s, struct stream *st, size_t limit)
{
        size_t n;
        while (limit && (n = read_some(s, st, limit)))
                limit -= n;
        complete(s, st);
}

void drain_finish(struct shim *s, const size_t limit[2])
{
        struct drain *d = &s->drain;
        bool err_first = d->open == &d->err;
        if (err_first)
                finish_stream(s, &d->err, limit[1]);
        finish_stream(s, &d->out, limit[0]);
        if (!err_first)
                finish_stream(s, &d->err, limit[1]);
        rate_turn(s, true);
        d->at_us = NEVER;
}

void drain_resume(struct shim *s)
{
        s->drain.at_us = s->now_us;
}

const void *drain_output(struct shim *s, size_t *ret_n)
{
        *ret_n = s->drain.out.held;
        return buffer(s, &s->drain.out);
}

void drain_forget(struct shim *s)
{
        s->drain.out.held = s->drain.err.held = 0;
}
