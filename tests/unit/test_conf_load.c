/* test_conf_load.c: which files are read, which are refused and why, what that costs, and the fingerprint. */
#include "tests/unit/conf_helper.h"

#include <fcntl.h>

#include "common/clock.h"

static char top[64];
static struct paths paths;

static char *at(const char *name)
{
        return xasprintf("%s/%s", top, name);
}

static void put(const char *name, const char *text)
{
        char *path = at(name);
        helper_write(path, text);
        free(path);
}

static void mode(const char *name, unsigned m)
{
        char *path = at(name);
        assert_int_equal(chmod(path, m), 0);
        free(path);
}

static int setup(void **state)
{
        (void)state;
        strcpy(top, "/tmp/svcd-conf-XXXXXX");
        assert_non_null(mkdtemp(top));
        paths = (struct paths){.root = xstrdup(top),
                               .config = at("config"),
                               .main_file = at("config/services.yaml"),
                               .dropins = at("config/services.d")};
        assert_int_equal(mkdir(paths.config, 0700), 0);
        assert_int_equal(mkdir(paths.dropins, 0700), 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        char *command = xasprintf("chmod -R u+rwX %s && rm -rf %s", top, top);
        assert_int_equal(system(command), 0);
        free(command);
        free(paths.root);
        free(paths.config);
        free(paths.main_file);
        free(paths.dropins);
        return 0;
}

/* What would be loaded now, by somebody who has not looked before. */
static uint64_t fingerprint(void)
{
        struct conf_look nothing = {0};
        return conf_fingerprint(&paths, &nothing, 0);
}

static struct loaded load(void)
{
        struct loaded l = {0};
        l.conf = conf_load(&paths, HELPER_HOME, &l.diag);
        assert_non_null(l.conf);
        assert_true(l.conf->fingerprint == fingerprint());
        return l;
}

static void expect(const char *messages)
{
        struct loaded l = load();
        char *got = helper_messages(&l.diag);
        if (strcmp(got, messages) != 0)
                fail_msg("expected\n%s\ngot\n%s", messages, got);
        free(got);
        helper_done(&l);
}

static bool has(const char *name)
{
        struct loaded l = load();
        const struct conf_service *s = conf_find(l.conf, name);
        bool valid = s && s->valid;
        helper_done(&l);
        return valid;
}

static bool broken(const char *file)
{
        struct loaded l = load();
        char *path = at(file);
        bool r = conf_broken(l.conf, path);
        free(path);
        helper_done(&l);
        return r;
}

static void test_nothing(void **state)
{
        (void)state;
        struct loaded l = load();
        assert_int_equal(l.conf->n, 0);
        assert_int_equal(l.conf->files.n, 0);
        assert_int_equal(l.conf->broken.n, 0);
        assert_int_equal(l.diag.errors, 0);
        assert_int_equal(l.diag.n, 1);
        assert_int_equal(l.diag.v[0].severity, DIAG_WARNING);
        assert_int_equal(l.conf->refs, 1);
        assert_string_equal(l.conf->home, HELPER_HOME);
        helper_done(&l);
        static const char nothing[] =
            "warning: no definitions found in config (neither services.yaml nor services.d/*.yaml)";
        static const char missing[] =
            "config: cannot be read: No such file or directory (services that run go on; svcd "
            "creates the folder when it starts)";
        expect(nothing);
        assert_int_equal(rmdir(paths.dropins), 0);
        expect(nothing);
        helper_write(paths.main_file, "");
        expect(
            "config/services.yaml:1:1: the file is empty (was an upload cut short? to run nothing, "
            "write `services: {}`)");
        assert_true(broken("config/services.yaml"));
        helper_write(paths.main_file, "# nothing yet\n");
        expect(""); /* says nothing, but is there */
        assert_int_equal(unlink(paths.main_file), 0);
        /* svcd makes the folder: if it is gone, something is wrong, and nobody wants to stop all */
        assert_int_equal(rmdir(paths.config), 0);
        expect(missing);
        assert_true(broken("config/services.yaml"));
        assert_true(broken("config/services.d/a.yaml"));
        l = load();
        assert_int_equal(l.conf->files.n, 0);
        assert_int_equal(l.diag.errors, 1);
        helper_done(&l);
        assert_int_equal(rmdir(paths.root), 0);
        expect(missing);
        assert_int_equal(mkdir(paths.root, 0700), 0);
}

static void test_files(void **state)
{
        (void)state;
        put("config/services.yaml", "services: {a: {command: x}}\n");
        put("config/services.d/2.yaml", "services: {c: {command: x}}\n");
        put("config/services.d/1.yaml", "services: {b: {command: x}}\n");
        put("config/services.d/.hidden.yaml", "services: {no: {command: x}}\n");
        put("config/services.d/4.yaml.bak", "services: {no: {command: x}}\n");
        put("config/services.d/5.yaml~", "services: {no: {command: x}}\n");
        put("config/services.d/README", "hello\n");
        struct loaded l = load();
        assert_int_equal(l.diag.n, 0);
        assert_int_equal(l.conf->n, 3);
        assert_int_equal(l.conf->files.n, 3);
        assert_true(str_ends(l.conf->files.v[0], "config/services.yaml"));
        assert_true(str_ends(l.conf->files.v[1], "services.d/1.yaml"));
        assert_true(str_ends(l.conf->files.v[2], "services.d/2.yaml"));
        assert_true(str_ends(helper_valid(&l, "b")->place.file, "services.d/1.yaml"));
        helper_done(&l);
        put("config/services.d/6.yml", "services: {d: {command: x}}\n");
        expect("config/services.d/6.yml: warning: ignored: rename it to 6.yaml");
        assert_false(broken("config/services.d/6.yml"));
}

static void test_both_places_are_named(void **state)
{
        (void)state;
        put("config/services.yaml",
            "services:\n  a: {command: x, port: 8300}\n  b: {command: x}\n");
        put("config/services.d/1.yaml",
            "services:\n  a: {command: x}\n  c: {command: x, port: 8300}\n");
        expect("config/services.d/1.yaml:2:3: services.a: defined twice (first at "
               "config/services.yaml:2)\n"
               "config/services.d/1.yaml:3:25: services.c.port: 8300 is already the port of a (at "
               "config/services.yaml:2)");
        assert_true(has("b"));
        put("config/services.yaml", "environment: {A: 1}\ndefaults: {umask: 22}\n");
        put("config/services.d/1.yaml",
            "environment: {A: 1}\ndefaults: {umask: 22}\nservices: {a: {command: x}}\n");
        expect("config/services.d/1.yaml:1:15: environment.A: given twice (also at "
               "config/services.yaml:1)\n"
               "config/services.d/1.yaml:2:12: defaults.umask: given twice (also at "
               "config/services.yaml:2)");
        assert_false(has("a"));
}

/* The source line is there even if it is in another file than the service. */
static void test_source_lines(void **state)
{
        (void)state;
        put("config/services.yaml", "defaults:\n  ready: port\n");
        put("config/services.d/1.yaml", "services:\n  a: {command: x}\n");
        struct loaded l = load();
        assert_int_equal(l.diag.n, 1);
        assert_int_equal(l.diag.v[0].line, 2);
        assert_string_equal(l.diag.v[0].source, "  ready: port");
        assert_string_equal(l.diag.v[0].path, "services.a.ready");
        helper_done(&l);
}

static void test_defaults_of_one_file_are_for_all(void **state)
{
        (void)state;
        put("config/services.yaml", "services: {a: {command: x}}\n");
        put("config/services.d/1.yaml", "defaults: {umask: 77}\nenvironment: {X: 1}\n");
        struct loaded l = load();
        helper_prints(helper_valid(&l, "a"), SETTING_umask, "0077");
        assert_int_equal(l.conf->environment.n, 1);
        helper_done(&l);
}

/* A file that cannot be parsed costs what is in it, and does not look as if that had been removed. */
static void test_a_broken_file(void **state)
{
        (void)state;
        put("config/services.yaml", "services: {a: [\n");
        put("config/services.d/1.yaml", "services: {b: {command: x}}\n");
        struct loaded l = load();
        assert_int_equal(l.diag.errors, 1);
        assert_int_equal(l.conf->files.n, 2);
        helper_done(&l);
        assert_true(has("b"));
        assert_true(broken("config/services.yaml"));
        assert_false(broken("config/services.d/1.yaml"));

        /* what ends before the error counts: others keep their environment */
        put("config/services.yaml",
            "environment: {X: 1}\ndefaults: {umask: 77}\nservices: {a: [\n");
        l = load();
        helper_prints(helper_valid(&l, "b"), SETTING_umask, "0077");
        assert_int_equal(l.conf->environment.n, 1);
        helper_done(&l);

        /* what does not costs them too: they must not be restarted without it */
        put("config/services.yaml", "services: {a: [\nenvironment: {X: 1}\n");
        l = load();
        assert_false(helper_service(&l, "b")->valid);
        assert_non_null(
            strstr(helper_service(&l, "b")->error,
                   "services.yaml: not valid YAML, and its \"environment\" are for this service"));
        helper_done(&l);
        put("config/services.yaml", "environment:\n  X: 1\n Y: 2\nservices: {a: {command: x}}\n");
        assert_false(has("b"));
        assert_false(has("a"));

        /* a service that requires one of the broken file is told so */
        put("config/services.yaml", "services: {a: [\n");
        put("config/services.d/1.yaml", "services: {b: {command: x, requires: [a]}}\n");
        l = load();
        assert_non_null(
            strstr(helper_service(&l, "b")->error, "there is no service \"a\" (unless it is in "));
        helper_done(&l);
}

static struct loaded load_since(const struct conf *good)
{
        struct loaded l = {0};
        l.conf = conf_load_since(&paths, HELPER_HOME, good, &l.diag);
        return l;
}

/* What the value is and where it comes from. */
static void account_is(const struct conf *c, enum conf_account_setting s, const char *value,
                       enum conf_source source)
{
        char *text = conf_print_account(c, s);
        assert_string_equal(text ? text : "(not set)", value);
        assert_int_equal(c->account.origin[s].source, source);
        free(text);
}

static bool says_kept(const struct loaded *l, const char *what)
{
        for (size_t i = 0; i < l->diag.n; i++)
                if (l->diag.v[i].severity == DIAG_WARNING && strstr(l->diag.v[i].message, what))
                        return true;
        return false;
}

/* As an earlier svcd leaves it for the next one. */
static struct loaded left_behind(const struct conf *c)
{
        struct strbuf b = {0};
        struct loaded l = {0};
        char *file = at("good.yaml");
        for (int i = 0; i < ACCOUNT_COUNT; i++) {
                char *value = conf_print_account(c, (enum conf_account_setting)i);
                size_t n = conf_group_length(conf_account_settings[i].path);
                if (value && n && c->account.origin[i].source != CONF_FROM_BUILTIN)
                        strbuf_addf(&b, "%.*s:\n  %s: %s\n", (int)n, conf_account_settings[i].path,
                                    conf_group_leaf(conf_account_settings[i].path), value);
                free(value);
        }
        conf_good_print_from(&b, c);
        put("good.yaml", b.s);
        l.conf = conf_load_good(file, HELPER_HOME, NULL, &l.diag);
        strbuf_done(&b);
        free(file);
        return l;
}

static void test_the_account_goes_on(void **state)
{
        (void)state;
        static const char *const unusable[] = {"",
                                               "x: [\nlogs: {quota: 1M}\nalerts: {command: a}\n",
                                               "hello",
                                               "logs: {quota: much}\nalerts: {command: 'un\"}\n",
                                               "logs: {quoat: 1M}\nalert: {command: x}\n",
                                               "logs: 5G\nalerts: [x]\n"};
        put("config/services.yaml", "logs: {quota: 20G}\nalerts: {command: 'bin/a \"b c\"'}\n");
        struct loaded good = load(), left = left_behind(good.conf);
        account_is(left.conf, ACCOUNT_logs_quota, "20G", CONF_FROM_LAST_GOOD);
        assert_int_equal(left.diag.n, 0);
        for (size_t i = 0; i < ARRAY_SIZE(unusable); i++) {
                put("config/services.yaml", unusable[i]);
                struct loaded l = load_since(i % 2 ? left.conf : good.conf);
                struct loaded next = load_since(l.conf);
                account_is(next.conf, ACCOUNT_logs_quota, "20G", CONF_FROM_LAST_GOOD);
                account_is(next.conf, ACCOUNT_alerts_command, "\"bin/a \\\"b c\\\"\"",
                           CONF_FROM_LAST_GOOD);
                account_is(next.conf, ACCOUNT_logs_min_free, "0", CONF_FROM_BUILTIN);
                assert_true(says_kept(&next, "stays in force: logs.quota, alerts.command"));
                helper_done(&next);
                helper_done(&l);
                l = load(); /* nothing was good */
                account_is(l.conf, ACCOUNT_logs_min_free, "0", CONF_FROM_BUILTIN);
                helper_done(&l);
        }
        /* deleted: by a wish, or before this svcd came */
        char *path = at("config/services.yaml");
        assert_int_equal(unlink(path), 0);
        free(path);
        struct loaded l = load_since(good.conf);
        account_is(l.conf, ACCOUNT_logs_quota, "1G", CONF_FROM_BUILTIN);
        helper_done(&l);
        l = load_since(left.conf);
        account_is(l.conf, ACCOUNT_logs_quota, "20G", CONF_FROM_LAST_GOOD);
        helper_done(&l);
        /* another one's error */
        put("config/services.d/1.yaml", "");
        l = load_since(good.conf);
        account_is(l.conf, ACCOUNT_logs_quota, "1G", CONF_FROM_BUILTIN);
        helper_done(&l);
        helper_done(&left);
        helper_done(&good);
}

static void test_others_are_not_used_without_what_is_for_all(void **state)
{
        (void)state;
        put("config/services.yaml", "environment: {X: 1}\nservices: {a: {command: x}}\n");
        put("config/services.d/1.yaml", "services: {b: {command: x}}\n");
        put("config/services.d/2.yaml", "services: {c: {command: x}}\n");
        struct loaded good = load(), left = left_behind(good.conf);
        put("config/services.d/2.yaml", "");
        struct loaded l = load_since(good.conf);
        assert_true(helper_service(&l, "b")->valid);
        assert_false(l.conf->poisoned);
        helper_done(&l);
        put("config/services.yaml", "");
        for (int i = 0; i < 2; i++) {
                l = load_since(i ? left.conf : good.conf);
                assert_true(l.conf->poisoned);
                struct loaded next = load_since(l.conf);
                assert_non_null(strstr(helper_service(&next, "b")->error,
                                       "services.yaml: cannot be used, and its \"environment\""));
                helper_done(&next);
                helper_done(&l);
        }
        helper_done(&left);
        helper_done(&good);
}

static void test_what_is_no_file(void **state)
{
        (void)state;
        assert_int_equal(mkdir(paths.main_file, 0700), 0);
        expect("config/services.yaml: this is a directory, not a file");
        assert_true(broken("config/services.yaml"));
        assert_int_equal(rmdir(paths.main_file), 0);

        assert_int_equal(mkfifo(paths.main_file, 0600), 0);
        expect("config/services.yaml: this is not a regular file"); /* and it does not block */
        assert_int_equal(unlink(paths.main_file), 0);

        assert_int_equal(symlink("nonesuch", paths.main_file), 0);
        expect("config/services.yaml: cannot be read: it is a symbolic link to a file that does "
               "not exist");
        assert_true(broken("config/services.yaml"));
        assert_int_equal(unlink(paths.main_file), 0);

        int fd = open(paths.main_file, O_WRONLY | O_CREAT, 0600);
        assert_int_equal(ftruncate(fd, 100 << 20), 0);
        expect("config/services.yaml: too large for a definition file: 100M (at most 1M)");
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(write(fd, "ab\0cd", 5), 5);
        close(fd);
        expect("config/services.yaml: this is not a text file (it has a NUL byte at offset 2)");
        assert_true(broken("config/services.yaml"));
        assert_int_equal(rmdir(paths.dropins), 0);
        put("config/services.d", "");
        put("config/services.yaml", "services: {}\n");
        expect("config/services.d: this is not a directory");
        assert_true(broken("config/services.d/1.yaml"));
}

static void test_no_permission(void **state)
{
        (void)state;
        if (geteuid() == 0)
                skip(); /* root may read everything */
        put("config/services.yaml", "services: {a: {command: x}}\n");
        put("config/services.d/1.yaml", "services: {b: {command: x}}\n");
        mode("config/services.yaml", 0);
        expect("config/services.yaml: cannot be read: Permission denied");
        assert_true(has("b"));
        assert_true(broken("config/services.yaml"));
        mode("config/services.d", 0);
        assert_true(broken("config/services.d/1.yaml"));
        mode("config", 0);
        assert_true(broken("config/services.yaml"));
}

static void test_others_can_write(void **state)
{
        static const struct {
                const char *path;
                unsigned mode;
                const char *who, *noun, *fix;
        } cases[] = {
            {"config/services.yaml", 0602, "every user", "file", "go-w"},
            {"config/services.yaml", 0666, "every user", "file", "go-w"},
            {"config", 0707, "every user", "directory", "go-w"},
            {"config/services.d", 0707, "every user", "directory", "go-w"},
            {"", 0777, "every user", "directory", "go-w"},
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                put("config/services.yaml", "services: {a: {command: x}}\n");
                put("config/services.d/1.yaml", "services: {b: {command: x}}\n");
                assert_true(has("a") && has("b"));
                mode(cases[i].path, cases[i].mode);
                struct loaded l = load();
                bool dropins = str_ends(cases[i].path, ".d"),
                     file = str_ends(cases[i].path, ".yaml");
                assert_int_equal(l.diag.n, 1);
                char *line = diag_line(&l.diag.v[0]);
                char *path = at(cases[i].path);
                if (path[strlen(path) - 1] == '/')
                        path[strlen(path) - 1] = '\0';
                char *expected =
                    xasprintf("%s: refused: %s can write to this %s, its mode is %04o (run: "
                              "chmod %s %s)",
                              path, cases[i].who, cases[i].noun, cases[i].mode, cases[i].fix, path);
                assert_string_equal(line, expected);
                free(expected);
                free(path);
                free(line);
                helper_done(&l);
                /* what is not on the way is read */
                assert_int_equal(has("a"), dropins);
                assert_int_equal(has("b"), file);
                assert_int_equal(broken("config/services.yaml"), !dropins);
                assert_int_equal(broken("config/services.d/1.yaml"), !file);
                mode(cases[i].path, file ? 0600 : 0700);
        }
        assert_true(has("a") && has("b"));
}

static void test_group(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip(); /* only root can choose a group */
        put("config/services.yaml", "services: {a: {command: x}}\n");
        mode("config/services.yaml", 0660);
        assert_true(has("a")); /* root's own group, in which nobody else is */
        assert_int_equal(chown(paths.main_file, 0, 12345), 0);
        mode("config/services.yaml", 0660);
        char *text = xasprintf(
            "config/services.yaml: refused: the group with number 12345 can write to this "
            "file, its mode is 0660 (run: chmod g-w config/services.yaml)");
        expect(text);
        free(text);
        mode("config/services.yaml", 0640);
        assert_true(has("a"));
}

static void test_owner(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip(); /* only root can give a file away */
        put("config/services.yaml", "services: {a: {command: x}}\n");
        assert_int_equal(chown(paths.main_file, 12345, 0), 0);
        expect("config/services.yaml: refused: the file is owned by the user with number 12345, "
               "who can "
               "change it (put a copy of your own in its place)");
        /* a file that root was asked to check is just that */
        struct strv files = {0};
        struct diag d = {0};
        strv_add(&files, paths.main_file);
        struct conf *c = conf_load_files(&files, HELPER_HOME, NULL, &d);
        assert_int_equal(d.n, 0);
        assert_int_equal(c->n, 1);
        conf_unref(c);
        strv_done(&files);
}

static void test_links(void **state)
{
        (void)state;
        char *folder = at("elsewhere"), *file = at("elsewhere/x.yaml");
        assert_int_equal(mkdir(folder, 0700), 0);
        put("elsewhere/x.yaml", "services: {a: {command: x}}\n");
        assert_int_equal(symlink(file, paths.main_file), 0);
        assert_true(has("a"));
        assert_int_equal(chmod(file, 0666), 0);
        assert_false(has("a"));
        assert_int_equal(chmod(file, 0600), 0);
        assert_true(has("a"));
        assert_int_equal(chmod(folder, 0777), 0); /* somebody could put another file there */
        assert_false(has("a"));
        assert_int_equal(chmod(folder, 0700), 0);
        assert_true(has("a"));
        free(folder);
        free(file);
}

static void test_fingerprint(void **state)
{
        (void)state;
        uint64_t seen[8];
        size_t n = 0;
        seen[n++] = fingerprint();
        put("config/services.yaml", "");
        seen[n++] = fingerprint();
        put("config/services.yaml", "services:\n");
        seen[n++] = fingerprint();
        put("config/services.d/1.yaml", "services:\n");
        seen[n++] = fingerprint();
        char *a = at("config/services.d/1.yaml"), *b = at("config/services.d/2.yaml");
        assert_int_equal(rename(a, b), 0);
        seen[n++] = fingerprint();
        mode("config/services.d/2.yaml", 0666);
        seen[n++] = fingerprint();
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++)
                        assert_true(seen[i] != seen[k]);
        mode("config/services.d/2.yaml", 0600);
        assert_true(fingerprint() == seen[4]);
        free(a);
        free(b);
}

