/* complete_remote: the services of another machine, for completion behind -H: its svcctl is asked, through ssh, what
 * the same words would be there. Whoever presses Tab waits, so there is a limit, and ssh may ask for nothing: without
 * a key or a connection that is open already nothing is offered, as it is by a svcctl there that cannot complete yet.
 */
#include "ctl/complete.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/text.h"
#include "common/util.h"
#include "ctl/capture.h"
#include "ctl/remote.h"

#define REMOTE_MS  2000
#define ANSWER_MAX (256 * 1024)

/* "redis\trunning, cache of the shop"; what is no service is a line for the shell, or an option. */
static void take_line(char *line, const char *prefix, struct complete *ret)
{
        char *tab = strchr(line, '\t');
        if (!tab)
                return;
        *tab = '\0';
        _cleanup_free_ char *help = text_safe(tab + 1, TEXT_LINE);
        if (str_starts(line, prefix) && conf_name_ok(line))
                complete_add(ret, line, *help ? help : NULL);
}

void complete_remote(const char *host, const char *root, const char *prefix, struct complete *ret)
{
        _cleanup_strv_ struct strv words = {0}, ssh = {0};
        _cleanup_strbuf_ struct strbuf answer = {0};
        _cleanup_free_ char *error = NULL;
        static const char *const fixed[] = {"completion", "words", "--", "svcctl"};
        static const char *const options[] = {"-o", "BatchMode=yes", "-o", "ConnectTimeout=2",
                                              "-o", "LogLevel=QUIET"};
        int status = 0;
        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
                strv_add(&words, fixed[i]);
        if (root) {
                strv_add(&words, "--root");
                strv_add(&words, root);
        }
        strv_add(&words, "status");
        strv_add(&words, prefix);
        if (remote_ssh(host, options, ARRAY_SIZE(options), &words, &ssh, &error) < 0 ||
            capture_run(ssh.v, STDOUT_FILENO, REMOTE_MS, ANSWER_MAX, &answer, &status) < 0 ||
            status != 0)
                return;
        char *save = NULL;
        for (char *line = strtok_r(answer.s ? answer.s : (char[]){""}, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
                take_line(line, prefix, ret);
}
