/* internal: what the files of core/ share and nobody else sees. The model is in core.h.
 *
 * Who owns what: struct core owns everything. A struct svc lives until the effect FX_FORGET has been
 * handed out and the next one is asked for. Effects own their text and fields.
 *
 * How a call goes: core_event, core_tick, core_apply or core_shutdown set the time, change holds and
 * feed machine events; whatever might concern another service is put into the queue ("post") instead
 * of being called, so that no chain of services becomes a chain of calls; the queue is worked off
 * before the call returns.
 */
#ifndef SVCD_CORE_INTERNAL_H
#define SVCD_CORE_INTERNAL_H

#include "supervisord/core/core.h"

#include "common/util.h"

/* A shim that has answered without a run must send the report of the last run directly after. */
#define CORE_REPORT_MS 2000
/* For one that was taken over while it started, even if ready_timeout is over. */
#define CORE_LOOK_MS      10000
#define CORE_LOOK_PORT_MS 1000
/* First check and time between checks while a service with `ready: monitoring` starts. */
#define CORE_READY_FIRST_MS 100
#define CORE_READY_AGAIN_MS 500
#define CORE_TEXT_MAX       400 /* bytes of other people's text (check output, STATUS=) that are kept */

#define NOTICE_EXTEND_MAX_MS (INT64_C(24) * 60 * 60 * 1000)

/* Holds for which those that require the service are stopped first. FAILURES and DONE come when it
 * has ended already; INVALID never had a run of its own. */
#define HOLDS_YIELD                                                                                \
        (CORE_HOLD_STOPPED | CORE_HOLD_COMMAND | CORE_HOLD_DEFINITION | CORE_HOLD_REMOVED |        \
         CORE_HOLD_SHUTDOWN)

#define CORE_CHECKS_MAX 16 /* of one service */
#define FX_KEPT                                                                                    \
        64 /* room for so many effects is kept; a start of everything has thousands in one turn */

/* Holds by which a person says that it is not to run. */
#define HOLDS_PERSON                                                                               \
        (CORE_HOLD_STOPPED | CORE_HOLD_COMMAND | CORE_HOLD_DEFINITION | CORE_HOLD_REMOVED)

/* What holds after a reboot too, and not because the definitions say so. */
#define HOLDS_LASTING (CORE_HOLD_COMMAND | CORE_HOLD_FAILURES)

/* APPLY: what comes of new definitions, whatever that is. */
enum op_kind {
        OP_START,
        OP_RESTART,
        OP_ENABLE,
        OP_STOP,
        OP_DISABLE,
        OP_ROLLBACK,
        OP_APPLY,
        OP_APPLY_RESTART
};

struct op {
        uint64_t id;
        enum op_kind kind;
};

struct order {
        bool armed, only_failed;
        int64_t min_ran_ms;
        int intent;
};

/* What a changed definition needs. */
enum apply_class { APPLY_SAME, APPLY_NOTHING, APPLY_LIVE, APPLY_RESTART };

struct svcs {
        struct svc **v;
        size_t n, cap;
};

struct svc {
        struct core_service s; /* what callers see */
        struct core *c;

        struct svcs requires, dependents; /* the edges that count, see order.c */
        int unready;                      /* of `requires`: those that are not ready */
        int yielding_to;                  /* of `requires`: those that have a hold of HOLDS_YIELD */
        int dependents_up;                /* of `dependents` */
        bool is_up, is_ready, is_held, is_yield, is_blocked; /* as the neighbours know it */
        const char *seen; /* state name that since_ms belongs to */
        char mark;        /* order.c, while it walks */

        bool queued;
        size_t heap_i;    /* SIZE_MAX = in no heap */
        size_t unsaved_i; /* in core.unsaved; SIZE_MAX = it is not */
        struct {
                struct op *v;
                size_t n, cap;
        } ops;

