/* line.c: builds a log line, `event key=value key="two words"`, and the same as a JSON object.
 * What the lines say is decided where they are made. */
#include "supervisord/core/internal.h"

#include <ctype.h>
#include <string.h>

/* Bytes that are no UTF-8 become '?', so that JSON can hold the text at all. */
json_t *line_json(const char *text)
{
        json_t *j = json_string(text);
        if (j)
                return j;
        _cleanup_free_ char *copy = xstrdup(text);
        for (char *p = copy; *p; p++) {
                if ((unsigned char)*p >= 0x80)
                        *p = '?';
        }
        return json_string(copy);
}

struct line line_new(const char *event)
{
        struct line l = {.fields = json_object(), .event = event};
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
        json_object_set_new(l->fields, key, json_integer(v));
}

static void add_quoted(struct strbuf *b, const char *v)
{
        strbuf_addc(b, '"');
        for (const char *p = v; *p; p++) {
                unsigned char ch = (unsigned char)*p;
                if (ch == '"' || ch == '\\')
                        strbuf_addc(b, '\\');
                if (ch == '\n')
                        strbuf_add(b, "\\n");
                else if (ch < 0x20 || ch == 0x7f)
                        strbuf_addf(b, "\\x%02x", ch);
                else
                        strbuf_addc(b, *p);
        }
        strbuf_addc(b, '"');
}

static bool is_plain(const char *v)
{
        for (const char *p = v; *p; p++) {
                if (!isalnum((unsigned char)*p) && !strchr("/._-+:,@%", *p))
                        return false;
        }
        return *v != '\0';
}

void line_str(struct line *l, const char *key, const char *v)
{
        strbuf_addf(&l->text, " %s=", key);
        if (is_plain(v))
                strbuf_add(&l->text, v);
        else
                add_quoted(&l->text, v);
        json_object_set_new(l->fields, key, line_json(v));
}

void line_ms(struct line *l, const char *key, int64_t ms)
{
        char buf[CONF_DURATION_MAX], key_ms[32];
        line_str(l, key, text_duration(ms, buf));
        snprintf(key_ms, sizeof(key_ms), "%s_ms", key);
        json_object_set_new(l->fields, key_ms, json_integer(ms));
}

void line_size(struct line *l, const char *key, int64_t n_bytes)
{
        char buf[CONF_DURATION_MAX], key_bytes[32];
        line_str(l, key, conf_format_size(n_bytes, buf));
        snprintf(key_bytes, sizeof(key_bytes), "%s_bytes", key);
        json_object_set_new(l->fields, key_bytes, json_integer(n_bytes));
}

void line_by(struct line *l, int64_t uid)
{
        strbuf_add(&l->text, " by");
        if (uid >= 0) {
                line_int(l, "uid", uid);
                return;
        }
        strbuf_add(&l->text, " svcd");
        json_object_set_new(l->fields, "by", json_string("svcd"));
}

void line_log(struct svc *x, struct line *l, bool in_log)
{
        struct core_effect *e = fx_add(x, CORE_FX_LOG);
        e->event = l->event;
        e->in_log = in_log;
        e->fields = l->fields;
        fx_text(x, strbuf_take(&l->text));
        *l = (struct line){0};
}
