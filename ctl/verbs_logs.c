/* verbs_logs: `svcctl logs`: which services, since when, how many lines; read from the files, so
 * that it works without svcd. Reading, merging and following are in logread, logset and logfollow.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/conf.h"
#include "ctl/client.h"
#include "ctl/logfollow.h"
#include "ctl/logprint.h"
#include "ctl/logset.h"
#include "ctl/verbs.h"

#define LINES_DEFAULT 50

struct logs {
        struct ctl *ctl;
        struct logfilter filter;
        size_t lines;
        bool follow;
        struct strv names;    /* of the services meant, each once */
        struct strv patterns; /* of the command line: they mean later ones too */
        struct logset set;
        struct logprint print;
};

/* ---- the command line ---- */

static int parse_lines(const char *text, size_t *ret)
{
        char *end;
        if (strcmp(text, "all") == 0) {
                *ret = LOGREAD_ALL;
                return 0;
        }
        if (*text < '0' || *text > '9')
                return -EINVAL;
        errno = 0;
        unsigned long long n = strtoull(text, &end, 10);
        if (*end || errno || n >= LOGREAD_ALL)
                return -EINVAL;
        *ret = (size_t)n;
        return 0;
}

static int parse_options(struct logs *l)
{
        const struct options *o = &l->ctl->options;
        const char *lines = options_get(o, "lines"), *since = options_get(o, "since"),
                   *source = options_get(o, "source");
        l->follow = options_get(o, "follow") != NULL;
        l->filter = (struct logfilter){.sources = LOG_ALL_SOURCES, .since_ms = INT64_MIN};
        l->lines = since ? LOGREAD_ALL : LINES_DEFAULT;
        if (lines && parse_lines(lines, &l->lines) < 0)
                return ctl_usage(l->ctl, "logs: -n takes a number or \"all\"");
        if (since && logline_parse_since(since, clock_wall_ms(), &l->filter.since_ms) < 0)
                return ctl_usage(l->ctl, "logs: --since takes a time such as 10m (ago), 14:05 or "
                                         "2026-11-20T14:05");
        if (source && logline_parse_sources(source, &l->filter.sources) < 0)
                return ctl_usage(l->ctl, "logs: --source takes a list of svcd, out, err and mon");
        return STATUS_DONE;
}

/* ---- which services ---- */

static bool is_pattern(const char *name)
{
        return strpbrk(name, "*?[") != NULL;
}

static void add_once(struct strv *l, const char *name)
{
        if (!strv_has(l, name))
                strv_add(l, name);
}

static size_t add_matches(struct logs *l, const struct strv *there, const char *pattern)
{
        size_t found = 0;
        strv_add(&l->patterns, pattern);
        for (size_t i = 0; i < there->n; i++)
                if (fnmatch(pattern, there->v[i], 0) == 0) {
                        add_once(&l->names, there->v[i]);
                        found++;
                }
        return found;
}

/* A service that has no log: defined but never started, or none at all. */
static int no_log(struct logs *l, const char *name, const struct strv *there)
{
        struct ctl *ctl = l->ctl;
        struct diag diag = {0};
        struct conf *conf = conf_load(&ctl->paths, ctl->paths.home, &diag);
        const char **known = xcalloc(conf->n + there->n + 1, sizeof(*known));
        size_t n = 0;
        bool defined = conf_find(conf, name) != NULL;
        for (size_t i = 0; i < conf->n; i++)
                known[n++] = conf->services[i]->name;
        for (size_t i = 0; i < there->n; i++)
                known[n++] = there->v[i];
        const char *near = diag_suggest(name, known, n);
        _cleanup_free_ char *safe = ctl_safe(ctl, name);
        int status = STATUS_DONE;
        if (!defined)
                status = ctl_fail(ctl, STATUS_NO_SERVICE, "no-such-service",
                                  near ? "%s: no such service, and no log of one (did you mean %s?)"
                                       : "%s: no such service, and no log of one",
                                  safe, near);
        else if (l->follow)
                add_once(&l->names, name);
        else if (!ctl->quiet)
                ctl_warn(ctl, "%s: has no log yet", safe);
        free(known);
        conf_unref(conf);
        diag_done(&diag);
        return status;
}

