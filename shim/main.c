/* main: the nursery: a process that does nothing but fork shims (common/shim_proto.h). It prepares
 * everything that all shims have in common, so that they share it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/child.h"
#include "shim/shim.h"

#ifndef SVCD_VERSION
#define SVCD_VERSION "unknown"
#endif

#define BOOT_ID_TRIES 3
#define STACK_BYTES   (256u * 1024u) /* more than a stack begins with */

char shim_boot_id[40];
extern char **environ;

static void say(const char *text)
{
        ssize_t r = write(2, text, strlen(text));
        (void)r;
}

static int started_by_hand(int argc, char **argv)
{
        if (argc > 1 && strcmp(argv[1], "--version") == 0) {
                ssize_t r =
                    write(1, "svc-shim " SVCD_VERSION "\n", sizeof("svc-shim " SVCD_VERSION));
                (void)r;
                return 0;
        }
        say("svc-shim: descriptor 3 is no SOCK_SEQPACKET socket. svc-shim is started by svcd and "
            "is of "
            "no use by hand; see svcd(8).\n");
        return 2;
}

static bool is_nursery(void)
{
        int type = 0;
        socklen_t n = sizeof(type);
        return getsockopt(SHIM_FD, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET;
}

/* An error that passes must not make a reboot of what is none. */
static void read_boot_id(void)
{
        ssize_t n = 0;
        for (int i = 0; i < BOOT_ID_TRIES && n <= 0; i++) {
                int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
                n = fd < 0 ? 0 : read(fd, shim_boot_id, sizeof(shim_boot_id) - 1);
                if (fd >= 0)
                        close(fd);
        }
        if (n > 0 && shim_boot_id[n - 1] == '\n')
                shim_boot_id[n - 1] = '\0';
}

static void close_others(void)
{
#ifdef SYS_close_range
        if (syscall(SYS_close_range, SHIM_FD + 1, ~0u, 0) == 0)
                return;
#endif
        for (int fd = SHIM_FD + 1; fd < 65536; fd++)
                close(fd);
}

static bool no_output(void)
{
        int fd = open("/dev/null", O_RDWR);
        if (fd < 0)
                return false;
        for (int i = 0; i < 3; i++) {
                if (fd != i && dup2(fd, i) < 0)
                        return false;
        }
        if (fd > SHIM_FD)
                close(fd);
        return true;
}

/* The arguments and the environment, which lie behind one another. */
static size_t title_area(int argc, char **argv)
{
        char *end = argv[0];
        for (int i = 0; i < argc && argv[i] == end; i++)
                end += strlen(end) + 1;
        for (char **e = environ; *e && *e == end; e++)
                end += strlen(end) + 1;
        return (size_t)(end - argv[0]);
}

/* Keeps the zone, and nothing else, of an environment that the title will be written over. */
static void know_zone(void)
{
        static char zone[256] = "TZ=";
        static char *kept[2];
        const char *tz = getenv("TZ");
        if (tz && strlen(tz) < sizeof(zone) - 3) {
                strcpy(zone + 3, tz);
                kept[0] = zone;
        }
        environ = kept;
        tzset();
        stamp_learn();
}

static void begin(int fd, char *title, size_t title_n) __attribute__((noreturn));
static void begin(int fd, char *title, size_t title_n)
{
        close(SHIM_FD);
        shim_live(fd, title, title_n);
}

/* A fork whose parent is ours: svcd.
 *
 * A page that the nursery and its child both write to is copied twice for each shim, so they share none of the stack.
 * A shim's begins where the title does, in the page that the title needs anyway; what lies below (pointers to the
 * arguments, what the kernel told the C library) was needed at the start only: musl looks there when a clock is
 * read for the first time, and stamp_learn has read one. The nursery's frames, a page further down, are not handed
 * on. Other C libraries may look at what they were told again, and an address sanitizer wants the stack that it
 * knows: there everything is handed on. */
#if defined(__x86_64__) && !defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
static void keep_frames(const char *title)
{
        uintptr_t end = (uintptr_t)title & ~(uintptr_t)(PAGE_BYTES - 1);
        uintptr_t here = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE_BYTES - 1);
        here -= STACK_BYTES;
        madvise((void *)here, end - here, MADV_DONTFORK);
}

