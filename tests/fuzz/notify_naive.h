/* notify_naive: what an sd_notify message says, read in the plainest way (sd_notify(3): assignments
 * separated by newlines), to compare both readers of them with: the shim's, which keeps READY and STATUS
 * for a svcd that is away, and svcd's.
 */
#ifndef SVCD_TESTS_FUZZ_NOTIFY_NAIVE_H
#define SVCD_TESTS_FUZZ_NOTIFY_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct notify_naive {
        bool ready;
        const char *status; /* the last one, not NUL-terminated; NULL = none */
        size_t status_n;
};

static inline void notify_naive(const char *p, size_t n, struct notify_naive *ret)
{
        for (size_t begin = 0, i = 0; i <= n; i++) {
                if (i < n && p[i] != '\n')
                        continue;
                size_t len = i - begin;
                if (len == 7 && memcmp(p + begin, "READY=1", 7) == 0)
                        ret->ready = true;
                if (len >= 7 && memcmp(p + begin, "STATUS=", 7) == 0) {
                        ret->status = p + begin + 7;
                        ret->status_n = len - 7;
                }
                begin = i + 1;
        }
}

#endif
