/* sim: the simulation of the core: a world with virtual time, shims, programs, clients, definition files,
 * crashes and reboots, all drawn from one seed. After every step the invariants are checked.
 *
 * Who is who. `struct sim` is the world. Its `core` is the svcd under test; the world plays everything
 * around it: the caller that performs effects (perform.c), the shims and programs (world.c), the clients
 * and the machine (act.c), the files (edit.c). check.c knows the rules of core.h a second time, written
 * independently, and compares.
 *
 * A message between svcd and a shim takes time but keeps its order. When svcd crashes, what it had sent
 * still arrives, what was on its way to it is lost, and reports that it did not acknowledge come again.
 * A connection may break while both live: then what is on its way in either direction is lost.
 *
 * The disk is what svcd has committed: what was told and what is known go there in one piece, before
 * the effects. A crash comes before it, after it, or between two effects.
 */
#ifndef SVCD_TESTS_SIM_H
#define SVCD_TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisord/core/core.h"
#include "tests/helpers/saved.h"

#define SIM_NAMES   14
#define SIM_REPORTS 8
#define SIM_OPS     256

/* What the program will do in the run that is up, drawn when it starts. */
struct program {
        int64_t life_ms;               /* -1 = until told */
        int wstatus;                   /* of an end by itself */
        bool leaves_rest;              /* descendants outlive it */
        int64_t ready_ms;              /* -1 = never */
        int64_t term_ms, rest_term_ms; /* how long it takes to obey; -1 = does not */
        bool hup_ignored, hup_caught;
        int64_t over_ms; /* until svcd finds it above its memory limit; -1 = never */
        int64_t hup_ms;  /* how long until it ends on restart.signal; -1 = does not */
        bool healthy;
        int64_t say_ms; /* until it says something of itself; -1 = never */
        enum core_notice say;
};

struct report {
        enum core_event_type type; /* EXITED, START_FAILED */
        int64_t number, run, pid, ran_ms, at_ms;
        int wstatus, stage, error, intent;
        bool leftover, restarted, pending, ready_line;
};

struct shim {
        bool alive, record;
        bool greeting;      /* what it says now is right behind HELLO */
        uint64_t conn;      /* the connection to svcd; 0 = none */
        uint64_t dead_conn; /* up to this one, nobody is at the other end any more */
        int64_t run, pid, started_ms;
        unsigned gen;    /* of the run, so that what was planned for an older one is dropped */
        bool main, rest; /* what is alive */
        bool signalled_all;
        int signalled;    /* the last signal that what is alive has got; -1 = none */
        int64_t term_run; /* whose main process has got the stop signal */
        bool killing;
        bool ready;
        bool ready_line;               /* it writes that line itself */
        bool listening;                /* svcd wants to hear of a connection */
        bool reloading, watchdog_said; /* what the run has said of itself */
        int64_t watchdog_ms, extended_ms;
        uint64_t digest;
        bool armed, only_failed;
        int64_t min_ran_ms;
        int intent;
        struct program p;
        struct report reports[SIM_REPORTS];
        int reports_n;
        int64_t next_report;
};

/* What the caller of the core keeps for a service. */
struct link {
        uint64_t conn;
        int64_t in_ms, out_ms; /* when the last message in each direction arrives */
        bool watch, checking, spawning, released;
        bool ending;      /* a check was cancelled, and something of it is alive */
        bool ending_gone; /* its service was forgotten meanwhile */
        bool away;        /* the connection broke, and the shim has not come back yet */
        unsigned check_gen;
};

/* What was told (and has been committed), and what has happened. */
struct ledger {
        int64_t started, ready, ended; /* the last run of which it was told */
        int64_t told, happened;        /* ends */
};

/* The rules once more. */
struct rules {
        int64_t tally[CORE_TALLY_MAX];
        int tally_n;
        int64_t delay_ms, due_ms, start_ms, last_run, ended_run;
        int64_t ready_run, wait_ms; /* the last run that was ready, and how long that took */
        enum core_actual before;    /* before this call */
        int64_t short_ms;           /* of the last shortage: how long it waits */
        int64_t spawn_ms, spawn_run;
        int64_t taken_run;   /* of an earlier svcd: may be out of date until the next reload */
        int64_t event_at_ms; /* of the end that is being delivered */
        bool failing; /* not ready in time, or too many failed checks: a failure all the same */
        int event_intent;
        bool signalled;    /* stop.signal or KILL was sent to this run */
        bool stops_itself; /* it has said so, before anybody else did */
        bool adopted;      /* the run is older than this svcd */
        bool armed;        /* as svcd has told the shim */
        bool ready_line;   /* as the shim has told svcd */
        int64_t
            late_ready; /* the run that is being delivered has ended, and its shim has told of that */
        bool before_failures;          /* the hold, before the call */
        bool must_hold;                /* a record in this call asks for FAILURES */
        bool counts;                   /* it was spawned in its turn: start_concurrency */
        int64_t retry_at_ms, retry_ms; /* when FAILURES may end by itself; the next wait */
        struct {
                int64_t number; /* of the incident that was told last */
                unsigned life;  /* of the svcd that did */
        } alert[CORE_ALERT_COUNT];
};

/* One service of the definition files. */
struct spec {
        bool defined, valid;
        int variant, note; /* RESTART-class and NOTHING-class differences */
        bool enabled;
        int requires[3], requires_n;
        int ready, policy, scope, max_failures, no_restart;
        int64_t delay_ms, max_delay_ms, window_ms, stop_ms, ready_ms, retry_ms;
        bool on_demand;
        int64_t idle_ms; /* 0 = never */
        bool monitored;
        int checks; /* so many */
        int64_t interval_ms, start_delay_ms;
        int check_failures;
        int temper; /* how the program behaves, see world.c */
};

