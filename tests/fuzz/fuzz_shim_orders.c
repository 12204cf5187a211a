/* fuzz_shim_orders: a svcd that says anything, to a shim that holds a service: frames whole and in
 * pieces, of every kind and of none; connections that break and come back; between them the service
 * writes, notifies, forks and ends, and time passes.
 *
 * Contracts: nothing is started while anything of a run is alive, nothing is signalled that is not there;
 * what svcd hears are whole frames, HELLO the first on every connection, reports counted by one and never
 * sent again once they are acknowledged; an exited run is told of until then; READY and STATUS are kept
 * as the message said; and every line of output that was written is in the log, once, in its order.
 *
 * shim.c is compiled in; what the shim would do to the machine is done by the functions __wrap_… here
 * (mk/build.mk, FUZZ_WRAP_shim_orders).
 */
#include <fcntl.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/notify_naive.h"

#include "shim/shim.c"

#define OPS_MAX 150
#define FAKE_PID                                                                                   \
        4194305 /* beyond what the kernel gives to anybody: the shim asks it about its service */
#define OUTPUT_MAX (256u * 1024u)

char shim_boot_id[40] = "boot-1";

static struct shim the_shim;
static struct fuzz_in in;
static jmp_buf ended; /* where _exit leads */
static bool inside;   /* in the shim's code: the machine is ours */
static int64_t now_us;

/* The service. */
static bool main_alive, main_ended;
static int others, others_ended, main_status;
static pid_t main_pid;
static unsigned lines_out; /* numbered lines of output */

/* What svcd says and hears. */
static unsigned char to_shim[16384];
static size_t to_shim_n, to_shim_at;
static bool hung_up, deaf;
static unsigned char from_shim[1024 * 1024];
static size_t from_shim_n;
static bool expects_hello;
static int64_t acked[64], last_report;
static size_t acked_n;

/* The log. */
static char log_text[OUTPUT_MAX];
static size_t log_n;

/* What the notify socket has. */
static const uint8_t *message;
static size_t message_n;
static struct notify_naive kept;
static char kept_status[SHIM_STATUS_MAX];

/* ---- the machine ---- */

pid_t __wrap_child_spawn(struct shim *s);
pid_t __wrap_child_spawn(struct shim *s)
{
        fuzz_require(!main_alive && !main_ended && others == 0 && others_ended == 0,
                     "a run begins while something of the last one is there", NULL);
        fuzz_require(s->launch->argc > 0 && s->launch->argv[0] && !s->launch->argv[s->launch->argc],
                     "nothing to start", NULL);
        if (fuzz_byte(&in) % 8 == 7) {
                s->child_stage = SHIM_STAGE_EXEC;
                s->child_error = ENOENT;
                return -1;
        }
        main_alive = true;
        main_pid = FAKE_PID + fuzz_byte(&in);
        kept = (struct notify_naive){0};
        return main_pid;
}

void __wrap_child_limits(const struct shim *s, pid_t pid);
void __wrap_child_limits(const struct shim *s, pid_t pid)
{
        (void)s;
        fuzz_require(pid == main_pid, "limits of another process", NULL);
}

void __wrap_tree_kill(void);
void __wrap_tree_kill(void)
{
        if (main_alive)
                main_status = SIGKILL;
        main_ended = main_ended || main_alive;
        main_alive = false;
        others_ended += others;
        others = 0;
}

void __wrap_tree_signal(pid_t main, int signo);
void __wrap_tree_signal(pid_t main, int signo)
{
        fuzz_require(main == main_pid && (main_alive || main_ended) && signo > 0 && signo < _NSIG,
                     "a signal for nobody", NULL);
        if (main_alive && fuzz_byte(&in) & 1) {
                main_alive = false;
                main_ended = true;
                main_status = signo & 0x7f;
        }
}

void __wrap_tree_signal_all(int signo);
void __wrap_tree_signal_all(int signo)
{
        fuzz_require(signo > 0 && signo < _NSIG, "no signal", NULL);
}

bool __wrap_tree_others(pid_t main);
bool __wrap_tree_others(pid_t main)
{
        (void)main;
        return others > 0;
}

pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage);
pid_t __wrap_wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
        fuzz_require(pid == -1 && (options & WNOHANG), "a wait that may take long", NULL);
        *usage = (struct rusage){.ru_maxrss = 100};
        *status = 0;
        if (main_ended) {
                main_ended = false;
                *status = main_status;
                return main_pid;
        }
        if (others_ended > 0)
                return others_ended--, 1;
        errno = ECHILD;
        return main_alive || others > 0 ? 0 : -1;
}

void __wrap__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status)
{
        (void)status;
        longjmp(ended, 1);
}

int64_t __wrap_stamp_mono_us(void);
int64_t __wrap_stamp_mono_us(void)
{
        return now_us;
}

int64_t __wrap_stamp_wall_ms(void);
int64_t __wrap_stamp_wall_ms(void)
{
        return INT64_C(1790000000000) + now_us / 1000;
}

void __wrap_logput_write(struct log *l, const char *p, size_t n);
void __wrap_logput_write(struct log *l, const char *p, size_t n)
{
        (void)l;
        if (n > sizeof(log_text) - log_n)
                n = sizeof(log_text) - log_n;
        memcpy(log_text + log_n, p, n);
        log_n += n;
}

int __wrap_logfile_rotate(struct log *l, uint64_t inode);
int __wrap_logfile_rotate(struct log *l, uint64_t inode)
{
        (void)inode;
        l->rotated = true;
        return 0;
}

int __wrap_oldlog_pack(const char *path, unsigned number, uint64_t inode, const char *suffix);
int __wrap_oldlog_pack(const char *path, unsigned number, uint64_t inode, const char *suffix)
{
        fuzz_require(path && strlen(suffix) < 8, "the suffix has an end", NULL);
        (void)number;
        return (int)(inode % 2) * -ENOENT;
}

int __wrap_oldlog_drop(const char *path, unsigned number, uint64_t inode);
int __wrap_oldlog_drop(const char *path, unsigned number, uint64_t inode)
{
        return __wrap_oldlog_pack(path, number, inode, "");
}

int __wrap_record_lock(struct shim *s);
int __wrap_record_lock(struct shim *s)
{
        (void)s;
        return 0;
}

int __real_open(const char *path, int flags, unsigned mode);
int __wrap_open(const char *path, int flags, unsigned mode);
int __wrap_open(const char *path, int flags, unsigned mode)
{
        if (!inside)
                return __real_open(path, flags, mode);
        if (strcmp(path, "/run/of/a") == 0) /* connect_control's folder */
                return __real_open("/", flags, 0);
        errno = EACCES;
        return -1;
}

int __wrap_poll(struct pollfd *p, nfds_t n, int timeout_ms);
int __wrap_poll(struct pollfd *p, nfds_t n, int timeout_ms)
{
        (void)p;
        (void)n;
        now_us += timeout_ms * 1000;
        return 0;
}

int __wrap_mkdir(const char *path, unsigned mode);
int __wrap_mkdir(const char *path, unsigned mode)
{
        (void)path;
        (void)mode;
        errno = EACCES;
        return -1;
}

int __wrap_rmdir(const char *path);
int __wrap_rmdir(const char *path)
{
        (void)path;
        errno = EACCES;
        return -1;
}

int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
        (void)path;
        errno = EACCES;
        return -1;
}

int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol)
{
        (void)domain;
        (void)type;
        (void)protocol;
        return __real_open("/dev/null", O_RDWR | O_CLOEXEC, 0);
}

int __wrap_bind(int fd, const struct sockaddr *a, socklen_t n);
int __wrap_bind(int fd, const struct sockaddr *a, socklen_t n)
{
        (void)fd;
        (void)a;
        return n > 0 ? 0 : -1;
}

int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t n);
int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t n)
{
        (void)fd;
        (void)level;
        (void)name;
        (void)v;
        (void)n;
        return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *n);
int __wrap_getsockopt(int fd, int level, int name, void *v, socklen_t *n)
{
        struct ucred cred = {1, geteuid(), getegid()};
        (void)fd;
        (void)level;
        (void)name;
        memcpy(v, &cred, *n < sizeof(cred) ? *n : sizeof(cred));
        return 0;
}

