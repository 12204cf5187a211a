/* store: see store.h. */
#include "shim/store.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME_MAX_BYTES 255 /* FDNAME_MAX of systemd */
#define SAME_FILE      0   /* KCMP_FILE */

struct stored {
        int fd;
        bool poll;
        char name[NAME_MAX_BYTES + 1];
};

static const size_t map_bytes = STORE_MAX * sizeof(struct stored);

static void drop(struct shim *s, int i)
{
        struct store *st = &s->store;
        close(st->v[i].fd);
        st->n--;
        memmove(st->v + i, st->v + i + 1, (size_t)(st->n - i) * sizeof(*st->v));
        if (st->n == 0) {
                munmap(st->v, map_bytes);
                st->v = NULL;
        }
}

void store_limit(struct shim *s, int64_t most)
{
        s->store.max = most < 0 ? 0 : most > STORE_MAX ? STORE_MAX : (int)most;
        while (s->store.n > s->store.max)
                drop(s, s->store.n - 1);
}

/* What sd_listen_fds_with_names(3) can give back. */
static bool is_name(const char *name, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (name[i] < ' ' || name[i] > '~' || name[i] == ':')
                        return false;
        return n <= NAME_MAX_BYTES;
}

static bool is_kept(const struct shim *s, int fd)
{
        for (int i = 0; i < s->store.n; i++)
                if (syscall(SYS_kcmp, s->pid, s->pid, SAME_FILE, s->store.v[i].fd, fd) == 0)
                        return true;
        return false;
}

int store_add(struct shim *s, int fd, const char *name, size_t n, bool poll)
{
        static const char unnamed[] = "stored";
        struct store *st = &s->store;
        if (!st->max)
                return EPERM;
        if (!is_name(name, n))
                return EINVAL;
        if (is_kept(s, fd)) {
                close(fd);
                return 0;
        }
        if (st->n >= st->max)
                return ENOSPC;
        if (!st->v) {
                void *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (map == MAP_FAILED)
                        return ENOMEM;
                st->v = (struct stored *)map;
        }
        struct stored *x = &st->v[st->n++];
        x->fd = fd;
        x->poll = poll;
        if (!n) {
                name = unnamed;
                n = sizeof(unnamed) - 1;
        }
        memcpy(x->name, name, n);
        x->name[n] = '\0';
        return 0;
}

void store_remove(struct shim *s, const char *name, size_t n)
{
        for (int i = s->store.n; i-- > 0;)
                if (strlen(s->store.v[i].name) == n && memcmp(s->store.v[i].name, name, n) == 0)
                        drop(s, i);
}

void store_close(struct shim *s)
{
        while (s->store.n)
                drop(s, s->store.n - 1);
}

int store_fd(const struct shim *s, int i)
{
        return s->store.v[i].fd;
}

const char *store_name(const struct shim *s, int i)
{
        return s->store.v[i].name;
}

int store_poll(const struct shim *s, struct pollfd *p)
{
        int n = 0;
        for (int i = 0; i < s->store.n; i++)
                if (s->store.v[i].poll)
                        p[n++] = (struct pollfd){.fd = s->store.v[i].fd};
        return n;
}

void store_turn(struct shim *s)
{
        for (int i = s->store.n; i-- > 0;) {
                struct pollfd p = {.fd = s->store.v[i].fd};
                if (s->store.v[i].poll && poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
                        drop(s, i);
        }
}
