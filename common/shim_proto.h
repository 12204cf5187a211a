/* shim_proto: the protocol between svcd and svc-shim, version 1. This header is its only document
 * and the only thing of this tree that svc-shim includes.
 *
 * WHO
 *   svcd decides, svc-shim holds: it is the parent and subreaper of one service's processes, reads
 *   their stdout and stderr, is the only writer of the service's log while it lives, and keeps what
 *   happened until svcd has it safely on disk. A shim outlives svcd.
 *
 * THE NURSERY
 *   svcd executes `svc-shim` once, with a SOCK_SEQPACKET socket as descriptor 3. That process, the
 *   nursery, never runs a service: for each packet that consists of the one byte
 *   SHIM_NURSERY_FORK and carries one descriptor (SCM_RIGHTS), it forks a shim whose parent is svcd
 *   (CLONE_PARENT) and which talks over that descriptor. So a shim costs a fork of a tiny process,
 *   not an exec. If it cannot fork, it answers in the shim's place: START_FAILED (stage "fork"), which
 *   then has neither RUN nor REPORT. The nursery ends when its socket closes. Its environment is passed on to nobody;
 *   TZ in it decides the zone of the log's times.
 *
 * THE WIRE
 *   A stream socket: first the one that came from the nursery; after svcd is gone, one that the
 *   shim connects to RUN/control.sock, where its first byte (0x01) tells it from a Varlink client
 *   ('{'). Frames in both directions: struct shim_hdr, then `len` bytes of payload, a sequence of
 *   items (struct shim_item, then its bytes). Native byte order; both ends are on one machine.
 *   Unknown frame types and unknown items are skipped; items missing from a frame have the value
 *   zero or empty. That, and never changing a number's meaning, is what keeps old shims working
 *   under a newer svcd. A frame above SHIM_FRAME_MAX ends the connection.
 *
 * A SHIM'S LIFE
 *   svcd creates a socket pair, writes INIT and START into its end, and sends the other end to the
 *   nursery. The shim locks RUN/shims/NAME (below), answers HELLO, starts the run, answers STARTED
 *   or START_FAILED. When the main process has ended and everything that was in the pipes is in the
 *   log, it sends EXITED; if descendants are left then, EMPTY follows when the last of them is gone.
 *   After that svcd sends START again, or EXIT.
 *   EXITED and START_FAILED carry a REPORT number and are kept, and sent again after each
 *   reconnection, until svcd has answered ACK with that number. With KEEP svcd gives the line's text
 *   only: it could not put the report on record yet, and answers once more when it has.
 *   A START while anything of the last run is alive is refused by START_FAILED (stage "busy").
 *
 * STANDING ORDER
 *   ORDER tells the shim that it may, once, start the service again by itself as soon as nothing of
 *   the run that is up is left: if the run lasted at least MIN_RAN_MS (and, with SHIM_ORDER_FAILED,
 *   only if it ended other than by exit code 0), and nothing was left running when its main process
 *   ended. It then sends EXITED with RESTARTED=1 and the order's INTENT, and STARTED with the next
 *   run number. SIGNAL and KILL leave the order alone; ORDER without SHIM_ORDER_ARMED cancels it;
 *   START cancels it, or brings the one for its own run: STARTED then says so in FLAGS. An order is used up by being
 *   carried out.
 *
 * THE LOG
 *   Lines are `TIME SOURCE TEXT\n` (product.md, "Log format"). The shim writes output lines and the
 *   `started` line of each run. All other svcd lines come from svcd: LOG for most, and ACK's TEXT
 *   for the `exited` line, since only svcd knows whether it counts as a failure. While svcd is
 *   away, or if it does not acknowledge within SHIM_HOLD_MS, the shim writes the `exited` line
 *   itself and sets LOGGED in the report. svcd's lines are written in the order in which they come. After a standing order the output of the new run waits in
 *   its pipe until the `exited` line of the old one is written, so that the lines are in order.
 *   Lines that cannot be written are dropped and counted; a line of the shim's says how many were
 *   lost, and why, as soon as there is room again: `lines lost=N reason="…"`.
 *
 * ROTATED FILES
 *   NAME.log.N, of which 1 is the newest; one that is compressed has .gz or .zst behind that. While a shim
 *   lives, only the shim gives these files names. It tells svcd that it has rotated (OLDLOG, SHIM_OLD_ROTATED),
 *   and again only after svcd has answered SHIM_OLD_SEEN. svcd asks for what is to become of one file: it
 *   is named by INODE, and by the NUMBER that it had when svcd looked. The shim answers each of these with
 *   the same OP and INODE and an ERRNO: 0 = done, ENOENT = there is no such file any more.
 *     SHIM_OLD_PACK    .NAME.log.INODE.pack beside the log is the same, compressed: it takes the plain file's place,
 *                      with TEXT (".gz", ".zst") behind its name. A shim killed at that moment leaves both,
 *                      with the same time of the last change
 *     SHIM_OLD_DROP    is deleted
 *     SHIM_OLD_ROTATE  the log itself is rotated now, unless it is empty; EAGAIN in the middle of a line
 *
 * SVCD GOES AWAY
 *   At the end of the stream the shim goes on, and tries to connect to RUN/control.sock: soon, then
 *   less and less often (SHIM_RETRY_MIN_MS doubling to SHIM_RETRY_MAX_MS), and at once when it gets
 *   SHIM_NUDGE_SIGNAL, which a new svcd sends to each holder of a lock. Its first frame is HELLO.
 *   Only a shim whose stream has ended before it reads the first START or LISTEN of its life does neither that run
 *   nor anything else, and ends: by now another may have been asked, or nobody wants it any more.
 *
 * RUN/shims/NAME
 *   The shim's record: it holds a POSIX write lock (fcntl F_SETLK, whole file) on it as long as it
 *   lives, so that F_GETLK tells a new svcd beyond doubt whether a shim lives and which pid it has.
 *   The content is text, `key=value` lines: shim=PID, boot=BOOT_ID, run=N,
 *   main=PID or 0, out= and err= (inodes of the pipes that stdout and stderr are), logged=N (the last
 *   run whose end is in the log; nobody else has to write it, wherever that log is by now), and
 *   ended=N PID WSTATUS RAN_MS WALL_MS of the last run that has ended (neither is there in 0.1.0's),
 *   padded with newlines to SHIM_RECORD_BYTES. On a disk that is full the file may have no content: then it has a hole of N
 *   bytes, which needs no room, and once there is some it is as above. A shim that cannot get the lock
 *   reports START_FAILED (stage "lock") and ends. The file stays when the shim dies (its run number
 *   counts); it is removed on EXIT, unless that says otherwise: what is made and deleted for each run costs a
 *   disk much more than what is written anew (ext4 takes no inode again for minutes, and looks at each that it
 *   passes by), so an empty file that nobody locks is as good as none. The next shim goes on from what it says. A
 *   shim whose record was deleted makes it again when svcd says so (RECORD), before each attempt to connect, and
 *   when there is something new to say.
 *
 * CGROUPS
 *   With a CGROUP in START each run, also one by standing order, gets a fresh cgroup v2 folder of its
 *   own, CGROUP.RUN, which is removed when nothing is left of the run. A folder is never used twice:
 *   once its cgroup.kill was written, kernels kill whatever is cloned into it. The shim itself stays
 *   outside. CGROUP_SET items are written into its files first. A folder that cannot be had is no
 *   reason not to start: the run goes without, STARTED and HELLO tell why (CGROUP_ERRNO), and
 *   RLIMIT_ELSE takes effect. KILL writes cgroup.kill besides killing as ever, and a run is over when
 *   the shim has no child and its cgroup no process.
 *
 * SOCKETS
 *   With SOCKET items in START the shim opens these sockets before the run, unless they are open already, and
 *   closes those that it has and START does not name. They stay open from run to run, standing orders
 *   included, and are handed to each run as sd_listen_fds(3) describes it, under the names in FDNAMES. EXIT
 *   closes them. One that cannot be opened is a failed start (stage "listen", RESOURCE = its index + 1).
 *   LISTEN opens them without a run. It is answered by SOCKETS, or by START_FAILED; if no connection waits
 *   then (PENDING=0), another SOCKETS follows when one does. WATCH asks for SOCKETS at the next connection
 *   while a run is up. Each of these is told once, and only to the svcd that asked. A shim that knows of all this
 *   says how many sockets it has open in HELLO.
 *
 * STORED DESCRIPTORS
 *   With FDSTORE in START the shim keeps up to so many descriptors that the service sends along with FDSTORE=1
 *   (sd_pid_notify_with_fds(3); FDNAME=, FDPOLL=0, FDSTOREREMOVE=1), and hands them to the next run behind its
 *   sockets. EXIT closes them.
 *
 * CHECKS
 *   With SHIM_INIT_CHECK a shim runs one monitoring command and nothing else: no record, no log; it
 *   keeps the last SHIM_OUTPUT_MAX bytes of output and puts them into EXITED as OUTPUT. Whatever
 *   the command leaves behind is killed first. When svcd goes away it kills everything and ends.
 */
