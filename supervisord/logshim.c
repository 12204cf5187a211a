/* logshim.c: see logshim.h. When something is asked for, and what follows from the answer, is logkeep.c's. */
#include "supervisord/logshim.h"

#include <errno.h>

#include "supervisord/daemon.h"
#include "supervisord/journald.h"

#define FRAME_BYTES 256

int logshim_ask(struct daemon *d, const struct core_service *s, enum shim_oldlog op,
                const struct logplan_step *step, enum oldlog_kind kind)
{
        struct link *l = s->id < d->links_n ? d->links[s->id] : NULL;
        char buf[FRAME_BYTES];
        struct shim_writer w;
        if (!l)
                return -ENXIO;
        if (l->state != LINK_UP || l->unborn)
                return -EAGAIN;
        if (!l->oldlogs)
                return -EOPNOTSUPP;
        shim_begin(&w, buf, sizeof(buf), SHIM_OLDLOG);
        shim_put_int(&w, SHIM_T_OLD_OP, op);
        shim_put_int(&w, SHIM_T_OLD_INODE, (int64_t)step->inode);
        shim_put_int(&w, SHIM_T_OLD_NUMBER, step->number);
        if (op == SHIM_OLD_PACK)
                shim_put_str(&w, SHIM_T_TEXT, oldlog_suffix(kind));
        return shimio_send(&l->io, buf, shim_end(&w)) < 0 ? -EAGAIN : 0;
}

void logshim_seen(struct daemon *d)
{
        char buf[FRAME_BYTES];
        struct shim_writer w;
        shim_begin(&w, buf, sizeof(buf), SHIM_OLDLOG);
        shim_put_int(&w, SHIM_T_OLD_OP, SHIM_OLD_SEEN);
        size_t n = shim_end(&w);
        for (size_t i = 0; i < d->links_n; i++) {
                struct link *l = d->links[i];
                if (l && l->rotated && shimio_send(&l->io, buf, n) == 0)
                        l->rotated = false;
        }
}

struct spec_log logshim_settings(const struct daemon *d)
{
        return (struct spec_log){.min_free_bytes = d->conf ? d->conf->account.logs_min_free.v : 0,
                                 .journal = journald_socket()};
}

void logshim_hello(struct daemon *d, struct link *l, const struct shimio_frame *f)
{
        l->oldlogs = f->v[SHIM_T_OLD_OP] >= SHIM_OLD_ROTATE;
        l->rotated = false;
        logkeep_reached(d);
}

void logshim_heard(struct daemon *d, struct link *l, const struct shimio_frame *f)
{
        if (f->v[SHIM_T_OLD_OP] == SHIM_OLD_ROTATED) {
                l->rotated = true;
                logkeep_look(d);
        } else {
                logkeep_told(d, l->svc, f);
        }
}

void logshim_give_lost(struct link *l)
{
        char buf[FRAME_BYTES];
        struct shim_writer w;
        int error;
        int64_t lines = downlog_take(l->d, l->svc, &error);
        if (!lines)
                return;
        shim_begin(&w, buf, sizeof(buf), SHIM_LOST);
        shim_put_int(&w, SHIM_T_LOST_LINES, lines);
        shim_put_int(&w, SHIM_T_ERRNO, error);
        shimio_send(&l->io, buf, shim_end(&w));
}

void logshim_lost(struct link *l, const struct shimio_frame *f)
{
        int64_t lines = f->v[SHIM_T_LOST_LINES];
        int error = (int)f->v[SHIM_T_ERRNO];
        if (f->v[SHIM_T_FLAGS] & SHIM_LOST_JOURNAL) {
                downlog_journal(l->d, l->svc, lines, error);
                return;
        }
        l->losing = lines <= 0 ? error : 0;
        if (lines <= 0)
                downlog_begun(l->d, l->svc, error);
        else if (f->v[SHIM_T_FLAGS] & SHIM_LOST_UNTOLD)
                downlog_owe(l->d, l->svc, lines, error);
        else
                downlog_told(l->d, l->svc, lines, error);
}
