/* state.c: reading and writing state.json and its journal. What is in them of a service is decided by
 * core/snapshot.c. */
#include "supervisord/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/jsontext.h"
#include "supervisord/daemon.h"

#define STATE_MAX_BYTES (64u * 1024 * 1024)
#define SAVE_AGAIN_S    5.0
#define READ_AGAIN_MS   100

static char *state_path(const struct daemon *d, const char *name)
{
        return path_join(d->paths.state, name);
}

/* ---- reading ---- */

/* Nothing is wrong with the file itself, as far as one can see. */
static bool is_passing(int r)
{
        switch (-r) {
        case EACCES:
        case EPERM:
        case EIO:
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ESTALE:
        case ETIMEDOUT:
        case EINTR:
                return true;
        default:
                return false;
        }
}

/* Of the journal; one that can be counted on from. */
static int64_t number_of(const json_t *o)
{
        return MIN(json_integer_value(json_object_get(o, "journal")), CORE_NUMBER_MAX);
}

static void restore_events(struct daemon *d, const json_t *o)
{
        size_t i;
        json_t *event;
        events_restore(&d->events, json_integer_value(json_object_get(o, "seq")),
                       json_integer_value(json_object_get(o, "written")));
        json_array_foreach(json_object_get(o, "events"), i, event)
        {
                char *line = json_dumps(event, JSON_COMPACT);
                if (line)
                        events_restore_one(&d->events,
                                           json_integer_value(json_object_get(event, "seq")), line);
                free(line);
        }
}

/* 0 taken over, -ENOENT, one of is_passing, or another error: then it is damaged, with a line in the log. */
static int load_one(struct daemon *d, const char *path)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *error = NULL;
        size_t n = 0;
        int r = file_read(path, STATE_MAX_BYTES, &text, &n);
        if (r < 0) {
                if (r != -ENOENT && !is_passing(r))
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
        if (r < 0) {
                selflog_add(&d->log, "%s: %s", path, error ? error : "not a state of svcd");
        } else {
                const char *boot = json_string_value(json_object_get(state, "boot_id"));
                d->state.resume = boot && str_eq(boot, clock_boot_id());
                d->state.number = number_of(state);
                restore_events(d, state);
        }
        json_decref(state);
        return r;
}

/* What has happened since. */
static int load_journal(struct daemon *d, const char *path)
{
        json_t *lines = NULL;
        size_t bad = 0, i;
        json_t *o;
        int r = journal_read(path, &lines, &bad);
        if (r < 0 && r != -ENOENT && !is_passing(r))
                selflog_add(&d->log, "cannot read %s: %s; what happened last may not be known",
                            path, strerror(-r));
        if (r < 0)
                return is_passing(r) ? r : 0;
        d->state.resume = d->state.resume && bad == 0;
        if (bad > 0)
                selflog_add(&d->log, "%s: %zu line%s damaged: left out", path, bad,
                            bad == 1 ? " is" : "s are");
        int64_t number = d->state.number;
        json_array_foreach(lines, i, o)
        {
                int64_t of = number_of(o);
                if (of < number)
                        continue; /* state.json has all that */
                core_load_changes(d->core, json_object_get(o, "services"));
                restore_events(d, o);
                d->state.number = MAX(d->state.number, of);
        }
        json_decref(lines);
        return 0;
}

static int try_load(struct daemon *d)
{
        _cleanup_free_ char *path = state_path(d, "state.json");
        _cleanup_free_ char *safe = state_path(d, "state.json.safe");
        d->state.resume = false;
        int r = load_one(d, path);
        if (is_passing(r))
                return r;
        if (r != 0 && r != -ENOENT) {
                _cleanup_free_ char *aside = state_path(d, "state.json.bad");
                if (rename(path, aside) == 0)
                        selflog_add(&d->log, "%s was put aside as %s", path, aside);
        }
        if (r != 0) {
                r = load_one(d, safe);
                if (is_passing(r))
                        return r;
                if (r == 0)
                        selflog_add(&d->log, "the state was taken from %s", safe);
                d->state.resume = false;
        }
        _cleanup_free_ char *old = state_path(d, "state.journal.1");
        r = load_journal(d, old);
        return r < 0 ? r : load_journal(d, d->state.journal.path);
}

