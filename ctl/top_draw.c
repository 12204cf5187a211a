/* top_draw: the model as lines of a screen; see top.h. Each line is built in the terminal's width, so that nothing
 * wraps; what is above and below the rows gives way on a terminal of few lines, columns on a narrow one.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/text.h"
#include "ctl/top.h"

#define NAME_LEAST  14
#define NOTE_LEAST  8
#define NOTE_WANTED 20 /* before names have more than NAME_LEAST */
#define MARK        2  /* columns in front of each row: which one is selected */

enum column { NAME, STATE, PID, CPU, MEMORY, UPTIME, RESTARTS, HEALTH, NOTE, COLUMNS };

static const struct {
        const char *title;
        int width; /* 0: as the rest has it */
        bool right;
        int drop;           /* which goes first where there is no room; 0: none does */
        enum top_sort sort; /* TOP_SORTS: by none */
} columns[COLUMNS] = {
    [NAME] = {"NAME", 0, false, 0, TOP_BY_NAME},
    [STATE] = {"STATE", 9, false, 0, TOP_SORTS},
    [PID] = {"PID", 7, true, 6, TOP_SORTS},
    [CPU] = {"CPU%", 5, true, 1, TOP_BY_CPU},
    [MEMORY] = {"MEMORY", 7, true, 2, TOP_BY_MEMORY},
    [UPTIME] = {"UPTIME", 7, true, 3, TOP_BY_UPTIME},
    [RESTARTS] = {"RST", 4, true, 5, TOP_BY_RESTARTS},
    [HEALTH] = {"HEALTH", 8, false, 4, TOP_SORTS},
    [NOTE] = {"NOTE", 0, false, 7, TOP_SORTS},
};

struct layout {
        int width[COLUMNS]; /* 0: left out */
};

/* A line under way: how much of it there is. */
struct line {
        struct strbuf b;
        int used, width;
        bool color;
};

static char *safe(const char *s)
{
        return text_safe(s, text_utf8() ? TEXT_LINE : TEXT_ASCII);
}

static void blanks(struct line *l, int n)
{
        for (n = MIN(n, l->width - l->used); n > 0; n--, l->used++)
                strbuf_addc(&l->b, ' ');
}

/* S is safe. Returns the columns it has taken. */
static int add(struct line *l, enum style style, const char *s)
{
        int room = l->width - l->used;
        if (room <= 0 || !*s)
                return 0;
        strbuf_add(&l->b, term_on(l->color, style));
        int w = text_cut(&l->b, s, room);
        strbuf_add(&l->b, term_off(l->color, style));
        l->used += w;
        return w;
}