static int find_names(struct logs *l)
{
        struct ctl *ctl = l->ctl;
        _cleanup_strv_ struct strv there = {0};
        int status = STATUS_DONE;
        logread_names(&ctl->paths, &there);
        if (options_get(&ctl->options, "all"))
                add_matches(l, &there, "*");
        for (size_t i = 0; i < ctl->names_n && status == STATUS_DONE; i++) {
                const char *name = ctl->names[i];
                if (is_pattern(name) ? add_matches(l, &there, name) > 0 : strv_has(&there, name))
                        add_once(&l->names, name);
                else if (is_pattern(name))
                        status = ctl_fail(ctl, STATUS_NO_SERVICE, "no-such-service",
                                          "no log matches this pattern");
                else
                        status = no_log(l, name, &there);
        }
        return status;
}

/* ---- printing ---- */

static void print_line(void *user, const char *name, const char *line, size_t n)
{
        struct logs *l = user;
        struct logline parsed;
        if (!name) {
                ctl_flush(l->ctl);
                return;
        }
        logline_parse(line, n, &parsed);
        if (l->filter.sources & 1u << parsed.source)
                logprint_line(&l->print, name, line, n, &parsed, true);
}

static void print_set(struct logs *l)
{
        struct logset_line line;
        while (logset_next(&l->set, &line))
                logprint_line(&l->print, line.from->name, line.line, line.n, &line.parsed,
                              line.whole || line.n < LOGREAD_LINE_MAX);
}

static int follow_ended(struct ctl *ctl, int r)
{
        const char *dir = ctl->paths.logs;
        if (r == 0 || r == -EPIPE) /* --timeout: that long was asked for */
                return STATUS_DONE;
        if (r == -ENOSPC || r == -EMFILE)
                return ctl_fail(ctl, STATUS_REFUSED, "failed",
                                "cannot follow %s: this user's inotify watches are used up "
                                "(fs.inotify.max_user_watches, max_user_instances)",
                                dir);
        return ctl_fail(ctl, STATUS_REFUSED, "failed", "cannot follow the logs in %s: %s", dir,
                        strerror(-r));
}

/* UNTIL_MS: as in logfollow.h. */
static int follow(struct logs *l, int64_t until_ms)
{
        struct logfollow f;
        int r = logfollow_init(&f, &l->ctl->paths);
        if (r < 0)
                return follow_ended(l->ctl, r);
        f.line_cb = print_line;
        f.user = l;
        f.until_ms = until_ms;
        for (size_t i = 0; i < l->names.n && r == 0; i++) {
                struct logread *from = NULL;
                for (size_t k = 0; k < l->set.n; k++)
                        if (strcmp(l->set.v[k].name, l->names.v[i]) == 0)
                                from = &l->set.v[k];
                r = logfollow_add(&f, l->names.v[i], from);
        }
        for (size_t i = 0; i < l->patterns.n; i++)
                strv_add(&f.patterns, l->patterns.v[i]);
        if (r == 0)
                r = logfollow_run(&f);
        logfollow_done(&f);
        return follow_ended(l->ctl, r);
}

/* ---- the verb ---- */

static int open_all(struct logs *l)
{
        for (size_t i = 0; i < l->names.n; i++) {
                const char *name = l->names.v[i];
                int r = logset_add(&l->set, &l->ctl->paths, name, &l->filter);
                if (r < 0 && r != -ENOENT)
                        return ctl_fail(l->ctl, STATUS_REFUSED, "failed",
                                        "%s: cannot read %s/%s.log: %s", name, l->ctl->paths.logs,
                                        name, strerror(-r));
                l->print.name_width = MAX(l->print.name_width, (int)strlen(name));
        }
        if (l->names.n < 2 && l->patterns.n == 0)
                l->print.name_width = 0;
        return STATUS_DONE;
}

/* Rotated files of many services are many files. */
static void allow_files(void)
{
        struct rlimit r;
        if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
                r.rlim_cur = r.rlim_max;
                setrlimit(RLIMIT_NOFILE, &r);
        }
}

int verb_logs(struct ctl *ctl)
{
        struct logs l = {.ctl = ctl, .print = {.ctl = ctl}};
        int64_t until_ms = ctl_wait_until(ctl);
        int status = parse_options(&l);
        if (status == STATUS_DONE)
                status = find_names(&l);
        l.print.ndjson = l.follow;
        allow_files();
        if (status == STATUS_DONE)
                status = open_all(&l);
        if (status == STATUS_DONE) {
                logset_seek(&l.set, l.lines);
                print_set(&l);
                logprint_end(&l.print);
                if (l.follow && (l.names.n || l.patterns.n))
                        status = follow(&l, until_ms);
        }
        logset_done(&l.set);
        strv_done(&l.names);
        strv_done(&l.patterns);
        return status;
}
