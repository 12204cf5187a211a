/* progress: what one waits for, drawn again and again; see progress.h.
 */
#include "ctl/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "ctl/jget.h"
#include "ctl/logline.h"
#include "ctl/logseek.h"
#include "ctl/text.h"

#define FIRST_MS  1200 /* what takes less long needs no progress */
#define AGAIN_MS  1000 /* between two looks */
#define ANSWER_MS 500  /* svcd has this long to say how things are */
#define LOG_MS    2000 /* a start that takes longer is one whose words count */
#define SHOWN_MAX 10   /* services */

void progress_init(struct progress *p, struct ctl *ctl, json_t *names)
{
        int64_t now_ms = clock_mono_ms();
        *p = (struct progress){.ctl = ctl,
                               .client.fd = -1,
                               .names = names,
                               .began_ms = now_ms,
                               .draw_ms = now_ms + FIRST_MS};
}

static void erase(struct progress *p)
{
        if (p->lines == 0)
                return;
        _cleanup_free_ char *s = xasprintf("\r\033[%dA\033[J", p->lines);
        ctl_write(p->ctl, s, strlen(s));
        ctl_flush(p->ctl);
        p->lines = 0;
}

void progress_done(struct progress *p)
{
        erase(p);
        client_close(&p->client);
        json_decref(p->names);
        json_decref(p->services);
        strv_done(&p->done);
}

void progress_ended(struct progress *p, const char *name)
{
        if (!strv_has(&p->done, name))
                strv_add(&p->done, name);
}

/* ---- who is awaited ---- */

static bool awaits_by_name(const struct progress *p)
{
        for (size_t i = 0; i < json_array_size(p->names); i++)
                if (strpbrk(json_string_value(json_array_get(p->names, i)), "*?["))
                        return false;
        return true;
}

static bool is_awaited(const struct progress *p, const char *name)
{
        return name && !strv_has(&p->done, name);
}

/* As the command line had it, or, if that was a pattern and svcd has told which these are, by name. */
char *progress_words(const struct progress *p)
{
        struct strbuf b = {0};
        bool known = p->services && !awaits_by_name(p);
        const json_t *list = known ? p->services : p->names;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *x = json_array_get(list, i);
                const char *name = known ? jget_string(x, "name") : json_string_value(x);
                if (!is_awaited(p, name) || strcmp(name, "*") == 0)
                        continue;
                strbuf_addc(&b, ' ');
                text_add_shell(&b, name);
        }
        return strbuf_take(&b);
}

/* Of those that have ended some may be gone, and then svcd would not answer at all. */
static json_t *asked(const struct progress *p)
{
        json_t *names = json_array();
        for (size_t i = 0; i < json_array_size(p->names); i++)
                if (is_awaited(p, json_string_value(json_array_get(p->names, i))))
                        json_array_append(names, json_array_get(p->names, i));
        return names;
}

/* Asks svcd how those are. Whatever goes wrong: the next time, perhaps. */
static void look(struct progress *p)
{
        _cleanup_reply_ struct reply reply = {0};
        json_t *names = asked(p);
        bool nobody = json_array_size(names) == 0; /* svcd would take that for everybody */
        if (nobody || (p->client.fd < 0 && client_try(&p->client, p->ctl) < 0)) {
                json_decref(names);
                return;
        }
        client_send(&p->client, "Status", json_pack("{s:o}", "names", names), false);
        if (client_next_to(&p->client, "Status", clock_mono_ms() + ANSWER_MS, &reply) < 0) {
                client_close(&p->client);
                return;
        }
        json_t *services = json_object_get(reply.parameters, "services");
        if (reply.error || !services)
                return;
        json_decref(p->services);
        p->services = json_incref(services);
}

/* ---- the picture ---- */

struct picture {
        const struct progress *p;
        struct strbuf out;
        int lines;
};

/* One line of the screen, cut to its width. TEXT is safe. */
static void add_line(struct picture *c, enum style style, const char *text)
{
        const struct term *t = &c->p->ctl->term;
        strbuf_add(&c->out, term_on(t->color, style));
        text_cut(&c->out, text, t->columns - 1);
        strbuf_addf(&c->out, "%s\033[K\n", term_off(t->color, style));
        c->lines++;
}

