/* import_systemd: what the parts of the reader of systemd's units share: sections and drop-ins
 * (import_systemd.c), keys (import_systemd_keys.c), commands (import_systemd_exec.c) and the text of values
 * (import_systemd_text.c).
 */
#ifndef SVCD_CTL_IMPORT_SYSTEMD_H
#define SVCD_CTL_IMPORT_SYSTEMD_H

#include "ctl/import_private.h"

/* A unit while it is being read. Its strings are borrowed from the reader. */
struct unit {
        struct import *im;
        struct import_service *s;
        const char *name;     /* "app@blue.service" */
        const char *prefix;   /* "app" */
        const char *instance; /* "blue" or "" */
        bool user;            /* of an account's own systemd */
        bool oneshot, forking;
        bool has_restart, has_env, has_env_file;
        const struct import_ini_row *kill_signal; /* KillSignal=; NULL: none so far */
        bool stops_by_command;                    /* ExecStop= sends a signal: it is the one */
        const struct import_ini *ini;             /* what counts of all its files, in order */
};

typedef void (*unit_set_fn)(struct unit *u, const struct import_ini_row *row);

/* ---- import_systemd_keys.c ---- */
/* Of one key; UNIT_LIST: each row counts, else the last one. */
void unit_key(struct unit *u, const struct import_ini_row *row);
bool unit_key_is_list(const char *key);
/* What depends on several keys. */
void unit_finish(struct unit *u);

/* ---- import_systemd_exec.c ---- */
void unit_exec(struct unit *u); /* ExecStartPre and ExecStart, as the command */
void unit_reload(struct unit *u, const struct import_ini_row *row);
void unit_stop(struct unit *u, const struct import_ini_row *row);

/* ---- import_envfile.c ---- */
/* Whether svcd can read the file of variables at PATH, as far as that can be seen; what it takes for another value
 * than systemd does, or why it cannot, is a remark. */
bool unit_env_file_ok(struct unit *u, const struct import_ini_row *row, const char *path);

/* ---- import_systemd_text.c ---- */
/* Specifiers replaced; those that are not known stay. Caller frees. */
char *unit_expand(const struct unit *u, const char *s);
/* A remark for each specifier of the row that is not known. */
void unit_check_specifiers(struct unit *u, const struct import_ini_row *row);
/* Appends the next word, without its quotes; what follows it, or NULL if there was none. */
const char *unit_word(const char *s, struct strbuf *b, bool *ret_quoted);
/* The words of one command; what follows the ";" that ended it, or NULL. */
const char *unit_command(const struct unit *u, const char *s, struct import_command *c,
                         bool expand_variables, bool argv0);

#endif
