/* test_paths: ROOT and RUN by every rule of the contract, and sockets in folders whose names are
 * longer than a socket address. paths.c is compiled in, so that the system's runtime folder can be
 * one of the test's own.
 */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pwd.h>

static bool no_user; /* the passwd database has no entry for us */
static struct passwd *find_user(uid_t uid)
{
        return no_user ? NULL : getpwuid(uid);
}
#define getpwuid find_user

static char system_dir[300];
#define PATHS_SYSTEM_RUN system_dir
#include "common/paths.c"

static char base[200]; /* the test's own folder, without symbolic links */

static int remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

static int setup(void **state)
{
        (void)state;
        char temp[] = "/tmp/test_paths.XXXXXX";
        _cleanup_free_ char *real = mkdtemp(temp) ? realpath(temp, NULL) : NULL;
        if (!real)
                return -1;
        snprintf(base, sizeof(base), "%s", real);
        snprintf(system_dir, sizeof(system_dir), "%s/system", base);
        setenv("HOME", base, 1);
        unsetenv("SVCD_ROOT");
        unsetenv("SVCD_RUNTIME_DIR");
        unsetenv("XDG_RUNTIME_DIR");
        return chdir(base);
}

static int teardown(void **state)
{
        (void)state;
        return chdir("/") || nftw(base, remove_cb, 16, FTW_DEPTH | FTW_PHYS);
}

static char *at(const char *relative)
{
        static char buf[4][8192];
        static int i;
        i = (i + 1) % 4;
        snprintf(buf[i], sizeof(buf[i]), "%s%s%s", base, *relative ? "/" : "", relative);
        return buf[i];
}

/* Finds with OPTION and compares ROOT and RUN, both relative to the test's folder. */
static void expect(const char *option, const char *root, const char *run)
{
        struct paths p;
        char *error = NULL;
        assert_int_equal(paths_find(option, &p, &error), 0);
        assert_string_equal(p.root, at(root));
        assert_string_equal(p.run, at(run));
        paths_done(&p);
}

static void test_layout(void **state)
{
        (void)state;
        struct paths p;
        char *error = NULL;
        assert_int_equal(paths_find(NULL, &p, &error), 0);
        assert_string_equal(p.home, base);
        assert_string_equal(p.root, at("admin"));
        assert_string_equal(p.config, at("admin/config"));
        assert_string_equal(p.main_file, at("admin/config/services.yaml"));
        assert_string_equal(p.dropins, at("admin/config/services.d"));
        assert_string_equal(p.logs, at("admin/logs/services"));
        assert_string_equal(p.state, at("admin/svcd"));
        assert_string_equal(p.socket, at("admin/run/control.sock"));
        assert_string_equal(p.shims, at("admin/run/shims"));
        _cleanup_free_ char *log = paths_log(&p, "redis");
        assert_string_equal(log, at("admin/logs/services/redis.log"));
        paths_done(&p);
        paths_done(&p); /* harmless */
}

static void test_root(void **state)
{
        (void)state;
        expect(NULL, "admin", "admin/run");
        setenv("XDG_RUNTIME_DIR", at("xdg"), 1); /* plays no part */
        expect(NULL, "admin", "admin/run");
        setenv("SVCD_ROOT", at("other"), 1);
        expect(NULL, "other", "other/run");
        expect(at("third"), "third", "third/run");
        setenv("SVCD_ROOT", "", 1);
        expect(NULL, "admin", "admin/run");
        expect("here", "here", "here/run"); /* relative to where one is */
        expect("./a//b/../c/.", "a/c", "a/c/run");
        expect("missing/../x", "x", "x/run");
        struct paths p;
        char *error = NULL;
        assert_int_equal(paths_find("missing/../../../../../..", &p, &error), 0);
        assert_string_equal(p.root, "/");
        assert_string_equal(p.run, "/run");
        paths_done(&p);
}

static void test_root_links(void **state)
{
        (void)state;
        assert_int_equal(mkdir("real", 0700), 0);
        assert_int_equal(symlink("real", "link"), 0);
        expect("link", "real", "real/run");
        expect("link/new/deep", "real/new/deep", "real/new/deep/run");
        assert_int_equal(symlink("loop", "loop"), 0);
        struct paths p;
        _cleanup_free_ char *error = NULL;
        assert_int_equal(paths_find("loop", &p, &error), -ELOOP);
        assert_string_equal(error, "--root loop: Too many levels of symbolic links");
}