int __wrap_connect(int fd, const struct sockaddr *a, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *a, socklen_t n)
{
        (void)fd;
        (void)a;
        (void)n;
        if (hung_up) {
                errno = ECONNREFUSED;
                return -1;
        }
        to_shim_n = to_shim_at = from_shim_n = 0;
        expects_hello = true;
        return 0;
}

ssize_t __wrap_recv(int fd, void *buf, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t n, int flags)
{
        (void)fd;
        (void)flags;
        size_t have = to_shim_n - to_shim_at;
        if (hung_up)
                return 0;
        if (!have) {
                errno = EAGAIN;
                return -1;
        }
        n = n < have ? n : have;
        memcpy(buf, to_shim + to_shim_at, n);
        to_shim_at += n;
        return (ssize_t)n;
}

ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags)
{
        (void)fd;
        (void)flags;
        if (hung_up || deaf || from_shim_n + n > sizeof(from_shim)) {
                errno = hung_up ? EPIPE : EAGAIN;
                return -1;
        }
        memcpy(from_shim + from_shim_n, buf, n);
        from_shim_n += n;
        return (ssize_t)n;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
        (void)fd;
        (void)flags;
        if (!message) {
                errno = EAGAIN;
                return -1;
        }
        size_t n = message_n < m->msg_iov->iov_len ? message_n : m->msg_iov->iov_len;
        memcpy(m->msg_iov->iov_base, message, n);
        m->msg_flags = n < message_n ? MSG_TRUNC : 0;
        message = NULL;
        struct cmsghdr *c = CMSG_FIRSTHDR(m);
        struct ucred cred = {main_pid, geteuid(), getegid()};
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_CREDENTIALS;
        c->cmsg_len = CMSG_LEN(sizeof(cred));
        memcpy(CMSG_DATA(c), &cred, sizeof(cred));
        m->msg_controllen = CMSG_SPACE(sizeof(cred));
        return (ssize_t)n;
}

/* ---- what svcd hears ---- */

static bool was_acked(int64_t number)
{
        for (size_t i = 0; i < acked_n; i++)
                if (acked[i] == number)
                        return true;
        return false;
}

static void check_frame(const struct shim_hdr *h, const unsigned char *payload)
{
        struct shim_reader r = shim_read(payload, h->len);
        int64_t report = 0;
        while (shim_next(&r))
                if (r.tag == SHIM_T_REPORT)
                        report = shim_int(&r);
        fuzz_require(!r.bad, "a malformed frame", NULL);
        fuzz_require(!expects_hello || h->type == SHIM_HELLO, "HELLO is not the first", NULL);
        expects_hello = false;
        if (h->type != SHIM_EXITED && h->type != SHIM_START_FAILED)
                return;
        fuzz_require(report > 0 && report <= the_shim.reports_n, "a report's number", NULL);
        fuzz_require(!was_acked(report), "a report again that svcd has", NULL);
        last_report = report;
}

static void hear(void)
{
        struct shim_hdr h;
        size_t at = 0;
        int64_t n;
        while ((n = shim_peek(from_shim + at, from_shim_n - at, &h)) > 0) {
                check_frame(&h, from_shim + at + sizeof(h));
                at += (size_t)n;
        }
        fuzz_require(n == 0, "no frames", NULL);
        from_shim_n -= at;
        memmove(from_shim, from_shim + at, from_shim_n);
}

static unsigned proof_of(unsigned number)
{
        return (number + 12345) * 2654435761u;
}