#ifndef SVCD_COMMON_SHIM_PROTO_H
#define SVCD_COMMON_SHIM_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SHIM_PROTO_VERSION 1
#define SHIM_MAGIC         UINT32_C(0x43565301) /* bytes 01 'S' 'V' 'C' on a little-endian machine */
#define SHIM_FRAME_MAX     (1024u * 1024u)      /* payload bytes */
#define SHIM_FD            3                    /* the nursery's socket */
#define SHIM_NURSERY_FORK  'F'
#define SHIM_NUDGE_SIGNAL  SIGUSR1
#define SHIM_HOLD_MS       1000
#define SHIM_RETRY_MIN_MS  20
#define SHIM_RETRY_MAX_MS  5000
#define SHIM_RECORD_BYTES  256
#define SHIM_OUTPUT_MAX    4096
#define SHIM_STATUS_MAX    255 /* bytes of a STATUS= text that are kept for HELLO */
#define SHIM_COOKIE_MAX    1024
#define SHIM_ERRNO_ROOM    4096 /* LOST: no errno; lines were dropped because of LOG_MIN_FREE */
#define SHIM_TAG_RLIMIT    10   /* RLIMIT_LOCKS: unused by Linux since 2.4, inherited, unraisable */

struct shim_hdr {
        uint32_t magic;
        uint32_t len;
        uint16_t type;
        uint16_t version;
        uint32_t reserved;
};

