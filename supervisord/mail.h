/* mail: an alert as a mail: its headers, and a body that every mailer carries. Text only; no files, no processes.
 */
#ifndef SVCD_SUPERVISORD_MAIL_H
#define SVCD_SUPERVISORD_MAIL_H

#include "common/util.h"

#define MAIL_SUBJECT_MAX 160 /* bytes */
#define MAIL_LINE_MAX    900 /* RFC 5321 allows 998 */

struct mail {
        const char *to;      /* one address, as conf_value.c has let it pass */
        const char *subject; /* anything: it is made safe */
        const char *service, *event;
        const char *body; /* anything */
};

/* What `sendmail -t -i` reads. */
void mail_text(const struct mail *m, struct strbuf *out);

/* S as one line of printable ASCII, at most MAIL_SUBJECT_MAX bytes. Caller frees. */
char *mail_subject(const char *s);

#endif
