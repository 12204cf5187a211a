/* test_conf_files.c: dotenv files as definitions are loaded: each that exists must be one. What they do to an
 * environment is test_conf_environ.c's. */
#include "tests/unit/conf_helper.h"

#include <time.h>

static char folder[32];

static char *in_folder(const char *name)
{
        return xasprintf("%s/%s", folder, name);
}

static int setup(void **state)
{
        (void)state;
        strcpy(folder, "/tmp/svcd-env-XXXXXX");
        assert_non_null(mkdtemp(folder));
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        char *command = xasprintf("rm -rf %s", folder);
        assert_int_equal(system(command), 0);
        free(command);
        return 0;
}

/* Text with each @ as the folder. Caller frees. */
static char *placed(const char *text)
{
        struct strbuf b = {0};
        strbuf_add(&b, "");
        for (; *text; text++)
                if (*text == '@')
                        strbuf_add(&b, folder);
                else
                        strbuf_addc(&b, *text);
        return strbuf_take(&b);
}

static void expect(const char *text, const char *messages)
{
        char *t = placed(text), *m = placed(messages);
        helper_expect(t, m);
        free(t);
        free(m);
}

static void write_in(const char *name, const char *text)
{
        char *path = in_folder(name);
        helper_write(path, text);
        free(path);
}

static void test_broken_lines(void **state)
{
        static const struct {
                const char *content, *why;
        } cases[] = {
            {"A=1\n\nB\n", "3: not a line of the form NAME=VALUE"},
            {"A=1\nB=\"x\n", "2: a double quote (\") is not closed"},
            {"A='x' y\n", "1: text behind the closing quote"},
            {"A=1\nB=${A\n", "2: B: ${ is not closed (write $${ for a literal ${)"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                write_in("x", cases[i].content);
                for (int optional = 0; optional < 2; optional++) {
                        char *text =
                            xasprintf("services:\n  a: {command: x, environment_file: [%s@/x]}\n",
                                      optional ? "-" : "");
                        char *m =
                            xasprintf("2:38: services.a.environment_file: @/x:%s", cases[i].why);
                        expect(text, m);
                        free(text);
                        free(m);
                }
        }
}

static void test_good_files(void **state)
{
        (void)state;
        write_in("x", "# text\nA=1\nexport B=\"${NOT_KNOWN_YET}\"\n");
        write_in("empty", "");
        expect("services:\n"
               "  a: {command: x, environment_file: [@/x, @/empty, -@/none], environment: {C: "
               "'${B}'}}\n"
               "  b: {command: x, environment_file: @/x}\n",
               "");
}

static void test_no_files(void **state)
{
        (void)state;
        char *fifo = in_folder("fifo"), *large = in_folder("large");
        assert_int_equal(mkfifo(fifo, 0600), 0); /* must not stop the reader */
        write_in("large", "A=1\n");
        assert_int_equal(truncate(large, CONF_FILE_MAX + 1), 0);
        expect("services:\n  a:\n    command: x\n    environment_file:\n      - -@\n"
               "      - -@/none\n      - @/none\n      - -@/large\n      - -@/fifo\n",
               "5:9: services.a.environment_file: @: Is a directory\n"
               "7:9: services.a.environment_file: @/none: No such file or directory (begin it with "
               "\"-\" if it may be missing)\n"
               "8:9: services.a.environment_file: @/large: larger than 1M");
        free(fifo);
        free(large);
}

static void test_no_permission(void **state)
{
        (void)state;
        if (geteuid() == 0)
                skip();
        write_in("x", "A=1\n");
        char *path = in_folder("x");
        assert_int_equal(chmod(path, 0), 0);
        expect("services: {a: {command: x, environment_file: -@/x}}\n",
               "1:46: services.a.environment_file: @/x: Permission denied");
        free(path);
}

static void test_defaults(void **state)
{
        (void)state;
        write_in("x", "A\n");
        expect(
            "defaults: {environment_file: @/x}\nservices:\n  a: {command: x}\n  b: {command: x}\n",
            "1:30: defaults.environment_file: @/x:1: not a line of the form NAME=VALUE");
        char *text = placed("defaults: {environment_file: @/x}\n"
                            "services: {a: {command: x}, b: {command: x, environment_file: []}}\n");
        struct loaded l = helper_load(text);
        assert_false(helper_service(&l, "a")->valid);
        helper_valid(&l, "b");
        free(text);
        helper_done(&l);
}

/* The same broken file for many: read once, said to each. 1,000 services with 1 MiB of it would take
 * seconds if each read it. */
static void test_read_once(void **state)
{
        (void)state;
        struct strbuf file = {0}, b = {0};
        while (file.n < CONF_FILE_MAX - 100)
                strbuf_add(&file, "# a comment that takes the time to be read\n");
        strbuf_add(&file, "A\n");
        write_in("x", file.s);
        strbuf_add(&b, "services:\n");
        for (int i = 0; i < 1000; i++)
                strbuf_addf(&b, "  s%d: {command: x, environment_file: %s/x}\n", i, folder);
        clock_t begin = clock();
        struct loaded l = helper_load(b.s);
        double took = (double)(clock() - begin) / CLOCKS_PER_SEC;
        assert_int_equal(l.diag.errors, 1000);
        printf("# 1000 services, one file: %.2f s\n", took);
        assert_true(took < 2);
        strbuf_done(&file);
        strbuf_done(&b);
        helper_done(&l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(test_broken_lines, setup, teardown),
            cmocka_unit_test_setup_teardown(test_good_files, setup, teardown),
            cmocka_unit_test_setup_teardown(test_no_files, setup, teardown),
            cmocka_unit_test_setup_teardown(test_no_permission, setup, teardown),
            cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
            cmocka_unit_test_setup_teardown(test_read_once, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