/* Every numbered line once and in order, behind its time, whatever else is between. */
static void check_log(bool all)
{
        unsigned next = 0;
        const char *p = log_text, *end = log_text + log_n;
        while (p < end && log_n < sizeof(log_text)) {
                const char *nl = (const char *)memchr(p, '\n', (size_t)(end - p));
                size_t n = (size_t)((nl ? nl : end) - p);
                const char *text = (const char *)memmem(p, n, "line#", 5);
                char line[64] = "";
                unsigned number, proof;
                if (nl && text && n - (size_t)(text - p) < sizeof(line))
                        memcpy(line, text, n - (size_t)(text - p));
                /* what svcd says may look like it, but does not know the proof */
                if (sscanf(line, "line#%u.%u.", &number, &proof) == 2 &&
                    proof == proof_of(number)) {
                        fuzz_require(number == next, "a line of output is missing, or there twice",
                                     line);
                        next++;
                }
                p += n + (nl != NULL);
        }
        fuzz_require(!all || next == lines_out || log_n == sizeof(log_text),
                     "a line of output is missing at the end", NULL);
}

/* ---- what happens ---- */

static void turn(bool link, bool drain, bool notify)
{
        struct events ev = {.link = link, .drain = drain, .notify = notify, .any = true};
        struct shim *s = &the_shim;
        s->now_us = now_us;
        if (main_ended || others_ended)
                the_shim.child_ended = 1;
        inside = true;
        serve(s, &ev);
        if (s->ending && s->phase == PHASE_NONE)
                quit(s);
        inside = false;
        hear();
        fuzz_require(s->phase == PHASE_NONE || s->phase == PHASE_LEFT || main_alive || main_ended ||
                         s->phase == PHASE_ENDED,
                     "a phase that cannot be", NULL);
}

static void begin_frame(struct shim_writer *w, enum shim_frame type)
{
        if (to_shim_at == to_shim_n)
                to_shim_at = to_shim_n = 0;
        shim_begin(w, to_shim + to_shim_n, sizeof(to_shim) - to_shim_n, type);
}

static void put_start(struct shim_writer *w)
{
        shim_put_int(w, SHIM_T_RUN, the_shim.run + 1);
        shim_put_str(w, SHIM_T_ARG, "/bin/true");
        shim_put_str(w, SHIM_T_ENV, "A=b");
        shim_put_str(w, SHIM_T_COMMAND, "true");
        shim_put_int(w, SHIM_T_NOTIFY, 1);
        shim_put_int(w, SHIM_T_UMASK, 022);
}

static void put_any(struct shim_writer *w)
{
        for (int n = fuzz_byte(&in) % 8; n > 0; n--) {
                uint8_t tag = fuzz_byte(&in);
                if (tag & 1) {
                        int64_t v = fuzz_int(&in);
                        shim_put_int(w, tag / 2 % 64, v);
                } else {
                        size_t len;
                        const uint8_t *p = fuzz_bytes(&in, 300, &len);
                        shim_put(w, tag / 2, p, len);
                }
        }
}

static void say_frame(void)
{
        static const enum shim_frame types[] = {SHIM_START,  SHIM_ORDER,   SHIM_SIGNAL, SHIM_KILL,
                                                SHIM_LOG,    SHIM_ACK,     SHIM_START,  SHIM_INIT,
                                                SHIM_EXIT,   SHIM_LOGCONF, SHIM_COOKIE, SHIM_RECORD,
                                                SHIM_LIMITS, SHIM_OLDLOG};
        struct shim_writer w;
        uint8_t how = fuzz_byte(&in);
        enum shim_frame type =
            how < 240 ? types[how % (sizeof(types) / sizeof(types[0]))] : (enum shim_frame)how;
        int64_t ack = 0;
        begin_frame(&w, type);
        if (how & 128) {
                put_any(&w);
        } else if (type == SHIM_START) {
                put_start(&w);
        } else if (type == SHIM_ORDER) {
                shim_put_int(&w, SHIM_T_FLAGS, 1 + (how & 2));
                shim_put_int(&w, SHIM_T_MIN_RAN_MS, fuzz_int(&in));
                shim_put_int(&w, SHIM_T_INTENT, 1);
        } else if (type == SHIM_ACK && !(how & 64)) {
                ack = last_report;
                shim_put_int(&w, SHIM_T_REPORT, ack);
                shim_put_str(&w, SHIM_T_TEXT, "exited run=1 code=0");
        } else if (type == SHIM_OLDLOG) {
                shim_put_int(&w, SHIM_T_OLD_OP, fuzz_byte(&in) % 8);
                shim_put_int(&w, SHIM_T_OLD_INODE, how);
                shim_put_int(&w, SHIM_T_OLD_NUMBER, fuzz_int(&in));
                shim_put_str(&w, SHIM_T_TEXT, how & 16 ? ".gz" : "something else");
        } else {
                shim_put_int(&w, SHIM_T_RUN, how & 32 ? the_shim.run : 0);
                put_any(&w);
        }
        size_t n = shim_end(&w);
        to_shim_n += n;
        bool late = fuzz_byte(&in) % 8 == 0; /* the rest of it comes with the next */
        if (n && late)
                to_shim_n -= n > 5 ? 5 : 0;
        unsigned char *rest = to_shim + to_shim_n;
        turn(true, false, false);
        if (n > 5 && late) {
                to_shim_n = (size_t)(rest - to_shim) + 5;
                to_shim_at = (size_t)(rest - to_shim);
                turn(true, false, false);
        }
        /* what waits to be sent may have it once more */
        if (ack && n && !hung_up && acked_n < 64 && !report_find(&the_shim, ack) &&
            !link_pending(&the_shim))
                acked[acked_n++] = ack;
}

