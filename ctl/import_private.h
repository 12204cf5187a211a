/* import_private: what the readers of `svcctl import` build services with; see import.h.
 */
#ifndef SVCD_CTL_IMPORT_PRIVATE_H
#define SVCD_CTL_IMPORT_PRIVATE_H

#include "common/conf_private.h"
#include "common/text.h"
#include "ctl/import.h"

/* ---- readers: TEXT is theirs to change ---- */
int import_supervisor(struct import *im, char *text, size_t n_bytes, char **ret_error);
int import_systemd(struct import *im, char *text, size_t n_bytes, char **ret_error);
int import_procfile(struct import *im, char *text, size_t n_bytes, char **ret_error);
int import_pm2(struct import *im, char *text, size_t n_bytes, char **ret_error);
int import_compose(struct import *im, char *text, size_t n_bytes, char **ret_error);

/* ---- import.c: services ---- */

/* A service for what the file calls FOREIGN, with a name that is valid here and that no other has; NULL, with a
 * remark, beyond IMPORT_SERVICES_MAX. LINE 0: unknown. */
struct import_service *import_service_new(struct import *im, const char *foreign, int line);
/* A copy of FIRST under another name; its remarks are FIRST's. */
struct import_service *import_service_copy(struct import *im, struct import_service *first,
                                           const char *name);
void import_service_drop(struct import *im, size_t i);
struct import_service *import_service_find(const struct import *im, const char *foreign);

/* Remarks; S NULL: of the file. WHAT and VALUE are joined as the format writes them; VALUE may be NULL. */
void import_lost(struct import *im, struct import_service *s, int line, const char *what,
                 const char *value, const char *fmt, ...) PRINTF_LIKE(6, 7);
void import_note(struct import *im, struct import_service *s, int line, const char *what,
                 const char *value, const char *fmt, ...) PRINTF_LIKE(6, 7);
void import_remarks_done(struct import_remarks *r);

/* Of numbers, "" is a list that has none, which is not the same as one that is not set. */
void import_set(struct import_service *s, enum conf_setting k, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void import_add(struct import_service *s, enum conf_setting k, const char *item);
/* It needs the service that the file calls FOREIGN, if that is imported, too. */
void import_after(struct import_service *s, const char *foreign);
bool import_has(const struct import_service *s, enum conf_setting k);
void import_unset(struct import_service *s, enum conf_setting k);
/* Brought into the range of the setting. */
void import_number(struct import_service *s, enum conf_setting k, int64_t v);
void import_duration(struct import_service *s, enum conf_setting k, int64_t ms);
/* restart.max_failures, and a window in which so many failures can happen. N < 0: never disabled. */
void import_retries(struct import_service *s, int64_t n);
/* A variable: VALUE as it is, or (ours) with ${NAME} of svcd's own. The last value of a name counts. */
void import_var(struct import_service *s, const char *name, const char *value, bool ours);
void import_var_drop(struct import_service *s, const char *name);
/* A remark for variables with invalid names, too. */
void import_var_checked(struct import *im, struct import_service *s, int line, const char *name,
                        const char *value, bool ours);
/* PATH as definitions write it: relative to the file's folder if it is relative, without $HOME/. Caller frees. */
char *import_path(const struct import *im, const char *path);
/* The same as an absolute path, or as it is if the folder is unknown. */
char *import_path_absolute(const struct import *im, const char *path);
/* environment_file; one that is not there now is written as one that may be missing. */
void import_env_file(struct import *im, struct import_service *s, int line, const char *path,
                     bool may_be_missing);
/* Whether text names the account's own user. */
bool import_own_user(const struct import *im, const char *user);
bool import_int(const char *s, int64_t *ret); /* a whole number and nothing else */
/* A file below the folder of the one that is being read: -EPERM if it lies elsewhere. */
int import_file(const struct import *im, const char *path, char **ret, size_t *ret_n);

/* ---- import_command.c: commands ---- */

/* A command while it is being put together, as words and as a line for a shell at once. Zero-initialise. */
struct import_command {
        struct strv words;
        struct strbuf word, line, literal;
        bool in_word, shell; /* shell: there is something for it to do */
        bool splits;         /* a variable becomes several words, but no names of files */
};
#define IMPORT_NO_PATTERNS "set -f" /* what makes a shell leave * and ? in such words alone */
void import_command_done(struct import_command *c);
void import_command_text(struct import_command *c, const char *s, size_t n_bytes);
/* ${NAME} or ${NAME:-x}: REFERENCE as a shell writes it. */
void import_command_var(struct import_command *c, const char *reference, bool quoted);
void import_command_end_word(struct import_command *c);
/* Adds the words of a line for a shell: as shlex.split of Python does, with \1NAME\2 for ${NAME}. -EINVAL: a quote
 * is not closed. */
int import_command_split(struct import_command *c, const char *text);
void import_command_word(struct import_command *c, const char *word);
/* As a setting of the type COMMAND. */
void import_command_set(struct import_service *s, enum conf_setting k, struct import_command *c);
void import_command_words(struct import_service *s, enum conf_setting k, const struct strv *words);
/* One line for a shell, quoted. Borrowed. */
const char *import_command_line(struct import_command *c);

/* ---- import_ini.c ---- */

enum import_ini_style {
        IMPORT_INI_PYTHON, /* Supervisor: indented lines go on, " ;" begins a comment, keys in small letters */
        IMPORT_INI_SYSTEMD, /* a \ at its end continues a line */
};
struct import_ini_row {
        char *section, *key, *value; /* key NULL: the section's header */
        int line;
};
struct import_ini {
        struct import_ini_row *v;
        size_t n, cap;
};
int import_ini_read(const char *text, size_t n_bytes, enum import_ini_style style,
                    struct import_ini *ret, char **ret_error);
void import_ini_done(struct import_ini *ini);

/* ---- import_tree.c: YAML and JSON as values of jansson ---- */

/* A bounded tree; scalars without quotes that are numbers, true, false or null become such. NULL and a sentence. */
json_t *import_tree_yaml(const char *file, const char *text, size_t n_bytes, char **ret_error);
json_t *import_tree_json(const char *text, size_t n_bytes, char **ret_error);
/* A scalar as text, NULL for others. Caller frees. */
char *import_tree_text(const json_t *v);
/* A list's scalars, or one scalar alone. */
void import_tree_texts(const json_t *v, struct strv *ret);
/* A value for a remark: as short JSON. Caller frees. */
char *import_tree_show(const json_t *v);

/* ---- import_systemd_text.c ---- */

/* "5min 20s", "100ms", "infinity" (INT64_MAX), "30" (seconds). */
int import_systemd_duration(const char *s, int64_t *ret_ms);
/* "512M", "1.5G", "infinity" (INT64_MAX). */
int import_systemd_size(const char *s, int64_t *ret_bytes);

#endif
