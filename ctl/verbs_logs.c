/* verbs_logs: `svcctl logs`: which services; read from the files, so that it works without svcd. What
 * else is asked for is in logquery; reading, merging and following are in logread, logset and logfollow.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/conf.h"
#include "ctl/client.h"
#include "ctl/logevents.h"
#include "ctl/logfollow.h"
#include "ctl/logprint.h"
#include "ctl/logquery.h"
#include "ctl/logseek.h"
#include "ctl/logset.h"
#include "ctl/unknown.h"
#include "ctl/verbs.h"

struct logs {
        struct ctl *ctl;
        struct logquery query;
        struct strv names;    /* of the services meant, each once */
        struct strv patterns; /* of the command line: they mean later ones too */
        struct logset set;
        struct logprint print;
};

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

/* Why a service that is defined has no log. Of a definition with an error nothing else is to be relied on. */
static const char *reason(const struct conf_service *s)
{
        if (!s->valid)
                return "its definition has an error, it is not started with it (`svcctl check`)";
        if (!s->log_file.v)
                return s->log_journal.v
                           ? "log.file is false, what it says is in the journal: journalctl "
                             "SVCD_SERVICE="
                           : "log.file is false, what it says is not kept";
        if (!s->enabled.v)
                return "enabled is false, it has not been started";
        return "it has not been started yet, or its files were deleted";
}

static void say_no_log(struct ctl *ctl, const struct conf_service *s)
{
        const char *why = reason(s);
        if (!ctl->quiet)
                ctl_warn(ctl, "%s: has no log: %s%s", s->name, why,
                         str_ends(why, "=") ? s->name : "");
}

/* Whether svcd's record of events tells of NAME, and that is asked for. */
static bool in_record(const struct logs *l, const char *name)
{
        struct logevents events;
        if (l->query.follow || !logquery_asks_record(&l->query))
                return false;
        logevents_read(&events, &l->ctl->paths, name);
        bool known = events.text.n > 0;
        logevents_done(&events);
        return known;
}

/* A service that has no log: defined but never started, or none at all. */
static int no_log(struct logs *l, const char *name, const struct strv *there)
{
        struct ctl *ctl = l->ctl;
        struct diag diag = {0};
        client_take_policy(ctl, NULL);
        struct conf *conf = conf_load(&ctl->paths, ctl->paths.home, &diag);
        const struct conf_service *defined = conf_find(conf, name);
        int status = STATUS_DONE;
        if (!defined)
                status = unknown_service(ctl, conf, &diag, name, there, ", and no log of one");
        else if (l->query.has_run && !in_record(l, name))
                status = ctl_fail(ctl, STATUS_REFUSED, "failed",
                                  "%s: has no log, and svcd has no record of a run of it", name);
        else if (!in_record(l, name))
                say_no_log(ctl, defined);
        if (defined && (l->query.follow || in_record(l, name)))
                add_once(&l->names, name);
        conf_unref(conf);
        diag_done(&diag);
        return status;
}

static bool is_defined(struct ctl *ctl, const char *pattern)
{
        struct diag diag = {0};
        struct conf *conf = conf_load(&ctl->paths, ctl->paths.home, &diag);
        bool found = false;
        for (size_t i = 0; i < conf->n && !found; i++)
                found = fnmatch(pattern, conf->services[i]->name, 0) == 0;
        conf_unref(conf);
        diag_done(&diag);
        return found;
}

/* UNKNOWN: the folder of the logs is not there (yet), so that nothing says what there will be. */
static int no_match(struct logs *l, const char *pattern, bool unknown)
{
        _cleanup_free_ char *safe = ctl_safe(l->ctl, pattern);
        /* What comes later is meant too. */
        if (l->query.follow && (unknown || is_defined(l->ctl, pattern)))
                return STATUS_DONE;
        return ctl_fail(l->ctl, STATUS_NO_SERVICE, "no-such-service",
                        "%s: no log matches this pattern", safe);
}