static void write_output(void)
{
        const struct stream *st = fuzz_byte(&in) & 1 ? &the_shim.drain.out : &the_shim.drain.out;
        char text[300];
        size_t more, room = 0;
        const uint8_t *p = fuzz_bytes(&in, 200, &more);
        int waiting = 0;
        if (st->w < 0 || the_shim.phase == PHASE_NONE || !main_alive || the_shim.check)
                return;
        if (ioctl(st->r, FIONREAD, &waiting) == 0)
                room = st->cap - (size_t)waiting;
        int n = snprintf(text, sizeof(text), "line#%u.%u.\n", lines_out, proof_of(lines_out));
        if (room < 4096 + (size_t)n) /* the pages of a pipe may be half full */
                return;
        fuzz_require(write(st->w, text, (size_t)n) == n, "the pipe is full", NULL);
        lines_out++;
        if (more && !memchr(p, '\n', more) && !memmem(p, more, "line#", 5)) {
                memcpy(text, p, more);
                text[more] = '\n';
                (void)!write(st->w, text, more + 1);
        }
}

static void notify_message(void)
{
        static const char *const words[] = {"READY=1",   "\n",         "STATUS=",
                                            "READY=1\n", "STOPPING=1", "\0"};
        static uint8_t text[6000];
        struct fuzz_in before = in;
        size_t n = 0, len;
        (void)before;
        for (int k = fuzz_byte(&in) % 6; k > 0; k--) {
                uint8_t w = fuzz_byte(&in);
                if (w < 200) {
                        const char *word = words[w % 6];
                        len = *word ? strlen(word) : 1;
                        memcpy(text + n, word, len);
                } else {
                        const uint8_t *p = fuzz_bytes(&in, 900, &len);
                        memcpy(text + n, p, len);
                }
                n += len;
        }
        if (n == 0 || the_shim.notify.fd < 0)
                return;
        bool counts = the_shim.phase != PHASE_NONE;
        struct notify_naive said = kept;
        message = text;
        message_n = n;
        if (n <= 4096 && counts) {
                said.status = NULL;
                notify_naive((const char *)text, n, &said);
                kept.ready = said.ready;
                if (said.status) {
                        kept.status_n =
                            said.status_n < SHIM_STATUS_MAX ? said.status_n : SHIM_STATUS_MAX;
                        memcpy(kept_status, said.status, kept.status_n);
                }
        }
        inside = true;
        notify_turn(&the_shim); /* nothing else of this turn may begin another run between */
        inside = false;
        if (!counts || the_shim.phase == PHASE_NONE)
                return;
        fuzz_require(the_shim.notify.ready == kept.ready, "READY", (const char *)text);
        fuzz_require(the_shim.notify.status_n == kept.status_n &&
                         memcmp(the_shim.notify.status, kept_status, kept.status_n) == 0,
                     "STATUS", (const char *)text);
}

