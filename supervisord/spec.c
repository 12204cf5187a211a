/* spec.c: START, INIT and LOGCONF frames from definitions. Policy stays out: what the shim is told
 * is what exec, setrlimit and open need. */
#include "supervisord/spec.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/conf_limits.h"
#include "common/shim_proto.h"
#include "supervisord/cgroup.h"

#define SPEC_FIXED_BYTES  4096 /* more than all integers and headers of one frame */
#define SPEC_BACKLOG      4096 /* the kernel cuts it to net.core.somaxconn */
#define SPEC_SOCKET_BYTES 256  /* more than one SOCKET item and its name */

uint64_t spec_tag_prefix(void)
{
        static uint64_t prefix;
        struct rlimit own;
        if (prefix)
                return prefix;
        prefix = 0x5356;
        if (getrlimit((enum __rlimit_resource)SHIM_TAG_RLIMIT, &own) == 0 &&
            own.rlim_max != RLIM_INFINITY && own.rlim_max >> 48 > 0x5300 &&
            own.rlim_max >> 48 <= prefix)
                prefix = (own.rlim_max >> 48) - 1;
        return prefix;
}

uint64_t spec_tag(const struct paths *paths, const char *service)
{
        uint64_t h = str_hash(paths->root, strlen(paths->root) + 1, 0);
        h = str_hash(service, strlen(service), h);
        return spec_tag_prefix() << 48 | (h & UINT64_C(0xffffffffffff));
}

uint64_t spec_check_tag(const struct paths *paths, const char *service)
{
        _cleanup_free_ char *owner = xasprintf("%s/check", service);
        return spec_tag(paths, owner);
}

static void put_frame(struct strbuf *out, struct shim_writer *w)
{
        size_t n = shim_end(w);
        if (n)
                strbuf_addn(out, w->buf, n);
}

static void put_log_settings(struct shim_writer *w, const struct conf_service *def,
                             const struct spec_log *log)
{
        shim_put_int(w, SHIM_T_LOG_MAX_SIZE, def->log_max_size.v);
        shim_put_int(w, SHIM_T_LOG_KEEP, def->log_keep.v);
        shim_put_int(w, SHIM_T_LOG_PLAIN, !def->log_timestamps.v);
        shim_put_int(w, SHIM_T_LOG_MODE, def->log_mode.v);
        shim_put_int(w, SHIM_T_LOG_RATE, def->log_rate_limit.v);
        shim_put_int(w, SHIM_T_LOG_OFF, !def->log_file.v);
        shim_put_int(w, SHIM_T_LOG_MIN_FREE, log->min_free_bytes);
        shim_put_str(w, SHIM_T_LOG_JOURNAL, def->log_journal.v ? log->journal : "");
}

void spec_init(struct strbuf *out, const struct paths *paths, const struct conf_service *def,
               const struct spec_log *log, bool check)
{
        _cleanup_free_ char *path = paths_log(paths, def->name);
        uint64_t tag = check ? spec_check_tag(paths, def->name) : spec_tag(paths, def->name);
        size_t cap = SPEC_FIXED_BYTES + strlen(path) + strlen(paths->run);
        _cleanup_free_ char *buf = xmalloc(cap);
        struct shim_writer w;
        shim_begin(&w, buf, cap, SHIM_INIT);
        shim_put_int(&w, SHIM_T_FLAGS, check ? SHIM_INIT_CHECK : 0);
        shim_put_str(&w, SHIM_T_NAME, def->name);
        shim_put_str(&w, SHIM_T_RUN_DIR, paths->run);
        shim_put_str(&w, SHIM_T_LOG_PATH, path);
        shim_put_int(&w, SHIM_T_TAG, (int64_t)tag);
        put_log_settings(&w, def, log);
        put_frame(out, &w);
}

static void put_rlimit(struct shim_writer *w, enum shim_tag tag, const struct conf_rlimit *limit,
                       const struct conf_int *value)
{
        if (!value->set)
                return;
        struct shim_rlimit l = {.resource = (uint32_t)limit->resource,
                                .soft = (uint64_t)value->v,
                                .hard = (uint64_t)value->v};
        shim_put(w, tag, &l, sizeof(l));
}