        bool shim;        /* there is one, as far as we know */
        bool adopt;       /* core_adopt was called and core_apply not yet */
        bool kept;        /* it has another definition than the files until the next core_apply */
        bool adopted;     /* ADOPTING: the shim has answered, a report must follow */
        bool loaded;      /* from core_load: `was` stands for `actual` until core_apply */
        bool watching;    /* FX_WATCH_PORT is in force */
        bool again;       /* the last run failed: the next is a restart by svcd itself */
        bool demand;      /* something asks for a run, of one that starts on demand */
        bool listen_told; /* that it waits for a connection */
        bool listen_lost; /* its shim has gone while it did, and there is no other yet */
        bool replace;     /* end this run as soon as that is possible, and begin another */
        bool had_main;    /* EXITED: the main process was known to be up */
        bool gone;        /* FX_FORGET is in the queue */
        bool slot, in_turns;       /* turn.c */
        enum apply_class changed;  /* core_apply: what the new definition asks for */
        struct conf *invalid_conf; /* keeps s.invalid_place alive */
        struct order sent;         /* what the shim knows */
        struct order offered;      /* what it was told with the start of the run */
        bool ready_line;           /* the shim writes the `ready` line of this run */

        int64_t over_bytes, over_limit_bytes; /* of CORE_CAUSE_MEMORY: what was held, and allowed */
        int64_t started_run;                  /* highest run whose begin was told */
        int64_t ready_run;      /* highest run of which it was told that it is ready */
        int64_t ready_after_ms; /* how long it had to be waited for */
        int64_t exited_run;     /* highest run whose end is on record */
        int64_t logged_run;     /* LOST: the log is known to tell the ends up to this one */
        int64_t last_run;       /* highest number ever given */
        int64_t not_before_ms;  /* back-off: no new run before; 0 = none */
        int64_t short_delay_ms; /* the next back-off of a shortage; 0 = the first */
        int64_t paced_ms;       /* when turn_pace lets it be tried again; 0 = was not asked yet */
        int64_t retry_at_ms;    /* disabled by failures: tried again then; 0 = not planned */
        int64_t retry_ms;    /* restart.retry_after, doubled for each try that was of no use; 0 */
        int64_t ready_by_ms; /* STARTING: when ready_timeout is over */
        int64_t active_ms;   /* when it had a connection, as far as is known */
        int checking;        /* index of the check that runs; -1 = none */
        bool check_ending;   /* one was cancelled, and something of it may be left */
        bool in_checks;      /* it stands in core.checks */
        int64_t watchdog_ms; /* of this run; 0 = none */
        bool reload_told;    /* RELOADING: it has said so, and says READY when it is done */
        bool reload_own;     /* RELOADING: nobody has asked for it */
        bool main_told;      /* that MAINPID is refused, in this run */
        bool store_told;     /* and that descriptors are not kept */
        char *
            port_holder; /* of a run that is not, or was not, ready: who else listened on its port; NULL = nobody, as far as known */
        char *
            elsewhere; /* of a run that was not ready: "it listens on …, not on its port …"; NULL = not known */
        char *reach; /* why what it listens on cannot be reached; NULL = nothing is to be said */
        char *check_text;  /* why the last check was no good */
        char *start_error; /* more than errno about the last failed start */
        char *stuck;       /* what does not end, and why; NULL = nothing is known to be so */
        char *file; /* of the user's, that defines it; `def` may come from the last good ones */
        uint64_t
            digest; /* conf_digest of `def`; s.digest is that of what the run was started with */
        uint64_t def_hash; /* of everything in the definition; 0 = not known, see apply_def_hash */
        int64_t def_since_ms;     /* `def` is in use since */
        struct core_good keeping; /* FX_KEEP was given for it */
        uint64_t rolled_from;     /* hash of what the files say instead of `def`; 0 = no rollback */
        struct conf *rolled_conf; /* before the first core_apply: what is rolled back to */
        unsigned incident;        /* bits of enum core_alert: what it is about; 0 = there is none */
        unsigned alerts_due;      /* those that are not answered by ALERTED */
        int64_t incident_n;       /* they are numbered */
        /* ADOPTING, or loaded: `actual` before that, and what belongs to it */
        enum core_actual was;
        int64_t was_deadline_ms;
        int was_checks_failed; /* of a svcd that knew of one check */
        bool was_same_boot;
        enum core_actual told; /* DOWN, WAITING: as much was told of it already; else nothing */
};

