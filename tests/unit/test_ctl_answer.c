/* What a svcd can answer, and what it cannot, with the words for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/util.h"
#include "ctl/answer.h"

/* WANTED: NULL if it can be one. */
static void expect(const char *method, const char *error, const char *text, const char *wanted)
{
        _cleanup_reply_ struct reply reply = {.parameters = json_loads(text, 0, NULL),
                                              .error = error ? xstrdup(error) : NULL};
        assert_non_null(reply.parameters);
        _cleanup_free_ char *got = answer_wrong(method, &reply);
        if (wanted && got)
                assert_string_equal(got, wanted);
        assert_int_equal(wanted != NULL, got != NULL);
}

#define INFO(members)    "{\"info\":{\"version\":\"1.0~rc1+b_2:3-x\",\"pid\":4194304" members "}}"
#define SERVICE(members) "{\"services\":[{\"name\":\"a\",\"state\":\"running\"" members "}]}"
#define UPGRADE(members) "{\"from\":\"1\",\"to\":\"2\",\"pid\":1" members "}"

static void of_a_svcd(void **state)
{
        (void)state;
        expect("GetInfo", NULL, INFO(""), NULL);
        expect("GetInfo", NULL, INFO(",\"uptime_ms\":0,\"host\":null,\"open_files\":-1,\"x\":[]"),
               NULL);
        expect("GetInfo", NULL,
               INFO(",\"errors\":[{\"severity\":\"error\",\"line\":3,\"message\":\"\"}]"), NULL);
        expect("Status", NULL, "{\"services\":[]}", NULL);
        expect("Status", NULL, SERVICE(",\"pid\":null,\"cpu_ms\":562949953421312"), NULL);
        expect("Status", NULL,
               SERVICE(
                   ",\"last_exits\":[{\"run\":1,\"kind\":\"lost\",\"code\":null,\"oom\":true}]"),
               NULL);
        expect("Upgrade", NULL, UPGRADE(",\"services\":0,\"missing\":[\"a\",\"b\"],\"took_ms\":5"),
               NULL);
        expect("Upgrade", "org.svcd.Supervisor.Refused", "{\"reason\":\"no: \\u001b[2J\"}", NULL);
        expect("Upgrade", "org.varlink.service.MethodNotFound", "{\"method\":\"x\"}", NULL);
        expect("Why", NULL, "{\"why\":{\"name\":\"a\",\"state\":\"running\",\"said\":[{\"x\":1}]}}",
               NULL);
        expect("Show", NULL, "{\"service\":{\"name\":\"a\",\"state\":\"x\"},\"settings\":[]}",
               NULL);
        expect("Reload", NULL, "{\"changes\":[],\"results\":null}", NULL);
        expect("Start", "org.svcd.Supervisor.NoSuchService", "{\"names\":[\"x\"]}", NULL);
        expect("Other", NULL, "{\"pid\":-1}", NULL);
}

static void of_nobody(void **state)
{
        (void)state;
        expect("GetInfo", NULL, "{}", "info is missing");
        expect("GetInfo", NULL, "{\"info\":5}", "info is no object");
        expect("GetInfo", NULL, "{\"info\":{\"pid\":1}}", "info.version is missing");
        expect("GetInfo", NULL, "{\"info\":{\"version\":\"\",\"pid\":1}}",
               "info.version is no version");
        expect("GetInfo", NULL, INFO(",\"uptime_ms\":-1"), "info.uptime_ms is -1");
        expect("GetInfo", NULL, INFO(",\"uptime_ms\":4398046511105"),
               "info.uptime_ms is 4398046511105");
        expect("GetInfo", NULL, INFO(",\"uptime_ms\":1.5"), "info.uptime_ms is no number");
        expect("GetInfo", NULL, INFO(",\"started_by\":[]"), "info.started_by is no text");
        expect("GetInfo", NULL, INFO(",\"errors\":[{\"severity\":\"E R\"}]"),
               "info.errors[0].severity is no word");
        expect("Status", NULL, SERVICE(",\"enabled\":1"),
               "services[0].enabled is neither true nor false");
        expect("Status", NULL, SERVICE(",\"cpu_ms\":562949953421313"),
               "services[0].cpu_ms is 562949953421313");
        expect("Status", NULL, SERVICE(",\"cpu_ms\":-9223372036854775808"),
               "services[0].cpu_ms is -9223372036854775808");
        expect("Status", NULL, SERVICE(",\"port\":65536"), "services[0].port is 65536");
        expect("Status", NULL, SERVICE(",\"health\":\"\\u001b\""), "services[0].health is no word");
        expect("Status", NULL, SERVICE(",\"last_exits\":{}"), "services[0].last_exits is no list");
        expect("Status", NULL, SERVICE(",\"last_exits\":[{},{\"run\":-1}]"),
               "services[0].last_exits[1].run is -1");
        expect("Status", NULL, "{\"services\":[{\"state\":\"running\"}]}",
               "services[0].name is missing");
        expect("Status", NULL, "{\"services\":[{\"name\":\"A\",\"state\":\"running\"}]}",
               "services[0].name is no name");
        expect("Why", NULL, "{}", "why is missing");
        expect("Why", NULL, "{\"why\":{\"name\":\"a\",\"state\":\"running\",\"said\":[1]}}",
               "why.said[0] is no object");
        expect("Show", NULL, "{\"service\":{\"name\":\"a\",\"state\":\"x\"}}",
               "settings is missing");
        expect("Plan", NULL, "{\"changes\":{}}", "changes is no list");
        expect("Start", NULL, "{}", "results is missing");
        expect("Upgrade", NULL, UPGRADE(""), "services is missing");
        expect("Upgrade", NULL, UPGRADE(",\"services\":0,\"missing\":[\"a\",\"b\",\"a\"]"),
               "missing[2] is there twice");
        expect("Upgrade", NULL, UPGRADE(",\"services\":10001"), "services is 10001");
        expect("Upgrade", "", "{}", "its error is no name");
        expect("Upgrade", "a b", "{}", "its error is no name");
        expect("Upgrade", "Refused", "{\"reason\":5}", "reason is no text");
}

static void too_much(void **state)
{
        (void)state;
        _cleanup_strbuf_ struct strbuf reason = {0}, list = {0};
        strbuf_add(&reason, "{\"reason\":\"");
        for (int i = 0; i < 8193; i++)
                strbuf_addc(&reason, 'x');
        strbuf_add(&reason, "\"}");
        expect("Upgrade", "Refused", reason.s, "reason has more than 8192 bytes");
        strbuf_add(&list, "{\"services\":[{\"name\":\"s0\",\"state\":\"x\"}");
        for (int i = 1; i < 10000; i++)
                strbuf_addf(&list, ",{\"name\":\"s%d\",\"state\":\"x\"}", i);
        size_t n = list.n;
        strbuf_add(&list, "]}");
        expect("Status", NULL, list.s, NULL);
        strbuf_cut(&list, n);
        strbuf_add(&list, ",{}]}");
        expect("Status", NULL, list.s, "services has more than 10000 entries");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(of_a_svcd),
            cmocka_unit_test(of_nobody),
            cmocka_unit_test(too_much),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
