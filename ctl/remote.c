/* remote: runs ssh with this command line for the other svcctl, and says what to do if that does not work; see
 * remote.h.
 */
#include "ctl/remote.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/foreground.h"
#include "ctl/text.h"

#define SSH_FAILED 255 /* ssh(1): it could not connect, or lost the connection */
#define NOT_THERE  254 /* of the script below: there is no svcctl */

/* What the shell there runs: any login shell can start sh. The PATH of a command that ssh runs is short on many
 * machines, so the places where accounts install programs are looked at, too. A svcctl that is ended by Ctrl-C has an
 * exit status (130), which ssh would not have of a command that ends by a signal. */
static const char script[] = "PATH=$PATH:/usr/local/bin:$HOME/bin:$HOME/.local/bin;"
                             " command -v svcctl >/dev/null 2>&1 || exit 254;"
                             " trap : INT QUIT; svcctl \"$@\"; exit $?";

/* ---- the host ---- */

static bool is_port(const char *s)
{
        size_t n = strspn(s, "0123456789");
        return n > 0 && n < 6 && !s[n] && atoi(s) > 0 && atoi(s) < 65536;
}

void remote_host_done(struct remote_host *h)
{
        free(h->destination);
        free(h->port);
        *h = (struct remote_host){0};
}

int remote_parse(const char *text, struct remote_host *ret, char **ret_error)
{
        for (const char *p = text; *p; p++) {
                if (isgraph((unsigned char)*p))
                        continue;
                *ret_error = xstrdup("a host has neither blanks nor control characters in it");
                return -EINVAL;
        }
        const char *at = strrchr(text, '@'), *host = at ? at + 1 : text;
        /* "-oProxyCommand=…" would be an option of ssh */
        if (!*host || *text == '-' || *host == '-' || at == text) {
                *ret_error = xstrdup("expected [user@]host[:port]");
                return -EINVAL;
        }
        *ret = (struct remote_host){0};
        if (str_starts(text, "ssh://")) {
                ret->destination = xstrdup(text);
                return 0;
        }
        const char *close = *host == '[' ? strchr(host, ']') : NULL, *colon = strrchr(host, ':');
        if (close)
                colon = close[1] == ':' ? close + 1 : NULL;
        else if (colon && strchr(host, ':') != colon)
                colon = NULL; /* an address of IPv6 without brackets */
        if ((close && close[1] && !colon) || (colon && (!is_port(colon + 1) || colon == host))) {
                *ret_error = xstrdup("expected [user@]host[:port], the port being a number");
                return -EINVAL;
        }
        int user = (int)(host - text);
        const char *begin = close ? host + 1 : host, *end = close ? close : colon;
        int n = end ? (int)(end - begin) : (int)strlen(begin);
        ret->destination = xasprintf("%.*s%.*s", user, text, n, begin);
        ret->port = colon ? xstrdup(colon + 1) : NULL;
        return 0;
}

/* ---- the command ---- */

/* Word ARG is -H or --host, alone or behind other letters; what is left of it, or NULL. Caller frees. */
static char *without_host(const char *arg)
{
        size_t n = 0;
        if (arg[1] == '-')
                return NULL;
        while (arg[n] && arg[n] != 'H')
                n++;
        return n > 1 ? xstrndup(arg, n) : NULL;
}

void remote_words(const struct options *o, int argc, char **argv, struct strv *ret)
{
        int i = 1;
        for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
                const struct option_row *row = NULL;
                bool option = argv[i][0] == '-' && argv[i][1];
                bool next = option && options_lacks_value(o->command, argv[i], &row);
                if (row && strcmp(row->name, "host") == 0) {
                        char *rest = without_host(argv[i]);
                        if (rest)
                                strv_take(ret, rest);
                        i += next;
                        continue;
                }
                strv_add(ret, argv[i]);
                if (next && i + 1 < argc)
                        strv_add(ret, argv[++i]);
        }
        for (; i < argc; i++)
                strv_add(ret, argv[i]);
}