/* Who asks again is told the same as who asks for the first time, whatever has happened in between; but what has not
 * changed for a while is not read, which something false in its place shows. */
static void test_fingerprint_again(void **state)
{
        (void)state;
        struct conf_look seen = {0};
        const int64_t now_ms = clock_wall_ms(), later_ms = now_ms + 60000;
        put("config/services.yaml", "services: {a: {command: x}}\n");
        put("config/services.d/1.yaml", "services:\n");
        assert_true(conf_fingerprint(&paths, &seen, now_ms) == fingerprint());
        assert_true(seen.stamp == 0);
        assert_true(conf_fingerprint(&paths, &seen, later_ms) == fingerprint());
        assert_true(seen.stamp != 0);
        seen.hash++;
        assert_true(conf_fingerprint(&paths, &seen, later_ms) != fingerprint());
        assert_true(conf_fingerprint(&paths, &seen, now_ms) == fingerprint());

        static const char *const texts[] = {"services: {a: {command: y}}\n", "services: {}\n"};
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                conf_fingerprint(&paths, &seen, later_ms);
                put("config/services.yaml", texts[i]);
                assert_true(conf_fingerprint(&paths, &seen, later_ms) == fingerprint());
        }
        conf_fingerprint(&paths, &seen, later_ms);
        mode("config/services.d/1.yaml", 0666);
        assert_true(conf_fingerprint(&paths, &seen, later_ms) == fingerprint());
        assert_true(seen.stamp == 0); /* judged each time: who may write is not the file's alone */
        mode("config/services.d/1.yaml", 0600);
        char *old = at("config/services.d/1.yaml"), *new = at("config/services.d/2.yaml");
        conf_fingerprint(&paths, &seen, later_ms);
        assert_int_equal(rename(old, new), 0);
        assert_true(conf_fingerprint(&paths, &seen, later_ms) == fingerprint());
        assert_int_equal(unlink(new), 0);
        assert_true(conf_fingerprint(&paths, &seen, later_ms) == fingerprint());
        free(old);
        free(new);
}

