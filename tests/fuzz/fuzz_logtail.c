/* The last words of a run: whatever a log holds, a bounded number of bounded lines comes out of it, each with a
 * time if the log has times. */
#include <string.h>

#include "common/logtail.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct logtail_lines *l)
{
        fuzz_require(l->times.n == l->texts.n && l->texts.n <= LOGTAIL_LINES, "lines", NULL);
        for (size_t i = 0; i < l->texts.n; i++) {
                size_t time = strlen(l->times.v[i]);
                fuzz_require(strlen(l->texts.v[i]) <= LOGTAIL_LINE_BYTES &&
                                 !strchr(l->texts.v[i], '\n'),
                             "a line", l->texts.v[i]);
                fuzz_require(time == 0 || time == 29, "a time", l->times.v[i]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct logtail t;
        if (size == 0)
                return 0;
        logtail_parse((const char *)data + 1, size - 1, data[0] % 4, &t);
        check(&t.said);
        check(&t.checks);
        fuzz_require((t.source != NULL) == (t.said.texts.n > 0), "a source without lines", NULL);
        logtail_done(&t);
        return 0;
}