struct fx {
        struct core_effect e;
        char *text, *fields;
};

struct core {
        struct svcs all;  /* sorted by name */
        struct svcs heap; /* by earliest deadline */
        struct svcs queue;
        size_t queue_head;
        struct {
                struct fx *v;
                size_t n, cap, head;
        } fx;
        struct fx given; /* handed out by core_next last */
        struct {
                uint32_t *v;
                size_t n, cap;
        } free_ids;
        uint32_t next_id;
        int64_t now_ms, wall_ms;
        enum core_dirty dirty;
        bool same_boot; /* what core_load read was written since the last boot */
        /* Services that are gone stay in what is saved until the next time: their shims must have been
         * told before nothing is known of them any more. */
        struct {
                struct forgotten {
                        char *name;
                        char *last; /* its JSON; NULL: saved once, and may go */
                } * v;
                size_t n, cap;
        } forgotten;
        struct svcs unsaved; /* changed since core_save or core_save_changes */
        size_t not_down;
        struct svcs turns;  /* those that wait for a slot, in this order */
        size_t starting;    /* slots that are taken */
        int start_max;      /* start_concurrency; 0 = no limit */
        int64_t pace_ms;    /* turn_pace: the last time that was given, */
        int paced;          /* and to how many */
        struct svcs checks; /* those with a check that is due, in this order */
        int checking;       /* checks of which something may be alive */
        int check_max;      /* monitoring.concurrency; 0 = no limit */
        uint64_t seed;
        bool applied, shutdown, shutdown_told;
};

static inline struct svc *svc_of(struct core_service *s)
{
        return CONTAINER_OF(s, struct svc, s);
}

static inline const struct svc *svc_of_const(const struct core_service *s)
{
        _Static_assert(offsetof(struct svc, s) == 0, "s is the first member");
        return (const struct svc *)(const void *)s;
}

/* ---- core.c ---- */
struct svc *svc_new(struct core *c, const char *name); /* in no list yet */
void svc_free(struct svc *x);
struct svc *svc_find(const struct core *c, const char *name);
struct svc *svc_insert(struct core *c, const char *name); /* finds it, or adds it */
void svc_unlist(struct svc *x);                           /* svc_find does not find it any more */
void svc_forget(struct svc *x);                           /* out of all lists, and FX_FORGET */
/* Its definition; built-in defaults if there never was one. Never NULL. */
const struct conf_service *svc_def(const struct svc *x);
void svc_dirty(struct svc *x, enum core_dirty how);
void svc_unsaved(struct svc *x); /* nothing to write for: goes along with the next change */
void svc_post(struct svc *x);    /* M_SETTLE for it before the call returns */
void svc_status(struct svc *x, const char *text);
void core_settle(struct core *c); /* works off what was posted */
void svcs_add(struct svcs *l, struct svc *x);
void svcs_remove(struct svcs *l, const struct svc *x); /* it must be there */

/* ---- fx.c: effects ---- */
struct core_effect *fx_add(struct svc *x,
                           enum core_effect_type type); /* valid until the next one */
void fx_text(struct svc *x, char *text);     /* of the effect added last; takes ownership */
void fx_fields(struct svc *x, char *fields); /* likewise */
void fx_reply(struct svc *x, uint64_t op, enum core_outcome outcome, char *text); /* takes text */
void fx_at(struct svc *x, int64_t at_wall_ms); /* the event added last happened then */
void fx_drop(struct fx *f);
void fx_taken(struct core *c); /* all of them */

/* ---- snapshot.c ---- */
/* As member KEY of what is open in O, or as an element. */
void snapshot_service(struct svc *x, const char *key, struct strbuf *o);