/* Each byte of what is hashed counts, and so does its length. */
static void test_hash_long(void **state)
{
        (void)state;
        char text[40] = {0};
        uint64_t seen[sizeof(text) * 3 + 1];
        size_t n = 0;
        for (size_t len = 0; len <= sizeof(text); len++)
                seen[n++] = str_hash_long(text, len, 0);
        for (size_t i = 0; i < sizeof(text); i++) {
                for (int bit = 1; bit <= 128; bit *= 128) {
                        text[i] = (char)bit;
                        seen[n++] = str_hash_long(text, sizeof(text), 0);
                }
                text[i] = 0;
        }
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++)
                        assert_true(seen[i] != seen[k]);
}

static void test_too_many_files(void **state)
{
        (void)state;
        for (int i = 0; i < 258; i++) {
                char name[64];
                snprintf(name, sizeof(name), "config/services.d/%03d.yaml", i);
                put(name, "services: {}\n");
        }
        expect("config/services.d/256.yaml: not read: more than 256 files\n"
               "config/services.d/257.yaml: not read: more than 256 files");
        assert_true(broken("config/services.d/257.yaml"));
}

static void test_named_files(void **state)
{
        (void)state;
        struct strv files = {0};
        struct diag d = {0};
        mode("", 0777); /* folders are not judged then */
        put("x.yaml", "services: {a: {command: x, prot: 1}}\n");
        strv_take(&files, at("x.yaml"));
        strv_take(&files, at("nonesuch.yaml"));
        struct conf *c = conf_load_files(&files, HELPER_HOME, NULL, &d);
        assert_int_equal(c->n, 1);
        char *got = helper_messages(&d);
        assert_string_equal(got,
                            "nonesuch.yaml: cannot be read: No such file or directory\n"
                            "x.yaml:1:28: services.a.prot: unknown key (did you mean \"port\"?)");
        free(got);
        diag_done(&d);
        conf_unref(c);
        mode("x.yaml", 0666);
        c = conf_load_files(&files, HELPER_HOME, NULL, &d);
        assert_int_equal(c->n, 0);
        conf_unref(c);
        diag_done(&d);
        strv_done(&files);
}

static void test_references_are_counted(void **state)
{
        (void)state;
        struct loaded l = load();
        struct conf *second = conf_ref(l.conf);
        assert_ptr_equal(second, l.conf);
        conf_unref(second);
        conf_unref(NULL);
        assert_int_equal(l.conf->refs, 1);
        assert_false(conf_broken(l.conf, NULL));
        helper_done(&l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
            TEST(test_nothing),
            TEST(test_files),
            TEST(test_both_places_are_named),
            TEST(test_source_lines),
            TEST(test_defaults_of_one_file_are_for_all),
            TEST(test_a_broken_file),
            TEST(test_the_account_goes_on),
            TEST(test_others_are_not_used_without_what_is_for_all),
            TEST(test_what_is_no_file),
            TEST(test_no_permission),
            TEST(test_others_can_write),
            TEST(test_group),
            TEST(test_owner),
            TEST(test_links),
            TEST(test_fingerprint),
            TEST(test_fingerprint_again),
            TEST(test_hash_long),
            TEST(test_too_many_files),
            TEST(test_named_files),
            TEST(test_references_are_counted),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
