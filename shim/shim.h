/* shim: the one struct of a shim, and the order in which things happen in it.
 *
 * A shim is one process with one loop (shim.c) and one thread, but for a moment now and then another that only lets go
 * of a file (discard.h). A turn of the loop is: wait; read what svcd says; reap children; read output and notifications;
 * do what is due; and at the end, in this order, write the log, write the record, send to svcd. So whatever svcd hears of
 * is in the log.
 *
 * MEMORY. There is one shim for each service, so the measure is pages, not bytes: no malloc, no
 * stdio. A shim at rest has two pages of its own: that of the stack has struct shim between the title and
 * the loop's frames, the other one has the C library's variables and struct kept, unless there is much to keep
 * (a long environment). Neither has much room left: what is large goes where it is not needed at rest, into
 * struct big, whose buffers are given back to the kernel when nothing happens.
 *
 * TIME. *_us is CLOCK_MONOTONIC in microseconds, *_ms the protocol's milliseconds. NEVER is a
 * deadline that is not set. Each module keeps its own deadlines; shim.c waits for the earliest.
 *
 * PHASES of a run
 *   NONE   nothing of a run is alive
 *   UP     the main process has not been reaped
 *   ENDED  it has been, and whether something is left of the run is not decided yet: processes that
 *          were killed together do not end in the same microsecond (SETTLE_US)
 *   LEFT   EXITED was sent, descendants are alive
 */
#ifndef SVCD_SHIM_SHIM_H
#define SVCD_SHIM_SHIM_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "common/shim_proto.h"
#include "shim/launch.h"
#include "shim/log.h"
#include "shim/rate.h"

#define NEVER          INT64_MAX
#define MS             INT64_C(1000) /* in us */
#define SETTLE_US      (20 * MS)
#define TRIM_US        (2000 * MS)
#define ENDED_N        5
#define REPORTS_MAX    6
#define NAME_BYTES     72
#define PAGE_BYTES     4096u
#define STREAM_BYTES   LOG_LINE_MAX
#define LINE_BYTES     (STREAM_BYTES / 2) /* a longer line goes out in pieces */
#define LINK_IN_BYTES  (16u * 1024u)
#define LINK_OUT_BYTES (48u * 1024u)
#define HELD_BYTES     (16u * 1024u)
#define SCRATCH_BYTES  (20u * 1024u)
#define ARENA_BYTES    (14u * 1024u)
#define COOKIE_SHORT   40 /* svcd's have 23 */
#define SOCKETS_MAX    16
#define STORE_MAX      64

enum phase { PHASE_NONE, PHASE_UP, PHASE_ENDED, PHASE_LEFT };

/* A report that svcd has not acknowledged. */
struct report {
        int64_t number; /* 0 = the slot is free */
        enum shim_frame type;
        bool logged, restarted, leftover, pending, ready_line;
        int64_t run, pid, wstatus, ran_ms, wall_ms, ended_ms, user_ms, system_ms, maxrss_bytes,
            intent;
        int stage, error, resource;
        int oom;                                          /* enum shim_oom */
        bool has_usage;                                   /* of its cgroup: */
        int64_t tree_user_ms, tree_system_ms, peak_bytes; /* peak < 0 = not counted */
};

struct stream {
        int r, w;   /* of the pipe; w is what each run gets */
        size_t cap; /* of the pipe */
        size_t
            holds; /* as the service writes: the less, the more of its writes are just too large to share a page */
        size_t held; /* bytes of a line that has no end yet, in struct big */
        bool
            much; /* the last read has found a quarter of it full, so there will be another one soon */
        bool cut;  /* they are the rest of a line that was ended too early */
        bool mute; /* they, and all up to the next newline, are beyond log.rate_limit */
        uint64_t inode;
};

struct drain {
        struct stream out, err;
        struct stream *open;   /* whose line is in the file without its end; NULL = none */
        int64_t open_until_us; /* until then others wait for that end; 0 = no longer */
        int64_t at_us;         /* the next read, NEVER = when poll says so */
        int64_t piece_at_us; /* when held bytes go out without the end of their line; NEVER = not */
        int64_t last_us;     /* of the last read */
        int64_t delay_us;
};

struct link {
        int fd;
        unsigned char *in;
        size_t in_cap, in_n, out_n, out_done;
        int64_t retry_at_us, retry_ms;
        bool heard; /* the peer has said something sensible */
};

struct gate {
        int64_t report; /* its `exited` line must come first; 0 = the gate is open */
        int64_t until_us;
        bool started_waits; /* the `started` line of the run that is up */
        int64_t told;       /* the last run whose end was given to the log */
        size_t held_n;
};

struct notify {
        int fd;
        bool ready, reloading;
        int64_t watchdog_us, extended_ms; /* as in HELLO */
        char variable[48];                /* NOTIFY_SOCKET=@… */
        size_t status_n;
        char status[SHIM_STATUS_MAX];
};

