/* definitions: reading services.yaml and services.d, at the beginning and when somebody asks for it, and putting
 * them into use.
 *
 * A file or folder that svcd cannot read when it begins (a home that is mounted late, a disk with an error, no
 * memory) is tried again, after 1 s, then less and less often, at last each minute, until it can be read:
 * nobody is there yet who would see that services are missing. Whoever reloads is told, and asks again.
 */
#ifndef SVCD_SUPERVISORD_DEFINITIONS_H
#define SVCD_SUPERVISORD_DEFINITIONS_H

#include <jansson.h>
#include <stdbool.h>

struct core_plan;
struct daemon;

/* The first time: also finds the shims of an earlier svcd. LOADED: what that handed over (loaded.h), or NULL. */
void definitions_begin(struct daemon *d, const json_t *loaded);

/* Reads the definitions and applies them. The plan (what changes) is for the caller to free; NULL
 * if RET_PLAN is NULL. */
void definitions_reload(struct daemon *d, struct core_plan **ret_plan);

/* Whether they say something else by now than what is in force. */
bool definitions_changed(struct daemon *d);

#endif
