/* alerts: what the core wants people to be told (CORE_FX_ALERT) is sent, by sendmail, by the account's command,
 * or by both: `alerts:` of the definitions.
 *
 * ROOT/svcd/alerts/NAME.NUMBER.EVENT.json is one alert that is not sent yet, with the page of `svcctl why` as it
 * was when it happened. The core is answered (ALERTED) once that file is there; so each alert is sent at least
 * once, whatever svcd dies of, and twice only if it dies in the moment between sending and forgetting it.
 *
 * They are sent one after the other, by one child at a time (sender.h), but each way for itself: what fails is tried
 * again after ALERTS_FIRST_MS, doubling up to ALERTS_MOST_MS, and given up after ALERTS_KEPT_MS, while the other way
 * goes on; each of that is in svcd.log and in the events. By each way, what is said of one service leaves in order:
 * "it runs well again" never before the "disabled" that it ends. There are no more than ALERTS_MAX: the oldest make room. Nothing else ever waits for one;
 * of a great many at once (a host that fails) only the first ALERTS_WHOLE have the whole page.
 */
#ifndef SVCD_SUPERVISORD_ALERTS_H
#define SVCD_SUPERVISORD_ALERTS_H

#include <ev.h>

#include "supervisord/core/core.h"
#include "supervisord/sender.h"

#define ALERTS_MAX      100
#define ALERTS_FIRST_MS 2000
#define ALERTS_MOST_MS  (60 * 60 * 1000)
#define ALERTS_KEPT_MS  (INT64_C(24) * 60 * 60 * 1000)
#define ALERTS_BODY_MAX (48u * 1024)
#define ALERTS_WHOLE                                                                               \
        20 /* while more than that wait, new ones are short: a page takes some ms to make */

struct daemon;
struct alert;

struct alerts {
        struct alert *first; /* oldest first */
        struct alert *sending;
        unsigned failing; /* bits: the ways by which the last attempt failed */
        ev_timer timer;
        struct sender sender;
        bool folder_error; /* it could not be written to; said once */
};

/* Before the loop goes: what an earlier svcd has left is sent. */
void alerts_init(struct daemon *d);

/* CORE_FX_ALERT. */
void alerts_take(struct daemon *d, const struct core_effect *fx);

/* Whether something is being sent. */
bool alerts_busy(const struct daemon *d);
void alerts_reaped(struct daemon *d, pid_t pid, int wstatus);
void alerts_done(struct daemon *d);

#endif
