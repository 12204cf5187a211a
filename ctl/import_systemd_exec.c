/* import_systemd_exec.c: the command lines of systemd's units for `svcctl import`: what ExecStartPre and ExecStart
 * mean as one command, and which signals ExecReload and ExecStop send.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/import_systemd.h"

struct script {
        struct strbuf before;       /* lines that run before the program */
        struct import_command last; /* the program, so far */
        bool any, may_fail;         /* of LAST */
        bool splits;                /* see struct import_command */
};

/* The characters before the path of a command: what they mean, as flags. */
struct prefix {
        bool may_fail, argv0, literal, privileged;
};

static const char *take_prefix(const char *s, struct prefix *ret)
{
        for (*ret = (struct prefix){0}; *s && strchr("-@:+!|", *s); s++) {
                ret->may_fail |= *s == '-';
                ret->argv0 |= *s == '@';
                ret->literal |= *s == ':';
                ret->privileged |= *s == '+' || *s == '!';
        }
        return s;
}

/* What was the last one so far runs before the next. */
static void push(struct script *x, bool may_fail)
{
        x->splits |= x->last.splits;
        strbuf_addf(&x->before, "%s || %s\n", import_command_line(&x->last),
                    may_fail ? ":" : "exit");
        import_command_done(&x->last);
}

/* The commands of one row. FIRST: they run before the program. */
static void add_row(struct unit *u, struct script *x, const struct import_ini_row *row, bool before)
{
        for (const char *s = row->value; s && *(s += strspn(s, " \t"));) {
                struct prefix prefix;
                if (!before && x->any)
                        push(x, x->may_fail);
                s = take_prefix(s, &prefix);
                s = unit_command(u, s, &x->last, !prefix.literal, prefix.argv0);
                if (prefix.privileged)
                        import_lost(u->im, u->s, row->line, row->key, row->value,
                                    "it runs with the account's own rights, as all here");
                if (prefix.argv0)
                        import_lost(u->im, u->s, row->line, row->key, row->value,
                                    "the program is called by its own name (@ has no equal)");
                if (before)
                        push(x, prefix.may_fail);
                else if (prefix.may_fail && !u->oneshot)
                        import_lost(
                            u->im, u->s, row->line, row->key, row->value,
                            "an exit code other than 0 is a failure here, with - before it too");
                x->any |= !before;
                x->may_fail = prefix.may_fail;
        }
}

static bool in_service(const struct import_ini_row *row, const char *key)
{
        return row->key && strcmp(row->section, "Service") == 0 && strcmp(row->key, key) == 0;
}

void unit_exec(struct unit *u)
{
        struct script x = {0};
        for (size_t i = 0; i < u->ini->n; i++)
                if (in_service(&u->ini->v[i], "ExecStartPre"))
                        add_row(u, &x, &u->ini->v[i], true);
        for (size_t i = 0; i < u->ini->n; i++)
                if (in_service(&u->ini->v[i], "ExecStart"))
                        add_row(u, &x, &u->ini->v[i], false);
        if (x.any && x.before.n) /* the shell gives its place to the program */
                import_set(u->s, SETTING_command, "%s%sexec %s\n",
                           x.splits || x.last.splits ? IMPORT_NO_PATTERNS "\n" : "", x.before.s,
                           import_command_line(&x.last));
        else if (x.any)
                import_command_set(u->s, SETTING_command, &x.last);
        strbuf_done(&x.before);
        import_command_done(&x.last);
}

/* ---- signals ---- */

/* The signal of "/bin/kill -HUP $MAINPID" and its like, or NULL. Caller frees. */
static char *kill_signal(struct unit *u, const char *value)
{
        _cleanup_(import_command_done) struct import_command c = {0};
        struct prefix prefix;
        int signo;
        if (unit_command(u, take_prefix(value, &prefix), &c, true, false) || c.words.n < 2)
                return NULL;
        const struct strv *w = &c.words;
        const char *name = w->v[0], *pid = w->v[w->n - 1], *signal = "TERM";
        bool main_pid = strcmp(pid, "$MAINPID") == 0 || strcmp(pid, "${MAINPID}") == 0;
        if (!str_ends(name, "/kill") || !main_pid || w->n > 4)
                return NULL;
        if (w->n == 4 && strcmp(w->v[1], "-s") == 0)
                signal = w->v[2];
        else if (w->n == 3 && *w->v[1] == '-')
                signal = w->v[1] + (str_starts(w->v[1], "--signal=") ? 9 : 1);
        else if (w->n != 2)
                return NULL;
        return conf_parse_signal(signal, &signo) == 0 ? xstrdup(conf_signal_name(signo)) : NULL;
}

void unit_reload(struct unit *u, const struct import_ini_row *row)
{
        _cleanup_free_ char *signal = kill_signal(u, row->value);
        if (!signal)
                import_lost(
                    u->im, u->s, row->line, row->key, row->value,
                    "`svcctl restart` sends restart.signal (HUP), and makes a new run if the "
                    "program does not reload itself on it");
        else if (strcmp(signal, "HUP") != 0)
                import_set(u->s, SETTING_restart_signal, "%s", signal);
}

void unit_stop(struct unit *u, const struct import_ini_row *row)
{
        _cleanup_free_ char *signal = kill_signal(u, row->value);
        if (!signal)
                import_lost(u->im, u->s, row->line, row->key, row->value,
                            "a service is stopped by stop.signal (TERM), and what is left after "
                            "stop.timeout is killed");
        if (!signal)
                return;
        u->stops_by_command = true;
        import_unset(u->s, SETTING_stop_signal);
        if (strcmp(signal, "TERM") != 0)
                import_set(u->s, SETTING_stop_signal, "%s", signal);
}