struct shim_item {
        uint16_t tag;
        uint16_t reserved;
        uint32_t len;
};

/* Frames. Numbers are never re-used. */
enum shim_frame {
        /* svcd to shim */
        SHIM_INIT = 1,    /* FLAGS NAME RUN_DIR LOG_PATH TAG + the LOG_ settings */
        SHIM_START = 2,   /* RUN COMMAND ARG… ENV… CWD UMASK NICE RLIMIT… NOTIFY COOKIE CGROUP
                            CGROUP_SET… RLIMIT_ELSE… SOCKET… FDNAMES WATCHDOG FDSTORE READY_LINE
                            + what ORDER has: the standing order for this run */
        SHIM_ORDER = 3,   /* FLAGS MIN_RAN_MS INTENT */
        SHIM_SIGNAL = 4,  /* RUN SIGNO SCOPE; with a RUN other than the one that is up: nothing */
        SHIM_KILL = 5,    /* RUN, as for SIGNAL: SIGKILL to everything until nothing is left;
                            EXITED/EMPTY tell the end */
        SHIM_LOG = 6,     /* WALL_MS TEXT: append `TIME svcd TEXT` (SOURCE "mon" if given) */
        SHIM_LOGCONF = 7, /* the LOG_ settings, from now on */
        SHIM_ACK = 8, /* REPORT TEXT KEEP: the report is safe; TEXT is the `exited` line's text */
        SHIM_COOKIE = 9, /* COOKIE: replaces START's */
        SHIM_EXIT =
            10, /* FLAGS: end; answered by BYE. Refused (BYE with ERRNO EBUSY, and the shim stays)
                             while anything of a run is alive */
        SHIM_RECORD = 12, /* RUN was deleted: make RUN/shims/NAME again, and lock it */
        SHIM_LIMITS = 11, /* RLIMIT… NICE for the main process that is up (prlimit); RLIMIT_ELSE…
                             CGROUP_SET… (if there are any, they replace all earlier ones) */