enum wtype {
        W_COMMAND, /* from svcd to a shim */
        W_EVENT,   /* from a shim to svcd */
        W_HELLO,
        W_EXIT,
        W_REST_GONE,
        W_READY,
        W_PORT, /* the caller's port watch has seen it */
        W_SAY,  /* a program says something of itself, and what follows from that */
        W_SAY_MORE,
        W_CHECK,
        W_CHECK_GONE, /* nothing is left of one that was cancelled */
        W_OVER,       /* svcd has found it above its memory limit */
        W_SHIM_DIES,
        W_CONNECT, /* somebody does */
        W_COUNT,   /* connections have been counted */
        W_AWAY,    /* svcd notices that the shim is not connected */
        W_TAKEN,   /* an alert (conn) has been taken */
};

struct wev {
        int64_t at_ms;
        uint64_t seq;
        enum wtype type;
        int who;
        uint64_t conn;
        unsigned gen;
        union {
                struct {
                        enum core_effect_type type;
                        int64_t run, min_ran_ms, report;
                        int signo, intent;
                        bool tree, armed, only_failed, ready_line;
                        uint64_t digest;
                } command;
                struct core_event event;
                int wstatus;
        } u;
};

struct sim {
        uint64_t seed, rnd;
        int64_t now_ms, wall_ms;
        uint64_t events, hash, seq;
        struct core *core; /* NULL while svcd is down */
        struct conf *conf; /* in use */
        json_t *saved;     /* what is on disk */
        int boot;
        unsigned life;     /* of svcd */
        bool committed;    /* by this svcd, once */
        uint64_t crash_at; /* event number */
        bool shutting, shut, calm;
        struct wev *heap;
        size_t heap_n, heap_cap;
        struct spec spec[SIM_NAMES];
        struct spec good[SIM_NAMES]; /* what last-good.yaml says */
        int good_account;
        int rank[SIM_NAMES];
        int account;        /* value of a variable of the account */
        int start_max;      /* start_concurrency */
        int check_max;      /* monitoring.concurrency */
        int check_max_used; /* as the core knows it */
        bool broken;        /* the second file cannot be read */
        struct shim shim[SIM_NAMES];
        struct link link[SIM_NAMES];
        struct rules rules[SIM_NAMES], done[SIM_NAMES]; /* done: when the last call was over */
        struct ledger ledger[SIM_NAMES];
        struct {
                bool on_disk; /* forgotten, but the disk does not know yet */
                struct rules rules;
                struct ledger ledger;
        } gone[SIM_NAMES];
        uint64_t next_conn, next_op;
        int64_t next_pid;
        struct {
                uint64_t id;
                int who;
                bool up;
        } ops[SIM_OPS]; /* not answered yet */
        int ops_n;
        bool applying;
        bool fresh[SIM_NAMES];     /* has its first definition since svcd began */
        bool untouched[SIM_NAMES]; /* by the core_apply that is going on */
};

/* ---- sim.c ---- */
uint64_t sim_rnd(struct sim *w);
int64_t sim_pick(struct sim *w, int64_t lo, int64_t hi); /* inclusive */
bool sim_chance(struct sim *w, int percent);
void sim_note(const struct sim *w, int who, const char *what, int64_t a, int64_t b);
void sim_fail(const struct sim *w, int who, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));
#define SIM_CHECK(w, who, condition, ...)                                                          \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        sim_fail((w), (who), __VA_ARGS__);                                         \
        } while (0)
void sim_add(struct sim *w, struct wev e);
const char *sim_name(int who);
int sim_who(const char *name);

/* ---- world.c ---- */
void world_do(struct sim *w, const struct wev *e);
void world_calm(struct sim *w); /* all programs behave from now on */
bool world_alive(const struct sim *w, int who);
void world_lose(struct sim *w, int who);
void world_break(struct sim *w, int who); /* its connection */

/* ---- perform.c ---- */
void perform_event(struct sim *w, int who,
                   const struct core_event *ev); /* into the core, and drain */
void perform_check_gone(struct sim *w, int who); /* who < 0: of a service that is forgotten */
void perform_all(struct sim *w);
void perform_tick(struct sim *w);
void perform_commit(struct sim *w);

/* ---- edit.c ---- */
void edit_init(struct sim *w);
void edit_random(struct sim *w);
void edit_calm(struct sim *w);
struct conf *edit_conf(const struct sim *w);
/* The definitions in use, as the caller writes them down after core_apply, and what is read from that. */
void edit_keep(struct sim *w);
struct conf *edit_kept(const struct sim *w);

/* ---- act.c ---- */
void act_random(struct sim *w);
void act_start(struct sim *w); /* a new svcd */
void act_crash(struct sim *w);
void act_settle(struct sim *w); /* faults off: everything must come to rest */
void act_run_until(struct sim *w, int64_t at_ms);

/* ---- check.c ---- */
void check_effect(struct sim *w, const struct core_effect *e);
void check_told(struct sim *w, const struct core_effect *e);
void check_disk(struct sim *w);
void check_delivery(struct sim *w, int who, const struct core_event *ev);
void check_command(struct sim *w, int who, const struct core_event *ev);
void check_definition(struct sim *w, int who, const struct conf *conf);
void check_call_begins(struct sim *w);
void check_call_ended(struct sim *w);
void check_taken_over(struct sim *w, const struct conf *conf); /* after the first core_apply */
void check_reboot(struct sim *w);
void check_rest(struct sim *w);
bool check_up(const struct core_service *s);

#endif