struct record {
        char *path;
        int fd;
        bool dirty;
        bool sized;     /* the file has the size of a record */
        int64_t run;    /* the last one that the file tells of */
        int64_t logged; /* the last run whose end is in the log */
        int64_t
            ended[ENDED_N]; /* the last run that has: RUN PID WSTATUS RAN_MS WALL_MS; 0 = none */
};

struct order {
        int64_t flags, min_ran_ms, intent;
};

struct cgroup {
        int64_t run; /* whose folder exists; 0 = none does */
        int error;   /* why the run that is up has none; written by the child too */
};

struct sockets {
        int n;
        bool polled; /* svcd wants to know of the next connection, and no run is up */
        int fd[SOCKETS_MAX];
        uint64_t key[SOCKETS_MAX]; /* of the item that described it */
};

struct store {
        int n, max;
        struct stored *v; /* mapped while there are any */
};

struct shim {
        bool inited, check, ending;
        bool asked; /* for a run or for sockets, by a svcd that was there */
        volatile sig_atomic_t child_ended, nudged, arrived; /* written by the signals' handler */
        struct kept *kept;
        char *title; /* the area of the process's arguments */
        size_t title_n;
        pid_t pid;
        int64_t now_us;      /* of this turn */
        unsigned busy_turns; /* so many waits in a row have found descriptors */
        int64_t trim_at_us;
        int64_t tag;
        char *name, *run_dir;

        enum phase phase;
        pid_t main;
        int64_t run, started_ms, started_wall_ms;
        int wstatus; /* from ENDED on, as is what it has used */
        int64_t user_ms, system_ms, maxrss_bytes;
        int64_t ended_ms, ended_wall_ms, settle_at_us;
        bool killing;
        bool signalled_all; /* the last signal went to the whole tree */
        int signalled;      /* what is up or left has got this signal by SIGNAL; -1 = none */
        bool held;          /* what ended is looked at once the gate is open */
        int64_t kill_at_us, kill_wait_us, kill_began_us;
        bool stuck_told; /* of this KILL, to this svcd */
        int lock_error;  /* another shim has the record; the answer to START */
        int64_t lock_until_us;

        struct order order;
        struct link link;
        struct drain drain;
        struct gate gate;
        struct record record;
        struct log log;
        struct journal journal;
        bool journal_losing; /* svcd knows that lines do not reach the journal */
        struct rate rate;
        bool losing;        /* svcd knows that lines are being lost */
        bool rotation_told; /* and has not said that it has seen it */
        struct notify notify;
        int64_t reports_n;      /* the last REPORT number */
        struct report *reports; /* REPORTS_MAX */
        struct cgroup cgroup;
        volatile int child_stage, child_error,
            child_resource;       /* written by the child before exec */
        volatile bool child_born; /* it has run at all */
        struct launch *launch;
        struct sockets sockets;
        struct store store;
        char *listen_pid, *watchdog_pid; /* where the child writes its pid; NULL = nowhere */
};

/* What struct shim has no room for. */
struct kept {
        struct shim *shim; /* whose process this is */
        struct report reports[REPORTS_MAX];
        struct launch launch;
        char *cookie; /* one of the two below */
        size_t cookie_n, arena_n;
        char cookie_short[COOKIE_SHORT];
        char arena[ARENA_BYTES] __attribute__((aligned(8))); /* INIT's strings, then START's area */
        char cookie_long[SHIM_COOKIE_MAX];
};
extern struct kept the_kept;

/* Buffers that are empty while nothing happens; each has pages of its own, which are given back then. */
struct big {
        _Alignas(PAGE_BYTES) unsigned char in[LINK_IN_BYTES];
        _Alignas(PAGE_BYTES) unsigned char out[LINK_OUT_BYTES];
        _Alignas(PAGE_BYTES) unsigned char stream_out[STREAM_BYTES + LOG_SLACK];
        _Alignas(PAGE_BYTES) unsigned char stream_err[STREAM_BYTES + LOG_SLACK];
        _Alignas(PAGE_BYTES) char log[LOG_BUF];
        _Alignas(PAGE_BYTES) char held[HELD_BYTES];
        _Alignas(PAGE_BYTES) char scratch[SCRATCH_BYTES];
};
extern struct big big;

/* The id of this boot, read once by the nursery. */
extern char shim_boot_id[40];

/* Signals: blocks all, handles SIGCHLD and the nudge. Once, in the nursery. */
void shim_signals(void);

/* A shim's life over the connected socket FD; the process has no descriptors but that and 0, 1, 2,
 * which are /dev/null. TITLE is the area of the process's arguments. */
void shim_live(int fd, char *title, size_t title_n) __attribute__((noreturn));

/* Where S, which is all zero, finds what is kept; once. */
void shim_init(struct shim *s);

/* INIT's strings: N bytes and a NUL, kept for ever; NULL if they are too many. DATA NULL: room for them. */
char *shim_keep(struct shim *s, const void *data, size_t n);

/* What the process is called in ps. */
void shim_title(struct shim *s);

#endif