/* clone(2) gives the child its stack; what it needs from ours it has in registers. */
static pid_t fork_shim(int fd, char *title, size_t title_n)
{
        long pid = SYS_clone, top = (long)((uintptr_t)title & ~(uintptr_t)15);
        register long no_tid __asm__("r10") = 0;
        register long no_tls __asm__("r8") = 0;
        register long its_fd __asm__("r12") = fd;
        register char *its_title __asm__("r13") = title;
        register size_t its_title_n __asm__("r14") = title_n;
        register void (*its_life)(int, char *, size_t) __asm__("r15") = begin;
        __asm__ volatile("syscall\n\t"
                         "test %%rax, %%rax\n\t"
                         "jnz 1f\n\t"
                         "xor %%ebp, %%ebp\n\t"
                         "mov %%r12, %%rdi\n\t"
                         "mov %%r13, %%rsi\n\t"
                         "mov %%r14, %%rdx\n\t"
                         "call *%%r15\n"
                         "1:"
                         : "+a"(pid)
                         : "D"((long)(CLONE_PARENT | SIGCHLD)), "S"(top), "d"(0L), "r"(no_tid),
                           "r"(no_tls), "r"(its_fd), "r"(its_title), "r"(its_title_n), "r"(its_life)
                         : "rcx", "r11", "memory", "cc");
        if (pid >= 0)
                return (pid_t)pid;
        errno = (int)-pid;
        return -1;
}
#else
static void keep_frames(const char *title)
{
        (void)title;
}

static pid_t fork_shim(int fd, char *title, size_t title_n)
{
#ifdef __s390x__
        pid_t pid = (pid_t)syscall(SYS_clone, 0L, (long)(CLONE_PARENT | SIGCHLD), 0L, 0L, 0L);
#else
        pid_t pid = (pid_t)syscall(SYS_clone, (long)(CLONE_PARENT | SIGCHLD), 0L, 0L, 0L, 0L);
#endif
        if (pid == 0)
                begin(fd, title, title_n);
        return pid;
}
#endif

/* There will be nobody to say it at the other end of FD. */
static void no_shim(int fd, int error)
{
        char buf[128];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_START_FAILED);
        shim_put_int(&w, SHIM_T_STAGE, SHIM_STAGE_FORK);
        shim_put_int(&w, SHIM_T_ERRNO, error);
        ssize_t r = send(fd, buf, shim_end(&w), MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)r;
}

/* Takes one request; returns its descriptor, -1 if there was none, -2 at the end. */
static int receive(void)
{
        union {
                struct cmsghdr align;
                char room[CMSG_SPACE(sizeof(int))];
        } control;
        char byte = 0;
        struct iovec iov = {&byte, 1};
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof(control)};
        int fd = -1;
        ssize_t n = recvmsg(SHIM_FD, &m, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EINTR ? -1 : -2;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof(fd)))
                memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        if (n == 0 && fd < 0)
                return -2;
        if (fd >= 0 && (n != 1 || byte != SHIM_NURSERY_FORK)) {
                close(fd);
                fd = -1;
        }
        return fd;
}

static int serve(char *title, size_t title_n) __attribute__((noinline));
static int serve(char *title, size_t title_n)
{
        keep_frames(title);
        for (;;) {
                int fd = receive();
                if (fd == -2)
                        return 0;
                if (fd < 0)
                        continue;
                if (fork_shim(fd, title, title_n) < 0)
                        no_shim(fd, errno);
                close(fd);
        }
}

/* In no page that has something of the title. */
static int serve_below(char *title, size_t title_n)
{
        volatile char gap[PAGE_BYTES];
        gap[0] = (char)serve(title, title_n);
        return gap[0];
}

int main(int argc, char **argv)
{
        if (!is_nursery())
                return started_by_hand(argc, argv);
        size_t title_n = title_area(argc, argv);
        if (!no_output()) {
                say("svc-shim: cannot open /dev/null\n");
                return 1;
        }
        close_others();
        shim_signals();
        setsid();
        umask(0);
        if (chdir("/") < 0)
                return 1;
        read_boot_id();
        child_init();
        know_zone();
        return serve_below(argv[0], title_n);
}