static void put_set(struct shim_writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void put_set(struct shim_writer *w, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *text = xvasprintf(fmt, ap);
        va_end(ap);
        shim_put_str(w, SHIM_T_CGROUP_SET, text);
}

/* Memory that is swapped out would be no limit at all, so none is; and a service that has lost one of its
 * processes is in no state that its author knows, so all of them go. ALL: also what is not limited (any
 * more). */
static void put_memory(struct shim_writer *w, const struct conf_int *limit, bool all)
{
        if (limit->set) {
                put_set(w, "memory.swap.max=0");
                put_set(w, "memory.oom.group=1");
                put_set(w, "memory.max=%lld", (long long)limit->v);
        } else if (all) {
                put_set(w, "memory.max=max");
                put_set(w, "memory.swap.max=max");
                put_set(w, "memory.oom.group=0");
        }
}

static void put_cgroup(struct shim_writer *w, const struct conf_service *def, unsigned controllers,
                       bool all)
{
        const struct conf_int *cpu = &def->limits_cpu, *pids = &def->limits_processes;
        if (controllers & CGROUP_MEMORY)
                put_memory(w, &def->limits_memory, all);
        if ((controllers & CGROUP_CPU) && cpu->set) /* us of each 100 ms */
                put_set(w, "cpu.max=%lld 100000", (long long)cpu->v * 1000);
        else if ((controllers & CGROUP_CPU) && all)
                put_set(w, "cpu.max=max 100000");
        if ((controllers & CGROUP_PIDS) && pids->set)
                put_set(w, "pids.max=%lld", (long long)pids->v);
        else if ((controllers & CGROUP_PIDS) && all)
                put_set(w, "pids.max=max");
}

static void put_limits(struct shim_writer *w, const struct conf_service *def,
                       const struct spec_cgroup *cgroup, bool all)
{
        unsigned controllers = cgroup && cgroup->known ? cgroup->controllers : 0;
        put_cgroup(w, def, controllers, all);
        for (size_t i = 0; i < CONF_RLIMITS_N; i++) {
                const struct conf_rlimit *l = &conf_rlimits[i];
                bool by_cgroup = l->unless_cgroup && (controllers & CGROUP_PIDS);
                put_rlimit(w, by_cgroup ? SHIM_T_RLIMIT_ELSE : SHIM_T_RLIMIT, l,
                           conf_rlimit_value(def, l));
        }
        if (def->limits_nice.set)
                shim_put_int(w, SHIM_T_NICE, def->limits_nice.v);
}

/* A bare port is one for IPv6 and IPv4, where there is IPv6. */
static int family_of(const struct conf_socket *s)
{
        if (s->family != AF_UNSPEC)
                return s->family;
        return access("/proc/net/if_inet6", F_OK) == 0 ? AF_INET6 : AF_INET;
}

/* The length; what is not an address of the network is a path that fits (conf_value.c). */
static size_t address_of(const struct conf_socket *s, struct sockaddr_storage *ret)
{
        memset(ret, 0, sizeof(*ret));
        ret->ss_family = (sa_family_t)family_of(s);
        if (ret->ss_family == AF_INET6) {
                struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)ret;
                six->sin6_port = htons((uint16_t)s->port);
                memcpy(&six->sin6_addr, s->ip, sizeof(six->sin6_addr));
                return sizeof(*six);
        }
        if (ret->ss_family == AF_INET) {
                struct sockaddr_in *four = (struct sockaddr_in *)(void *)ret;
                four->sin_port = htons((uint16_t)s->port);
                memcpy(&four->sin_addr, s->ip, sizeof(four->sin_addr));
                return sizeof(*four);
        }
        struct sockaddr_un *path = (struct sockaddr_un *)(void *)ret;
        size_t n = MIN(strlen(s->address), sizeof(path->sun_path) - 1);
        memcpy(path->sun_path, s->address, n);
        return offsetof(struct sockaddr_un, sun_path) + n;
}

static void put_sockets(struct shim_writer *w, const struct conf_service *def)
{
        for (size_t i = 0; i < def->sockets.n; i++) {
                struct shim_socket how = {.backlog = SPEC_BACKLOG,
                                          .mode = 0666 & ~(uint32_t)def->umask.v};
                struct sockaddr_storage address;
                char item[sizeof(how) + sizeof(address)];
                size_t n = address_of(&def->sockets.v[i], &address);
                memcpy(item, &how, sizeof(how));
                memcpy(item + sizeof(how), &address, n);
                shim_put(w, SHIM_T_SOCKET, item, sizeof(how) + n);
        }
}

static void put_socket_names(struct shim_writer *w, const struct conf_service *def)
{
        _cleanup_strbuf_ struct strbuf names = {0};
        for (size_t i = 0; i < def->sockets.n; i++)
                strbuf_addf(&names, "%s%s", i ? ":" : "",
                            def->sockets.v[i].name ? def->sockets.v[i].name : def->name);
        if (names.n)
                shim_put(w, SHIM_T_FDNAMES, names.s, names.n);
}

void spec_listen(struct strbuf *out, const struct conf_service *def, int64_t run)
{
        char buf[SPEC_FIXED_BYTES + CONF_SOCKETS_MAX * SPEC_SOCKET_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_LISTEN);
        shim_put_int(&w, SHIM_T_RUN, run);
        put_sockets(&w, def);
        put_frame(out, &w);
}

