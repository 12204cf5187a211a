/* secret: which values must not be shown unless somebody asks for secrets: in `svcctl show`, `env`,
 * `plan` and `reload`, whose output ends up in tickets and chats.
 *
 * It is a guess by name and by form, made so that it rather hides too much. It protects from being seen,
 * not from being read: who may talk to svcd may read the files.
 */
#ifndef SVCD_SUPERVISORD_SECRET_H
#define SVCD_SUPERVISORD_SECRET_H

#include <stdbool.h>

#define SECRET_MASK "********"

/* Whether the variable NAME with VALUE is one: a word of the name says so (DB_PASSWORD, apiKey is two
 * words), or the value is an address with a password in it. */
bool secret_is(const char *name, const char *value);

#endif
