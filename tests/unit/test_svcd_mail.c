/* An alert as a mail: nothing of what it is about gets into its headers, no line is longer than mail carries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "supervisord/mail.h"

static char *text_of(const char *to, const char *subject, const char *body)
{
        struct strbuf b = {0};
        struct mail m = {to, subject, "web", "disabled", body};
        mail_text(&m, &b);
        return strbuf_take(&b);
}

static void whole(void **state)
{
        (void)state;
        char *text = text_of("me@example.org", "web is disabled", "one\n\n.\n\ttab\n");
        assert_string_equal(text, "To: me@example.org\n"
                                  "Subject: web is disabled\n"
                                  "Auto-Submitted: auto-generated\n"
                                  "MIME-Version: 1.0\n"
                                  "Content-Type: text/plain; charset=utf-8\n"
                                  "Content-Transfer-Encoding: 8bit\n"
                                  "X-Svcd-Service: web\n"
                                  "X-Svcd-Event: disabled\n"
                                  "\n"
                                  "one\n\n.\n\ttab\n");
        free(text);
}

static void headers_are_safe(void **state)
{
        (void)state;
        char *text = text_of("me@example.org\nBcc: you@example.org",
                             "x\r\nBcc: you@example.org\xff\xc3\xa4", "");
        assert_non_null(strstr(text, "To: me@example.org Bcc: you@example.org\n"));
        assert_non_null(strstr(text, "Subject: x\\x0d Bcc: you@example.org\\xff?\n"));
        assert_null(strstr(text, "\nBcc"));
        free(text);
        char *subject = xmalloc(1001);
        memset(subject, 'x', 1000);
        subject[1000] = '\0';
        char *cut = mail_subject(subject);
        assert_int_equal(strlen(cut), MAIL_SUBJECT_MAX);
        free(cut);
        free(subject);
}

/* They are broken between characters, wherever these begin. */
static void long_lines(void **state)
{
        (void)state;
        for (size_t before = 0; before < 3; before++) {
                struct strbuf body = {0};
                strbuf_addn(&body, "xx", before);
                for (int i = 0; i < 1000; i++)
                        strbuf_add(&body, "\xe2\x82\xac"); /* three bytes each */
                char *text = text_of("me@example.org", "x", body.s);
                const char *line = strstr(text, "\n\n") + 2;
                size_t total = 0;
                while (*line) {
                        size_t n = strcspn(line, "\n");
                        assert_in_range(n, 1, MAIL_LINE_MAX);
                        assert_int_equal((n - (total ? 0 : before)) % 3, 0);
                        total += n;
                        line += n + 1;
                }
                assert_int_equal(total, before + 3000);
                free(text);
                strbuf_done(&body);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(whole),
            cmocka_unit_test(headers_are_safe),
            cmocka_unit_test(long_lines),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
