/* line.c: builds a log line, `event key=value key="two words"`, and the same as members of a JSON object.
 * What the lines say is decided where they are made. */
#include "supervisord/core/internal.h"

#include <string.h>

#include "common/jsontext.h"
#include "common/text.h"

bool core_event_key(const char *key)
{
        static const char *const own[] = {"seq", "at", "event", "service"};
        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
                if (str_eq(key, own[i]))
                        return true;
        return false;
}

/* Whether KEY is to be added: it is not there yet, and none of what each event has. */
static bool is_new(const struct line *l, const char *key)
{
        char member[48];
        if (core_event_key(key))
                return false;
        /* In a string its quotes would be escaped. */
        snprintf(member, sizeof(member), "\"%s\":", key);
        return !l->fields.n || !strstr(l->fields.s, member);
}

void line_field_int(struct line *l, const char *key, int64_t v)
{
        if (is_new(l, key))
                jsontext_int(&l->fields, key, v);
}

void line_field_str(struct line *l, const char *key, const char *v)
{
        if (is_new(l, key))
                jsontext_string(&l->fields, key, v);
}

void line_field_bool(struct line *l, const char *key, bool v)
{
        if (is_new(l, key))
                jsontext_bool(&l->fields, key, v);
}

struct line line_new(const char *event)
{
        struct line l = {.event = event};
        strbuf_add(&l.text, event);
        return l;
}

void line_words(struct line *l, const char *words)
{
        strbuf_addc(&l->text, ' ');
        strbuf_add(&l->text, words);
}

void line_int(struct line *l, const char *key, int64_t v)
{
        strbuf_addf(&l->text, " %s=%lld", key, (long long)v);
        line_field_int(l, key, v);
}

void line_str(struct line *l, const char *key, const char *v)
{
        strbuf_addf(&l->text, " %s=", key);
        text_add_value(&l->text, v);
        line_field_str(l, key, v);
}

void line_ms(struct line *l, const char *key, int64_t ms)
{
        char buf[CONF_DURATION_MAX], key_ms[32];
        line_str(l, key, text_duration(ms, buf));
        snprintf(key_ms, sizeof(key_ms), "%s_ms", key);
        line_field_int(l, key_ms, ms);
}

void line_size(struct line *l, const char *key, int64_t n_bytes)
{
        char buf[CONF_DURATION_MAX], key_bytes[32];
        line_str(l, key, conf_format_size(n_bytes, buf));
        snprintf(key_bytes, sizeof(key_bytes), "%s_bytes", key);
        line_field_int(l, key_bytes, n_bytes);
}

void line_by(struct line *l, int64_t uid)
{
        strbuf_add(&l->text, " by");
        if (uid >= 0) {
                line_int(l, "uid", uid);
                return;
        }
        strbuf_add(&l->text, " svcd");
        line_field_str(l, "by", "svcd");
}

void line_log(struct svc *x, struct line *l, bool in_log)
{
        struct core_effect *e = fx_add(x, CORE_FX_LOG);
        e->event = l->event;
        e->in_log = in_log;
        fx_text(x, strbuf_take(&l->text));
        fx_fields(x, strbuf_take(&l->fields));
        *l = (struct line){0};
}
