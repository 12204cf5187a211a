/* flood: a service that says a lot. BYTES in lines of 100, in writes of WRITE bytes; as fast as they are
 * taken, or, with RATE, so many lines a second in writes as small as that. For benchmarks only.
 *
 * usage: flood BYTES WRITE [RATE]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 100

static char buffer[(1 << 20) + LINE];

static int64_t now_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int put(const char *p, size_t n)
{
        while (n) {
                ssize_t done = write(STDOUT_FILENO, p, n);
                if (done <= 0)
                        return -1;
                p += done;
                n -= (size_t)done;
        }
        return 0;
}

int main(int argc, char **argv)
{
        if (argc < 3)
                return 2;
        int64_t left = strtoll(argv[1], NULL, 10), rate = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
        size_t size = (size_t)strtoul(argv[2], NULL, 10), at = 0;
        if (size == 0 || size > sizeof(buffer) - LINE)
                return 2;
        for (size_t i = 0; i < sizeof(buffer); i++)
                buffer[i] = i % LINE == LINE - 1 ? '\n' : (char)('a' + i % LINE % 26);
        int64_t begun = now_ns(), written = 0;
        while (left > 0) {
                size_t n = left < (int64_t)size ? (size_t)left : size;
                if (put(buffer + at, n) < 0)
                        return 1;
                at = (at + n) % LINE; /* the next write goes on in the line */
                left -= (int64_t)n;
                written += (int64_t)n;
                if (!rate)
                        continue;
                int64_t due = begun + written / LINE * 1000000000 / rate, now = now_ns();
                if (due > now + 1000000) {
                        struct timespec t = {(due - now) / 1000000000, (due - now) % 1000000000};
                        nanosleep(&t, NULL);
                }
        }
        return 0;
}