char *remote_command(const struct strv *words)
{
        struct strbuf b = {0};
        strbuf_add(&b, "exec sh -c ");
        text_add_shell(&b, script);
        strbuf_add(&b, " svcctl");
        for (size_t i = 0; i < words->n; i++) {
                strbuf_addc(&b, ' ');
                text_add_shell(&b, words->v[i]);
        }
        return strbuf_take(&b);
}

/* ---- ssh ---- */

static int enter_nothing(void *user UNUSED, int *ret_step UNUSED)
{
        return 0;
}

/* What an exit status that is no svcctl's means. */
static int judge(struct ctl *ctl, int status, const char *host)
{
        bool programs_own =
            ctl->command && (ctl->command->id == VERB_run || ctl->command->id == VERB_shell);
        if (programs_own || (status != SSH_FAILED && status != NOT_THERE))
                return status;
        if (status == SSH_FAILED)
                return ctl_fail(
                    ctl, STATUS_NO_DAEMON, "unreachable",
                    "%s: ssh could not connect, or has lost the connection; `ssh %s` shows "
                    "whether it works at all",
                    host, host);
        return ctl_fail(
            ctl, STATUS_NO_DAEMON, "unreachable",
            "%s: there is no svcctl in the PATH that ssh has there, nor in /usr/local/bin, "
            "~/bin or ~/.local/bin: install svcd there, or link svcctl into one of them",
            host);
}

int remote_ssh(const char *host, const char *const *options, size_t n, const struct strv *words,
               struct strv *ret, char **ret_error)
{
        _cleanup_(remote_host_done) struct remote_host to = {0};
        const char *given = getenv("SVCCTL_SSH");
        int r = remote_parse(host, &to, ret_error);
        if (r < 0)
                return r;
        strv_add(ret, given && *given ? given : "ssh");
        for (size_t i = 0; i < n; i++)
                strv_add(ret, options[i]);
        if (to.port) {
                strv_add(ret, "-p");
                strv_add(ret, to.port);
        }
        strv_add(ret, to.destination);
        strv_take(ret, remote_command(words));
        return 0;
}

int remote_run(struct ctl *ctl, int argc, char **argv, const char *host)
{
        /* a terminal there, if there is one here: colours, widths, keys and Ctrl-C are as if it ran here; that the
         * connection is closed, which ssh says then, is no news */
        static const char *const with[] = {"-t", "-o", "LogLevel=ERROR"}, *const without[] = {"-T"};
        bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !ctl->json;
        _cleanup_strv_ struct strv words = {0}, ssh = {0};
        _cleanup_free_ char *error = NULL, *shown = ctl_safe(ctl, host);
        if (getenv("NO_COLOR") && !options_get(&ctl->options, "no-color"))
                strv_add(&words, "--no-color"); /* ssh does not hand it on */
        remote_words(&ctl->options, argc, argv, &words);
        if (remote_ssh(host, terminal ? with : without,
                       terminal ? ARRAY_SIZE(with) : ARRAY_SIZE(without), &words, &ssh, &error) < 0)
                return ctl_usage(ctl, "-H %s: %s", shown, error);
        int status = 0, step = 0,
            r = foreground_run(ssh.v, environ, enter_nothing, NULL, &status, &step);
        if (r == 0)
                return judge(ctl, status, shown);
        _cleanup_free_ char *name = ctl_safe(ctl, ssh.v[0]);
        if (r == -ENOENT)
                return ctl_fail(
                    ctl, STATUS_NO_DAEMON, "unreachable",
                    "%s: cannot execute %s: there is no such program; install OpenSSH's client, "
                    "or name another in SVCCTL_SSH",
                    shown, name);
        return ctl_fail(ctl, STATUS_NO_DAEMON, "unreachable", "%s: cannot execute %s: %s", shown,
                        name, strerror(-r));
}
