/* main: svcctl from its command line to its exit status: options, folders, one verb. What a verb
 * does is in verbs_*.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/runfile.h"
#include "common/util.h"
#include "ctl/ctl.h"
#include "ctl/help.h"
#include "ctl/remote.h"
#include "ctl/text.h"

/* --json counts wherever it stands, also when the rest of the line is wrong. */
static bool asks_json(const struct options *o)
{
        return options_get(o, "json") != NULL;
}

static int setup(struct ctl *ctl)
{
        _cleanup_free_ char *error = NULL;
        const char *timeout = options_get(&ctl->options, "timeout");
        ctl->timeout_ms = -1;
        if (timeout && conf_parse_duration(timeout, &ctl->timeout_ms) < 0) {
                _cleanup_free_ char *given = ctl_safe(ctl, timeout);
                return ctl_usage(ctl, "--timeout %s: not a duration (such as 90s or 2m)", given);
        }
        if (options_check_names(&ctl->options, &error) < 0) {
                _cleanup_free_ char *safe = ctl_safe(ctl, error);
                return ctl_usage(ctl, "%s", safe);
        }
        const char *root = options_get(&ctl->options, "root");
        if (paths_find(root, &ctl->paths, &error) == 0) {
                runfile_follow(&ctl->paths);
                return STATUS_DONE;
        }
        _cleanup_free_ char *safe = ctl_safe(ctl, error);
        if (root && !*root)
                return ctl_usage(ctl, "%s", safe);
        return ctl_fail(ctl, STATUS_REFUSED, "failed", "%s", safe);
}

static int run(struct ctl *ctl, int argc, char **argv, int parsed, const char *error)
{
        const char *host = options_get(&ctl->options, "host");
        if (host) /* whether the rest is right says the other svcctl */
                return remote_run(ctl, argc, argv, host);
        if (parsed < 0) {
                _cleanup_free_ char *safe = ctl_safe(ctl, error);
                return ctl_usage(ctl, "%s", safe);
        }
        if (options_get(&ctl->options, "help"))
                return help_print(ctl, ctl->options.has_verb ? ctl->command : NULL);
        if (options_get(&ctl->options, "version")) {
                if (ctl->json)
                        ctl_json(ctl, json_pack("{s:s}", "svcctl", SVCD_VERSION));
                else
                        ctl_tell(ctl, "svcctl %s", SVCD_VERSION);
                return STATUS_DONE;
        }
        int status = setup(ctl);
        return status ? status : ctl->command->run(ctl);
}

/* jansson would read /dev/urandom; the kernel has given some of it along. */
static void seed_json(void)
{
        const void *random = (const void *)getauxval(AT_RANDOM);
        size_t seed = 0;
        if (random)
                memcpy(&seed, random, sizeof(seed));
        json_object_seed(seed); /* 0: jansson seeds itself */
}

int main(int argc, char **argv)
{
        struct ctl ctl = {0};
        _cleanup_free_ char *error = NULL;
        static char buffer[65536];
        fds_standard();
        seed_json();
        signal(SIGPIPE, SIG_IGN); /* EPIPE says the same where it can be answered */
        signal(SIGXFSZ, SIG_IGN); /* as EFBIG does */
        setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
        int parsed = options_parse(&ctl.options, argc, argv, &error);
        ctl.command = ctl.options.command;
        ctl.names = ctl.options.args;
        ctl.names_n = ctl.options.n;
        ctl.json = asks_json(&ctl.options);
        ctl.quiet = options_get(&ctl.options, "quiet") != NULL;
        term_init(&ctl.term, options_get(&ctl.options, "no-color") != NULL);
        int status = run(&ctl, argc, argv, parsed, error);
        ctl_flush(&ctl);
        paths_done(&ctl.paths);
        options_done(&ctl.options);
        return status;
}