        /* shim to svcd */
        SHIM_HELLO = 64,        /* VERSION NAME PID RUN MAIN_PID STARTED_MS STARTED_WALL_MS READY
                                   LEFTOVER STATUS COOKIE FLAGS (of the order, 0 if none) INTENT
                                   CGROUP CGROUP_ERRNO SIGNALLED SOCKETS_N
                                   OLD_OP (the last that it knows) RELOADING WATCHDOG_US EXTENDED_MS */
        SHIM_STARTED = 65,      /* RUN MAIN_PID STARTED_MS STARTED_WALL_MS RESTARTED CGROUP
                                   CGROUP_ERRNO */
        SHIM_START_FAILED = 66, /* REPORT RUN STAGE ERRNO WALL_MS RESOURCE */
        SHIM_EXITED = 67, /* REPORT RUN MAIN_PID WSTATUS RAN_MS WALL_MS ENDED_MS USER_MS SYSTEM_MS
                             MAXRSS_BYTES LEFTOVER RESTARTED INTENT LOGGED OUTPUT TREE_USER_MS
                             TREE_SYSTEM_MS PEAK_BYTES OOM PENDING */
        SHIM_EMPTY = 68,  /* RUN: the last descendant is gone and the pipes are drained */
        SHIM_NOTIFY =
            69, /* RUN PID TEXT: one sd_notify message of the service, as it came; ERRNO: why its
                             descriptors were not kept */
        SHIM_BYE = 70, /* ERRNO: 0 = ends now */
        SHIM_STUCK =
            16, /* RUN PID ERRNO: SIGKILL could not be sent to that process (ERRNO), or was (0)
                             and it lives on; once for each KILL and connection, after some seconds.
                             The shim goes on trying */

        /* Both ways, not acknowledged: LOST_LINES ERRNO FLAGS. From the shim: that many lines could not
         * be written to the log, and it tells so by now (SHIM_LOST_UNTOLD: it does not, and the shim
         * ends); 0 lines: some are being lost now. From svcd: lines that were lost while there was no
         * shim, for the log to tell. */
        SHIM_LOST = 19,

        SHIM_OLDLOG = 22, /* both ways: OP INODE NUMBER TEXT; ERRNO */
        /* svcd to shim */
        SHIM_LISTEN = 23, /* RUN SOCKET…; refused (START_FAILED, stage "busy") while a run is up */
        SHIM_WATCH = 25,
        /* shim to svcd */
        SHIM_SOCKETS = 24, /* RUN PENDING */
};

