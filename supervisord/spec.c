/* spec.c: START, INIT and LOGCONF frames from definitions. Policy stays out: what the shim is told
 * is what exec, setrlimit and open need. */
#include "supervisord/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/shim_proto.h"

#define SPEC_FIXED_BYTES 4096 /* more than all integers and headers of one frame */

uint64_t spec_tag(const struct paths *paths, const char *service)
{
        uint64_t h = str_hash(paths->root, strlen(paths->root) + 1, 0);
        h = str_hash(service, strlen(service), h);
        return SPEC_TAG_PREFIX << 48 | (h & UINT64_C(0xffffffffffff));
}

static void put_frame(struct strbuf *out, struct shim_writer *w)
{
        size_t n = shim_end(w);
        if (n)
                strbuf_addn(out, w->buf, n);
}

static void put_log_settings(struct shim_writer *w, const struct conf_service *def)
{
        shim_put_int(w, SHIM_T_LOG_MAX_SIZE, def->log_max_size.v);
        shim_put_int(w, SHIM_T_LOG_KEEP, def->log_keep.v);
        shim_put_int(w, SHIM_T_LOG_PLAIN, !def->log_timestamps.v);
}

void spec_init(struct strbuf *out, const struct paths *paths, const struct conf_service *def,
               bool check)
{
        _cleanup_free_ char *log = paths_log(paths, def->name);
        _cleanup_free_ char *owner = xasprintf("%s%s", def->name, check ? "/check" : "");
        size_t cap = SPEC_FIXED_BYTES + strlen(log) + strlen(paths->run);
        _cleanup_free_ char *buf = xmalloc(cap);
        struct shim_writer w;
        shim_begin(&w, buf, cap, SHIM_INIT);
        shim_put_int(&w, SHIM_T_FLAGS, check ? SHIM_INIT_CHECK : 0);
        shim_put_str(&w, SHIM_T_NAME, def->name);
        shim_put_str(&w, SHIM_T_RUN_DIR, paths->run);
        shim_put_str(&w, SHIM_T_LOG_PATH, log);
        shim_put_int(&w, SHIM_T_TAG, (int64_t)spec_tag(paths, owner));
        put_log_settings(&w, def);
        put_frame(out, &w);
}

static void put_rlimit(struct shim_writer *w, int resource, const struct conf_int *value)
{
        if (!value->set)
                return;
        struct shim_rlimit l = {.resource = (uint32_t)resource,
                                .soft = (uint64_t)value->v,
                                .hard = (uint64_t)value->v};
        shim_put(w, SHIM_T_RLIMIT, &l, sizeof(l));
}

static void put_limits(struct shim_writer *w, const struct conf_service *def)
{
        put_rlimit(w, RLIMIT_NOFILE, &def->limits_files);
        put_rlimit(w, RLIMIT_NPROC, &def->limits_processes);
        put_rlimit(w, RLIMIT_CORE, &def->limits_core);
        if (def->limits_nice.set)
                shim_put_int(w, SHIM_T_NICE, def->limits_nice.v);
}

static size_t start_size(const struct conf_command *cmd, const struct conf_service *def,
                         const struct conf_environ *env)
{
        size_t n = SPEC_FIXED_BYTES + strlen(cmd->text) + strlen(def->working_directory);
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

int spec_start(struct strbuf *out, const struct conf *conf, const struct conf_service *def,
               const struct conf_user *user, int64_t run, uint64_t digest, bool check,
               char **ret_error)
{
        struct conf_environ env = {0};
        int r = conf_environ_build(conf, def, user, &env, ret_error);
        if (r < 0)
                return r;
        const struct conf_command *cmd = check ? &def->monitoring_command : &def->command;
        size_t cap = start_size(cmd, def, &env);
        _cleanup_free_ char *buf = xmalloc(cap);
        char cookie[32];
        int n = snprintf(cookie, sizeof(cookie), "digest=%016llx", (unsigned long long)digest);
        struct shim_writer w;
        shim_begin(&w, buf, cap, SHIM_START);
        shim_put_int(&w, SHIM_T_RUN, run);
        shim_put_str(&w, SHIM_T_COMMAND, cmd->text);
        for (size_t i = 0; i < cmd->argv.n; i++)
                shim_put_str(&w, SHIM_T_ARG, cmd->argv.v[i]);
        put_environ(&w, &env);
        shim_put_str(&w, SHIM_T_CWD, def->working_directory);
        shim_put_int(&w, SHIM_T_UMASK, def->umask.v);
        put_limits(&w, def);
        if (!check && def->ready.v == CONF_READY_NOTIFY)
                shim_put_int(&w, SHIM_T_NOTIFY, 1);
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

void spec_live(struct strbuf *out, const struct conf_service *def)
{
        char buf[SPEC_FIXED_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_LOGCONF);
        put_log_settings(&w, def);
        put_frame(out, &w);
        shim_begin(&w, buf, sizeof(buf), SHIM_LIMITS);
        put_limits(&w, def);
        put_frame(out, &w);
}