/* ---- line.c: a log line and the same as JSON, built together ---- */
struct line {
        struct strbuf text, fields;
        const char *event;
};
struct line line_new(const char *event);
void line_words(struct line *l, const char *words); /* text only */
void line_int(struct line *l, const char *key, int64_t v);
void line_str(struct line *l, const char *key, const char *v);
void line_ms(struct line *l, const char *key, int64_t ms);        /* also as KEY_ms */
void line_size(struct line *l, const char *key, int64_t n_bytes); /* also as KEY_bytes */
void line_by(struct line *l, int64_t uid);                        /* " by uid=1000", " by svcd" */
void line_log(struct svc *x, struct line *l, bool in_log);        /* FX_LOG; l is used up */
/* In the JSON only. A key that is there already, or that each event has, is left out. */
void line_field_int(struct line *l, const char *key, int64_t v);
void line_field_str(struct line *l, const char *key, const char *v);
void line_field_bool(struct line *l, const char *key, bool v);

/* ---- foreground.c ---- */
const char *text_foreground(const struct svc *x); /* how to keep it in the foreground, or NULL */

/* ---- text.c ---- */
/* For people: below 1 s in ms, below 2 minutes in s, else as 2m46s. Into BUF. */
const char *text_duration(int64_t ms, char buf[CONF_DURATION_MAX]);
const char *text_window(const struct conf_service *def, char buf[CONF_DURATION_MAX]); /* exact */
struct line text_exited(const struct svc *x, const struct core_exit *e);
char *text_failures(const struct svc *x); /* how the last runs failed; those that read alike once */
const char *text_held(const struct core_service *s); /* "disabled: failures", "stopped", … */
const char *text_holds(unsigned holds);              /* the same */
const char *text_start_path(const struct svc *x, int stage,
                            int resource); /* that a stage is about, or NULL */
bool text_no_restart(const struct conf_service *def, const struct core_exit *e);

/* ---- good.c: what ran well ---- */
/* Hash of the definition in use; 0 if there is none. */
uint64_t good_def_hash(struct svc *x);
void good_ended(struct svc *x, const struct core_exit *e, bool ready); /* a run */
void good_changing(struct svc *x); /* `def` is about to make room for another */
void good_kept(struct svc *x, uint64_t hash);
bool good_stays_rolled_back(struct svc *x, const struct conf *conf, const struct conf_service *def);
/* The definition that a rollback goes back to is to be used: it was asked for when the files had `from`. */
void good_roll_back(struct svc *x, uint64_t from, int64_t uid);
void good_rollback_ends(struct svc *x, const char *why);

/* ---- incident.c: what people are told ---- */
void incident_begin(struct svc *x, enum core_alert kind);
void incident_moved(struct svc *x); /* `actual` or the health has changed */
void incident_calm(struct svc *x);  /* calm_at_ms has come */
void incident_drop(struct svc *x);  /* a person has done something about it */
void incident_tell_again(struct svc *x);
void incident_told(struct svc *x, enum core_alert kind);

/* ---- deadlines.c ---- */
int64_t deadline_of(const struct svc *x); /* the earliest */
void deadline_watchdog_set(struct svc *x, int64_t at_ms);
void deadline_calm_set(struct svc *x, int64_t at_ms);  /* calm_at_ms */
void deadline_set(struct svc *x, int64_t at_ms);       /* s.deadline_ms */
void deadline_check_set(struct svc *x, int64_t at_ms); /* s.check_at_ms */
void deadline_idle_set(struct svc *x, int64_t at_ms);  /* s.idle_at_ms */
void deadline_drop(struct svc *x);
struct svc *deadline_first(const struct core *c); /* NULL = none */

/* ---- order.c: requires ---- */
void order_rebuild(struct core *c);
void order_update(struct svc *x); /* after `actual` or `holds` changed: tells the neighbours */
void order_forget(struct svc *x);
bool order_must_stop(const struct svc *x);
bool order_blocked(const struct svc *x);              /* waits for one that cannot come by itself */
const struct svc *order_blocker(const struct svc *x); /* the first it waits for, or NULL */
const struct svc *order_root(
    const struct svc *x); /* the one that all of the chain waits for, or NULL */
char *order_waiting_text(
    const struct svc *x); /* of one that waits: "waiting for redis (disabled: failures)" */
