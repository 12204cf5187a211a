/* fuzz_policy: any bytes as the host's policy. Reading it always ends in a policy that may be used: its ports are a
 * range, its host name and its path are such, what a refusal costs is said. One without errors, written down again
 * from its own values, is the same policy.
 */
#include "common/policy.h"
#include "tests/fuzz/fuzz.h"

static char *written_down(const struct policy *p)
{
        struct strbuf b = {0};
        const char *group = "";
        strbuf_add(&b, "");
        for (int i = 0; i < POLICY_COUNT; i++) {
                const char *path = policy_settings[i].path, *dot = strchr(path, '.');
                size_t n = dot ? (size_t)(dot - path) : 0;
                _cleanup_free_ char *value = policy_print(p, (enum policy_setting)i);
                if (!value || p->origin[i].source != CONF_FROM_POLICY)
                        continue;
                if (dot && (strlen(group) < n || strncmp(group, path, n + 1) != 0))
                        strbuf_addf(&b, "%.*s:\n", (int)n, path);
                group = dot ? path : "";
                strbuf_addf(&b, "%s%s: %s\n", dot ? "  " : "", dot ? dot + 1 : path, value);
        }
        return strbuf_take(&b);
}

static void check(const struct policy *p)
{
        int64_t first = policy_number(p, POLICY_ports_first),
                last = policy_number(p, POLICY_ports_last);
        fuzz_require(first >= 1 && first <= last && last <= 65535, "no range of ports", NULL);
        _cleanup_free_ char *host = policy_host(p, "a");
        fuzz_require(!host || !strpbrk(host, "{} \t\n"), "no host name", host);
        fuzz_require(!p->path || p->path[0] == '/', "no path", p->path);
        for (int i = 0; i < POLICY_COUNT; i++) {
                const struct conf_place *at = &p->origin[i].place;
                fuzz_require(p->origin[i].source == CONF_FROM_BUILTIN || (at->file && at->line > 0),
                             "said by nobody", policy_settings[i].path);
                int limit = policy_caps[i] ? policy_limit_of(p, policy_caps[i]) : i;
                fuzz_require(limit == i || p->origin[i].source == CONF_FROM_BUILTIN, "no limit",
                             policy_settings[i].path);
        }
}

static void check_same(const struct policy *a, const struct policy *b, const char *text)
{
        for (int i = 0; i < POLICY_COUNT; i++) {
                enum policy_setting s = (enum policy_setting)i;
                _cleanup_free_ char *x = policy_print(a, s), *y = policy_print(b, s);
                fuzz_require(str_eq(x, y), policy_settings[i].path, text);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct diag diag = {0};
        if (n > CONF_FILE_MAX || memchr(data, '\0', n))
                return 0;
        struct policy *p = policy_parse("policy.yaml", xstrndup((const char *)data, n), n, &diag);
        check(p);
        fuzz_require((p->text != NULL) == (diag.errors == 0), "kept with errors, or not without",
                     NULL);
        if (diag.errors == 0) {
                _cleanup_free_ char *text = written_down(p);
                struct policy *again =
                    policy_parse("policy.yaml", xstrdup(text), strlen(text), &diag);
                char *line = diag.errors ? diag_line(&diag.v[0]) : NULL;
                fuzz_require(diag.errors == 0, line ? line : "refused", text);
                check_same(p, again, text);
                policy_unref(again);
        }
        policy_unref(p);
        diag_done(&diag);
        return 0;
}
