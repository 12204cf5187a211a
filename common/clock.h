/* clock: time, as numbers and as text. Everything that decides uses the monotonic clock; the wall
 * clock is for people and for files only.
 */
#ifndef SVCD_COMMON_CLOCK_H
#define SVCD_COMMON_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC */
int64_t clock_wall_ms(void); /* CLOCK_REALTIME, since 1970 */
int64_t clock_cpu_ms(void);  /* that this process has used so far */

/* "2026-11-20T11:12:13.123+01:00", local zone; returns BUF. */
#define CLOCK_TEXT_MAX 40
const char *clock_text(int64_t wall_ms, char buf[CLOCK_TEXT_MAX]);

/* The kernel's boot id (36 characters), "" as long as it cannot be read. Static storage. */
const char *clock_boot_id(void);

#endif
