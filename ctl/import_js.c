/* import_js.c: runs node for a configuration of pm2 that is a program; see import_js.h. It is the only thing that
 * `svcctl import` ever executes.
 */
#include "ctl/import_js.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/util.h"
#include "ctl/capture.h"
#include "ctl/import.h"
#include "ctl/import_private.h"

#define TIME_MAX_MS 20000
#define ANSWER_FD   3

/* What the program prints itself goes nowhere: the answer comes through a descriptor of its own. */
static const char script[] =
    "const out = a => { const b = Buffer.from(JSON.stringify(a)); let n = 0;"
    " while (n < b.length) { try { n += require('fs').writeSync(3, b, n) } catch (e) {"
    " if (e.code !== 'EAGAIN') throw e } } process.exit(0) };"
    "const u = require('url').pathToFileURL(require('path').resolve(process.argv[1])).href;"
    "import(u).then(m => out({ config: m.default ?? m }))"
    ".catch(e => out({ error: String((e && e.message) || e).split('\\n')[0] }))";

bool import_js_is(const char *path)
{
        return str_ends(path, ".js") || str_ends(path, ".cjs") || str_ends(path, ".mjs");
}

bool import_js_looks(const char *text)
{
        return strstr(text, "module.exports") || strstr(text, "export default");
}

static int judge(int r, int status, const struct strbuf *b, char **ret, size_t *ret_n,
                 char **ret_error)
{
        char *error = NULL;
        if (WIFEXITED(status) && WEXITSTATUS(status) == CAPTURE_NOT_THERE && b->n == 0) {
                *ret_error = xstrdup(
                    "it is a program, and node, which would run it, is not installed; where it is, "
                    "make JSON of it: node -p 'JSON.stringify(require(\"./FILE\"))' > "
                    "ecosystem.json");
                return -ENOENT;
        }
        if (r == -ETIMEDOUT)
                *ret_error = xasprintf("node did not end within %d s", TIME_MAX_MS / 1000);
        else if (r < 0)
                *ret_error = xasprintf("what node answers cannot be read: %s", strerror(-r));
        if (r < 0)
                return r;
        json_t *answer = import_tree_json(b->s ? b->s : "", b->n, &error);
        const char *why = json_string_value(json_object_get(answer, "error"));
        char *config =
            json_dumps(json_object_get(answer, "config"), JSON_COMPACT | JSON_ENCODE_ANY);
        if (why || !config)
                *ret_error = xasprintf("node cannot run it: %s", why ? why : "no answer");
        free(error);
        json_decref(answer);
        if (*ret_error) {
                free(config);
                return -EINVAL;
        }
        *ret_n = strlen(config);
        *ret = config;
        return 0;
}

int import_js_run(const char *path, char **ret, size_t *ret_n, char **ret_error)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        _cleanup_strv_ struct strv argv = {0};
        const char *const words[] = {"node", "-e", script, "--", path};
        int status = 0;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                strv_add(&argv, words[i]);
        int r = capture_run(argv.v, ANSWER_FD, TIME_MAX_MS, IMPORT_FILE_MAX, &b, &status);
        return judge(r, status, &b, ret, ret_n, ret_error);
}
