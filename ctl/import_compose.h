/* import_compose: what the parts of the reader of Compose files share: services and their keys
 * (import_compose.c), variables and paths (import_compose_text.c).
 */
#ifndef SVCD_CTL_IMPORT_COMPOSE_H
#define SVCD_CTL_IMPORT_COMPOSE_H

#include "ctl/import_private.h"

/* A service while it is being read. */
struct compose {
        struct import *im;
        struct import_service *s;
        const json_t *o;
        bool replaced; /* compose_plain: a variable was */
        bool dotenv; /* variables were used, and the .env beside the file is one of the service's */
};

void compose_lost(struct compose *c, const char *key, const json_t *v, const char *why);

/* ---- import_compose_text.c ---- */
/* $NAME, ${NAME} and ${NAME:-x} in TEXT as marks for import_command_split, $$ as $. Caller frees. */
char *compose_marked(struct compose *c, const char *text);
/* The same in svcd's own syntax, for values of variables. Caller frees. */
char *compose_value(struct compose *c, const char *text);
/* Where no variable can stand: the default of each, or nothing, with a remark. Caller frees. */
char *compose_plain(struct compose *c, const char *key, const char *text);
/* Words of a command: one string as a shell would split it, or a list as it is. */
void compose_words(struct compose *c, const char *key, const json_t *v, struct import_command *ret);
/* A path in the container as one of the account's: what `volumes` mount there. NULL: nothing is. Caller frees. */
char *compose_host_path(struct compose *c, const char *path);

#endif
