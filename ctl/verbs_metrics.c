/* verbs_metrics: metrics: figures for a Prometheus, to stdout or into a file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "ctl/metrics.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

#define FILE_MODE 0644 /* node_exporter is another user */

/* A device or a pipe is not to become a file, nor the link to one: its target does. Caller frees; NULL and a reason
 * if FILE cannot be replaced. */
static char *what_to_replace(const char *file, const char **ret_why)
{
        struct stat st;
        if (lstat(file, &st) < 0)
                return xstrdup(file);
        char *real = stat(file, &st) == 0 && S_ISREG(st.st_mode) ? realpath(file, NULL) : NULL;
        if (!real)
                *ret_why = "it is there, and not a file that could be replaced";
        return real;
}

int verb_metrics(struct ctl *ctl)
{
        _cleanup_accounts_ struct accounts all = {0};
        _cleanup_strbuf_ struct strbuf out = {0};
        const char *file = options_get(&ctl->options, "output");
        if (ctl->json)
                return ctl_usage(ctl, "metrics has a format of its own; `svcctl --json accounts` "
                                      "has the same figures");
        accounts_find(&all, &ctl->paths, options_get(&ctl->options, "root"));
        accounts_overview(&all, clock_mono_ms() +
                                    (ctl->timeout_ms >= 0 ? ctl->timeout_ms : ACCOUNTS_ASK_MS));
        metrics_add(&out, &all, clock_wall_ms());
        if (!file) {
                ctl_write(ctl, out.s, out.n);
                return STATUS_DONE;
        }
        const char *why = NULL;
        _cleanup_free_ char *real = what_to_replace(file, &why);
        int r = real ? file_write_atomic(real, out.s, out.n, FILE_MODE, false) : -EINVAL;
        if (r == 0)
                return STATUS_DONE;
        _cleanup_free_ char *safe = ctl_safe(ctl, file);
        return ctl_fail(ctl, STATUS_REFUSED, "failed", "cannot write %s: %s", safe,
                        why ? why : strerror(-r));
}
