/* Which files a command executes. */
#include "tests/unit/conf_helper.h"

#include "supervisord/program_paths.h"

static char folder[32];

static int setup(void **state)
{
        (void)state;
        strcpy(folder, "/tmp/svcd-conf-XXXXXX");
        assert_non_null(mkdtemp(folder));
        for (const char *const *name = (const char *const[]){"app.js", "main.ts", "node", NULL};
             *name; name++) {
                char *path = xasprintf("%s/%s", folder, *name);
                helper_write(path, "x");
                assert_int_equal(chmod(path, 0700), 0);
                free(path);
        }
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        char *command = xasprintf("rm -rf %s", folder);
        int r = system(command);
        free(command);
        return r;
}

static void test_table(void **state)
{
        static const struct {
                const char *command, *paths; /* @ is the folder */
        } cases[] = {
            {"/opt/bin/server --port 1", "/opt/bin/server"},
            {"./server", "@/./server"},
            {"bin/server app.js", "@/bin/server"}, /* an argument of a program is nobody's script */
            {"node app.js", "@/node @/app.js"},
            {"node --inspect app.js x.js", "@/node @/app.js"},
            {"node -r dotenv/config app.js", "@/node"}, /* -r of php takes the program itself */
            {"node --require dotenv/config app.js", "@/node @/app.js"},
            {"node gone.js --x", "@/node @/gone.js"},
            {"node -e 1+1", "@/node"},
            {"/usr/bin/python3.11 -u app.js", "/usr/bin/python3.11 @/app.js"},
            {"/usr/bin/python3.11 -m http.server", "/usr/bin/python3.11"},
            {"/usr/bin/deno run --allow-net main.ts", "/usr/bin/deno @/main.ts"},
            {"/usr/bin/java -Xmx1g -jar app.jar", "/usr/bin/java @/app.jar"},
            {"/usr/bin/env -i NODE_ENV=x node app.js", "/usr/bin/env @/node @/app.js"},
            {"/usr/bin/python-config app.js", "/usr/bin/python-config"},
            {"/bin/sh run.sh", "/bin/sh @/run.sh"},
            {"server-that-is-nowhere",
             "@/server-that-is-nowhere /svcd-none/server-that-is-nowhere"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *text =
                    xasprintf("services:\n  a:\n    command: %s\n    working_directory: %s\n"
                              "    environment: {PATH: \"%s:/svcd-none\"}\n",
                              cases[i].command, folder, folder);
                struct loaded l = helper_load(text);
                struct conf_user user = {.name = "alice", .home = HELPER_HOME, .shell = "/bin/sh"};
                struct strv got = {0};
                program_paths(l.conf, helper_valid(&l, "a"), &user, &got);
                struct strbuf b = {0};
                for (size_t k = 0; k < got.n; k++) {
                        bool ours = str_starts(got.v[k], folder);
                        strbuf_addf(&b, "%s%s%s", k ? " " : "", ours ? "@" : "",
                                    got.v[k] + (ours ? strlen(folder) : 0));
                }
                assert_string_equal(b.s, cases[i].paths);
                strbuf_done(&b);
                strv_done(&got);
                helper_done(&l);
                free(text);
        }
}

static void test_nothing(void **state)
{
        struct strv got = {0};
        (void)state;
        program_paths(NULL, NULL, NULL, &got);
        assert_int_equal(got.n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(test_table, setup, teardown),
            cmocka_unit_test(test_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