void hold_set(struct svc *x, unsigned holds);
void hold_clear(struct svc *x, unsigned holds);

/* ---- turn.c: start_concurrency ---- */
#define TURN_MS      10000 /* the longest that a service which is not ready keeps others waiting */
#define TURN_PACE_MS 250   /* see turn_pace */
bool turn_has_come(const struct svc *x); /* it may be spawned now */
void turn_wait(struct svc *x);           /* it is WAITING for that */
void turn_update(struct svc *x);         /* after `actual` changed */
void turn_give_up(struct svc *x);
void turn_forget(struct svc *x);
/* When it may be tried again: now, unless many others are, too. */
int64_t turn_pace(struct svc *x);
bool turn_next(struct core *c); /* posts the next one if it may start; false if there is none */
char *turn_text(const struct svc *x);

/* ---- failure.c ---- */
/* Judges the end of a run (e->cause is known): fills failure, failures, max_failures, moves tally,
 * delay and back-off. Returns the holds that follow from it. */
unsigned failure_judge(struct svc *x, struct core_exit *e, int64_t at_ms);
/* The run that is up is ready, AFTER_MS after its start: the window, which stood still, goes on. */
void failure_ready(struct svc *x, int64_t after_ms);
/* How long a run of RAN_MS was ready. */
int64_t failure_up_ms(const struct svc *x, int64_t run, int64_t ran_ms);
void failure_keep(struct svc *x, const struct core_exit *e); /* into exits[] */
void failure_count(struct core_service *s, int64_t at_ms);   /* into tally[] */
void failure_room(struct core_service *s);                 /* in exits[], for one more at its end */
const struct core_exit *failure_last(const struct svc *x); /* exits[0]; all zero if there is none */
void failure_reset(
    struct svc *x); /* tally, delay, back-off: somebody has done something about it */
/* restart.retry_after. plan: of one that is DOWN, sets the deadline or drops it. due: lets it go. */
int64_t failure_retry_ms(const struct svc *x); /* the wait that would be planned now; 0 = none */
void failure_retry_plan(struct svc *x);
void failure_retry_due(struct svc *x);
struct order failure_order(const struct svc *x); /* the standing order that is right now */
void failure_log_disabled(struct svc *x, const struct core_exit *e);

/* ---- shortage.c ---- */
bool shortage_is(int stage, int error);
/* Moves the back-off; returns how long it is. */
int64_t shortage_back_off(struct svc *x, const struct core_exit *e);

/* ---- standing order, run.c ---- */
void run_order(struct svc *x, struct order o); /* FX_ORDER if the shim does not know it yet */
void run_order_taken(struct svc *x, const struct core_event *ev); /* STARTED: that of SPAWN */
struct order run_restart_order(const struct svc *x);              /* for `svcctl restart` */
bool run_ready_at_once(const struct svc *x); /* STARTED is all that ready asks for */
/* The run that is up, and is not about to end, was not started with a definition that has DIGEST. */
static inline bool run_out_of_date(const struct svc *x, uint64_t digest)
{
        bool up = x->s.actual == CORE_STARTING || x->s.actual == CORE_RUNNING ||
                  x->s.actual == CORE_RELOADING || x->s.actual == CORE_ADOPTING;
        return up && x->s.digest && x->s.digest != digest;
}
void run_order_fit(struct svc *x); /* what is right in the state it is in */
void run_next(struct svc *x);      /* nothing is left: DOWN, WAITING, BACKOFF, SPAWNING */
void run_stop(struct svc *x, enum core_cause why);
void run_stopping(struct svc *x, enum core_cause why); /* run_stop of one that has got the signal */
void run_exited(struct svc *x, const struct core_event *ev);
void run_start_failed(struct svc *x, const struct core_event *ev);
void run_lost(struct svc *x, const struct core_event *ev);
void run_lost_end(struct svc *x); /* the end of the run that was up is known to nobody */
void run_log_started(struct svc *x, const struct core_exit *run, bool restarted);
void run_stuck(struct svc *x, const struct core_event *ev);
void run_log_restart(struct svc *x, const char *reason);

