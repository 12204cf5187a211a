/* state.c: reading and writing state.json. What is in it is decided by core/snapshot.c. */
#include "supervisord/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisord/daemon.h"

#define STATE_MAX_BYTES (64u * 1024 * 1024)

/* 0 taken over, -ENOENT, or -EINVAL with a line in the log. */
static int load_one(struct daemon *d, const char *path)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *error = NULL;
        size_t n = 0;
        int r = file_read(path, STATE_MAX_BYTES, &text, &n);
        if (r < 0) {
                if (r != -ENOENT)
                        selflog_add(&d->log, "cannot read %s: %s", path, strerror(-r));
                return r;
        }
        json_error_t where;
        json_t *state = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
        if (!state) {
                selflog_add(&d->log, "%s:%d: not valid JSON: %s", path, where.line, where.text);
                return -EINVAL;
        }
        r = core_load(d->core, state, clock_boot_id(), &error);
        json_decref(state);
        if (r < 0)
                selflog_add(&d->log, "%s: %s", path, error ? error : "not a state of svcd");
        return r;
}

void state_load(struct daemon *d)
{
        _cleanup_free_ char *path = path_join(d->paths.state, "state.json");
        _cleanup_free_ char *safe = path_join(d->paths.state, "state.json.safe");
        int r = load_one(d, path);
        if (r == 0)
                return;
        if (r != -ENOENT) {
                _cleanup_free_ char *aside = path_join(d->paths.state, "state.json.bad");
                if (rename(path, aside) == 0)
                        selflog_add(&d->log, "%s was put aside as %s", path, aside);
        }
        if (load_one(d, safe) == 0)
                selflog_add(&d->log, "the state was taken from %s", safe);
}

int state_save(struct daemon *d, _Bool sync)
{
        _cleanup_free_ char *path = path_join(d->paths.state, "state.json");
        _cleanup_free_ char *safe = path_join(d->paths.state, "state.json.safe");
        json_t *state = core_save(d->core, clock_boot_id());
        char *text = json_dumps(state, JSON_COMPACT | JSON_SORT_KEYS);
        json_decref(state);
        if (!text)
                util_oom();
        int r = dir_make(d->paths.state, 0700);
        if (r == 0)
                r = file_write_atomic(path, text, strlen(text), 0600, sync);
        if (r == 0 && sync)
                r = file_write_atomic(safe, text, strlen(text), 0600, false);
        free(text);
        return r;
}
