/* rate: log.rate_limit: at most so many lines of output a second, of stdout and stderr together. A second
 * begins with the first line after the one before has passed. What is beyond the limit is counted, and
 * once the second is over, or the run, the log says so in the place where it is missing:
 * `svcd lines suppressed=N rate_limit=L`.
 *
 * It is the only reason for a timer, and only while lines are suppressed.
 */
#ifndef SVCD_SHIM_RATE_H
#define SVCD_SHIM_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct shim;
struct stream;

struct rate {
        int64_t limit; /* 0 = none */
        int64_t used;  /* lines of this second */
        int64_t suppressed;
        int64_t until_us; /* the end of this second */
};

/* A new limit, at once. */
void rate_limit(struct shim *s, int64_t limit);

/* As log_lines, for those lines that the limit allows. */
const unsigned char *rate_lines(struct shim *s, const char *source, int64_t wall_ms,
                                const unsigned char *p, const unsigned char *end);

/* Whether one more line may be begun; it is counted, one way or the other. */
bool rate_line(struct shim *s);

/* Says what was suppressed, if the second is over or (NOW) in any case. */
void rate_turn(struct shim *s, bool now);
int64_t rate_deadline_us(const struct shim *s);

#endif