static void test_root_bad(void **state)
{
        (void)state;
        struct paths p;
        char *error = NULL;
        assert_int_equal(paths_find("", &p, &error), -EINVAL);
        assert_non_null(strstr(error, "--root needs a folder"));
        free(error);
        assert_int_equal(close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
        setenv("SVCD_ROOT", at("file/x"), 1);
        assert_int_equal(paths_find(NULL, &p, &error), -ENOTDIR);
        assert_non_null(strstr(error, "SVCD_ROOT"));
        free(error);
}

static void test_home(void **state)
{
        (void)state;
        const struct passwd *pw = getpwuid(geteuid());
        if (!pw)
                skip();
        const char *const unusable[] = {NULL, "", "relative"};
        for (size_t i = 0; i < ARRAY_SIZE(unusable); i++) {
                struct paths p;
                char *error = NULL;
                if (unusable[i])
                        setenv("HOME", unusable[i], 1);
                else
                        unsetenv("HOME");
                assert_int_equal(paths_find(NULL, &p, &error), 0);
                assert_string_equal(p.home, pw->pw_dir);
                paths_done(&p);
        }
}

static void test_no_home(void **state)
{
        static const struct {
                const char *home, *said;
        } cases[] = {
            {NULL, "HOME is not set"},
            {"", "HOME is not set"},
            {"foo", "HOME is \"foo\", which is no absolute path,"},
        };
        (void)state;
        no_user = true;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct paths p;
                _cleanup_free_ char *error = NULL;
                if (cases[i].home)
                        setenv("HOME", cases[i].home, 1);
                else
                        unsetenv("HOME");
                assert_int_equal(paths_find(NULL, &p, &error), -ENOENT);
                assert_non_null(strstr(error, cases[i].said));
        }
        no_user = false;
}

static void test_run(void **state)
{
        (void)state;
        const struct passwd *pw = getpwuid(geteuid());
        if (!pw)
                skip();
        char *mine = xasprintf("system/%s", pw->pw_name);
        assert_int_equal(mkdir("system", 0755), 0);
        expect(NULL, "admin", "admin/run");
        assert_int_equal(close(open(at(mine), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
        expect(NULL, "admin", "admin/run"); /* no folder */
        assert_int_equal(unlink(mine), 0);
        assert_int_equal(mkdir("elsewhere", 0700), 0);
        assert_int_equal(symlink("../elsewhere", mine), 0);
        expect(NULL, "admin", "admin/run"); /* a link is no folder of the user's */
        assert_int_equal(unlink(mine), 0);
        assert_int_equal(mkdir(mine, 0700), 0);
        expect(NULL, "admin", mine);
        /* only for the default ROOT, however it is spelt */
        expect("other", "other", "other/run");
        expect("admin", "admin", mine);
        expect(at("other/../admin/"), "admin", mine);
        setenv("SVCD_ROOT", at("admin"), 1);
        expect(NULL, "admin", mine);
        setenv("SVCD_ROOT", at("other"), 1);
        expect(NULL, "other", "other/run");
        expect("admin", "admin", mine);
        setenv("SVCD_RUNTIME_DIR", at("given"), 1);
        expect("admin", "admin", "given");
        expect("other", "other", "given");
        setenv("SVCD_RUNTIME_DIR", "", 1);
        expect("admin", "admin", mine);
        if (geteuid() == 0) { /* somebody else's folder is not believed */
                assert_int_equal(chown(mine, 12345, 12345), 0);
                expect("admin", "admin", "admin/run");
        }
        free(mine);
}

static void exchange(const char *run)
{
        struct paths p = {0};
        char *error = NULL;
        setenv("SVCD_RUNTIME_DIR", run, 1);
        assert_int_equal(paths_find(NULL, &p, &error), 0);
        assert_int_equal(paths_connect(&p), -ENOENT);
        assert_int_equal(dir_make(p.run, 0700), 0);
        assert_int_equal(paths_connect(&p), -ENOENT);
        int a = paths_listen(&p), b = -1, c = -1;
        assert_true(a >= 0);
        struct stat st;
        assert_int_equal(lstat(p.socket, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0600);
        b = paths_connect(&p);
        assert_true(b >= 0);
        c = accept4(a, NULL, NULL, SOCK_CLOEXEC);
        assert_true(c >= 0);
        assert_int_equal(write(b, "hello", 5), 5);
        char buf[8];
        assert_int_equal(read(c, buf, sizeof(buf)), 5);
        close(b);
        close(c);
        /* again, over the old one; and then nobody listens */
        int d = paths_listen(&p);
        assert_true(d >= 0);
        b = paths_connect(&p);
        assert_true(b >= 0);
        assert_int_equal(accept4(a, NULL, NULL, SOCK_CLOEXEC), -1);
        c = accept4(d, NULL, NULL, SOCK_CLOEXEC);
        assert_true(c >= 0);
        close(a), close(b), close(c), close(d);
        assert_int_equal(paths_connect(&p), -ECONNREFUSED);
        paths_done(&p);
}

static void test_sockets(void **state)
{
        (void)state;
        exchange(at("run"));
        char deep[1024] = "deep";
        while (strlen(deep) < 900)
                strcat(deep, "/a-folder-with-a-long-name");
        exchange(at(deep));
        /* around the limit of an address, byte by byte */
        for (size_t n = 104; n > 88; n--) {
                char name[200];
                snprintf(name, sizeof(name), "%0*d", (int)(n - strlen(base) - 1), 7);
                exchange(at(name));
        }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
            TEST(test_layout), TEST(test_root),    TEST(test_root_links), TEST(test_root_bad),
            TEST(test_home),   TEST(test_no_home), TEST(test_run),        TEST(test_sockets),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
