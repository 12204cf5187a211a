/* launch: unpacking START. Pure but for the mapping of a big one; starts nothing. */
#include "shim/launch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/shim_proto.h"

void launch_init(struct launch *l, void *area, size_t n)
{
        memset(l, 0, sizeof(*l));
        l->lent = (char *)area;
        l->lent_n = n;
}

bool launch_limit(struct launch *l, const void *data, size_t n, bool otherwise)
{
        struct shim_rlimit r;
        if (n != sizeof(r))
                return false;
        memcpy(&r, data, sizeof(r));
        if (r.resource >= LAUNCH_LIMITS)
                return false;
        uint32_t bit = 1u << r.resource;
        l->limits |= bit;
        l->limits_else = otherwise ? l->limits_else | bit : l->limits_else & ~bit;
        l->limit[r.resource] = (struct launch_limit){r.soft, r.hard};
        return true;
}

void launch_set(struct launch *l, const char *data, size_t n)
{
        if (!memchr(data, '=', n) || memchr(data, '/', n) || memchr(data, '\0', n) ||
            n >= sizeof(l->set) - l->set_n)
                return;
        memcpy(l->set + l->set_n, data, n);
        l->set[l->set_n + n] = '\0';
        l->set_n += n + 1;
}

/* What the area must hold. */
static int measure(const void *payload, size_t n, size_t *ret_strings, size_t *ret_args,
                   size_t *ret_env)
{
        size_t strings = 4, args = 0, env = 0; /* NULs of the four below, even if missing */
        struct shim_reader r = shim_read(payload, n);
        while (shim_next(&r)) {
                if (r.tag == SHIM_T_ARG)
                        args++;
                else if (r.tag == SHIM_T_ENV)
                        env++;
                else if (r.tag != SHIM_T_CWD && r.tag != SHIM_T_COMMAND && r.tag != SHIM_T_CGROUP &&
                         r.tag != SHIM_T_FDNAMES)
                        continue;
                strings += r.len + 1;
        }
        if (r.bad)
                return -EBADMSG;
        *ret_strings = strings;
        *ret_args = args;
        *ret_env = env;
        return 0;
}

static void *area(struct launch *l, size_t n)
{
        if (l->map)
                munmap(l->map, l->map_n);
        l->map = NULL;
        if (n <= l->lent_n)
                return l->lent;
        void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
                return NULL;
        l->map = p;
        l->map_n = n;
        return p;
}

static char *keep(char **at, const void *data, size_t n)
{
        char *s = *at;
        if (n)
                memcpy(s, data, n);
        s[n] = '\0';
        *at = s + n + 1;
        return s;
}

static int settle(struct launch *l, const struct shim_reader *r, char **strings)
{
        switch (r->tag) {
        case SHIM_T_RUN:
                l->run = shim_int(r);
                break;
        case SHIM_T_ARG:
                l->argv[l->argc++] = keep(strings, r->data, r->len);
                break;
        case SHIM_T_ENV:
                l->envp[l->env_n++] = keep(strings, r->data, r->len);
                break;
        case SHIM_T_CWD:
                l->cwd = keep(strings, r->data, r->len);
                break;
        case SHIM_T_COMMAND:
                l->command = keep(strings, r->data, r->len);
                l->command_n = r->len;
                break;
        case SHIM_T_COOKIE:
                l->cookie = r->data;
                l->cookie_n = r->len;
                break;
        case SHIM_T_UMASK:
                l->mask = (unsigned)shim_int(r) & 0777;
                break;
        case SHIM_T_NICE:
                l->nice = (int)shim_int(r);
                l->nice_set = true;
                break;
        case SHIM_T_NOTIFY:
                l->notify = shim_int(r) != 0;
                break;
        case SHIM_T_FDSTORE:
                l->fdstore = shim_int(r);
                break;
        case SHIM_T_READY_LINE:
                l->ready_line = shim_int(r) != 0;
                break;
        case SHIM_T_WATCHDOG:
                l->watchdog = shim_int(r) != 0;
                break;
        case SHIM_T_RLIMIT:
        case SHIM_T_RLIMIT_ELSE:
                return launch_limit(l, r->data, r->len, r->tag == SHIM_T_RLIMIT_ELSE) ? 0 : -EINVAL;
        case SHIM_T_CGROUP:
                l->cgroup = keep(strings, r->data, r->len);
                break;
        case SHIM_T_FDNAMES:
                l->fd_names = keep(strings, r->data, r->len);
                break;
        case SHIM_T_CGROUP_SET:
                launch_set(l, (const char *)r->data, r->len);
                break;
        default:
                break;
        }
        return 0;
}

void launch_env(struct launch *l, char *text)
{
        if (l->slots_n < LAUNCH_SLOTS)
                l->envp[l->env_n + l->slots_n++] = text;
}

void launch_env_reset(struct launch *l)
{
        while (l->slots_n)
                l->envp[l->env_n + --l->slots_n] = NULL;
}

int launch_parse(struct launch *l, const void *payload, size_t n)
{
        size_t strings_n = 0, args = 0, env = 0;
        int r = measure(payload, n, &strings_n, &args, &env);
        struct launch fresh = {.lent = l->lent,
                               .lent_n = l->lent_n,
                               .map = l->map,
                               .map_n = l->map_n};
        *l = fresh;
        if (r < 0)
                return r;
        size_t pointers = args + env + 3 + LAUNCH_SLOTS; /* interpreter, NULL; slots, NULL */
        char **p = area(l, pointers * sizeof(*p) + strings_n);
        if (!p)
                return -ENOMEM;
        char *strings = (char *)(p + pointers);
        memset(p, 0, pointers * sizeof(*p));
        l->argv = p + 1;
        l->envp = p + 2 + args;
        l->cwd = l->command = l->cgroup = l->fd_names = "";
        struct shim_reader it = shim_read(payload, n);
        while (r == 0 && shim_next(&it))
                r = settle(l, &it, &strings);
        if (r == 0 && l->argc == 0)
                r = -EINVAL;
        if (r < 0)
                l->argc = 0;
        return r;
}
