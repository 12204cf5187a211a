/* fuzz_status_rows: the quick reader of the status answer never leaves the text, and where the JSON
 * library reads it too they agree.
 *
 * The sources are compiled in: they belong to svcctl, not to a library.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl/jscan.c"
#include "ctl/status_rows.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void check_string(const json_t *o, const char *key, const char *got)
{
        check(str_eq(json_string_value(json_object_get(o, key)), got));
}

static void check_number(const json_t *o, const char *key, int64_t got)
{
        const json_t *v = json_object_get(o, key);
        check(json_is_integer(v) ? json_integer_value(v) == got : got == STATUS_NO_NUMBER);
}

static void check_row(const json_t *o, const struct status_row *r)
{
        check_string(o, "name", r->name);
        check_string(o, "state", r->state);
        check_string(o, "note", r->note);
        check_string(o, "annotation", r->annotation);
        check_string(o, "error", r->error);
        check_string(o, "health", r->health);
        check_number(o, "pid", r->pid);
        check_number(o, "port", r->port);
        check_number(o, "memory_bytes", r->memory_bytes);
        check_number(o, "shim", r->shim);
        check_string(o, "cgroup", r->cgroup);
        check(json_is_true(json_object_get(o, "changed")) == r->changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = xstrndup((const char *)data, size);
        struct status_rows rows = {0};
        /* Numbers may be longer there than here: such a text is refused by both or by one. */
        json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        const json_t *parameters = json_object_get(j, "parameters");
        const json_t *services = json_object_get(parameters, "services");
        int r = status_rows_parse(text, &rows);
        bool plain = json_is_array(services) && json_object_size(j) == 1;
        for (size_t i = 0; i < json_array_size(services); i++)
                plain &= json_is_string(json_object_get(json_array_get(services, i), "name"));
        check(!plain || r == 0);
        if (r == 0 && plain) {
                check(rows.n == json_array_size(services));
                for (size_t i = 0; i < rows.n; i++)
                        check_row(json_array_get(services, i), &rows.v[i]);
        }
        for (size_t i = 0; i < rows.n; i++)
                check(rows.v[i].name && strlen(rows.v[i].name) <= size);
        status_rows_done(&rows);
        json_decref(j);
        free(text);
        return 0;
}
