/* fuzz: what the targets share: a contract that is broken says so and aborts; an input is taken apart
 * into choices, numbers and pieces of bytes.
 *
 * An input that is used up gives zeros and empty pieces: nothing needs to be looked at for errors.
 */
#ifndef SVCD_TESTS_FUZZ_FUZZ_H
#define SVCD_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With a message, so that a failure of the replay can be read without a debugger. */
static inline void fuzz_require(bool ok, const char *what, const char *text)
{
        if (ok)
                return;
        fprintf(stderr, "contract broken: %s\n%s\n", what, text ? text : "");
        abort();
}

struct fuzz_in {
        const uint8_t *p, *end;
};

static inline size_t fuzz_left(const struct fuzz_in *in)
{
        return (size_t)(in->end - in->p);
}

static inline uint8_t fuzz_byte(struct fuzz_in *in)
{
        return in->p < in->end ? *in->p++ : 0;
}

/* Mostly small numbers and those at which something might break. */
static inline int64_t fuzz_int(struct fuzz_in *in)
{
        static const int64_t edges[] = {-1,         INT8_MIN,        INT32_MAX,     INT32_MIN,
                                        UINT32_MAX, INT64_MAX,       INT64_MIN,     INT64_MAX - 1,
                                        1LL << 52,  (1LL << 52) + 1, INT64_MIN + 1, 4096};
        uint8_t kind = fuzz_byte(in);
        if (kind < 200)
                return kind < 128 ? kind : fuzz_byte(in) * 256 + kind;
        if (kind < 240)
                return edges[kind % (sizeof(edges) / sizeof(edges[0]))];
        uint64_t v = 0;
        for (int i = 0; i < 8; i++)
                v = v << 8 | fuzz_byte(in);
        return (int64_t)v;
}

/* Up to MAX (below 256 * 256) bytes; *ret_n says how many. */
static inline const uint8_t *fuzz_bytes(struct fuzz_in *in, size_t max, size_t *ret_n)
{
        size_t n = fuzz_byte(in);
        if (max > 255)
                n += (size_t)fuzz_byte(in) << 8;
        const uint8_t *p = in->p;
        n = n < max ? n : max;
        n = n < fuzz_left(in) ? n : fuzz_left(in);
        in->p += n;
        *ret_n = n;
        return p;
}

#endif