static void happen(void)
{
        uint8_t what = fuzz_byte(&in);
        switch (what % 16) {
        case 0:
                main_status = fuzz_byte(&in) & 1 ? fuzz_byte(&in) << 8 : SIGTERM;
                main_ended = main_ended || main_alive;
                main_alive = false;
                turn(false, false, false);
                break;
        case 1:
                if (main_alive || others > 0)
                        others += what / 16 % 3;
                break;
        case 2:
                others_ended += others;
                others = 0;
                turn(false, false, false);
                break;
        case 3:
                hung_up = !hung_up;
                turn(the_shim.link.fd >= 0, false, false);
                break;
        case 4:
                deaf = !deaf;
                turn(false, false, false);
                break;
        case 5:
        case 6:
                now_us += fuzz_byte(&in) * (what & 16 ? 20000 : 500);
                turn(false, true, false);
                break;
        case 7:
                notify_message();
                break;
        case 8:
        case 9:
                write_output();
                turn(false, true, false);
                break;
        case 10: {
                struct shim_writer w;
                size_t n;
                const uint8_t *p = fuzz_bytes(&in, 400, &n);
                begin_frame(&w, SHIM_INIT);
                if (!w.overflow && n <= sizeof(to_shim) - to_shim_n) {
                        memcpy(to_shim + to_shim_n, p, n);
                        to_shim_n += n;
                }
                turn(true, false, false);
                break;
        }
        default:
                say_frame();
        }
        if (hung_up)
                to_shim_n = to_shim_at = 0;
}

static void reset(void)
{
        struct launch *l = &the_kept.launch;
        if (l->map)
                munmap(l->map, l->map_n);
        const int fds[] = {the_shim.drain.out.r, the_shim.drain.out.w, the_shim.drain.err.r,
                           the_shim.drain.err.w, the_shim.notify.fd,   the_shim.link.fd};
        for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
                if (fds[i] > 2)
                        close(fds[i]);
        if (the_shim.link.in && the_shim.link.in != big.in)
                munmap(the_shim.link.in, the_shim.link.in_cap);
        memset(&the_shim, 0, sizeof(the_shim));
        memset(&the_kept, 0, sizeof(the_kept));
        main_alive = main_ended = hung_up = deaf = false;
        others = others_ended = 0;
        lines_out = 0;
        to_shim_n = to_shim_at = from_shim_n = log_n = acked_n = 0;
        last_report = 0;
        message = NULL;
        now_us = INT64_C(1000000000);
}

static void begin(void)
{
        struct shim *s = &the_shim;
        struct shim_writer w;
        shim_init(s);
        s->pid = 77;
        s->now_us = now_us;
        s->trim_at_us = s->kill_at_us = NEVER;
        s->record.fd = -1;
        link_init(s, __real_open("/dev/null", O_RDWR | O_CLOEXEC, 0));
        drain_init(s);
        notify_init(s);
        expects_hello = true;
        begin_frame(&w, SHIM_INIT);
        shim_put_int(&w, SHIM_T_FLAGS, fuzz_byte(&in) % 8 == 7 ? SHIM_INIT_CHECK : 0);
        shim_put_str(&w, SHIM_T_NAME, "a");
        shim_put_str(&w, SHIM_T_RUN_DIR, "/run/of/a");
        shim_put_str(&w, SHIM_T_LOG_PATH, "/logs/a.log");
        shim_put_int(&w, SHIM_T_TAG, 7);
        to_shim_n += shim_end(&w);
        begin_frame(&w, SHIM_START);
        put_start(&w);
        to_shim_n += shim_end(&w);
        turn(true, false, false);
}

/* The service ends, svcd listens: the shim tells all, and its log has all. */
static void end(void)
{
        hung_up = deaf = false;
        __wrap_tree_kill();
        for (int i = 0; i < 8; i++) {
                now_us += 6000000;
                turn(false, true, false);
        }
        check_log(!the_shim.check && the_shim.phase == PHASE_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        in = (struct fuzz_in){data, data + size};
        reset();
        if (setjmp(ended) == 0) {
                begin();
                for (int i = 0; i < OPS_MAX && fuzz_left(&in) > 0; i++)
                        happen();
                end();
        }
        inside = false;
        check_log(false);
        reset();
        return 0;
}
