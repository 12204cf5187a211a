/* pass: see pass.h. What is passed: the service's sockets, in the order of the definition, then what it has stored. */
#include "shim/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "shim/store.h"
#include "shim/text.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define PID_ROOM 24

static int pass_count(const struct shim *s)
{
        return s->sockets.n + s->store.n;
}

static int pass_fd(const struct shim *s, int i)
{
        return i < s->sockets.n ? s->sockets.fd[i] : store_fd(s, i - s->sockets.n);
}

/* One more variable behind the last; returns where its text begins. */
static char *begin(struct text *t, const char *name)
{
        char *at = t->s + t->n;
        text_str(t, name);
        return at;
}

void pass_prepare(struct shim *s)
{
        struct text t = text_on(big.scratch, sizeof(big.scratch) - 2 * PID_ROOM);
        s->listen_pid = s->watchdog_pid = NULL;
        if (s->launch->watchdog) {
                launch_env(s->launch, begin(&t, "WATCHDOG_PID="));
                s->watchdog_pid = t.s + t.n;
                t.n += PID_ROOM;
        }
        if (!pass_count(s))
                return;
        launch_env(s->launch, begin(&t, "LISTEN_FDS="));
        text_int(&t, pass_count(s));
        text_bytes(&t, "", 1);
        launch_env(s->launch, begin(&t, "LISTEN_FDNAMES="));
        text_str(&t, s->sockets.n ? s->launch->fd_names : "");
        for (int i = 0; i < s->store.n; i++) {
                text_str(&t, s->sockets.n || i ? ":" : "");
                text_str(&t, store_name(s, i));
        }
        text_bytes(&t, "", 1);
        launch_env(s->launch, begin(&t, "LISTEN_PID="));
        s->listen_pid = t.s + t.n;
}

static void put_pid(char *at)
{
        struct text t = text_on(at, PID_ROOM);
        if (!at)
                return;
        text_int(&t, getpid());
        text_end(&t);
}

int pass_become(struct shim *s)
{
        int n = pass_count(s), moved[SOCKETS_MAX + STORE_MAX];
        put_pid(s->watchdog_pid);
        put_pid(s->listen_pid);
        /* Out of the way of each other first. */
        for (int i = 0; i < n; i++) {
                moved[i] = fcntl(pass_fd(s, i), F_DUPFD_CLOEXEC, FIRST_FD + n);
                if (moved[i] < 0) {
                        errno = errno == EINVAL ? EMFILE
                                                : errno; /* as the kernel calls a low limit here */
                        return -errno;
                }
        }
        for (int i = 0; i < n; i++) {
                if (dup2(moved[i], FIRST_FD + i) < 0)
                        return -errno;
        }
        return 0;
}
