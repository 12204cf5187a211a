/* main.c: svcd's command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisord/daemon.h"
#include "supervisord/logpack.h"
#include "supervisord/proof.h"

#ifndef SVCD_VERSION
#define SVCD_VERSION "unknown"
#endif

static const char help[] =
    "svcd - keeps the services of one account running\n"
    "\n"
    "usage: svcd [--root DIR] [--policy FILE] [--check] [--verbose]\n"
    "\n"
    "  --root DIR     the account's folder instead of $SVCD_ROOT or $HOME/admin\n"
    "  --policy FILE  the host's rules instead of " PATHS_POLICY "\n"
    "  --check        validate the definitions and exit: 0 good, 1 errors\n"
    "  --verbose      say more in the log\n"
    "  --version      print the version\n"
    "  --help         print this\n"
    "\n"
    "It stays in the foreground. SIGTERM or SIGINT: stop every service in order, then end.\n"
    "SIGHUP: read the definitions again. Definitions: DIR/config/services.yaml, see\n"
    "services.yaml(5). `svcctl` talks to it.\n";

static int check(const char *root_option, const char *policy_option)
{
        struct paths paths;
        struct diag diag = {0};
        _cleanup_free_ char *error = NULL;
        if (paths_find(root_option, &paths, &error) < 0) {
                fprintf(stderr, "svcd: %s\n", error);
                return 1;
        }
        if (policy_option)
                paths_set_policy(&paths, policy_option);
        struct conf *conf = conf_load(&paths, paths.home, &diag);
        bool terminal = isatty(STDERR_FILENO);
        diag_print(&diag, stderr, terminal, terminal && !getenv("NO_COLOR"));
        int status = diag.errors ? 1 : 0;
        if (status == 0)
                printf("%zu service%s in %zu file%s, no errors\n", conf->n, conf->n == 1 ? "" : "s",
                       conf->files.n, conf->files.n == 1 ? "" : "s");
        conf_unref(conf);
        diag_done(&diag);
        paths_done(&paths);
        return status;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {{"root", required_argument, NULL, 'r'},
                                                {"policy", required_argument, NULL, 'l'},
                                                {"check", no_argument, NULL, 'c'},
                                                {"verbose", no_argument, NULL, 'v'},
                                                {"version", no_argument, NULL, 'V'},
                                                {"help", no_argument, NULL, 'h'},
                                                {"prove", required_argument, NULL, 'p'},
                                                {"pack", required_argument, NULL, 'z'},
                                                {0}};
        const char *root = NULL, *policy = NULL;
        bool only_check = false, verbose = false;
        int prove = -1;
        int o;
        fds_standard();
        while ((o = getopt_long(argc, argv, "vVh", options, NULL)) != -1) {
                switch (o) {
                case 'r':
                        root = optarg;
                        break;
                case 'l':
                        policy = optarg;
                        break;
                case 'c':
                        only_check = true;
                        break;
                case 'v':
                        verbose = true;
                        break;
                case 'p':
                        prove = (int)strtol(optarg, NULL, 10);
                        break;
                case 'z':
                        return logpack_main(optarg, LOGPACK_STALL_MS);
                case 'V':
                        puts("svcd " SVCD_VERSION);
                        return 0;
                case 'h':
                        fputs(help, stdout);
                        return 0;
                default:
                        fputs("svcd: see `svcd --help`\n", stderr);
                        return 2;
                }
        }
        if (optind < argc) {
                fprintf(stderr, "svcd: unexpected argument \"%s\"; see `svcd --help`\n",
                        argv[optind]);
                return 2;
        }
        if (prove >= 0)
                return proof_give(root, policy, prove);
        return only_check ? check(root, policy) : daemon_main(argv, root, policy, verbose);
}
