/* shim: the loop: what is waited for, and in which order it is served. Every module says when it wants
 * to be called (its deadline) and what is to be polled; nothing is decided here. */
#include "shim/shim.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/drain.h"
#include "shim/gate.h"
#include "shim/link.h"
#include "shim/notify.h"
#include "shim/record.h"
#include "shim/report.h"
#include "shim/run.h"
#include "shim/sockets.h"
#include "shim/store.h"
#include "shim/text.h"

#define BUSY_TURNS 4u
#define STACK_USED 512u          /* below that frame, by what it calls */
#define STACK_TRIM (64u * 1024u) /* how far below the loop's frame the stack may have been used */

struct big big;
/* As a common symbol it comes behind the C library's own variables: together they take one page, apart two. */
struct kept the_kept __attribute__((common));

static void signal_cb(int signo)
{
        struct shim *s = the_kept.shim;
        if (signo == SIGCHLD)
                s->child_ended = 1;
        else if (signo == SIGIO)
                s->arrived = 1;
        else
                s->nudged = 1;
}

/* Everything is blocked but while a shim's loop waits: somebody's pkill or Ctrl-C does not concern a shim,
 * and a service inherits no disposition that it would have to undo. */
void shim_signals(void)
{
        uint64_t all = ~UINT64_C(0);
        /* The kernel's own struct, all zero: SIG_DFL. libc keeps its hands on some of the signals, and
         * whoever started us may have left even those ignored. */
        static const unsigned char by_default[64];
        struct sigaction sa = {.sa_handler = signal_cb, .sa_flags = SA_NOCLDSTOP};
        for (int i = 1; i < _NSIG; i++)
                syscall(SYS_rt_sigaction, i, by_default, NULL, sizeof(all));
        sigfillset(&sa.sa_mask);
        sigaction(SIGCHLD, &sa, NULL);
        sigaction(SIGIO, &sa, NULL);
        sigaction(SHIM_NUDGE_SIGNAL, &sa, NULL);
        /* At last, since musl's sigaction unblocks some that it wants for itself. */
        syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, NULL, sizeof(all));
}

void shim_init(struct shim *s)
{
        s->kept = &the_kept;
        s->kept->shim = s;
        s->reports = s->kept->reports;
        s->launch = &s->kept->launch;
}

char *shim_keep(struct shim *s, const void *data, size_t n)
{
        struct kept *k = s->kept;
        char *p = k->arena + k->arena_n;
        size_t took = (n + 1 + 7) & ~(size_t)7; /* what follows stays aligned */
        if (n > sizeof(k->arena) || took > sizeof(k->arena) - k->arena_n)
                return NULL;
        if (n && data)
                memcpy(p, data, n);
        p[n] = '\0';
        k->arena_n += took;
        return p;
}

void shim_title(struct shim *s)
{
        struct text t = text_on(s->title, s->title_n);
        if (!s->title_n)
                return;
        memset(s->title, 0, s->title_n);
        text_str(&t, "svc-shim ");
        text_str(&t, s->name);
        text_end(&t);
}

static int wait_for_events(struct pollfd *p, nfds_t n, int64_t wait_us)
{
        struct timespec t = {wait_us / 1000000, wait_us % 1000000 * 1000};
        uint64_t open = ~((UINT64_C(1) << (SIGCHLD - 1)) |
                          (UINT64_C(1) << (SHIM_NUDGE_SIGNAL - 1)) | (UINT64_C(1) << (SIGIO - 1)));
        return (int)syscall(SYS_ppoll, p, n, wait_us == NEVER ? NULL : &t, &open, sizeof(open));
}

static int64_t deadline_us(const struct shim *s)
{
        const int64_t all[] = {run_deadline_us(s),  drain_deadline_us(s),
                               rate_deadline_us(s), s->gate.report ? s->gate.until_us : NEVER,
                               s->link.retry_at_us, s->lock_error ? s->lock_until_us : NEVER,
                               s->log.retry_at_us,  journal_deadline_us(&s->journal, link_is_up(s)),
                               s->log.rest_at_us,   s->trim_at_us};
        int64_t at = NEVER;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                at = all[i] < at ? all[i] : at;
        return at;
}

/* Gives the buffers, and the part of the stack that is not in use, back to the kernel. Its own frame tells where that
 * begins. */
static void trim(struct shim *s) __attribute__((noinline));
static void trim(struct shim *s)
{
        s->trim_at_us = NEVER;
        const struct {
                void *start;
                size_t used, size;
        } all[] = {{big.in, s->link.in_n, sizeof(big.in)},
                   {big.out, s->link.out_n, sizeof(big.out)},
                   {big.stream_out, s->drain.out.held, sizeof(big.stream_out)},
                   {big.stream_err, s->drain.err.held, sizeof(big.stream_err)},
                   {big.log, s->log.n, sizeof(big.log)},
                   {big.held, s->gate.held_n, sizeof(big.held)},
                   {big.scratch, 0, sizeof(big.scratch)}};
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                size_t used = (all[i].used + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
                if (used < all[i].size)
                        madvise((char *)all[i].start + used, all[i].size - used, MADV_DONTNEED);
        }
#if !defined(__SANITIZE_ADDRESS__)
        char *here = (char *)__builtin_frame_address(0);
        char *page = here - STACK_USED;
        page -= (uintptr_t)page & (PAGE_BYTES - 1);
        madvise(page - STACK_TRIM, STACK_TRIM, MADV_DONTNEED);
#endif
}

