/* import_supervisor: what the two halves of the reader of Supervisor's files share: keys and sections
 * (import_supervisor.c), and the text of values and included files (import_supervisor_text.c).
 */
#ifndef SVCD_CTL_IMPORT_SUPERVISOR_H
#define SVCD_CTL_IMPORT_SUPERVISOR_H

#include "ctl/import_private.h"

#define SUPERVISOR_INHERITED 4

struct supervisor {
        struct import *im;
        struct import_ini *ini;
        const struct import_ini *outer; /* of the file that includes this one, or NULL */
        const struct import_ini_row
            *inherited[SUPERVISOR_INHERITED]; /* of [supervisord], or NULL */
        const char *program;                  /* whose section is read */
        int64_t process_num, numprocs;
        int depth;    /* of [include] */
        size_t files; /* that were included */
};

/* The value with %(name)s replaced, and \1NAME\2 for %(ENV_NAME)s; NULL after a remark. QUIET: without one for
 * variables that svcd does not have. Caller frees. */
char *supervisor_expand(struct supervisor *x, struct import_service *s,
                        const struct import_ini_row *row, bool quiet);
/* The same where there can be no variables: those of the account's environment are known. */
char *supervisor_plain(struct supervisor *x, struct import_service *s,
                       const struct import_ini_row *row);
/* The group of the program: one of a [group:x], or its own. Borrowed. */
const char *supervisor_group(const struct supervisor *x);
/* KEY="value",OTHER=value as variables of the service. */
void supervisor_variables(struct supervisor *x, struct import_service *s,
                          const struct import_ini_row *row);

typedef int (*supervisor_read_fn)(struct supervisor *x, const char *text, size_t n_bytes,
                                  char **ret_error);
/* [include] files=: those in the file's folder and below. */
void supervisor_include(struct supervisor *x, const struct import_ini_row *row,
                        supervisor_read_fn read);

#endif
