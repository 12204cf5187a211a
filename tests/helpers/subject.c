/* subject: the program that svcd supervises in tests/chaos and tests/fault. It leaves behind, outside
 * of svcd's reach, what those compare svcd's own records with (tests/helpers/witness.py reads it):
 *
 *   DIR/NAME.lock    locked by the run and all its descendants (an open file description lock, which
 *                    fork shares). A run that finds it locked writes a line to DIR/violations.
 *   DIR/NAME.runs    `PID.TICKS` of each run; TICKS is the start time of /proc/PID/stat, so that the
 *                    two are its identity
 *   DIR/NAME.counts  one struct count a run: the lines that were written so far, counted after each
 *                    write, so that a log has as many or, after a kill, one more
 *
 *   subject DIR NAME [KEY=VALUE...]
 *     lines=N      lines a second (10); burst=N: that many at once at the start (0)
 *     life=MIN-MAX ends by itself after so many ms, at random by seed= and the number of the run; how
 *                  is drawn as well: an exit code or a signal (0: lives on)
 *     term=deaf    ignores TERM; term=MS takes that long to end
 *     hup=catch    stays at HUP
 *     children=N   so many descendants, each by a double fork into a session of its own
 *     deaf=1       they ignore TERM
 *     leave=1      ends and leaves its children
 *     ready=MS     sends READY=1 after so many ms
 *     gen=N        means nothing: a definition that has changed
 *
 * It is no example of a good service. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct count {
        int64_t pid, ticks, lines[2]; /* stdout, stderr */
};

static const char *dir, *name;
static char me[64]; /* PID.TICKS */
static volatile sig_atomic_t told;
static int counts_fd;
static off_t counts_at;
static struct count count;

static void die(const char *what)
{
        fprintf(stderr, "subject: %s: %s\n", what, strerror(errno));
        _exit(120);
}

static long option(int argc, char **argv, const char *key, long fallback)
{
        size_t n = strlen(key);
        for (int i = 3; i < argc; i++) {
                if (strncmp(argv[i], key, n) == 0 && argv[i][n] == '=')
                        return atol(argv[i] + n + 1);
        }
        return fallback;
}

static int has(int argc, char **argv, const char *text)
{
        for (int i = 3; i < argc; i++) {
                if (strcmp(argv[i], text) == 0)
                        return 1;
        }
        return 0;
}

static int open_in(const char *suffix, int flags)
{
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s%s", dir, suffix[0] == '.' ? name : "", suffix);
        int fd = open(path, flags | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                die(path);
        return fd;
}

static void append(const char *suffix, const char *text)
{
        int fd = open_in(suffix, O_WRONLY | O_APPEND);
        if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
                die(suffix);
        close(fd);
}

static int64_t start_ticks(void)
{
        char text[1024];
        int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                die("/proc/self/stat");
        close(fd);
        text[n] = '\0';
        const char *p = strrchr(text, ')') + 1;
        for (int field = 2; field < 22; field++)
                p = strchr(p, ' ') + 1;
        return atoll(p);
}

/* The lock, kept by whoever is forked from here. */
static void be_the_only_one(void)
{
        int fd = open_in(".lock", O_RDWR);
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
                char other[64] = "", text[256];
                if (pread(fd, other, sizeof(other) - 1, 0) < 0)
                        other[0] = '\0';
                snprintf(text, sizeof(text), "%s: run %s began while %s, or what it left, lived\n",
                         name, me, other);
                append("violations", text);
                return;
        }
        if (ftruncate(fd, 0) < 0 || pwrite(fd, me, strlen(me), 0) < 0)
                die("lock");
}

static void begin_counting(void)
{
        count.pid = getpid();
        counts_fd = open_in(".counts", O_RDWR);
        counts_at = lseek(counts_fd, 0, SEEK_END);
        if (pwrite(counts_fd, &count, sizeof(count), counts_at) != (ssize_t)sizeof(count))
                die("counts");
}

/* One line, whole, to stdout (0) or stderr (1). Its length depends on its number, so that one that is
 * not as it was written shows. */