static void addf(struct line *l, enum style style, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void addf(struct line *l, enum style style, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *s = xvasprintf(fmt, ap);
        va_end(ap);
        add(l, style, s);
}

static struct line begin(const struct top *t)
{
        return (struct line){.width = t->columns, .color = t->color};
}

static void end(struct line *l, struct strv *out)
{
        strv_take(out, strbuf_take(&l->b));
}

static void plain_line(const struct top *t, struct strv *out, enum style style, const char *s)
{
        struct line l = begin(t);
        add(&l, style, s ? s : "");
        end(&l, out);
}

/* ---- what is said of all ---- */

static const char *const states[] = {"running",  "reloading", "starting", "waiting", "backoff",
                                     "stopping", "disabled",  "invalid",  "stopped"};

struct sums {
        size_t n[ARRAY_SIZE(states)];
        int64_t cpu_tenths, memory_bytes;
        bool has_cpu;
};

static struct sums sum(const struct top *t)
{
        struct sums s = {0};
        for (size_t i = 0; i < t->sample.rows.n; i++) {
                const struct top_row *r = &t->sample.rank[i];
                for (size_t k = 0; k < ARRAY_SIZE(states); k++)
                        s.n[k] += str_eq(r->s->state, states[k]);
                if (r->cpu_tenths != TOP_CPU_UNKNOWN) {
                        s.cpu_tenths += r->cpu_tenths;
                        s.has_cpu = true;
                }
                if (r->s->memory_bytes != STATUS_NO_NUMBER)
                        s.memory_bytes += r->s->memory_bytes;
        }
        return s;
}

static void summary(const struct top *t, const struct sums *s, struct strv *out)
{
        struct line l = begin(t);
        size_t n = t->sample.rows.n;
        addf(&l, STYLE_BOLD, "%s", t->account ? t->account : "svcctl top");
        addf(&l, STYLE_PLAIN, ": %zu service%s", n, n == 1 ? "" : "s");
        for (size_t k = 0; k < ARRAY_SIZE(states); k++)
                if (s->n[k]) {
                        addf(&l, STYLE_PLAIN, ", ");
                        addf(&l, term_state_style(states[k]), "%zu %s", s->n[k], states[k]);
                }
        end(&l, out);
}

static void totals(const struct top *t, const struct sums *s, struct strv *out)
{
        struct line l = begin(t);
        char memory[TEXT_SHORT_MAX], every[TEXT_SHORT_MAX];
        if (*t->filter && t->mode != TOP_FILTER) {
                _cleanup_free_ char *filter = safe(t->filter);
                addf(&l, STYLE_CYAN, "only \"%s\": %zu of %zu (Esc: all); ", filter, t->view_n,
                     t->sample.rows.n);
        }
        if (s->has_cpu)
                addf(&l, STYLE_PLAIN, "cpu %lld.%lld%%, ", (long long)s->cpu_tenths / 10,
                     (long long)s->cpu_tenths % 10);
        addf(&l, STYLE_PLAIN, "memory %s, every %s", text_bytes(s->memory_bytes, memory),
             text_duration(t->interval_ms, every));
        if (t->banner) {
                addf(&l, STYLE_PLAIN, "; ");
                add(&l, STYLE_YELLOW, t->banner);
        }
        end(&l, out);
}

/* The one or two lines above the titles. What is wrong with svcd comes before what was true a while ago. */
static void above(const struct top *t, struct strv *out)
{
        struct sums s = sum(t);
        bool two = t->rows >= 8;
        if (two || !t->trouble)
                summary(t, &s, out);
        if (t->trouble)
                plain_line(t, out, STYLE_RED, t->trouble);
        else if (two)
                totals(t, &s, out);
}

/* ---- the table ---- */

static int fixed_width(const struct layout *l)
{
        int w = MARK;
        for (int i = STATE; i < NOTE; i++)
                w += l->width[i] ? l->width[i] + 1 : 0;
        return w;
}

static int longest_name(const struct top *t)
{
        int longest = (int)strlen(columns[NAME].title) + 1;
        for (size_t i = 0; i < t->sample.rows.n; i++)
                longest = MAX(longest, (int)strlen(t->sample.rows.v[i].name)); /* ASCII */
        return longest;
}

/* Names are whole if notes still have NOTE_WANTED columns; then other columns go, from the least to the most
 * needed. */
static struct layout fit(const struct top *t)
{
        struct layout l = {{0}};
        int longest = longest_name(t);
        for (int i = STATE; i < NOTE; i++)
                l.width[i] = columns[i].width;
        int room = t->columns - fixed_width(&l);
        l.width[NAME] = MIN(longest, MAX(NAME_LEAST, room - NOTE_WANTED - 1));
        l.width[NOTE] = room - l.width[NAME] - 1;
        if (l.width[NOTE] >= NOTE_LEAST)
                return l;
        l.width[NOTE] = 0;
        for (int drop = COLUMNS; drop > 0; drop--)
                for (int i = STATE; i < NOTE; i++)
                        if (columns[i].drop == drop && fixed_width(&l) + l.width[NAME] > t->columns)
                                l.width[i] = 0;
        l.width[NAME] = MAX(1, MIN(l.width[NAME], t->columns - fixed_width(&l)));
        return l;
}

/* One cell, padded; the blank between it and the one before. */
static void cell(struct line *l, const struct layout *lay, enum column c, enum style style,
                 const char *s)
{
        int width = lay->width[c];
        if (width == 0)
                return;
        if (c != NAME)
                blanks(l, 1);
        _cleanup_strbuf_ struct strbuf cut = {0};
        int w = text_cut(&cut, s, width);
        if (columns[c].right)
                blanks(l, width - w);
        add(l, style, cut.s ? cut.s : "");
        if (!columns[c].right && c != NOTE)
                blanks(l, width - w);
}

static void titles(const struct top *t, const struct layout *lay, struct strv *out)
{
        struct line l = begin(t);
        blanks(&l, MARK);
        for (int i = NAME; i < COLUMNS; i++) {
                bool sorted = columns[i].sort == t->sort;
                const char *mark = !sorted ? "" : text_utf8() ? (t->reverse ? "▲" : "▼") : "*";
                _cleanup_free_ char *title = xasprintf("%s%s", columns[i].title, mark);
                cell(&l, lay, (enum column)i, sorted ? STYLE_BOLD : STYLE_DIM, title);
        }
        end(&l, out);
}

static char *note_of(const struct status_row *s)
{
        _cleanup_free_ char *note = status_row_note(s);
        return safe(note);
}

enum form { AS_NUMBER, AS_DURATION, AS_BYTES };

static void number(struct line *l, const struct layout *lay, enum column c, int64_t v,
                   enum form form)
{
        char buf[TEXT_SHORT_MAX];
        if (v == STATUS_NO_NUMBER)
                cell(l, lay, c, STYLE_DIM, "-");
        else if (form == AS_DURATION)
                cell(l, lay, c, STYLE_PLAIN, text_duration(v, buf));
        else if (form == AS_BYTES)
                cell(l, lay, c, STYLE_PLAIN, text_bytes(v, buf));
        else {
                snprintf(buf, sizeof(buf), "%lld", (long long)v);
                cell(l, lay, c, STYLE_PLAIN, buf);
        }
}

static void cpu(struct line *l, const struct layout *lay, int64_t tenths)
{
        char buf[TEXT_SHORT_MAX];
        if (tenths == TOP_CPU_UNKNOWN) {
                cell(l, lay, CPU, STYLE_DIM, "-");
                return;
        }
        if (tenths < 10000)
                snprintf(buf, sizeof(buf), "%lld.%lld", (long long)tenths / 10,
                         (long long)tenths % 10);
        else
                snprintf(buf, sizeof(buf), "%lld", (long long)tenths / 10);
        cell(l, lay, CPU, STYLE_PLAIN, buf);
}

static void row(const struct top *t, const struct layout *lay, const struct top_row *r,
                bool selected, struct strv *out)
{
        struct line l = begin(t);
        const struct status_row *s = r->s;
        _cleanup_free_ char *name = safe(s->name), *state = safe(s->state), *note = note_of(s),
                            *health = safe(s->health);
        bool unwell = status_row_unwell(s);
        enum style style = term_state_style(state);
        bool calm = style != STYLE_RED && style != STYLE_YELLOW;
        /* All of the selected row is of one style. */
        if (selected)
                l.color = false;
        add(&l, STYLE_PLAIN, selected ? "> " : "  ");
        cell(&l, lay, NAME, style == STYLE_DIM ? STYLE_DIM : STYLE_PLAIN, name);
        cell(&l, lay, STATE, unwell && style == STYLE_GREEN ? STYLE_YELLOW : style, state);
        number(&l, lay, PID, s->pid, AS_NUMBER);
        cpu(&l, lay, r->cpu_tenths);
        number(&l, lay, MEMORY, s->memory_bytes, AS_BYTES);
        number(&l, lay, UPTIME, s->uptime_ms, AS_DURATION);
        number(&l, lay, RESTARTS, s->restarts, AS_NUMBER);
        cell(&l, lay, HEALTH, unwell ? STYLE_YELLOW : STYLE_PLAIN, *health ? health : "-");
        cell(&l, lay, NOTE, calm ? STYLE_DIM : style, note);
        if (!selected || !t->color) {
                end(&l, out);
                return;
        }
        blanks(&l, t->columns);
        _cleanup_free_ char *whole = strbuf_take(&l.b);
        strv_take(out, xasprintf("%s%s%s", term_on(true, STYLE_REVERSE), whole,
                                 term_off(true, STYLE_REVERSE)));
}

/* ---- below the table ---- */

static void detail(const struct top *t, struct strv *out)
{
        struct line l = begin(t);
        if (t->view_n) {
                const struct status_row *s = t->view[t->at]->s;
                _cleanup_free_ char *name = safe(s->name), *note = note_of(s);
                addf(&l, STYLE_BOLD, "%s", name);
                addf(&l, STYLE_PLAIN, "%s%s", *note ? ": " : "", note);
        }
        end(&l, out);
}

static void bottom(const struct top *t, struct strv *out)
{
        struct line l = begin(t);
        _cleanup_free_ char *about = safe(t->about), *filter = safe(t->filter);
        if (t->mode == TOP_CONFIRM)
                addf(&l, STYLE_BOLD, "%s %s? (y: yes, any other key: no)",
                     t->asked == TOP_STOP ? "stop" : "restart", about);
        else if (t->mode == TOP_FILTER)
                addf(&l, STYLE_BOLD, "show only: %s_   (Enter: keep, Esc: all)", filter);
        else if (t->message)
                add(&l, t->message_style, t->message);
        else
                add(&l, STYLE_DIM,
                    "q quit  ? help  / filter  s start  x stop  r restart  l log  w why  NCMRU "
                    "sort");
        end(&l, out);
}

static void table(const struct top *t, struct strv *out)
{
        struct layout lay = fit(t);
        size_t body = top_body(t);
        if (t->rows >= 4) {
                above(t, out);
                titles(t, &lay, out);
        }
        for (size_t i = t->first; i < t->first + body; i++) {
                if (i < t->view_n)
                        row(t, &lay, t->view[i], i == t->at, out);
                else
                        plain_line(t, out, STYLE_DIM,
                                   i > 0 || t->sample.text == NULL ? ""
                                   : *t->filter ? "  no service has this in its name or state"
                                                : "  no services are defined");
        }
        if (t->rows >= 8)
                detail(t, out);
        if (t->rows >= 2)
                bottom(t, out);
}

/* ---- pages ---- */

static const char *const help[] = {
    "up, down, j, k     select; also PgUp, PgDn, Home, End",
    "s                  start the selected service",
    "x, r               stop it, restart it; both ask first",
    "l, Enter           its log, as it is written",
    "w                  why it is not running or keeps restarting",
    "/                  only services with a text in their name or state; Esc: all",
    "N, C, M, R, U      sort by name, CPU, memory, restarts, uptime; again: reversed",
    "+, -               look less often, more often",
    "Ctrl-L             draw everything anew",
    "q, Ctrl-C          leave; services are not touched",
    "",
    "CPU% is of one core, since the last look. Memory is that of all processes of the",
    "service. RST: how often it was started again.",
};

static void show_help(const struct top *t, struct strv *out)
{
        size_t body = top_body(t);
        if (t->rows >= 3)
                plain_line(t, out, STYLE_BOLD, "svcctl top: keys");
        for (size_t i = 0; i < body; i++)
                plain_line(t, out, STYLE_PLAIN, i < ARRAY_SIZE(help) ? help[i] : "");
        if (t->rows >= 3)
                plain_line(t, out, STYLE_DIM, "any key: back");
}

static void show_page(const struct top *t, struct strv *out)
{
        size_t body = top_body(t), n = t->page.pieces_n;
        struct line l = begin(t);
        _cleanup_free_ char *about = safe(t->about);
        addf(&l, STYLE_BOLD, "%s: %s", about, t->page.kind == TOP_LOGS ? "log" : "why");
        if (t->page.kind == TOP_LOGS)
                add(&l, STYLE_DIM,
                    t->page.follow ? " (goes on as it is written)" : " (stands still; G: the end)");
        if (t->rows >= 3)
                end(&l, out);
        else
                strbuf_done(&l.b);
        for (size_t i = t->page.first; i < t->page.first + body; i++) {
                const struct top_piece *p = i < n ? &t->page.pieces[i] : NULL;
                struct line x = begin(t);
                if (p) {
                        const struct top_line *whole = &t->page.v[p->line];
                        _cleanup_free_ char *s = xstrndup(whole->text + p->at, p->n_bytes);
                        blanks(&x, p->at ? 2 : 0);
                        add(&x, whole->style, s);
                }
                end(&x, out);
        }
        if (t->rows >= 3)
                plain_line(t, out, STYLE_DIM, "q back  up, down, PgUp, PgDn, g, G move");
}

void top_draw(const struct top *t, struct strv *ret)
{
        if (t->mode == TOP_HELP)
                show_help(t, ret);
        else if (t->mode == TOP_PAGE)
                show_page(t, ret);
        else
                table(t, ret);
}