/* The last line that the run which starts just now has said. */
static void add_last_words(struct picture *c, const char *name, int64_t since_ms)
{
        struct logfilter filter = LOGFILTER_NONE;
        struct logread l;
        struct logread_line x;
        filter.sources = LOG_ALL_SOURCES & ~(1u << LOG_SVCD);
        filter.since_ms = since_ms;
        /* The server's word for a name becomes part of a path. */
        if (strchr(name, '/') || logread_open(&l, &c->p->ctl->paths, name, &filter) < 0)
                return;
        logseek_last(&l, 1);
        if (logread_next(&l, &x)) {
                _cleanup_free_ char *text = xstrndup(x.parsed.text, x.parsed.text_n);
                _cleanup_free_ char *safe = ctl_safe(c->p->ctl, text);
                _cleanup_free_ char *line = xasprintf("      %s", safe);
                add_line(c, STYLE_DIM, line);
        }
        logread_done(&l);
}

static void add_service(struct picture *c, const json_t *s, int width)
{
        const struct ctl *ctl = c->p->ctl;
        const char *since = jget_string(s, "since"), *state = jget_string(s, "state");
        _cleanup_free_ char *name = ctl_safe(ctl, jget_string(s, "name"));
        _cleanup_free_ char *note = ctl_safe(ctl, jget_string(s, "note"));
        _cleanup_free_ char *safe = ctl_safe(ctl, state);
        char took[TEXT_SHORT_MAX] = "";
        int64_t since_ms = 0, for_ms = 0;
        if (since && logline_parse_stamp(since, strlen(since), &since_ms)) {
                for_ms = MAX(clock_wall_ms() - since_ms, 0);
                text_duration(for_ms, took);
        }
        _cleanup_free_ char *line =
            xasprintf("  %s%*s  %-9s %-5s%s%s", name, MAX(width - text_width(name), 0), "", safe,
                      took, *note ? "  " : "", note);
        add_line(c, STYLE_PLAIN, line);
        if (str_eq(state, "starting") && for_ms >= LOG_MS)
                add_last_words(c, jget_string(s, "name"), since_ms);
}

static size_t awaited(const struct progress *p)
{
        size_t i, n = 0;
        json_t *s;
        json_array_foreach(p->services, i, s) n += is_awaited(p, jget_string(s, "name"));
        return n;
}

static int name_width(const struct progress *p)
{
        int width = 0;
        size_t i;
        json_t *s;
        json_array_foreach(p->services, i, s)
        {
                const char *name = jget_string(s, "name");
                if (is_awaited(p, name))
                        width = MAX(width, text_width(name));
        }
        return MIN(width, 32);
}

static void add_services(struct picture *c)
{
        const struct progress *p = c->p;
        size_t i, shown = 0, more = 0;
        int width = name_width(p);
        json_t *s;
        json_array_foreach(p->services, i, s)
        {
                if (!is_awaited(p, jget_string(s, "name")))
                        continue;
                if (shown < SHOWN_MAX && c->lines + 4 < p->ctl->term.rows) {
                        add_service(c, s, width);
                        shown++;
                } else {
                        more++;
                }
        }
        _cleanup_free_ char *rest = xasprintf("  and %zu more", more);
        if (more)
                add_line(c, STYLE_DIM, rest);
}

static void draw(struct progress *p)
{
        struct picture c = {.p = p};
        char took[TEXT_SHORT_MAX];
        look(p);
        term_resize(&p->ctl->term);
        size_t n = awaited(p);
        _cleanup_free_ char *who = n ? xasprintf(" for %zu service%s", n, n == 1 ? "" : "s") : NULL;
        _cleanup_free_ char *head =
            xasprintf("%s: waiting%s, %s (Ctrl-C ends the waiting only)", p->ctl->command->verb,
                      who ? who : "", text_duration(clock_mono_ms() - p->began_ms, took));
        add_line(&c, STYLE_DIM, head);
        add_services(&c);
        _cleanup_free_ char *up = p->lines ? xasprintf("\r\033[%dA", p->lines) : xstrdup("\r");
        ctl_write(p->ctl, up, strlen(up));
        ctl_write(p->ctl, c.out.s, c.out.n);
        ctl_write(p->ctl, "\033[J", 3);
        ctl_flush(p->ctl);
        p->lines = c.lines;
        strbuf_done(&c.out);
}

/* ---- waiting ---- */

static bool is_seen(const struct progress *p)
{
        const struct term *t = &p->ctl->term;
        return t->tty && !t->dumb && !p->ctl->json && !p->ctl->quiet;
}

int progress_next(struct progress *p, struct client *c, int64_t deadline_ms, struct reply *ret)
{
        for (;;) {
                bool first = deadline_ms >= 0 && deadline_ms <= p->draw_ms;
                int64_t until_ms = !is_seen(p) || first ? deadline_ms : p->draw_ms;
                int r = client_next(c, until_ms, ret);
                if (r != -ETIMEDOUT || until_ms == deadline_ms) {
                        erase(p);
                        return r;
                }
                draw(p);
                p->draw_ms = clock_mono_ms() + AGAIN_MS;
        }
}