static void say(int which)
{
        static const char fill[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
        static int mute[2];
        char text[200];
        if (mute[which])
                return;
        long n = (long)count.lines[which] + 1;
        int len = snprintf(text, sizeof(text), "%s %ld %.*s.\n", me, n, (int)(n * 7 % 50), fill);
        ssize_t r = write(1 + which, text, (size_t)len);
        if (r < 0) { /* EPIPE: whoever read it is gone, for ever */
                mute[which] = errno != EINTR;
                return;
        }
        count.lines[which] = n;
        if (pwrite(counts_fd, &count, sizeof(count), counts_at) < 0)
                die("counts");
}

static void nothing(int signo)
{
        (void)signo;
}

static void be_told(int signo)
{
        (void)signo;
        told = 1;
}

static void handle(int signo, void (*handler)(int))
{
        struct sigaction sa = {.sa_handler = handler};
        sigaction(signo, &sa, NULL);
}

/* A descendant that has left session and parent, and says nothing. */
static void fork_child(int deaf)
{
        int pair[2];
        char byte;
        if (pipe(pair) < 0)
                die("pipe");
        pid_t pid = fork();
        if (pid < 0)
                return; /* it does without */
        if (pid > 0) {
                /* until the one in between is gone */
                close(pair[1]);
                while (read(pair[0], &byte, 1) < 0 && errno == EINTR)
                        ;
                close(pair[0]);
                return;
        }
        if (fork() != 0)
                _exit(0);
        setsid();
        handle(SIGTERM, deaf ? SIG_IGN : SIG_DFL);
        close(0);
        close(1);
        close(2);
        close(pair[0]);
        close(pair[1]);
        for (;;)
                pause();
}

static void ready(void)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        if (!path || strlen(path) >= sizeof(to.sun_path))
                return;
        memcpy(to.sun_path, path, strlen(path));
        if (path[0] == '@')
                to.sun_path[0] = '\0';
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 ||
            sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (struct sockaddr *)&to,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
                fprintf(stderr, "subject: cannot tell: %s\n", strerror(errno));
        if (fd >= 0)
                close(fd);
}

static int64_t now_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* How and after how long this run ends: of the seed and the number of the run, nothing else. */
static uint64_t draw(uint64_t *state)
{
        *state += 0x9e3779b97f4a7c15u;
        uint64_t z = *state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

static int64_t draw_life(int argc, char **argv, int *ret_code, int *ret_signo)
{
        static const int codes[] = {0, 1, 2, 7, 42, 255};
        static const int signals[] = {SIGSEGV, SIGABRT, SIGKILL, SIGTERM, SIGUSR1};
        uint64_t state = (uint64_t)option(argc, argv, "seed", 1) * 1000003u +
                         (uint64_t)(counts_at / (off_t)sizeof(count));
        int64_t from = -1, to = -1;
        for (int i = 3; i < argc; i++)
                sscanf(argv[i], "life=%ld-%ld", &from, &to);
        *ret_code = codes[draw(&state) % (sizeof(codes) / sizeof(*codes))];
        *ret_signo =
            draw(&state) % 3 ? 0 : signals[draw(&state) % (sizeof(signals) / sizeof(*signals))];
        return from < 0 ? -1 : from + (int64_t)(draw(&state) % (uint64_t)(to - from + 1));
}

static void end(int code, int signo)
{
        if (signo) {
                handle(signo, SIG_DFL);
                raise(signo);
        }
        _exit(code);
}

static void live(int argc, char **argv)
{
        int code, signo;
        int64_t lasts = draw_life(argc, argv, &code, &signo), began = now_ms();
        long rate = option(argc, argv, "lines", 10), said = 0, slow = option(argc, argv, "term", 0);
        long ready_ms = option(argc, argv, "ready", -1);
        for (long i = option(argc, argv, "burst", 0); i > 0; i--)
                say(0);
        while (!told) {
                int64_t passed = now_ms() - began;
                for (; said < passed * rate / 1000 && !told; said++)
                        say(said % 5 == 4);
                if (ready_ms >= 0 && passed >= ready_ms) {
                        ready();
                        ready_ms = -1;
                }
                if (lasts >= 0 && passed >= lasts)
                        end(code, signo);
                struct timespec nap = {0, 20 * 1000000};
                nanosleep(&nap, NULL);
        }
        if (slow > 0) {
                struct timespec nap = {slow / 1000, slow % 1000 * 1000000};
                while (nanosleep(&nap, &nap) < 0)
                        ;
        }
        say(0); /* last words */
        _exit(0);
}

/* With AddressSanitizer: SIGSEGV from outside ends a run as it ends others, before main() too, and without a report. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "handle_segv=0";
}

int main(int argc, char **argv)
{
        if (argc < 3)
                return 2;
        dir = argv[1];
        name = argv[2];
        /* What this writes for the witness must not depend on a limit that is meant for svcd. */
        struct rlimit size;
        if (getrlimit(RLIMIT_FSIZE, &size) == 0) {
                size.rlim_cur = size.rlim_max;
                setrlimit(RLIMIT_FSIZE, &size);
        }
        signal(SIGPIPE, SIG_IGN);
        handle(SIGTERM, has(argc, argv, "term=deaf") ? nothing : be_told);
        if (has(argc, argv, "hup=catch"))
                handle(SIGHUP, nothing);
        count.ticks = start_ticks();
        snprintf(me, sizeof(me), "%d.%lld", (int)getpid(), (long long)count.ticks);
        be_the_only_one();
        begin_counting();
        char text[80];
        snprintf(text, sizeof(text), "%s\n", me);
        append(".runs", text);
        for (long i = option(argc, argv, "children", 0); i > 0; i--)
                fork_child(has(argc, argv, "deaf=1"));
        if (has(argc, argv, "leave=1"))
                _exit(0);
        live(argc, argv);
}
