/* varlink: messages to and from bytes, and the check of parameters. It reads and writes no
 * descriptor and knows no method.
 */
#include "common/varlink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void varlink_call_done(struct varlink_call *c)
{
        free(c->method);
        json_decref(c->parameters);
        *c = (struct varlink_call){0};
}

int varlink_take(struct strbuf *buf, size_t max_bytes, char **ret)
{
        const char *end = buf->n ? memchr(buf->s, '\0', buf->n) : NULL;
        size_t n = end ? (size_t)(end - buf->s) : buf->n;
        if (n > max_bytes)
                return -EMSGSIZE;
        if (!end)
                return -EAGAIN;
        if (n + 1 == buf->n) {
                *ret = strbuf_take(buf);
                return 0;
        }
        *ret = xstrndup(buf->s, n);
        strbuf_consume(buf, n + 1);
        return 0;
}

/* Nesting and number are judged on the text: the JSON library's own limit of nesting is far above what is meant here,
 * and of two bytes of text it makes up to 230 of memory. What is wrong, or NULL. */
static const char *too_much(const char *s)
{
        int depth = 0;
        size_t values = 1;
        bool quoted = false;
        for (; *s && depth <= VARLINK_DEPTH_MAX && values <= VARLINK_VALUES_MAX; s++) {
                if (quoted) {
                        if (*s == '\\' && s[1])
                                s++;
                        else if (*s == '"')
                                quoted = false;
                } else if (*s == '"') {
                        quoted = true;
                } else if (*s == '{' || *s == '[') {
                        depth++;
                        values++;
                } else if (*s == '}' || *s == ']') {
                        depth--;
                } else if (*s == ',') {
                        values++;
                }
        }
        if (depth > VARLINK_DEPTH_MAX)
                return "the message is nested too deeply";
        return values > VARLINK_VALUES_MAX ? "the message has too many values" : NULL;
}

static json_t *parse_object(const char *text, const char **ret_error)
{
        json_error_t e;
        const char *error = too_much(text);
        json_t *j = error ? NULL : json_loads(text, 0, &e);
        if (json_is_object(j))
                return j;
        if (!error)
                error = j ? "the message is not a JSON object" : "the message is not valid JSON";
        *ret_error = error;
        json_decref(j);
        return NULL;
}

/* A member that may be absent or null, else has to be a bool. */
static bool take_bool(const json_t *j, const char *name, bool *ret)
{
        const json_t *v = json_object_get(j, name);
        *ret = json_is_true(v);
        return !v || json_is_null(v) || json_is_boolean(v);
}

/* A new reference to the object `parameters`; empty if there is none, NULL if it is no object. */
static json_t *take_parameters(const json_t *j)
{
        json_t *p = json_object_get(j, "parameters");
        if (!p || json_is_null(p))
                return json_object();
        return json_is_object(p) ? json_incref(p) : NULL;
}

int varlink_parse_call(const char *text, struct varlink_call *ret, const char **ret_error)
{
        json_t *j = parse_object(text, ret_error);
        if (!j)
                return -EBADMSG;
        const char *method = json_string_value(json_object_get(j, "method")), *error = NULL;
        struct varlink_call c = {0};
        bool upgrade = false;
        if (!method || !*method)
                error = "\"method\" is missing or not a string";
        else if (!take_bool(j, "more", &c.more) || !take_bool(j, "oneway", &c.oneway) ||
                 !take_bool(j, "upgrade", &upgrade))
                error = "\"more\", \"oneway\" and \"upgrade\" must be true or false";
        else if (upgrade)
                error = "\"upgrade\" is not supported";
        else if (!(c.parameters = take_parameters(j)))
                error = "\"parameters\" is not an object";
        if (error) {
                json_decref(j);
                *ret_error = error;
                return -EBADMSG;
        }
        c.method = xstrdup(method);
        json_decref(j);
        *ret = c;
        return 0;
}

int varlink_parse_reply(const char *text, json_t **ret_parameters, char **ret_error,
                        bool *ret_continues)
{
        const char *why = NULL;
        json_t *j = parse_object(text, &why);
        if (!j)
                return -EBADMSG;
        const json_t *error = json_object_get(j, "error");
        bool continues = false, good = take_bool(j, "continues", &continues) &&
                                       (!error || json_is_null(error) || json_is_string(error));
        json_t *parameters = good ? take_parameters(j) : NULL;
        if (!parameters) {
                json_decref(j);
                return -EBADMSG;
        }
        *ret_parameters = parameters;
        *ret_error = json_is_string(error) ? xstrdup(json_string_value(error)) : NULL;
        *ret_continues = continues;
        json_decref(j);
        return 0;
}

static int add_cb(const char *data, size_t n, void *buf)
{
        strbuf_addn(buf, data, n);
        return 0;
}

