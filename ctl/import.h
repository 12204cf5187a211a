/* import: what other supervisors' files say, as definitions of svcd.
 *
 * One reader for each format turns a file into services: settings of common/settings.def, variables, and
 * remarks on what has no equal here. import_prove() takes out what svcd's own loader would refuse, so that
 * `svcctl check` always passes what comes out; import_write() makes the YAML.
 *
 * What is read is not trusted. A file has at most IMPORT_FILE_MAX bytes and IMPORT_SERVICES_MAX services;
 * included files are read only from the file's own folder and below; nothing is executed (import_js.c, which
 * runs node, is the verb's business and no reader's).
 *
 * Ownership: everything belongs to struct import and is freed with import_done; strings that are handed in are
 * copied. Values are in svcd's own syntax as one would write them in YAML, before quoting.
 */
#ifndef SVCD_CTL_IMPORT_H
#define SVCD_CTL_IMPORT_H

#include <jansson.h>

#include "common/conf.h"

#define IMPORT_FILE_MAX     CONF_FILE_MAX
#define IMPORT_FILES_MAX    64 /* included ones and drop-ins, of one file */
#define IMPORT_SERVICES_MAX 1000
#define IMPORT_COPIES_MAX   100 /* of one service: numprocs, instances */

enum import_kind {
        IMPORT_SUPERVISOR,
        IMPORT_SYSTEMD,
        IMPORT_PROCFILE,
        IMPORT_PM2,
        IMPORT_COMPOSE,
        IMPORT_KINDS, /* none of them */
};

/* What a reader has to say of a key. */
struct import_remark {
        char *place; /* "web.ini:12", or NULL */
        char *what;  /* as it was written: "user=www-data", or NULL */
        char *why;
        bool lost; /* it could not be translated; false: it could, and this is to be known */
};
struct import_remarks {
        struct import_remark *v;
        size_t n, cap;
};

struct import_value {
        char *text;        /* a scalar; NULL if it is not set or a list */
        struct strv items; /* a list */
};

struct import_service {
        char *name;    /* here */
        char *foreign; /* what the file calls it, as others in the file refer to it */
        char *place;
        struct import_value value[SETTING_COUNT]; /* `environment` is in vars */
        struct conf_env vars;
        struct strv after;           /* `foreign` of services that it needs, see import_resolve */
        struct import_service *like; /* the first of several copies, or NULL */
        struct import_remarks remarks;
};

struct import {
        const char *home, *user; /* of the account; borrowed */
        const char *env;         /* pm2: also env_NAME of each program; or NULL */
        struct import_service **v;
        size_t n, cap;
        struct import_remarks remarks; /* of no service that is written */
        struct strv sources;           /* "web.ini (Supervisor)" */
        /* the file that is being read */
        enum import_kind kind;
        const char *file;   /* as messages call it */
        const char *folder; /* where it lies; NULL: unknown (stdin), and no other file is read */
};

void import_done(struct import *im);
/* What people call a kind, and --from takes. */
const char *import_kind_name(enum import_kind kind);
enum import_kind import_kind_find(const char *name);
/* By name and content. */
enum import_kind import_kind_guess(const char *path, const char *text, size_t n_bytes);

/* Reads one file, as IM->kind, file and folder say. TEXT is followed by a NUL. 0, or -EINVAL with a sentence in
 * *ret_error (caller frees) if it is not of that kind; services before the error may have been added. */
int import_read(struct import *im, char *text, size_t n_bytes, char **ret_error);

/* After the last file: requirements among services, then whatever the loader refuses becomes a remark. POLICY may
 * be NULL. The text of the definitions, which import_write would make; caller frees. */
char *import_prove(struct import *im, struct policy *policy);
char *import_write(const struct import *im);
/* {"services": …, "remarks": …}; TEXT is import_prove's. */
json_t *import_json(const struct import *im, const char *text);

#endif
