/* gate: see gate.h. Decides the order of lines, and the words of the few that are the shim's own. */
#include "shim/gate.h"

#include <string.h>
#include <sys/wait.h>

#include "shim/drain.h"
#include "shim/link.h"
#include "shim/report.h"
#include "shim/text.h"

#define COMMAND_SHOWN 4096 /* bytes of a command in the `started` line */
#define LINE_SHORT    400  /* of svcd's lines: all but `started` with a long command */

static void release(struct shim *s)
{
        size_t n = s->gate.held_n;
        if (!n)
                return;
        s->gate.held_n = 0;
        log_raw(&s->log, big.held, n);
}

/* Lines are held as they will be written, so their time is made now. */
static bool hold(struct shim *s, int64_t wall_ms, const char *source, size_t source_n,
                 const char *text, size_t n)
{
        struct log l = s->log;
        size_t lines = 1;
        for (size_t i = 0; i < n; i++)
                lines += text[i] == '\n';
        if (n > HELD_BYTES ||
            n + lines * (STAMP_LEN + LOG_SOURCE_MAX + 2) > HELD_BYTES - s->gate.held_n)
                return false;
        l.buf = big.held;
        l.n = s->gate.held_n;
        log_event(&l, source, source_n, wall_ms, text, n);
        s->gate.held_n = l.n;
        return true;
}

void gate_line(struct shim *s, int64_t wall_ms, const char *source, size_t source_n,
               const char *text, size_t n)
{
        bool line_open = s->drain.open && s->now_us < s->drain.open_until_us;
        if (line_open && hold(s, wall_ms, source, source_n, text, n))
                return;
        drain_break(s);
        release(s);
        log_event(&s->log, source, source_n, wall_ms, text, n);
}

static void say_started(const struct shim *s, struct text *t)
{
        text_str(t, "started run=");
        text_int(t, s->run);
        text_str(t, " pid=");
        text_int(t, s->main);
        text_str(t, " command=\"");
        text_quoted(t, s->launch->command, s->launch->command_n, COMMAND_SHOWN);
        text_str(t, "\"");
        if (s->launch->ready_line) {
                text_str(t, "\nready run=");
                text_int(t, s->run);
                text_str(t, " after=0ms");
        }
}

/* Most commands are short: then the page of the stack that is there does, and a start needs no other. */
static void write_started(struct shim *s)
{
        char few[LINE_SHORT];
        struct text t = text_on(few, sizeof(few));
        say_started(s, &t);
        if (t.n == t.cap) {
                t = text_on(big.scratch, sizeof(big.scratch));
                say_started(s, &t);
        }
        drain_break(s);
        log_event(&s->log, "svcd", 4, s->started_wall_ms, t.s, t.n);
}

void gate_started(struct shim *s)
{
        if (s->check)
                return;
        if (s->gate.report)
                s->gate.started_waits = true;
        else
                write_started(s);
}

static void open_gate(struct shim *s)
{
        s->gate.report = 0;
        s->gate.until_us = NEVER;
        if (s->gate.started_waits)
                write_started(s);
        s->gate.started_waits = false;
        release(s);
        if (s->phase != PHASE_NONE)
                drain_resume(s);
}

/* exited run=3 pid=4242 code=1 ran=9s */
static void write_exited(struct shim *s, const struct report *r)
{
        char line[LINE_SHORT];
        struct text t = text_on(line, sizeof(line));
        int status = (int)r->wstatus;
        text_str(&t, "exited run=");
        text_int(&t, r->run);
        text_str(&t, " pid=");
        text_int(&t, r->pid);
        if (WIFSIGNALED(status)) {
                text_str(&t, " signal=");
                text_signal(&t, WTERMSIG(status));
        } else {
                text_str(&t, " code=");
                text_int(&t, WEXITSTATUS(status));
        }
        if (r->oom) {
                text_str(&t, " oom=yes peak=");
                text_int(&t, r->peak_bytes < 0 ? 0 : r->peak_bytes >> 20);
                text_str(&t, "M");
        }
        text_str(&t, " ran=");
        text_duration(&t, r->ran_ms);
        if (r->restarted)
                text_str(&t, " restarted=standing-order");
        drain_break(s);
        release(s);
        log_event(&s->log, "svcd", 4, r->wall_ms, t.s, t.n);
}

void gate_close(struct shim *s, struct report *r)
{
        if (s->check)
                return;
        gate_give_up(s);
        s->gate.report = r->number;
        s->gate.until_us = s->now_us + SHIM_HOLD_MS * MS;
        if (!link_is_up(s))
                gate_give_up(s);
}

static void told(struct shim *s, struct report *r)
{
        r->logged = true;
        if (r->run > s->gate.told)
                s->gate.told = r->run;
}

void gate_give_up(struct shim *s)
{
        if (!s->gate.report)
                return;
        struct report *r = report_find(s, s->gate.report);
        if (r && !r->logged) {
                write_exited(s, r);
                told(s, r);
        }
        open_gate(s);
}

void gate_acked(struct shim *s, struct report *r, const char *text, size_t n)
{
        bool awaited = s->gate.report == r->number;
        if (n && !r->logged && !s->check) {
                if (awaited) {
                        drain_break(s);
                        release(s);
                        log_event(&s->log, "svcd", 4, r->wall_ms, text, n);
                } else {
                        gate_line(s, r->wall_ms, "svcd", 4, text, n);
                }
                told(s, r);
        }
        if (awaited)
                open_gate(s);
}

void gate_line_ended(struct shim *s)
{
        release(s);
}

void gate_line_late(struct shim *s)
{
        if (!s->gate.held_n)
                return;
        drain_break(s);
        release(s);
}
