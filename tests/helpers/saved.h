/* saved: what the core saves, which is text, as JSON that a test can look into. The caller owns the result; the
 * test ends if it is not valid JSON, or names something twice. */
#ifndef SVCD_TESTS_HELPERS_SAVED_H
#define SVCD_TESTS_HELPERS_SAVED_H

#include <stdio.h>
#include <stdlib.h>

#include "common/jsontext.h"
#include "supervisord/core/core.h"

static inline json_t *saved_read(struct strbuf *b)
{
        json_error_t where;
        jsontext_close(b, '}');
        json_t *o = json_loadb(b->s, b->n, JSON_REJECT_DUPLICATES, &where);
        if (!o) {
                fprintf(stderr, "what was saved cannot be read: %s\n%s\n", where.text, b->s);
                abort();
        }
        return o;
}

static inline json_t *saved_state(struct core *c, const char *boot_id)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        jsontext_open(&b, NULL, '{');
        core_save(c, boot_id, &b);
        return saved_read(&b);
}

/* The fields of a CORE_FX_LOG. */
static inline json_t *saved_fields(const struct core_effect *e)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        jsontext_open(&b, NULL, '{');
        if (*e->fields)
                jsontext_members(&b, e->fields);
        return saved_read(&b);
}

static inline json_t *saved_changes(struct core *c)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        jsontext_open(&b, NULL, '{');
        core_save_changes(c, &b);
        json_t *o = saved_read(&b), *changes = json_incref(json_object_get(o, "services"));
        json_decref(o);
        return changes;
}

#endif