/* Items. Integers are 8 bytes, signed; strings have no NUL. Numbers are never re-used. */
enum shim_tag {
        SHIM_T_VERSION = 1,
        SHIM_T_NAME = 2,
        SHIM_T_FLAGS = 3,
        SHIM_T_RUN_DIR = 4,
        SHIM_T_LOG_PATH = 5,
        SHIM_T_TAG = 6,          /* RLIMIT_LOCKS value of the shim and all descendants; 0 = none */
        SHIM_T_LOG_MAX_SIZE = 7, /* bytes; 0 = never rotate */
        SHIM_T_LOG_KEEP = 8,     /* rotated files */
        SHIM_T_LOG_PLAIN = 9,    /* 1 = the program's bytes untouched (log.timestamps: false) */
        SHIM_T_LOG_MODE = 10,    /* permission bits, 0 = 0600 */
        SHIM_T_RUN = 11,
        SHIM_T_COMMAND = 12, /* the command as the user wrote it, for the `started` line */
        SHIM_T_ARG = 13,     /* once for each argument */
        SHIM_T_ENV = 14,     /* once for each NAME=VALUE */
        SHIM_T_CWD = 15,     /* absolute */
        SHIM_T_UMASK = 16,
        SHIM_T_NICE = 17,   /* present only if it is to be set */
        SHIM_T_RLIMIT = 18, /* struct shim_rlimit, once for each */
        SHIM_T_NOTIFY = 19, /* 1 = give the run a NOTIFY_SOCKET */
        SHIM_T_COOKIE = 20, /* opaque to the shim; comes back in HELLO */
        SHIM_T_MIN_RAN_MS = 21,
        SHIM_T_INTENT = 22, /* opaque; comes back in EXITED */
        SHIM_T_SIGNO = 23,
        SHIM_T_SCOPE = 24,   /* enum shim_scope */
        SHIM_T_WALL_MS = 25, /* CLOCK_REALTIME, ms since 1970 */
        SHIM_T_TEXT = 26,
        SHIM_T_SOURCE = 27,
        SHIM_T_REPORT = 28, /* > 0, grows by one for each report of this shim */
        SHIM_T_PID = 29,
        SHIM_T_MAIN_PID = 30,
        SHIM_T_STARTED_MS = 31, /* CLOCK_MONOTONIC */
        SHIM_T_STARTED_WALL_MS = 32,
        SHIM_T_READY = 33, /* READY=1 was received in this run */
        SHIM_T_LEFTOVER =
            34,             /* 1 = processes of the run are alive besides, or after, its main one */
        SHIM_T_STATUS = 35, /* last STATUS= of this run */
        SHIM_T_STAGE = 36,  /* enum shim_stage */
        SHIM_T_ERRNO = 37,
        SHIM_T_WSTATUS = 38, /* as from waitpid(2) */
        SHIM_T_RAN_MS = 39,
        SHIM_T_ENDED_MS = 40, /* CLOCK_MONOTONIC */
        SHIM_T_USER_MS = 41,  /* CPU time of the main process and what it waited for */
        SHIM_T_SYSTEM_MS = 42,
        SHIM_T_MAXRSS_BYTES = 43,
        SHIM_T_RESTARTED = 44,
        SHIM_T_LOGGED = 45,
        SHIM_T_OUTPUT = 46,
        SHIM_T_DROPPED_LINES = 47, /* HELLO, EXITED: lines that could not be written so far */

        SHIM_T_CGROUP = 48, /* START: the folder's path without .RUN; HELLO, STARTED: that of the
                                     run that is up, "" if it has none */
        SHIM_T_CGROUP_SET = 49,   /* "FILE=VALUE", e.g. "memory.max=67108864" */
        SHIM_T_RLIMIT_ELSE = 50,  /* struct shim_rlimit, for a run without a cgroup only */
        SHIM_T_CGROUP_ERRNO = 51, /* why the run has none although START named one */
        SHIM_T_TREE_USER_MS = 52, /* from its cgroup: CPU time of all processes of the run */
        SHIM_T_TREE_SYSTEM_MS = 53,
        SHIM_T_PEAK_BYTES = 54, /* from its cgroup: most memory at once; missing if not counted */
        SHIM_T_OOM = 55,        /* enum shim_oom */

        SHIM_T_RESOURCE =
            60,           /* START_FAILED in stage "limits": RLIMIT_… + 1; "listen": index + 1 */
        SHIM_T_KEEP = 61, /* ACK: 1 = the report is not safe yet */
        SHIM_T_SIGNALLED =
            62, /* HELLO: the last SIGNAL that what is up (or left) has got, -1 = none;
                                  what is left has not got what only the main process got */

        SHIM_T_LOST_LINES = 70,

        SHIM_T_LOG_RATE = 71,    /* lines of output a second; 0 = no limit */
        SHIM_T_LOG_OFF = 72,     /* 1 = no log file (log.file: false) */
        SHIM_T_LOG_JOURNAL = 80, /* the journal's socket, where lines go too; "" = none */
        SHIM_T_LOG_MIN_FREE =
            81, /* bytes of the file system below which lines are counted only; 0 = none */

