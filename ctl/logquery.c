/* logquery: the options of `svcctl logs`, and what they mean for one log; see logquery.h.
 */
#include "ctl/logquery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "ctl/logevents.h"
#include "ctl/logrun.h"
#include "ctl/logseek.h"

#define LINES_DEFAULT 50

/* ---- options ---- */

static int parse_lines(const char *text, size_t *ret)
{
        char *end;
        if (strcmp(text, "all") == 0) {
                *ret = LOGSEEK_ALL;
                return 0;
        }
        if (*text < '0' || *text > '9')
                return -EINVAL;
        errno = 0;
        unsigned long long n = strtoull(text, &end, 10);
        if (*end || errno || n >= LOGSEEK_ALL)
                return -EINVAL;
        *ret = (size_t)n;
        return 0;
}

static int parse_run(const char *text, int64_t *ret)
{
        char *end;
        errno = 0;
        long long n = strtoll(text, &end, 10);
        if (end == text || *end || errno || n < -1000000 || n > INT64_MAX / 2)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int parse_times(struct logquery *q, struct ctl *ctl)
{
        const char *since = options_get(&ctl->options, "since"),
                   *until = options_get(&ctl->options, "until");
        int64_t now_ms = clock_wall_ms();
        static const char how[] = "takes a time such as 10m (ago), 14:05, yesterday or "
                                  "2026-11-20T14:05";
        if (since && logline_parse_moment(since, now_ms, false, &q->filter.since_ms) < 0)
                return ctl_usage(ctl, "logs: --since %s", how);
        if (until && logline_parse_moment(until, now_ms, true, &q->filter.until_ms) < 0)
                return ctl_usage(ctl, "logs: --until %s", how);
        if (since && until && q->filter.since_ms > q->filter.until_ms)
                return ctl_usage(ctl, "logs: --since %s is later than --until %s", since, until);
        return STATUS_DONE;
}

static int parse_grep(struct logquery *q, struct ctl *ctl)
{
        const char *pattern = options_get(&ctl->options, "grep");
        bool ignore_case = options_get(&ctl->options, "ignore-case") != NULL;
        _cleanup_free_ char *why = NULL;
        if (!pattern)
                return ignore_case ? ctl_usage(ctl, "logs: -i goes with --grep") : STATUS_DONE;
        q->filter.grep = q->grep = loggrep_new(pattern, ignore_case, &why);
        return q->grep ? STATUS_DONE : ctl_usage(ctl, "logs: --grep: %s", why);
}

int logquery_parse(struct logquery *q, struct ctl *ctl)
{
        const struct options *o = &ctl->options;
        const char *lines = options_get(o, "lines"), *source = options_get(o, "source"),
                   *run = options_get(o, "run");
        *q = (struct logquery){.filter = LOGFILTER_NONE, .lines = LINES_DEFAULT};
        q->follow = options_get(o, "follow") != NULL;
        q->has_run = run != NULL;
        if (run || options_get(o, "since") || options_get(o, "until"))
                q->lines = LOGSEEK_ALL;
        if (lines && parse_lines(lines, &q->lines) < 0)
                return ctl_usage(ctl, "logs: -n takes a number or \"all\"");
        if (run && parse_run(run, &q->run) < 0)
                return ctl_usage(
                    ctl, "logs: --run takes the number of a run, or 0 for the newest, -1 for "
                         "the last that has ended, -2 for the one before it");
        if (source && logline_parse_sources(source, &q->filter.sources) < 0)
                return ctl_usage(ctl, "logs: --source takes a list of svcd, out, err and mon");
        if (q->follow && (run || options_get(o, "until")))
                return ctl_usage(ctl, "logs: -f goes on for ever, %s ends",
                                 run ? "a run" : "--until");
        int status = parse_times(q, ctl);
        return status ? status : parse_grep(q, ctl);
}

void logquery_done(struct logquery *q)
{
        loggrep_free(q->grep);
}

/* ---- one run ---- */

static int no_such_run(const struct logquery *q, struct ctl *ctl, const char *name,
                       const struct logrun *r)
{
        long long run = q->run, oldest = r->oldest, newest = r->newest;
        if (r->seen == 0)
                return ctl_fail(ctl, STATUS_REFUSED, "failed",
                                "%s: no run begins in its log: it holds the output of one only, or "
                                "the others have rotated away",
                                name);
        if (run > newest)
                return ctl_fail(ctl, STATUS_REFUSED, "failed",
                                "%s: there is no run %lld; the newest is run %lld", name, run,
                                newest);
        if (run > 0)
                return ctl_fail(
                    ctl, STATUS_REFUSED, "failed",
                    "%s: run %lld is not in the log: the oldest that is left is run %lld", name,
                    run, oldest);
        return ctl_fail(ctl, STATUS_REFUSED, "failed",
                        "%s: --run %lld: runs %lld to %lld are all that are left in the log", name,
                        run, oldest, newest);
}

/* How much of a run is there. */
static void say_left(struct ctl *ctl, const struct logread *l, const struct logrun *r)
{
        long long run = r->run;
        bool none = l->n == 2 && l->files[0].size_bytes == 0;
        if (ctl->quiet || r->left == LOGRUN_WHOLE)
                return;
        if (r->left == LOGRUN_UNSEEN)
                ctl_warn(
                    ctl,
                    "%s: run %lld is not in the log, lines of it were lost; svcd's own lines are "
                    "from its record of events",
                    l->name, run);
        else if (r->left == LOGRUN_GONE && none)
                ctl_warn(
                    ctl,
                    "%s: the output of run %lld is in no file: the log was deleted or emptied, "
                    "or log.file is false; svcd's own lines are left",
                    l->name, run);
        else if (r->left == LOGRUN_GONE)
                ctl_warn(ctl,
                         "%s: the output of run %lld has rotated away; svcd's own lines are left",
                         l->name, run);
        else if (r->run)
                ctl_warn(ctl, "%s: the beginning of run %lld has rotated away", l->name, run);
        else
                ctl_warn(ctl, "%s: the beginning of this run has rotated away", l->name);
}

/* Of a run that the log tells nothing of: RET gets what the record does. */
static int narrow_to_run(const struct logquery *q, struct ctl *ctl, struct logread *l,
                         const struct logevents *events, bool has_events, struct strbuf *ret)
{
        struct logrun r = {0};
        if (logrun_find(l, events, has_events, &ctl->paths, q->run, &r) < 0)
                return no_such_run(q, ctl, l->name, &r);
        if (r.left == LOGRUN_UNSEEN)
                logevents_missing(events, r.event, l, ret);
        logseek_bound(l, r.has_from ? &r.from : NULL, &r.to);
        say_left(ctl, l, &r);
        return STATUS_DONE;
}

/* ---- one log ---- */

static bool asks_svcd_only(const struct logquery *q)
{
        return q->filter.sources == 1u << LOG_SVCD;
}

bool logquery_asks_record(const struct logquery *q)
{
        return q->has_run || asks_svcd_only(q);
}

/* What svcd's record of events has in addition to the log that was added last. */
static int add_record(const struct logquery *q, struct ctl *ctl, struct logset *set,
                      const char *name)
{
        struct logread *l = set->v[set->n - 1];
        _cleanup_strbuf_ struct strbuf more = {0};
        struct logevents events;
        int status = STATUS_DONE;
        logevents_read(&events, &ctl->paths, name);
        bool has_events = logevents_add(&events, l);
        if (q->has_run)
                status = narrow_to_run(q, ctl, l, &events, has_events, &more);
        else if (!q->follow)
                logrun_unseen(l, &events, &ctl->paths, &more);
        if (more.n)
                logset_add_text(set, &ctl->paths, name, &q->filter, more.s, more.n);
        logevents_done(&events);
        return status;
}

int logquery_open(const struct logquery *q, struct ctl *ctl, struct logset *set, const char *name)
{
        bool record = logquery_asks_record(q);
        int r = logset_add(set, &ctl->paths, name, &q->filter);
        if (r == -ENOENT && record && !q->follow)
                r = logset_add_text(set, &ctl->paths, name, &q->filter, NULL, 0);
        if (r == -ENOENT)
                return STATUS_DONE;
        if (r < 0)
                return ctl_fail(ctl, STATUS_REFUSED, "failed", "%s: cannot read %s/%s.log: %s",
                                name, ctl->paths.logs, name,
                                r == -EINVAL ? "it is a FIFO, a socket or a device, not a file"
                                             : strerror(-r));
        int status = STATUS_DONE;
        if (q->follow)
                logseek_hold(set->v[set->n - 1]);
        if (record)
                status = add_record(q, ctl, set, name);
        if (status)
                logset_drop_last(set);
        return status;
}

/* ---- what is to be said ---- */

/* A line without time and source is output, but of which of the two, and when? */
static bool goes_by_heads(const struct logquery *q)
{
        bool out = q->filter.sources & 1u << LOG_OUT, err = q->filter.sources & 1u << LOG_ERR;
        return out != err || q->filter.since_ms != INT64_MIN || q->filter.until_ms != INT64_MAX;
}

/* Each on its own line for people; all of them go to DAMAGE. */
static void say_damage(struct ctl *ctl, const struct logread *l, struct strbuf *damage)
{
        const struct logpart *bad = NULL;
        while ((bad = logread_trouble(l, bad))) {
                char number[16] = "";
                if (bad->number)
                        snprintf(number, sizeof(number), ".%d", bad->number);
                _cleanup_free_ char *text =
                    xasprintf("%s: %s%s%s cannot be read whole: %s", l->name, l->path, number,
                              logpart_suffix(bad), bad->error);
                ctl_warn(ctl, "%s", text);
                strbuf_addf(damage, "%s%s", damage->n ? "; " : "", text);
        }
}

void logquery_say(const struct logquery *q, struct ctl *ctl, const struct logset *set,
                  struct strbuf *damage)
{
        for (size_t i = 0; i < set->n; i++) {
                struct logread *l = set->v[i];
                say_damage(ctl, l, damage);
                if (l->bare && goes_by_heads(q) && !ctl->quiet)
                        ctl_warn(
                            ctl,
                            "%s: has lines without time and source (log.timestamps: false): they "
                            "go "
                            "with the last line that has a time, and only with --source out,err",
                            l->name);
        }
}
