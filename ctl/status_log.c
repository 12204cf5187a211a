/* status_log.c: see status_log.h. */
#include "ctl/status_log.h"

#include <errno.h>
#include <string.h>

#include "ctl/logprint.h"
#include "ctl/logseek.h"
#include "ctl/text.h"

#define TEXT_MAX 2000                       /* bytes of a line; `svcctl logs` shows all of it */
#define READ_MAX (INT64_C(8) * 1024 * 1024) /* bytes of plain files that are looked at */

/* The beginning of one line, of which X is a piece; *CUT counts what is left out. */
static void add_piece(struct strbuf *out, const struct ctl *ctl, const struct logread_line *x,
                      int64_t *cut)
{
        struct logread_line shown = *x;
        char size[TEXT_SHORT_MAX];
        if (x->begins) {
                shown.parsed.text_n = MIN(x->parsed.text_n, TEXT_MAX);
                while (shown.parsed.text_n < x->parsed.text_n && shown.parsed.text_n > 0 &&
                       ((unsigned char)x->parsed.text[shown.parsed.text_n] & 0xc0) == 0x80)
                        shown.parsed.text_n--; /* no half of a character */
                *cut = 0;
                strbuf_add(out, "    ");
                logprint_add(out, ctl, &shown);
        } else {
                shown.parsed.text_n = 0;
        }
        *cut += (int64_t)(x->parsed.text_n - shown.parsed.text_n);
        if (x->ends && *cut)
                strbuf_addf(out, " [%s more]", text_bytes(*cut, size));
        if (x->ends)
                strbuf_addc(out, '\n');
}

/* Reading begins READ_MAX before the end, or where a compressed file ends; false if there is less. A line of which only
 * the end would be read is none of the last ones. */
static bool bound(struct logread *l)
{
        int64_t left = READ_MAX;
        for (size_t i = 0; i < l->n || logread_older(l); i++) {
                const struct logpart *f = &l->files[i];
                if (f->zip)
                        return false;
                if (f->size_bytes > left) {
                        logseek_bound(l, &(struct logpos){i, f->size_bytes - left}, NULL);
                        return true;
                }
                left -= f->size_bytes;
        }
        return false;
}

int status_log_add(struct strbuf *out, const struct ctl *ctl, const char *name, size_t n,
                   char **ret_path)
{
        struct logread l;
        struct logread_line x;
        int64_t cut = 0;
        char size[TEXT_SHORT_MAX];
        if (!name || strchr(name, '/')) /* it becomes part of a path */
                return -EINVAL;
        int r = logread_open(&l, &ctl->paths, name, &LOGFILTER_NONE);
        if (r < 0)
                return r;
        *ret_path = ctl_safe(ctl, l.path);
        bool bounded = bound(&l);
        if (logseek_last(&l, n) < n && bounded)
                strbuf_addf(out,
                            "    (before that: a line longer than %s; `svcctl logs %s` shows it)\n",
                            text_bytes(READ_MAX, size), name);
        while (logread_next(&l, &x))
                add_piece(out, ctl, &x, &cut);
        logread_done(&l);
        return 0;
}