static void add_json(struct strbuf *buf, const json_t *j)
{
        json_dump_callback(j, add_cb, buf, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* {"FIRST":"NAME","parameters":…,"FLAG":true} and a NUL; FIRST and FLAG may be NULL. */
static void add_message(struct strbuf *buf, const char *first, const char *name,
                        const json_t *parameters, const char *flag)
{
        const char *comma = "";
        strbuf_addc(buf, '{');
        if (first) {
                json_t *s = json_string(name);
                strbuf_addf(buf, "\"%s\":", first);
                add_json(buf, s);
                json_decref(s);
                comma = ",";
        }
        if (parameters) {
                strbuf_addf(buf, "%s\"parameters\":", comma);
                add_json(buf, parameters);
                comma = ",";
        }
        if (flag)
                strbuf_addf(buf, "%s\"%s\":true", comma, flag);
        strbuf_addn(buf, "}", 2); /* with the NUL that ends the message */
}

void varlink_add_call(struct strbuf *buf, const char *method, json_t *parameters, bool more)
{
        add_message(buf, "method", method, parameters, more ? "more" : NULL);
}

void varlink_add_reply(struct strbuf *buf, json_t *parameters, bool continues)
{
        add_message(buf, NULL, NULL, parameters, continues ? "continues" : NULL);
}

void varlink_add_reply_text(struct strbuf *buf, const char *parameters, bool continues)
{
        strbuf_add(buf, "{\"parameters\":");
        strbuf_add(buf, parameters);
        strbuf_add(buf, continues ? ",\"continues\":true" : "");
        strbuf_addn(buf, "}", 2); /* with the NUL that ends the message */
}

void varlink_add_error(struct strbuf *buf, const char *error, json_t *parameters)
{
        add_message(buf, "error", error, parameters, NULL);
}

/* ---- parameters ---- */

#define ARGS_MAX     8
#define ARG_NAME_MAX 32

/* One "name:type" of a format. */
struct arg {
        const char *name;
        size_t n;
        char type;
        bool optional;
        void *target;
};

static const char *next_arg(const char *f, struct arg *a)
{
        f += strspn(f, " ");
        if (!*f)
                return NULL;
        a->name = f;
        a->n = strcspn(f, ":");
        a->type = f[a->n + 1];
        a->optional = f[a->n + 2] == '?';
        return f + a->n + 2 + a->optional;
}

static bool is_strings(const json_t *v)
{
        if (!json_is_array(v))
                return false;
        size_t i;
        json_t *e;
        json_array_foreach(v, i, e) if (!json_is_string(e)) return false;
        return true;
}

static bool has_type(const json_t *v, char type)
{
        switch (type) {
        case 's':
                return json_is_string(v);
        case 'b':
                return json_is_boolean(v);
        case 'i':
                return json_is_integer(v);
        default:
                return is_strings(v);
        }
}

static void fetch(const struct arg *a, json_t *v)
{
        switch (a->type) {
        case 's':
                *(const char **)a->target = json_string_value(v);
                break;
        case 'b':
                *(bool *)a->target = json_is_true(v);
                break;
        case 'i':
                *(json_int_t *)a->target = json_integer_value(v);
                break;
        default:
                *(json_t **)a->target = v;
                break;
        }
}

static json_t *lookup(const json_t *parameters, const struct arg *a)
{
        char name[ARG_NAME_MAX]; /* json_object_getn() needs a younger library than Ubuntu 22.04 has
                                  */
        snprintf(name, sizeof(name), "%.*s", (int)a->n, a->name);
        json_t *v = json_object_get(parameters, name);
        return json_is_null(v) ? NULL : v;
}

/* The first member of PARAMETERS that none of ARGS names, or NULL. */
static const char *unknown(json_t *parameters, const struct arg *args, int n)
{
        const char *key;
        json_t *v;
        json_object_foreach(parameters, key, v)
        {
                int i = 0;
                while (i < n &&
                       !(strlen(key) == args[i].n && memcmp(key, args[i].name, args[i].n) == 0))
                        i++;
                if (i == n)
                        return key;
        }
        return NULL;
}

int varlink_args(json_t *parameters, const char *format, char **ret_parameter, ...)
{
        struct arg args[ARGS_MAX];
        int n = 0;
        while (n < ARGS_MAX && (format = next_arg(format, &args[n])))
                n++;
        va_list ap;
        va_start(ap, ret_parameter);
        for (int i = 0; i < n; i++)
                args[i].target = va_arg(ap, void *);
        va_end(ap);

        const char *key = unknown(parameters, args, n);
        if (key) {
                *ret_parameter = xstrdup(key);
                return -EINVAL;
        }
        for (int i = 0; i < n; i++) {
                const json_t *v = lookup(parameters, &args[i]);
                if (v ? !has_type(v, args[i].type) : !args[i].optional) {
                        *ret_parameter = xstrndup(args[i].name, args[i].n);
                        return -EINVAL;
                }
        }
        for (int i = 0; i < n; i++) {
                json_t *v = lookup(parameters, &args[i]);
                if (v)
                        fetch(&args[i], v);
        }
        return 0;
}
