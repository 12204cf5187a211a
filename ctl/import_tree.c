/* import_tree.c: YAML and JSON for `svcctl import`, both as values of jansson, so that a reader has one kind of
 * tree. YAML is read by the loader's own parser, whose trees are bounded (conf_yaml.h).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/import_private.h"

/* ---- from YAML ---- */

static json_t *text_json(const char *s)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        text_add_utf8(&b, s, strlen(s));
        return json_string(b.s ? b.s : "");
}

/* A plain scalar is what YAML 1.2 takes it for; octal numbers and the like stay text. */
static json_t *scalar(const struct conf_node *n)
{
        int64_t v;
        if (conf_node_null(n))
                return json_null();
        if (n->plain && strcasecmp(n->value, "true") == 0)
                return json_true();
        if (n->plain && strcasecmp(n->value, "false") == 0)
                return json_false();
        const char *digits = n->value + (*n->value == '-');
        if (n->plain && isdigit((unsigned char)*digits) && (*digits != '0' || !digits[1]) &&
            import_int(n->value, &v))
                return json_integer(v);
        return text_json(n->value);
}

static json_t *tree(const struct conf_node *n)
{
        if (n->kind == CONF_SCALAR)
                return scalar(n);
        json_t *j = n->kind == CONF_LIST ? json_array() : json_object();
        for (size_t i = 0; i < n->n; i++) {
                if (n->kind == CONF_LIST) {
                        json_array_append_new(j, tree(n->list[i]));
                        continue;
                }
                _cleanup_strbuf_ struct strbuf key = {0};
                const char *name = n->map[i].key->value;
                text_add_utf8(&key, name, strlen(name));
                json_object_set_new(j, key.s ? key.s : "", tree(n->map[i].value));
        }
        return j;
}

json_t *import_tree_yaml(const char *file, const char *text, size_t n_bytes, char **ret_error)
{
        struct diag diag = {0};
        struct conf_doc *d = conf_doc_parse(file, xstrndup(text, n_bytes), n_bytes, &diag);
        json_t *j = NULL;
        if (!d->broken)
                j = d->root ? tree(d->root) : json_null();
        else
                *ret_error = xasprintf("line %d: %s", diag.n ? diag.v[0].line : 0,
                                       diag.n ? diag.v[0].message : "not valid YAML");
        conf_doc_free(d);
        diag_done(&diag);
        return j;
}

json_t *import_tree_json(const char *text, size_t n_bytes, char **ret_error)
{
        json_error_t error;
        json_t *j = json_loadb(text, n_bytes, 0, &error);
        if (!j)
                *ret_error = xasprintf("line %d: %s", error.line, error.text);
        return j;
}

/* ---- values ---- */

char *import_tree_text(const json_t *v)
{
        if (json_is_string(v))
                return xstrdup(json_string_value(v));
        if (json_is_integer(v))
                return xasprintf("%lld", (long long)json_integer_value(v));
        if (json_is_real(v))
                return xasprintf("%.15g", json_real_value(v));
        if (json_is_boolean(v))
                return xstrdup(json_is_true(v) ? "true" : "false");
        return NULL;
}

void import_tree_texts(const json_t *v, struct strv *ret)
{
        size_t i;
        json_t *item;
        if (!json_is_array(v)) {
                char *text = import_tree_text(v);
                if (text)
                        strv_take(ret, text);
                return;
        }
        json_array_foreach(v, i, item)
        {
                char *text = import_tree_text(item);
                if (text)
                        strv_take(ret, text);
        }
}

char *import_tree_show(const json_t *v)
{
        char *text = import_tree_text(v);
        if (text)
                return text;
        char *dumped = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        return dumped ? dumped : xstrdup("");
}