int run_stop_signal(const struct svc *x, enum core_cause why);

/* ---- notice.c ---- */
void notice(struct svc *x, const struct core_event *ev);
void notice_begun(struct svc *x); /* a run has */
void notice_moved(struct svc *x); /* `actual` has changed */
/* SAME: the run that was known before. */
void notice_adopted(struct svc *x, const struct core_event *ev, bool same);
void notice_extended(struct svc *x, int64_t until_ms);

/* ---- monitor.c ---- */
void monitor_begin(struct svc *x); /* STARTING or RUNNING was entered */
void monitor_adopted(struct svc *x);
void monitor_end(struct svc *x);
void monitor_away(struct svc *x); /* ADOPTING begins: what failed is remembered */
void monitor_due(struct svc *x);
void monitor_result(struct svc *x, const struct core_event *ev);
void monitor_gone(struct core *c, struct svc *x); /* X NULL: of a service that is forgotten */
void monitor_next(struct core *c);                /* there may be room for one more */
void monitor_changed(struct svc *x);              /* there may be checks now, or none any more */
void monitor_replan(struct svc *x);               /* the interval may be another */
void monitor_take(struct svc *x, const struct conf_service *old); /* s.def is another */
void monitor_forget(struct svc *x);
bool monitor_has(const struct svc *x);
struct core_check *monitor_add(struct svc *x, const char *name);
/* The worst of them, if that is degraded or failing; else NULL. */
const struct core_check *monitor_worst(const struct svc *x);

/* ---- ops.c: clients that wait ---- */
void op_add(struct svc *x, uint64_t id, enum op_kind kind);
void op_running(struct svc *x, bool reloaded); /* ready, or has reloaded itself */
void op_down(struct svc *x);
void op_failed(struct svc *x, const struct core_exit *e);
void op_held(struct svc *x);
void op_listening(struct svc *x);
void op_blocked(struct svc *x);
/* Ends all that want it up (UP) or down; text is copied. */
void op_end(struct svc *x, bool up, enum core_outcome outcome, const char *text);
void op_end_kind(struct svc *x, enum op_kind kind, enum core_outcome outcome, const char *text);

/* ---- demand.c ---- */
bool demand_waits(const struct svc *x); /* it starts on demand, and nothing asks for a run */
void demand_set(struct svc *x, bool on);
bool demand_accepts(const struct svc *x, const struct core_exit *e, int64_t up_ms);
char *demand_text(const struct svc *x);
void demand_fit(struct svc *x);  /* counts connections, or does so no more */
void demand_look(struct svc *x); /* it is time to count them */
void demand_count(struct svc *x, const struct core_event *ev);

/* ---- command.c ---- */
void command(struct svc *x, const struct core_event *ev);

/* ---- foresee.c: who will be kept down ---- */
struct foreseen {
        const char *name;
        const struct conf_service *def; /* in use then; NULL: there is none */
        unsigned holds;
        bool up; /* something of it runs now */
        /* filled by foresee: because of one that it requires it is stopped; is not started */
        bool stops, waits;
        const struct foreseen *by; /* that one */
};
void foresee(struct foreseen *v, size_t n);      /* sorted by name */
bool foreseen_stopped(const struct foreseen *f); /* were it up, it would not stay so */
bool foreseen_kept(const struct foreseen *f);    /* it is not started */
char *foreseen_text(
    const struct foreseen *f); /* why: "disabled: definition"; of one that is kept */

/* ---- apply.c ---- */
enum apply_class apply_classify(const struct svc *x, const struct conf *conf,
                                const struct conf_service *def);
bool apply_file_broken(const struct svc *x, const struct conf *conf);
const char *apply_file(const struct svc *x, const struct conf *conf); /* if it is broken */
uint64_t apply_def_hash(const struct conf *conf, const struct conf_service *def);
/* DEF of CONF is used from now on, as if the files had changed to it. */
void apply_definition(struct svc *x, struct conf *conf, const struct conf_service *def);

#endif