static size_t start_size(const struct conf_command *cmd, const struct conf_service *def,
                         const struct conf_environ *env)
{
        size_t n = SPEC_FIXED_BYTES + strlen(cmd->text) + strlen(def->working_directory) +
                   def->sockets.n * SPEC_SOCKET_BYTES;
        for (size_t i = 0; i < cmd->argv.n; i++)
                n += sizeof(struct shim_item) + strlen(cmd->argv.v[i]);
        for (size_t i = 0; i < env->n; i++)
                n +=
                    sizeof(struct shim_item) + strlen(env->v[i].name) + strlen(env->v[i].value) + 1;
        return n;
}

static void put_environ(struct shim_writer *w, const struct conf_environ *env)
{
        for (size_t i = 0; i < env->n; i++) {
                _cleanup_free_ char *s = xasprintf("%s=%s", env->v[i].name, env->v[i].value);
                shim_put_str(w, SHIM_T_ENV, s);
        }
}

static void put_notify(struct shim_writer *w, const struct conf_service *def)
{
        if (def->fdstore.v > 0)
                shim_put_int(w, SHIM_T_FDSTORE, def->fdstore.v);
        if (def->ready.v == CONF_READY_NOTIFY || def->watchdog.set || def->fdstore.v > 0)
                shim_put_int(w, SHIM_T_NOTIFY, 1);
        if (!def->watchdog.set)
                return;
        _cleanup_free_ char *us =
            xasprintf("WATCHDOG_USEC=%lld", (long long)def->watchdog.v * 1000);
        shim_put_str(w, SHIM_T_ENV, us);
        shim_put_int(w, SHIM_T_WATCHDOG, 1);
}

void spec_order(struct shim_writer *w, const struct core_effect *fx)
{
        shim_put_int(w, SHIM_T_FLAGS,
                     (fx->armed ? SHIM_ORDER_ARMED : 0) |
                         (fx->only_failed ? SHIM_ORDER_FAILED : 0));
        shim_put_int(w, SHIM_T_MIN_RAN_MS, fx->min_ran_ms);
        shim_put_int(w, SHIM_T_INTENT, fx->intent);
}

int spec_start(struct strbuf *out, const struct conf *conf, const struct conf_service *def,
               const struct conf_user *user, const struct spec_cgroup *cgroup,
               const struct core_effect *fx, uint64_t digest, const struct conf_command *check,
               char **ret_error)
{
        struct conf_environ env = {0};
        int r = conf_environ_build(conf, def, user, &env, ret_error);
        if (r < 0)
                return r;
        const struct conf_command *cmd = check ? check : &def->command;
        const char *prefix = cgroup && cgroup->prefix ? cgroup->prefix : "";
        size_t cap = start_size(cmd, def, &env) + strlen(prefix);
        _cleanup_free_ char *buf = xmalloc(cap);
        char cookie[32];
        int n = snprintf(cookie, sizeof(cookie), "digest=%016llx", (unsigned long long)digest);
        struct shim_writer w;
        shim_begin(&w, buf, cap, SHIM_START);
        shim_put_int(&w, SHIM_T_RUN, fx ? fx->run : 1);
        shim_put_str(&w, SHIM_T_COMMAND, cmd->text);
        for (size_t i = 0; i < cmd->argv.n; i++)
                shim_put_str(&w, SHIM_T_ARG, cmd->argv.v[i]);
        put_environ(&w, &env);
        shim_put_str(&w, SHIM_T_CWD, def->working_directory);
        shim_put_int(&w, SHIM_T_UMASK, def->umask.v);
        put_limits(&w, def, cgroup, false);
        if (*prefix)
                shim_put_str(&w, SHIM_T_CGROUP, prefix);
        if (fx) {
                spec_order(&w, fx);
                shim_put_int(&w, SHIM_T_READY_LINE, fx->ready_line);
                put_notify(&w, def);
                put_sockets(&w, def);
                put_socket_names(&w, def);
        }
        shim_put(&w, SHIM_T_COOKIE, cookie, (size_t)n);
        conf_environ_done(&env);
        if (w.overflow || w.n - sizeof(struct shim_hdr) > SHIM_FRAME_MAX) {
                *ret_error = xstrdup("command and environment together are longer than 1 MiB");
                return -E2BIG;
        }
        put_frame(out, &w);
        return 0;
}

uint64_t spec_cookie_digest(const void *cookie, size_t n_bytes)
{
        char text[32];
        unsigned long long digest = 0;
        if (n_bytes >= sizeof(text))
                return 0;
        memcpy(text, cookie ? cookie : "", n_bytes);
        text[n_bytes] = '\0';
        return sscanf(text, "digest=%16llx", &digest) == 1 ? digest : 0;
}

void spec_live(struct strbuf *out, const struct conf_service *def, const struct spec_log *log,
               const struct spec_cgroup *cgroup)
{
        char buf[SPEC_FIXED_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_LOGCONF);
        put_log_settings(&w, def, log);
        put_frame(out, &w);
        shim_begin(&w, buf, sizeof(buf), SHIM_LIMITS);
        put_limits(&w, def, cgroup, true);
        put_frame(out, &w);
}
