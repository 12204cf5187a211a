/* fuzz_dotenv: any bytes as a dotenv file and as the string form of `environment`. Names are names; a
 * refusal says where and why; and what was understood, written down in the most careful way that there
 * is, is understood as the same again, in both forms.
 */
#include "common/conf_private.h"
#include "tests/fuzz/fuzz.h"

/* Every byte of a value in double quotes, so that it means itself. */
static void add_quoted(struct strbuf *b, const char *value)
{
        strbuf_addc(b, '"');
        for (const char *p = value; *p; p++) {
                if (*p == '\n')
                        strbuf_add(b, "\\n");
                else if (*p == '"' || *p == '\\')
                        strbuf_addf(b, "\\%c", *p);
                else
                        strbuf_addc(b, *p);
        }
        strbuf_addc(b, '"');
}

static void check_same(const struct conf_env *a, const struct conf_env *b, const char *text)
{
        fuzz_require(a->n == b->n, "not as many variables", text);
        for (size_t i = 0; i < a->n; i++)
                fuzz_require(strcmp(a->v[i].name, b->v[i].name) == 0 &&
                                 strcmp(a->v[i].value, b->v[i].value) == 0,
                             "not the same value", text);
}

static void check_env(const struct conf_env *env)
{
        struct strbuf lines = {0}, words = {0};
        struct conf_env again = {0};
        const char *error = NULL;
        char *message = NULL;
        int line = 0;
        strbuf_add(&lines, "");
        strbuf_add(&words, "");
        for (size_t i = 0; i < env->n; i++) {
                fuzz_require(conf_var_ok(env->v[i].name), "not a name", env->v[i].name);
                fuzz_require(strlen(env->v[i].value) <= CONF_WORD_MAX, "too long", NULL);
                for (size_t k = 0; k < i; k++)
                        fuzz_require(strcmp(env->v[i].name, env->v[k].name) != 0, "twice",
                                     env->v[i].name);
                strbuf_addf(&lines, "%s%s=", i % 2 ? "export " : "", env->v[i].name);
                add_quoted(&lines, env->v[i].value);
                strbuf_add(&lines, " # comment\n");
                strbuf_addf(&words, " %s=", env->v[i].name);
                add_quoted(&words, env->v[i].value);
        }
        fuzz_require(env->n <= CONF_VARS_MAX, "too many variables", NULL);
        fuzz_require(conf_dotenv_parse(lines.s, lines.n, &again, &line, &error) == 0,
                     error ? error : "refused", lines.s);
        check_same(env, &again, lines.s);
        conf_env_done(&again);
        fuzz_require(conf_dotenv_split(words.s, &again, &message) == 0,
                     message ? message : "refused", words.s);
        check_same(env, &again, words.s);
        conf_env_done(&again);
        strbuf_done(&lines);
        strbuf_done(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct conf_env env = {0};
        const char *error = NULL;
        char *message = NULL;
        int line = 0, lines = 1;
        _cleanup_free_ char *text = xmalloc(size + 1);
        if (size)
                memcpy(text, data, size);
        text[size] = '\0';
        for (size_t i = 0; i < size; i++)
                lines += text[i] == '\n';
        if (conf_dotenv_parse(text, size, &env, &line, &error) < 0) {
                fuzz_require(line > 0 && line <= lines && error && *error, "no message", text);
                fuzz_require(env.n == 0, "refused, and taken over", text);
        } else {
                check_env(&env);
                conf_env_done(&env);
        }
        if (conf_dotenv_split(text, &env, &message) < 0) {
                fuzz_require(message && *message && env.n == 0, "no message", text);
                free(message);
        } else {
                check_env(&env);
                conf_env_done(&env);
        }
        return 0;
}
