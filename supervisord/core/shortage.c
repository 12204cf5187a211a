/* shortage.c: starts that failed because the machine, or svcd's own installation, had not what they need,
 * and what follows from that. The rule is in core.h, "SHORTAGES". */
#include "supervisord/core/internal.h"

#include <errno.h>

#include "common/shim_proto.h"

static const int short_errors[] = {EAGAIN, ENOMEM, ENOBUFS, EMFILE,  ENFILE,
                                   ENOSPC, EDQUOT, EIO,     ETXTBSY, EROFS};

bool shortage_is(int stage, int error)
{
        switch (stage) {
        case SHIM_STAGE_LOCK:
                return error != EAGAIN; /* EAGAIN: another shim has it */
        case SHIM_STAGE_PIPE:
        case SHIM_STAGE_FORK:
        case SHIM_STAGE_STDIO:
                return true; /* a service's definition and program have no part in these */
        default:
                break;
        }
        for (size_t i = 0; i < ARRAY_SIZE(short_errors); i++) {
                if (short_errors[i] == error)
                        return true;
        }
        return false;
}

/* A program that is being written is complete in a moment; the machine takes longer to recover. */
int64_t shortage_back_off(struct svc *x, const struct core_exit *e)
{
        const struct conf_service *def = svc_def(x);
        int64_t first_ms =
            e->error == ETXTBSY ? CORE_BUSY_MS : MAX(CORE_SHORT_MS, def->restart_delay.v);
        int64_t delay_ms = x->short_delay_ms ? x->short_delay_ms : first_ms;
        int64_t most_ms = MAX(def->restart_max_delay.v, def->restart_delay.v);
        int64_t next_ms = MIN(2 * delay_ms, MAX(most_ms, first_ms));
        x->short_delay_ms = MAX(next_ms, delay_ms); /* the last may have been of the other kind */
        x->not_before_ms = x->c->now_ms + delay_ms;
        return delay_ms;
}
