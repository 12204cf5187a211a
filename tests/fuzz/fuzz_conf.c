/* fuzz_conf: any bytes as a definition file, as a dotenv file and as a command. What must hold: nothing
 * crashes; a service is either valid, and then has a command, or says what is wrong with it; and what was
 * understood, printed, is understood as the same again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* With a message, so that a failure of the replay can be read without a debugger. */
static void require(bool ok, const char *what, const char *text)
{
        if (ok)
                return;
        fprintf(stderr, "fuzz_conf: %s\n%s\n", what, text);
        abort();
}

/* What two services share is the same. */
static void check_unlike(const struct conf *c, const struct conf_service *a,
                         const struct conf_service *b)
{
        uint64_t unlike = conf_unlike(c, a, c, b);
        for (size_t k = 0; a->valid && b->valid && k < SETTING_COUNT; k++)
                require(unlike >> k & 1 || conf_same(a, b, (enum conf_setting)k),
                        conf_settings[k].path, a->name);
}

static void add_service(struct strbuf *b, const struct conf_service *s)
{
        const char *group = "";
        strbuf_addf(b, "  %s:\n", s->name);
        for (size_t i = 0; i < SETTING_COUNT; i++) {
                const char *path = conf_settings[i].path, *dot = strchr(path, '.');
                size_t n = dot ? (size_t)(dot - path) + 1 : 0;
                _cleanup_free_ char *value = conf_print(s, (enum conf_setting)i);
                /* those that it requires may be invalid, and are not printed then */
                if (!value || i == SETTING_requires)
                        continue;
                if (n && strncmp(group, path, n) != 0) {
                        strbuf_addf(b, "    %.*s:\n", (int)n - 1, path);
                        group = path;
                }
                strbuf_addf(b, "    %s%s: %s\n", n ? "  " : "", path + n, value);
        }
}

/* What can be printed must be read as the same. */
static void check_print(const struct conf *c)
{
        struct strbuf b = {0};
        struct diag diag = {0};
        strbuf_add(&b, "environment: ");
        conf_value_print(&conf_settings[SETTING_environment], &c->environment, &b);
        strbuf_add(&b, "\nservices:\n");
        size_t valid = 0;
        for (size_t i = 0; i < c->n; i++) {
                if (c->services[i]->valid)
                        add_service(&b, c->services[i]);
                valid += c->services[i]->valid;
        }
        struct conf *again = NULL;
        if (valid > 0 && b.n < CONF_FILE_MAX) {
                again = conf_from_text(b.s, b.n, &diag);
                /* with everything spelt out, thousands of services are too many values for one file */
                if (diag.errors > 0 && strstr(diag.v[0].message, "more than"))
                        valid = 0;
                require(valid == 0 || diag.errors == 0, diag.n ? diag.v[0].message : "", b.s);
        }
        for (size_t i = 0; again && valid > 0 && i < c->n; i++) {
                if (!c->services[i]->valid)
                        continue;
                const struct conf_service *s = conf_find(again, c->services[i]->name);
                require(s && s->valid, "a service is lost", b.s);
                for (size_t k = 0; k < SETTING_COUNT; k++)
                        require(k == SETTING_requires ||
                                    conf_same(c->services[i], s, (enum conf_setting)k),
                                conf_settings[k].path, b.s);
                check_unlike(c, c->services[i], c->services[0]);
                require(conf_digest(c, c->services[i]) == conf_digest(again, s), "digest", b.s);
        }
        conf_unref(again);
        diag_done(&diag);
        strbuf_done(&b);
}

static void check_environment(const struct conf *c, const struct conf_service *s)
{
        static const struct conf_user user = {.name = "a", .home = "/home/a", .shell = "/bin/sh"};
        struct conf_environ e = {0};
        char *error = NULL;
        if (s->environment_file.n > 0)
                return;
        if (conf_environ_build(c, s, &user, &e, &error) == 0)
                require(str_eq(conf_environ_get(&e, "SVCD_SERVICE"), s->name), "SVCD_SERVICE",
                        s->name);
        else
                require(error && *error, "no message", s->name);
        free(error);
        conf_environ_done(&e);
}

static void check_definitions(const char *text, size_t n)
{
        struct diag diag = {0};
        struct conf *c = conf_from_text(text, n, &diag);
        bool invalid = false;
        for (size_t i = 0; i < c->n; i++) {
                const struct conf_service *s = c->services[i];
                require(s->valid == !s->error, "valid and error", s->name);
                require(!s->valid ||
                            (s->command.argv.n > 0 && s->command.argv.v[0][0] && s->ready.set),
                        "a valid service without a command", s->name);
                require(i == 0 || strcmp(c->services[i - 1]->name, s->name) < 0, "order", s->name);
                invalid |= !s->valid;
                if (s->valid)
                        check_environment(c, s);
        }
        require(!invalid || diag.errors > 0, "invalid without a message", "");
        require(c->broken.n == 0 || diag.errors > 0, "broken without a message", "");
        char *out = NULL;
        size_t out_n = 0;
        FILE *f = open_memstream(&out, &out_n);
        diag_print(&diag, f, true, false);
        fclose(f);
        for (size_t i = 0; i < out_n; i++)
                require((unsigned char)out[i] >= 0x20 || out[i] == '\n' || out[i] == '\t',
                        "a control character in a message", out);
        free(out);
        check_print(c);
        conf_unref(c);
        diag_done(&diag);
}

static void check_command(const char *text)
{
        struct conf_command c;
        const char *error = NULL;
        if (conf_command_parse(text, &c, &error) < 0) {
                require(error && *error, "no message", text);
                return;
        }
        require(c.argv.n > 0 && c.text && *c.text, "an empty command", text);
        conf_command_done(&c);
}

static void check_dotenv(const char *text, size_t n)
{
        struct conf_env env = {0};
        int line = 0;
        const char *error = NULL;
        char *message = NULL;
        if (conf_dotenv_parse(text, n, &env, &line, &error) < 0)
                require(line > 0 && error, "no message", text);
        for (size_t i = 0; i < env.n; i++)
                require(conf_var_ok(env.v[i].name), "name", env.v[i].name);
        conf_env_done(&env);
        if (conf_dotenv_split(text, &env, &message) < 0)
                require(message && *message, "no message", text);
        free(message);
        conf_env_done(&env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size > CONF_FILE_MAX)
                return 0;
        _cleanup_free_ char *text = xmalloc(size + 1);
        memcpy(text, data, size);
        text[size] = '\0';
        check_dotenv(text, size);
        if (memchr(text, '\0', size))
                return 0; /* refused before it is parsed */
        check_definitions(text, size);
        check_command(text);
        return 0;
}