static void nap(void)
{
        nanosleep(&(struct timespec){.tv_nsec = READ_AGAIN_MS * 1000000}, NULL);
}

int state_load(struct daemon *d)
{
        _cleanup_free_ char *journal = state_path(d, "state.journal");
        journal_init(&d->state.journal, journal);
        int64_t until_ms = clock_mono_ms() + STATE_WAIT_MS;
        int r;
        while ((r = try_load(d)) < 0 && clock_mono_ms() < until_ms) {
                core_free(d->core);
                d->core = core_new();
                nap();
        }
        if (r < 0) {
                selflog_add(
                    &d->log,
                    "cannot read the state in %s: %s; without it svcd does not know what was "
                    "stopped, disabled or is running, and does not start",
                    d->paths.state, strerror(-r));
                events_restore_none(&d->events);
                return r;
        }
        d->state.whole = !d->state.resume || journal_resume(&d->state.journal) < 0;
        d->state.journaled = d->state.tried = d->events.seq;
        int e = events_resume(&d->events);
        if (e < 0)
                selflog_add(&d->log, "cannot read %s: %s", d->events.path, strerror(-e));
        return 0;
}

/* ---- writing ---- */

static void told(struct daemon *d, int r)
{
        ev_timer_stop(d->loop, &d->save);
        if (r == 0 && d->save_error)
                selflog_add(&d->log, "the state can be saved again");
        if (r < 0 && r != d->save_error)
                selflog_add(&d->log,
                            "cannot save the state in %s: %s; what is on disk is as it was, "
                            "trying again every %d s",
                            d->paths.state, strerror(-r), (int)SAVE_AGAIN_S);
        bool again = r == 0 && d->save_error;
        d->save_error = r;
        if (again)
                link_ack_kept(d);
}

static void try_again_later(struct daemon *d)
{
        ev_timer_stop(d->loop, &d->save);
        ev_timer_set(&d->save, SAVE_AGAIN_S, 0);
        ev_timer_start(d->loop, &d->save);
}

static void flush_events(struct daemon *d)
{
        int r = events_flush(&d->events);
        if (r == 0 && d->state.events_error)
                selflog_add(&d->log, "events can be written again");
        if (r < 0 && r != d->state.events_error)
                selflog_add(&d->log,
                            "cannot write %s: %s; events are kept, up to %d KiB, and tried "
                            "again",
                            d->events.path, strerror(-r), EVENTS_KEPT_BYTES / 1024);
        d->state.events_error = r;
        if (r < 0)
                try_again_later(d);
}

/* What state.json and a line of its journal begin with: which journal it is, and the events after SEQ. */
static void begin(struct strbuf *b, const struct daemon *d, int64_t number, int64_t seq)
{
        const struct events *e = &d->events;
        jsontext_open(b, NULL, '{');
        jsontext_int(b, "journal", number);
        jsontext_int(b, "seq", e->seq);
        jsontext_int(b, "written", e->written);
        jsontext_open(b, "events", '[');
        for (size_t i = 0; i < e->kept_n; i++)
                if (e->kept[i].seq > seq)
                        jsontext_value(b, NULL, e->kept[i].line);
        jsontext_close(b, ']');
}

/* The state before becomes the safe one: never older than the last that was synced. */
static bool keep_before(const char *path, const char *safe)
{
        _cleanup_free_ char *next = xasprintf("%s.tmp", safe);
        unlink(next);
        if (link(path, next) < 0)
                return false;
        if (rename(next, safe) == 0)
                return true;
        unlink(next);
        return false;
}

