/* stamp: the time at the beginning of a log line, 2026-11-20T11:12:13.123+01:00 and a space.
 *
 * The zone is the process's (TZ). localtime is asked once a quarter of an hour, since that is where
 * zones change; in between only digits are replaced. The nursery asks once for all shims that it forks in the same
 * quarter of an hour: those do not even touch the zone's file.
 */
#ifndef SVCD_SHIM_STAMP_H
#define SVCD_SHIM_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#define STAMP_LEN 30

struct stamp {
        int64_t wall_ms; /* what text says */
        int64_t quarter;
        int64_t second;
        int minute; /* of the hour, at the beginning of the quarter */
        bool even;  /* the zone's quarters begin with second 0 of a quarter */
        bool known;
        char text[STAMP_LEN];
};

/* In the nursery, once: what stamp_init knows from then on, here and in what is forked. */
void stamp_learn(void);
void stamp_init(struct stamp *s);

/* The text for a CLOCK_REALTIME time: STAMP_LEN bytes, no NUL, valid until the next call. */
const char *stamp_at(struct stamp *s, int64_t wall_ms);

/* CLOCK_REALTIME in ms, CLOCK_MONOTONIC in us. */
int64_t stamp_wall_ms(void);
int64_t stamp_mono_us(void);

#endif
