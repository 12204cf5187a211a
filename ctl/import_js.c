/* import_js.c: runs node for a configuration of pm2 that is a program; see import_js.h. It is the only thing that
 * `svcctl import` ever executes.
 */
#include "ctl/import_js.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/util.h"
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

static void become_node(int answer, const char *path)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        /* a program that blocks signals, as some start svcctl, is not node's business */
        signal(SIGPIPE, SIG_DFL);
        if (null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2) {
                if (answer == ANSWER_FD)
                        fcntl(answer, F_SETFD, 0);
                else
                        dup2(answer, ANSWER_FD);
                execlp("node", "node", "-e", script, "--", path, (char *)NULL);
        }
        _exit(127);
}

/* The answer, until node closes it; -ETIMEDOUT. */
static int take_answer(int fd, struct strbuf *b)
{
        int64_t end = clock_mono_ms() + TIME_MAX_MS;
        for (;;) {
                char piece[16384];
                struct pollfd p = {.fd = fd, .events = POLLIN};
                int64_t left = end - clock_mono_ms();
                int r = left > 0 ? poll(&p, 1, (int)left) : 0;
                if (r == 0)
                        return -ETIMEDOUT;
                ssize_t n = r > 0 ? read(fd, piece, sizeof(piece)) : -1;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return 0;
                if (n > 0)
                        strbuf_addn(b, piece, (size_t)n);
                if (b->n > IMPORT_FILE_MAX)
                        return -EFBIG;
        }
}

static int judge(int r, int status, const struct strbuf *b, char **ret, size_t *ret_n,
                 char **ret_error)
{
        char *error = NULL;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && b->n == 0) {
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
        int ends[2], status = 0;
        if (pipe2(ends, O_CLOEXEC) < 0) {
                *ret_error = xasprintf("cannot run node: %s", strerror(errno));
                return -errno;
        }
        pid_t pid = fork();
        if (pid == 0)
                become_node(ends[1], path);
        close(ends[1]);
        int r = pid < 0 ? -errno : take_answer(ends[0], &b);
        close(ends[0]);
        if (pid > 0) {
                if (r < 0)
                        kill(pid, SIGKILL);
                while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                        ;
        }
        return judge(r, status, &b, ret, ret_n, ret_error);
}
