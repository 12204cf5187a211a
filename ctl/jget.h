/* jget: members of the JSON objects that svcd sends. A member that is absent, null or of another
 * type is the same as none: svcctl works with an svcd of another version.
 */
#ifndef SVCD_CTL_JGET_H
#define SVCD_CTL_JGET_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* NULL if there is none; borrowed. */
static inline const char *jget_string(const json_t *o, const char *key)
{
        return json_string_value(json_object_get(o, key));
}

static inline bool jget_bool(const json_t *o, const char *key)
{
        return json_is_true(json_object_get(o, key));
}

/* False, and *RET as it was, if there is none. */
static inline bool jget_int(const json_t *o, const char *key, int64_t *ret)
{
        const json_t *v = json_object_get(o, key);
        if (!json_is_integer(v))
                return false;
        *ret = json_integer_value(v);
        return true;
}

/* Sets KEY to null unless it is there. */
static inline void jget_default(json_t *o, const char *key)
{
        if (!json_object_get(o, key))
                json_object_set_new(o, key, json_null());
}

#endif
