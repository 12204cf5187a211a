/* import_compose_text.c: values in Compose files for `svcctl import`: variables, which Compose replaces when it reads
 * the file and svcd when a service starts; and paths, which are a container's. See import_compose.h.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/import_compose.h"

/* A reference taken apart. */
struct reference {
        char *name, *fallback; /* fallback: NULL = there is none */
        bool known;            /* a form that has an equal here */
        const char *end;       /* behind it */
};

static void reference_done(struct reference *r)
{
        free(r->name);
        free(r->fallback);
}

static const char *closing(const char *s)
{
        int depth = 1;
        for (; *s; s++) {
                depth += s[0] == '$' && s[1] == '{';
                if (*s == '}' && --depth == 0)
                        return s;
        }
        return NULL;
}

/* At a $ ; false if it is none. */
static bool take_reference(const char *p, struct reference *ret)
{
        bool braces = p[1] == '{';
        const char *name = p + 1 + braces, *close = braces ? closing(name) : NULL;
        size_t n = conf_var_length(name);
        *ret = (struct reference){0};
        if (n == 0 || (braces && !close))
                return false;
        ret->name = xstrndup(name, n);
        ret->end = braces ? close + 1 : name + n;
        ret->known = true;
        if (!braces || name + n == close)
                return true;
        const char *operation = name + n;
        operation += *operation == ':';
        if (*operation == '-')
                ret->fallback = xstrndup(operation + 1, (size_t)(close - operation - 1));
        ret->known = *operation == '-' || *operation == '?';
        return true;
}

/* Where the value is to come from, once for each name. */
static void note(struct compose *c, const struct reference *r)
{
        _cleanup_free_ char *dotenv = c->im->folder ? import_path_absolute(c->im, ".env") : NULL;
        if (dotenv && access(dotenv, F_OK) == 0) {
                if (!c->dotenv)
                        import_env_file(c->im, c->s, 0, ".env", true);
                c->dotenv = true;
        } else {
                import_note(c->im, c->s, 0, r->name, NULL,
                            "this variable comes from the shell of docker compose, or from a .env; "
                            "write it "
                            "under `environment`, here or for the whole account");
        }
}

static bool plain_words(const char *s)
{
        for (; *s; s++)
                if (!isalnum((unsigned char)*s) && !strchr("_./:@%+,=-", *s))
                        return false;
        return true;
}

enum form { MARKED, VALUE, PLAIN };

static void add_reference(struct compose *c, const struct reference *r, enum form form,
                          struct strbuf *b)
{
        const char *fallback = r->fallback ? r->fallback : "";
        if (form == PLAIN || (form == MARKED && !plain_words(fallback))) {
                strbuf_add(b, fallback);
                c->replaced = true;
                return;
        }
        if (form == MARKED)
                strbuf_addf(b, *fallback ? "\1%s:-%s\2" : "\1%s\2", r->name, fallback);
        else
                strbuf_addf(b, "${%s:-%s}", r->name, fallback);
        note(c, r);
}

static char *replace(struct compose *c, const char *text, enum form form)
{
        struct strbuf b = {0};
        for (const char *p = text; *p && b.n <= CONF_WORD_MAX;) {
                struct reference r;
                if (p[0] == '$' && p[1] == '$') {
                        strbuf_add(&b, form == VALUE ? "$$" : "$");
                        p += 2;
                } else if (*p == '$' && take_reference(p, &r)) {
                        if (r.known)
                                add_reference(c, &r, form, &b);
                        else
                                import_lost(c->im, c->s, 0, r.name, NULL,
                                            "only ${NAME} and ${NAME:-default} have an equal");
                        p = r.end;
                        reference_done(&r);
                } else {
                        if (form == VALUE && *p == '$')
                                strbuf_addc(&b, '$');
                        strbuf_addc(&b, *p == '\1' || *p == '\2' ? '?' : *p);
                        p++;
                }
        }
        return strbuf_take(&b);
}

char *compose_marked(struct compose *c, const char *text)
{
        return replace(c, text, MARKED);
}

char *compose_value(struct compose *c, const char *text)
{
        return replace(c, text, VALUE);
}

char *compose_plain(struct compose *c, const char *key, const char *text)
{
        c->replaced = false;
        char *plain = replace(c, text, PLAIN);
        if (c->replaced)
                import_note(c->im, c->s, 0, key, text,
                            "variables are replaced by their defaults here");
        return plain;
}

/* One word with marks, all of it one word whatever the variables hold. */
static void add_word(struct import_command *ret, const char *marked)
{
        import_command_text(ret, "", 0);
        for (const char *p = marked; *p;) {
                const char *end = *p == '\1' ? strchr(p, '\2') : NULL;
                if (!end) {
                        import_command_text(ret, p++, 1);
                        continue;
                }
                _cleanup_free_ char *reference = xasprintf("${%.*s}", (int)(end - p - 1), p + 1);
                import_command_var(ret, reference, true);
                p = end + 1;
        }
        import_command_end_word(ret);
}

void compose_words(struct compose *c, const char *key, const json_t *v, struct import_command *ret)
{
        _cleanup_strv_ struct strv words = {0};
        import_tree_texts(v, &words);
        for (size_t i = 0; i < words.n; i++) {
                _cleanup_free_ char *marked = compose_marked(c, words.v[i]);
                if (json_is_array(v))
                        add_word(ret, marked);
                else if (import_command_split(ret, marked) < 0)
                        compose_lost(c, key, v, "a quote is not closed");
        }
}

/* ---- paths ---- */

/* "./src:/app:ro", or a map. False if it is no folder of the host. */
static bool take_mount(const json_t *v, char **ret_source, char **ret_target)
{
        if (json_is_object(v)) {
                *ret_source = import_tree_text(json_object_get(v, "source"));
                *ret_target = import_tree_text(json_object_get(v, "target"));
        } else {
                _cleanup_free_ char *text = import_tree_text(v);
                char *colon = text ? strchr(text, ':') : NULL;
                *ret_source = colon ? xstrndup(text, (size_t)(colon - text)) : NULL;
                *ret_target = colon ? xstrndup(colon + 1, strcspn(colon + 1, ":")) : NULL;
        }
        return *ret_source && *ret_target && strchr("./~", **ret_source) && **ret_source &&
               **ret_target == '/';
}

char *compose_host_path(struct compose *c, const char *path)
{
        const json_t *volumes = json_object_get(c->o, "volumes");
        char *best = NULL;
        size_t longest = 0, i;
        json_t *v;
        json_array_foreach(volumes, i, v)
        {
                _cleanup_free_ char *source = NULL, *target = NULL;
                if (!take_mount(v, &source, &target))
                        continue;
                size_t n = strlen(target);
                while (n > 1 && target[n - 1] == '/')
                        n--;
                if (n < longest || strncmp(path, target, n) != 0 || (path[n] && path[n] != '/'))
                        continue;
                _cleanup_free_ char *whole = xasprintf("%s%s", source, path + n);
                free(best);
                best = import_path(c->im, whole);
                longest = n;
        }
        return best;
}