static int find_names(struct logs *l)
{
        struct ctl *ctl = l->ctl;
        _cleanup_strv_ struct strv there = {0};
        int status = STATUS_DONE;
        int r = logread_names(&ctl->paths, &there);
        if (r < 0 && r != -ENOENT)
                return ctl_fail(ctl, STATUS_REFUSED, "failed", "cannot read %s: %s",
                                ctl->paths.logs, strerror(-r));
        if (options_get(&ctl->options, "all"))
                add_matches(l, &there, "*");
        for (size_t i = 0; i < ctl->names_n && status == STATUS_DONE; i++) {
                const char *name = ctl->names[i];
                if (is_pattern(name)) {
                        if (add_matches(l, &there, name) == 0)
                                status = no_match(l, name, r == -ENOENT);
                } else if (strv_has(&there, name)) {
                        add_once(&l->names, name);
                } else {
                        status = no_log(l, name, &there);
                }
        }
        return status;
}

/* ---- printing ---- */

static void print_line(void *user, const char *name, const struct logread_line *line)
{
        struct logs *l = user;
        if (name)
                logprint_line(&l->print, name, line);
        else
                ctl_flush(l->ctl);
}

static void print_set(struct logs *l)
{
        struct logread_line line;
        struct logread *from;
        while (logset_next(&l->set, &line, &from))
                logprint_line(&l->print, from->name, &line);
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
        int r = logfollow_init(&f, &l->ctl->paths, &l->query.filter);
        f.line_cb = print_line;
        f.user = l;
        f.until_ms = until_ms;
        for (size_t i = 0; i < l->names.n && r == 0; i++)
                r = logfollow_add(&f, l->names.v[i], logset_find(&l->set, l->names.v[i]));
        for (size_t i = 0; i < l->patterns.n; i++)
                strv_add(&f.patterns, l->patterns.v[i]);
        if (r == 0)
                r = logfollow_run(&f);
        logfollow_done(&f);
        return follow_ended(l->ctl, r);
}

/* ---- the verb ---- */

/* The worst of all: one that cannot give what is asked for keeps the others from nothing. */
static int open_all(struct logs *l)
{
        int status = STATUS_DONE;
        for (size_t i = 0; i < l->names.n; i++) {
                const char *name = l->names.v[i];
                int one = logquery_open(&l->query, l->ctl, &l->set, name);
                status = MAX(status, one);
                l->print.name_width = MAX(l->print.name_width, (int)strlen(name));
        }
        l->print.name_width = MAX(l->print.name_width, 1); /* those of patterns may come later */
        if (l->names.n < 2 && l->patterns.n == 0)
                l->print.name_width = 0;
        return status;
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

/* What there is; then STATUS. */
static int show(struct logs *l, int status, int64_t until_ms)
{
        if (status && (l->set.n == 0 || l->ctl->json)) /* the error is the document then */
                return status;
        _cleanup_strbuf_ struct strbuf damage = {0};
        logset_last(&l->set, l->query.lines);
        print_set(l);
        logquery_say(&l->query, l->ctl, &l->set, &damage);
        if (damage.n) {
                int failed = logprint_fail(&l->print, damage.s);
                status = MAX(status, failed);
        }
        logprint_end(&l->print);
        if (l->query.follow && (l->names.n || l->patterns.n))
                return follow(l, until_ms);
        return status;
}

int verb_logs(struct ctl *ctl)
{
        struct logs l = {.ctl = ctl, .print = {.ctl = ctl}};
        int64_t until_ms = ctl_wait_until(ctl);
        int status = logquery_parse(&l.query, ctl);
        if (status == STATUS_DONE)
                status = find_names(&l);
        l.print.ndjson = l.query.follow;
        allow_files();
        if (status == STATUS_DONE)
                status = show(&l, open_all(&l), until_ms);
        logset_done(&l.set);
        logprint_done(&l.print);
        logquery_done(&l.query);
        strv_done(&l.names);
        strv_done(&l.patterns);
        return status;
}