        SHIM_T_OLD_OP = 82, /* enum shim_oldlog */
        SHIM_T_OLD_INODE = 83,
        SHIM_T_OLD_NUMBER = 84,
        SHIM_T_SOCKET = 85,    /* struct shim_socket, then a sockaddr; once for each */
        SHIM_T_FDNAMES = 86,   /* START: their names, with colons between them */
        SHIM_T_SOCKETS_N = 87, /* HELLO: open sockets */
        SHIM_T_PENDING = 88,   /* SOCKETS, EXITED: a connection waits to be accepted */
        SHIM_T_FDSTORE = 97,   /* START: so many descriptors may be kept for the next run */
        SHIM_T_WATCHDOG = 93,  /* START: 1 = give the run a WATCHDOG_PID */
        SHIM_T_READY_LINE =
            100, /* START: 1 = a run is ready when it has begun: `ready` comes behind each
                            `started`; HELLO, STARTED, EXITED: it does so, or will */
        /* HELLO, of what the run has said by NOTIFY: */
        SHIM_T_RELOADING = 94,   /* RELOADING=1, and READY=1 not since */
        SHIM_T_WATCHDOG_US = 95, /* the last WATCHDOG_USEC= + 1; 0 = none */
        SHIM_T_EXTENDED_MS =
            96, /* CLOCK_MONOTONIC: up to when EXTEND_TIMEOUT_USEC= asks for patience */
};

struct shim_socket {
        uint32_t backlog;
        uint32_t mode; /* permission bits of a unix socket's file */
};

/* What a run's cgroup says of the kernel's out-of-memory killer. */
enum shim_oom {
        SHIM_OOM_NONE = 0,
        SHIM_OOM_LIMIT = 1, /* it has killed, because the run reached its own memory.max */
        SHIM_OOM_OTHER = 2, /* it has killed, for lack of memory further up or in the machine */
};

enum shim_flags {
        SHIM_INIT_CHECK = 1,   /* INIT */
        SHIM_ORDER_ARMED = 1,  /* ORDER, HELLO */
        SHIM_ORDER_FAILED = 2, /* ORDER: only if the exit code is not 0 */
        SHIM_LOST_UNTOLD = 1,  /* LOST */
        SHIM_EXIT_RECORD = 1,  /* EXIT: the record stays, svcd cannot save what it says */
        SHIM_EXIT_AGAIN = 2, /* EXIT: the record stays, empty: the service will have another shim */
        SHIM_LOST_JOURNAL = 2, /* LOST: the journal did not get them; the file may have them */
};

/* What an OLDLOG frame is about. */
enum shim_oldlog {
        SHIM_OLD_ROTATED = 1,
        SHIM_OLD_SEEN = 2,
        SHIM_OLD_PACK = 3,
        SHIM_OLD_DROP = 4,
        SHIM_OLD_ROTATE = 5,
};

enum shim_scope {
        SHIM_SCOPE_MAIN = 0, /* the main process, or, once it has ended, all that is left */
        SHIM_SCOPE_TREE =
            1, /* the main process and all descendants; stopped ones get SIGCONT too */
};

struct shim_rlimit {
        uint32_t resource; /* RLIMIT_… */
        uint32_t reserved;
        uint64_t soft, hard; /* UINT64_MAX = infinity */
};

/* Where a start can fail, in order; the names are what people see. */
#define SHIM_STAGES(X)                                                                             \
        X(NONE, "none")                                                                            \
        X(LOCK, "lock") /* another shim holds this service */                                      \
        X(BUSY, "busy") /* something of the last run is alive */                                   \
        X(PIPE, "pipe") /* stdout and stderr, notify socket */                                     \
        X(FORK, "fork")                                                                            \
        X(SESSION, "setsid")                                                                       \
        X(LIMITS, "limits")                                                                        \
        X(NICE, "nice")                                                                            \
        X(STDIO, "stdio")                                                                          \
        X(CHDIR, "chdir")                                                                          \
        X(EXEC, "exec")                                                                            \
        X(LISTEN, "listen") /* the sockets that the run is handed */
enum shim_stage {
#define SHIM_STAGE_ENUM(id, name) SHIM_STAGE_##id,
        SHIM_STAGES(SHIM_STAGE_ENUM)
#undef SHIM_STAGE_ENUM
            SHIM_STAGE_COUNT
};

/* The name of a stage; "?" for one that a newer peer knows. */
static inline const char *shim_stage_name(int64_t stage)
{
        static const char *const names[] = {
#define SHIM_STAGE_NAME(id, name) name,
            SHIM_STAGES(SHIM_STAGE_NAME)
#undef SHIM_STAGE_NAME
        };
        return stage >= 0 && stage < SHIM_STAGE_COUNT ? names[stage] : "?";
}