struct events {
        bool link, drain, notify, sockets, store, any;
};

/* One wait. Its frame is large, and what is served needs the same room. */
static struct events wait_turn(struct shim *s) __attribute__((noinline));
static struct events wait_turn(struct shim *s)
{
        struct pollfd p[4 + SOCKETS_MAX + STORE_MAX];
        struct events ev = {0};
        int n = 0, drains, sockets_at, store_at, link_at = -1, notify_at = -1;
        n = drains = drain_poll(s, p);
        if (s->link.fd >= 0) {
                short events = (short)(POLLIN | (link_pending(s) ? POLLOUT : 0));
                link_at = n;
                p[n++] = (struct pollfd){.fd = s->link.fd, .events = events};
        }
        if (s->notify.fd >= 0) {
                notify_at = n;
                p[n++] = (struct pollfd){.fd = s->notify.fd, .events = POLLIN};
        }
        sockets_at = n;
        n += sockets_poll(s, p + n);
        store_at = n;
        n += store_poll(s, p + n);
        int64_t at = deadline_us(s);
        int64_t wait_us = at == NEVER ? NEVER : at - stamp_mono_us();
        int r = wait_for_events(p, (nfds_t)n, wait_us < 0 ? 0 : wait_us);
        /* Descriptors come before signals, for ever if they are busy: then signals have a turn now and then. And a
         * signal leaves open whether svcd has said something. */
        bool woken = r != 0;
        s->busy_turns = r > 0 ? s->busy_turns + 1 : 0;
        if (s->busy_turns && s->busy_turns % BUSY_TURNS == 0)
                wait_for_events(NULL, 0, 0);
        else if (r < 0)
                r = wait_for_events(p, (nfds_t)n, 0);
        if (r > 0) {
                for (int i = 0; i < drains; i++)
                        ev.drain = ev.drain || p[i].revents;
                ev.link = link_at >= 0 && p[link_at].revents;
                ev.notify = notify_at >= 0 && p[notify_at].revents;
                for (int i = sockets_at; i < store_at; i++)
                        ev.sockets = ev.sockets || p[i].revents;
                for (int i = store_at; i < n; i++)
                        ev.store = ev.store || p[i].revents;
        }
        ev.any = woken || at != s->trim_at_us;
        s->now_us = stamp_mono_us();
        return ev;
}

static void flush(struct shim *s)
{
        if (!drain_goes_on(s) || s->phase != PHASE_UP || link_pending(s))
                log_flush(&s->log);
        else if (drain_floods(s))
                log_flush_some(&s->log, LOG_BYTES, LOG_UNIT, s->now_us);
        else
                log_flush_some(&s->log, LOG_LINES, LOG_UNIT_LINES, s->now_us);
        /* What would be due before the next read is not worth a turn of its own. */
        if (s->log.rest_at_us < s->drain.at_us && s->drain.at_us != NEVER)
                log_flush(&s->log);
        journal_turn(&s->journal, s->now_us);
        report_lost(s, false);
        report_rotated(s);
        record_flush(s);
        link_flush(s);
}

static void serve(struct shim *s, const struct events *ev)
{
        /* An order that came before the run ended must be known when its end is looked at. */
        if (ev->link)
                link_read(s);
        if (s->child_ended || run_deadline_us(s) <= s->now_us) {
                s->child_ended = 0;
                run_turn(s);
        }
        if (s->nudged) {
                s->nudged = 0;
                link_nudge(s);
        }
        if (ev->notify)
                notify_turn(s);
        if (ev->store)
                store_turn(s);
        if (ev->sockets && s->sockets.polled && s->phase == PHASE_NONE)
                sockets_turn(s);
        if (s->arrived) {
                s->arrived = 0;
                sockets_arrived(s);
        }
        if (s->gate.report && s->gate.until_us <= s->now_us)
                gate_give_up(s);
        drain_turn(s, ev->drain);
        if (rate_deadline_us(s) <= s->now_us)
                rate_turn(s, false);
        if (s->held && !s->gate.report)
                run_turn(s);
        if (s->link.retry_at_us <= s->now_us)
                link_retry(s);
        if (s->lock_error && !s->ending && s->lock_until_us <= s->now_us) {
                report_start_failed(s, 0, SHIM_STAGE_LOCK, s->lock_error);
                s->ending = true;
        }
        flush(s);
}

static void quit(struct shim *s) __attribute__((noreturn));
static void quit(struct shim *s)
{
        flush(s);
        link_drain(s);
        _exit(0);
}

void shim_live(int fd, char *title, size_t title_n)
{
        struct shim here = {0}, *s = &here;
        struct events first = {.link = true, .any = true};
        shim_init(s);
        s->title = title;
        s->title_n = title_n;
        s->pid = getpid();
        s->now_us = stamp_mono_us();
        s->trim_at_us = s->kill_at_us = s->log.retry_at_us = s->log.rest_at_us = NEVER;
        s->record.fd = -1;
        link_init(s, fd);
        drain_init(s);
        notify_init(s);
        for (struct events ev = first;; ev = wait_turn(s)) {
                serve(s, &ev);
                if (s->ending && s->phase == PHASE_NONE)
                        quit(s);
                if (ev.any)
                        s->trim_at_us = s->now_us + TRIM_US;
                else if (s->trim_at_us <= s->now_us)
                        trim(s);
        }
}
