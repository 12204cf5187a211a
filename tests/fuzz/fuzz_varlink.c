/* fuzz_varlink: whatever bytes come in, messages are cut out the same way however they arrive, and
 * a message that is accepted means the same when it is written and read again.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/varlink.h"

#define LIMIT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
        if (!good)
                abort();
}

static void check_call(const char *text)
{
        struct varlink_call a = {0}, b = {0};
        const char *error = NULL;
        int r = varlink_parse_call(text, &a, &error);
        check(r == 0 || (r == -EBADMSG && error && !a.method && !a.parameters));
        if (r < 0)
                return;
        check(a.method && *a.method && json_is_object(a.parameters));
        struct strbuf buf = {0};
        char *again = NULL, *wrong = NULL;
        varlink_add_call(&buf, a.method, a.parameters, a.more);
        check(varlink_take(&buf, SIZE_MAX, &again) == 0 && buf.n == 0);
        check(varlink_parse_call(again, &b, &error) == 0);
        check(strcmp(a.method, b.method) == 0 && a.more == b.more && !b.oneway);
        check(json_equal(a.parameters, b.parameters));

        json_t *names = NULL;
        const char *state = NULL;
        bool wait = true;
        json_int_t last = -7;
        r = varlink_args(a.parameters, "names:S? state:s? wait:b? last:i?", &wrong, &names, &state,
                         &wait, &last);
        check((r == 0) == (wrong == NULL));
        check(r == 0 || (!names && !state && wait && last == -7));
        for (size_t i = 0; i < json_array_size(names); i++)
                check(json_string_value(json_array_get(names, i)) != NULL);
        free(wrong);
        free(again);
        strbuf_done(&buf);
        varlink_call_done(&a);
        varlink_call_done(&b);
}

static void check_reply(const char *text)
{
        json_t *a = NULL, *b = NULL;
        char *error = NULL, *error2 = NULL, *again = NULL;
        bool continues = false, continues2 = false;
        if (varlink_parse_reply(text, &a, &error, &continues) < 0) {
                check(!a && !error);
                return;
        }
        check(json_is_object(a));
        struct strbuf buf = {0};
        if (error)
                varlink_add_error(&buf, error, a);
        else
                varlink_add_reply(&buf, a, continues);
        check(varlink_take(&buf, SIZE_MAX, &again) == 0 && buf.n == 0);
        check(varlink_parse_reply(again, &b, &error2, &continues2) == 0);
        check(json_equal(a, b) && str_eq(error, error2));
        check(error || continues == continues2);
        free(again);
        free(error);
        free(error2);
        strbuf_done(&buf);
        json_decref(a);
        json_decref(b);
}

/* Everything that comes out when SIZE bytes arrive in pieces of STEP. */
static void feed(const uint8_t *data, size_t size, size_t step, struct strbuf *ret, bool parse)
{
        struct strbuf in = {0};
        bool open = true;
        for (size_t at = 0; at < size && open; at += step) {
                char *text = NULL;
                int r;
                strbuf_addn(&in, data + at, size - at < step ? size - at : step);
                while ((r = varlink_take(&in, LIMIT, &text)) == 0) {
                        check(strlen(text) <= LIMIT);
                        strbuf_addf(ret, "%s\n", text);
                        if (parse) {
                                check_call(text);
                                check_reply(text);
                        }
                        free(text);
                        text = NULL;
                }
                check(r == -EAGAIN || r == -EMSGSIZE);
                open = r == -EAGAIN; /* a message that is too long ends the connection */
        }
        strbuf_done(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct strbuf whole = {0}, pieces = {0};
        feed(data, size, size ? size : 1, &whole, true);
        feed(data, size, 1 + size / 7, &pieces, false);
        check(whole.n == pieces.n && (whole.n == 0 || memcmp(whole.s, pieces.s, whole.n) == 0));
        strbuf_done(&whole);
        strbuf_done(&pieces);
        return 0;
}