/* Writing a frame into a buffer of the caller's: begin, put…, end. A put that does not fit sets
 * `overflow`, and end then returns 0. */
struct shim_writer {
        unsigned char *buf;
        size_t n, cap;
        bool overflow;
};

static inline void shim_begin(struct shim_writer *w, void *buf, size_t cap, enum shim_frame type)
{
        struct shim_hdr h = {SHIM_MAGIC, 0, (uint16_t)type, SHIM_PROTO_VERSION, 0};
        *w = (struct shim_writer){buf, sizeof(h), cap, cap < sizeof(h)};
        if (!w->overflow)
                memcpy(buf, &h, sizeof(h));
}

static inline void shim_put(struct shim_writer *w, enum shim_tag tag, const void *data, size_t len)
{
        struct shim_item it = {(uint16_t)tag, 0, (uint32_t)len};
        if (w->overflow || len > SHIM_FRAME_MAX || w->cap - w->n < sizeof(it) + len) {
                w->overflow = true;
                return;
        }
        unsigned char *to = w->buf + w->n;
        w->n += sizeof(it) + len;
        memcpy(to, &it, sizeof(it));
        if (len)
                memcpy(to + sizeof(it), data, len);
}

static inline void shim_put_int(struct shim_writer *w, enum shim_tag tag, int64_t value)
{
        shim_put(w, tag, &value, sizeof(value));
}

static inline void shim_put_str(struct shim_writer *w, enum shim_tag tag, const char *s)
{
        shim_put(w, tag, s, strlen(s));
}

/* Completes the frame; returns its size in bytes with the header, 0 if it did not fit. */
static inline size_t shim_end(struct shim_writer *w)
{
        uint32_t len = (uint32_t)(w->n - sizeof(struct shim_hdr));
        if (w->overflow || len > SHIM_FRAME_MAX)
                return 0;
        memcpy(w->buf + offsetof(struct shim_hdr, len), &len, sizeof(len));
        return w->n;
}

/* Looks at N received bytes. Returns the size of the whole first frame, 0 if more bytes are needed,
 * -1 if this is no frame of this protocol; fills *h when it returns more than 0. */
static inline int64_t shim_peek(const void *buf, size_t n, struct shim_hdr *h)
{
        struct shim_hdr head;
        if (n < sizeof(head))
                return n > 0 && *(const unsigned char *)buf != (SHIM_MAGIC & 0xff) ? -1 : 0;
        memcpy(&head, buf, sizeof(head));
        if (head.magic != SHIM_MAGIC || head.len > SHIM_FRAME_MAX)
                return -1;
        if (n - sizeof(head) < head.len)
                return 0;
        *h = head;
        return (int64_t)(sizeof(head) + head.len);
}

/* Walking the items of a payload: zero-initialise `it` with the payload's bounds, call until false.
 * `data` points into the payload; a malformed item ends the walk with `bad` set. */
struct shim_reader {
        const unsigned char *p, *end;
        bool bad;
        enum shim_tag tag;
        const void *data;
        size_t len;
};

static inline struct shim_reader shim_read(const void *payload, size_t len)
{
        const unsigned char *p = (const unsigned char *)payload;
        return (struct shim_reader){p, p + len, false, (enum shim_tag)0, NULL, 0};
}

static inline bool shim_next(struct shim_reader *r)
{
        struct shim_item it;
        if (r->p == r->end)
                return false;
        if ((size_t)(r->end - r->p) < sizeof(it)) {
                r->bad = true;
                return false;
        }
        memcpy(&it, r->p, sizeof(it));
        r->p += sizeof(it);
        if ((size_t)(r->end - r->p) < it.len) {
                r->bad = true;
                return false;
        }
        r->tag = (enum shim_tag)it.tag;
        r->data = r->p;
        r->len = it.len;
        r->p += it.len;
        return true;
}

/* The current item as an integer; 0 if it is none. */
static inline int64_t shim_int(const struct shim_reader *r)
{
        int64_t v = 0;
        if (r->len == sizeof(v))
                memcpy(&v, r->data, sizeof(v));
        return v;
}

#endif