static int write_state(struct daemon *d, bool sync)
{
        _cleanup_free_ char *path = state_path(d, "state.json");
        _cleanup_free_ char *safe = state_path(d, "state.json.safe");
        _cleanup_strbuf_ struct strbuf b = {0};
        begin(&b, d, d->state.number + 1, d->events.written);
        core_save(d->core, clock_boot_id(), &b);
        strbuf_add(&b, "}\n");
        d->state.json_bytes = b.n;
        int r = dir_make(d->paths.state, 0700);
        bool kept = r == 0 && !sync && keep_before(path, safe);
        if (r == 0)
                r = file_write_atomic(path, b.s, b.n, 0600, sync);
        if (r == 0 && !kept)
                r = file_write_atomic(safe, b.s, b.n, 0600, false);
        return r;
}

/* The journal has everything, and state.json could not be replaced (R) or was. */
static void json_told(struct daemon *d, int r)
{
        if (r < 0 && r != d->state.json_error)
                selflog_add(&d->log,
                            "cannot replace state.json in %s: %s; its journal is gone on with",
                            d->paths.state, strerror(-r));
        d->state.json_error = r;
}

static int write_line(struct daemon *d)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        begin(&b, d, d->state.number, d->state.journaled);
        core_save_changes(d->core, &b);
        strbuf_add(&b, "}\n");
        return journal_append(&d->state.journal, b.s, b.n);
}

/* Whether the journal has everything now. */
static bool put_line(struct daemon *d)
{
        if (d->state.whole || write_line(d) < 0)
                return false;
        d->state.journaled = d->state.tried = d->events.seq;
        return true;
}

/* LINED: the journal has everything that this is to save. */
static void save(struct daemon *d, bool sync, bool lined)
{
        d->state.tried = d->events.seq;
        /* What is forgotten takes a second line, to which a state that could be written puts an end. */
        if (lined && core_dirty(d->core) != CORE_CLEAN)
                lined = put_line(d);
        int r = write_state(d, sync);
        d->state.written = true;
        bool enough = r < 0 && lined && journal_is_there(&d->state.journal) &&
                      (!sync || journal_sync(&d->state.journal) == 0);
        d->state.whole = r < 0 && !enough;
        if (r == 0) {
                d->state.number++;
                d->state.journaled = d->events.seq;
                journal_reset(&d->state.journal);
        }
        json_told(d, enough ? r : 0);
        told(d, enough ? 0 : r);
        /* An event that is told must be known: those of a state that is not saved wait for it. */
        if (r == 0 || enough)
                flush_events(d);
        if (r < 0)
                try_again_later(d);
}

/* Numbers the events that the core is about to tell. */
static void take_events(struct daemon *d)
{
        size_t n = core_queued(d->core);
        for (size_t i = d->effects; i < n; i++) {
                const struct core_effect *fx = core_peek(d->core, i);
                if (fx->type != CORE_FX_LOG)
                        continue;
                int64_t at = fx->at_wall_ms ? fx->at_wall_ms : clock_wall_ms();
                events_add_due(&d->events, fx->svc ? fx->svc->name : NULL, fx->event, fx->fields,
                               at);
        }
        d->effects = n;
}

void state_save(struct daemon *d, bool sync)
{
        bool news = core_dirty(d->core) != CORE_CLEAN || d->events.seq != d->state.journaled;
        save(d, sync, news ? put_line(d) : !d->state.whole);
}

static bool journal_is_long(const struct state *s)
{
        int64_t most = MIN((int64_t)s->json_bytes * JOURNAL_STATES, JOURNAL_MOST_BYTES);
        return s->journal.bytes > MAX(most, JOURNAL_MIN_BYTES);
}

void state_commit(struct daemon *d, bool asked)
{
        take_events(d);
        enum core_dirty dirty = core_dirty(d->core);
        bool sync = asked && dirty == CORE_DIRTY_LASTING;
        if (dirty < CORE_DIRTY_NOW && d->events.seq == d->state.tried)
                return; /* what could not be saved has a time of its own */
        bool lined = put_line(d);
        if (!lined || sync || journal_is_long(&d->state))
                save(d, sync, lined);
        else
                flush_events(d);
}

void state_done(struct daemon *d)
{
        journal_done(&d->state.journal);
}
