/* tiny: the smallest service there is, and the loop that starts such services with nothing around it: what a
 * supervisor cannot do better than. For benchmarks only.
 *
 * usage: tiny SLOTS I          writes when it was exec'ed (CLOCK_MONOTONIC, ns) and its pid into slot I, and waits
 *        tiny SLOTS loop N     starts N of them by vfork and exec, starts again whichever ends; ends all at SIGTERM
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t told;

static void told_cb(int signo)
{
        (void)signo;
        told = 1;
}

static void write_slot(const char *path, long i)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        const int64_t slot[2] = {(int64_t)t.tv_sec * 1000000000 + t.tv_nsec, getpid()};
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || pwrite(fd, slot, sizeof(slot), i * (off_t)sizeof(slot)) != sizeof(slot))
                _exit(1);
        close(fd);
}

static void number(char *to, long v)
{
        char digits[20];
        int n = 0;
        do
                digits[n++] = (char)('0' + v % 10);
        while ((v /= 10) > 0);
        while (n > 0)
                *to++ = digits[--n];
        *to = '\0';
}

static pid_t start(const char *program, char *slots, long i)
{
        char name[24];
        number(name, i);
        char *const argv[] = {(char *)(uintptr_t)program, slots, name, NULL};
        char *const env[] = {NULL};
        pid_t pid = vfork();
        if (pid == 0) {
                execve(program, argv, env);
                _exit(127);
        }
        return pid;
}

static int loop(const char *program, char *slots, long n)
{
        pid_t *pids = calloc((size_t)n, sizeof(*pids)), pid;
        struct sigaction sa = {.sa_handler = told_cb};
        if (!pids)
                return 1;
        sigaction(SIGTERM, &sa, NULL);
        for (long i = 0; i < n; i++)
                pids[i] = start(program, slots, i);
        while (!told) {
                if ((pid = wait(NULL)) <= 0)
                        continue;
                for (long i = 0; i < n; i++) {
                        if (pids[i] == pid)
                                pids[i] = start(program, slots, i);
                }
        }
        for (long i = 0; i < n; i++)
                kill(pids[i], SIGTERM);
        while (wait(NULL) > 0 || errno == EINTR)
                ;
        return 0;
}

int main(int argc, char **argv)
{
        if (argc == 4 && strcmp(argv[2], "loop") == 0)
                return loop(argv[0], argv[1], strtol(argv[3], NULL, 10));
        if (argc != 3)
                return 2;
        write_slot(argv[1], strtol(argv[2], NULL, 10));
        for (;;)
                pause();
}
