/* test_conf_command.c: which command strings are words, which need the shell, which are more than one
 * command; and that the shell then really does what it would have done. */
#include "tests/unit/conf_helper.h"

#include <errno.h>
#include <sys/wait.h>

#include "common/conf_private.h"

/* Words joined by |. */
static char *parsed(const char *text)
{
        struct conf_command c;
        const char *error = NULL;
        if (conf_command_parse(text, &c, &error) < 0)
                return xasprintf("error: %s", error);
        assert_false(c.list);
        char *joined = strv_join(&c.argv, "|");
        conf_command_done(&c);
        return joined;
}

static const struct {
        const char *text, *expected;
} cases[] = {
    /* words */
    {"sleep 1000", "sleep|1000"},
    {"  sleep \t 1000 \n", "sleep|1000"},
    {"./src/redis-server redis.conf --bind :: --port 8300",
     "./src/redis-server|redis.conf|--bind|::|--port|8300"},
    {"echo 'a b' \"c d\" e\\ f", "echo|a b|c d|e f"},
    {"echo '' \"\"", "echo||"},
    {"echo a'b'\"c\"d", "echo|abcd"},
    {"echo \"a\\\"b\\\\c\\x\"", "echo|a\"b\\c\\x"},
    {"echo 'a\\b'", "echo|a\\b"},
    {"echo \"it's\" 'say \"x\"'", "echo|it's|say \"x\""},
    {"echo a#b", "echo|a#b"},
    {"echo {} {a} %x ^y a=b c:d", "echo|{}|{a}|%x|^y|a=b|c:d"},
    {"echo $ a$ 'x$y' \"$\" 5$", "echo|$|a$|x$y|$|5$"},
    {"echo \\$HOME \\*", "echo|$HOME|*"},
    {"echo '*' \"?\" '$HOME' '`x`' ';' \"a|b\"", "echo|*|?|$HOME|`x`|;|a|b"},
    {"a \\\n b", "a|b"},
    {"./if x", "./if|x"},
    {"'if' x", "if|x"},
    {"echo if while !", "echo|if|while|!"},
    {"echo é", "echo|é"},
    /* the shell, for one command */
    {"echo $HOME", "/bin/sh|-c|exec echo $HOME"},
    {"echo \"${HOME}\"", "/bin/sh|-c|exec echo \"${HOME}\""},
    {"echo $(date; ls | wc)", "/bin/sh|-c|exec echo $(date; ls | wc)"},
    {"echo \"$(date; ls | wc)\"", "/bin/sh|-c|exec echo \"$(date; ls | wc)\""},
    {"echo `date; ls`", "/bin/sh|-c|exec echo `date; ls`"},
    {"echo $1 $? $$ $@", "/bin/sh|-c|exec echo $1 $? $$ $@"},
    {"ls *.c", "/bin/sh|-c|exec ls *.c"},
    {"ls a?c [ab]", "/bin/sh|-c|exec ls a?c [ab]"},
    {"~/bin/x -v", "/bin/sh|-c|exec ~/bin/x -v"},
    {"x ~/y", "/bin/sh|-c|exec x ~/y"},
    {"x a~b", "x|a~b"},
    {"x > log", "/bin/sh|-c|exec x > log"},
    {"x >log 2>&1", "/bin/sh|-c|exec x >log 2>&1"},
    {"x 2>&1 >>log <in", "/bin/sh|-c|exec x 2>&1 >>log <in"},
    {"x 2>&-", "/bin/sh|-c|exec x 2>&-"},
    {"x >|log", "/bin/sh|-c|exec x >|log"},
    {"> log x", "/bin/sh|-c|> log exec x"},
    {"2>log x y", "/bin/sh|-c|2>log exec x y"},
    {"x # comment; not 'a", "/bin/sh|-c|exec x # comment; not 'a"},
    {"A=1 x", "/bin/sh|-c|A=1 exec x"},
    {"A=1 B=\"2 3\" x y", "/bin/sh|-c|A=1 B=\"2 3\" exec x y"},
    {"A=1 >log B=2 x", "/bin/sh|-c|A=1 >log B=2 exec x"},
    {"[ -f x ]", "/bin/sh|-c|exec [ -f x ]"},
    {"echo \"${A:-'x}'}\" ${B:-`date`}", "/bin/sh|-c|exec echo \"${A:-'x}'}\" ${B:-`date`}"},
    /* the shell, unchanged */
    {"a; b", "/bin/sh|-c|a; b"},
    {"a && b || c", "/bin/sh|-c|a && b || c"},
    {"a | b", "/bin/sh|-c|a | b"},
    {"a &", "/bin/sh|-c|a &"},
    {"a &>log", "/bin/sh|-c|a &>log"},
    {"a\nb", "/bin/sh|-c|a\nb"},
    {"(a)", "/bin/sh|-c|(a)"},
    {"{ a; }", "/bin/sh|-c|{ a; }"},
    {"! a", "/bin/sh|-c|! a"},
    {"if a; then b; fi", "/bin/sh|-c|if a; then b; fi"},
    {"while sleep 60; do x; done", "/bin/sh|-c|while sleep 60; do x; done"},
    {"cat <<E\nit's\nE", "/bin/sh|-c|cat <<E\nit's\nE"},
    {"x # it's\ny", "/bin/sh|-c|x # it's\ny"},
    {"exec x", "/bin/sh|-c|exec x"},
    {"cd /tmp", "/bin/sh|-c|cd /tmp"},
    {". ./env", "/bin/sh|-c|. ./env"},
    {"A=1 exec x", "/bin/sh|-c|A=1 exec x"},
    {"case x in a) b;; esac", "/bin/sh|-c|case x in a) b;; esac"},
    /* errors */
    {"", "error: the command is empty"},
    {" \n\t", "error: the command is empty"},
    {"echo 'a", "error: a single quote (') is not closed"},
    {"echo \"a", "error: a double quote (\") is not closed"},
    {"echo \"a\\\"", "error: a double quote (\") is not closed"},
    {"echo $(a", "error: $( is not closed"},
    {"echo ${a", "error: ${ is not closed"},
    {"echo `a", "error: ` is not closed"},
    {"echo >", "error: a redirection (< or >) needs the name of a file"},
    {"A=1", "error: there is no command in it"},
    {"# x", "error: there is no command in it"},
    {">log", "error: there is no command in it"},
};

static void test_parse(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char *got = parsed(cases[i].text);
                if (strcmp(got, cases[i].expected) != 0)
                        fail_msg("%s\nexpected %s\ngot      %s", cases[i].text, cases[i].expected,
                                 got);
                free(got);
        }
}

static void test_text_is_what_was_written(void **state)
{
        (void)state;
        struct conf_command c;
        const char *error;
        assert_int_equal(conf_command_parse("  A=1 x 'y z' \n", &c, &error), 0);
        assert_string_equal(c.text, "A=1 x 'y z'");
        conf_command_done(&c);
        conf_command_done(&c); /* an empty one too */
}

static void test_length(void **state)
{
        (void)state;
        struct conf_command c;
        const char *error = NULL;
        char *text = xmalloc(CONF_WORD_MAX + 2);
        memset(text, 'a', CONF_WORD_MAX + 1);
        text[CONF_WORD_MAX + 1] = '\0';
        assert_int_equal(conf_command_parse(text, &c, &error), -EINVAL);
        assert_string_equal(error, "the command is too long");
        text[CONF_WORD_MAX] = '\0';
        assert_int_equal(conf_command_parse(text, &c, &error), 0);
        conf_command_done(&c);
        free(text);
}

/* What a command prints when it is executed. */
static char *output(char *const *argv)
{
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                dup2(fds[1], 1);
                close(fds[0]);
                execvp(argv[0], argv);
                _exit(127);
        }
        close(fds[1]);
        struct strbuf b = {0};
        char buf[512];
        for (ssize_t n; (n = read(fds[0], buf, sizeof(buf))) > 0;)
                strbuf_addn(&b, buf, (size_t)n);
        close(fds[0]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        return strbuf_take(&b);
}

/* The same text, given to the shell as a whole, prints the same. */
static void test_same_as_the_shell(void **state)
{
        static const char *const texts[] = {
            "printf '<%s>' a 'b c' \"d e\" f\\ g '' \"\"",
            "printf '<%s>' \"a\\\"b\\\\c\\x\" 'a\\b' a\\\\b",
            "printf '<%s>' $ a$ \"$\" 5$ '$x' \\$x \"\\$x\"",
            "printf '<%s>' a#b {} {a} a=b %d ^ ! if",
            "printf '<%s>' \"it's\" 'say \"x\"' a'b'c\"d\"e",
            "printf '<%s>' $X ${X:-y} \"${X:-'z}'}\"",
            "X=1 Y='2 3' sh -c 'printf \"<%s>\" $X \"$Y\"'",
            "printf '<%s>' a # b; 'c",
            "printf '<%s>' `printf 'x;y'` $(printf 'a|b')",
            "printf '<%s>' ~/x /bin/s[h] /bin/nonesuch*",
            "2>/dev/null printf '<%s>' x >&1",
            "printf '<%s>' a; printf '<%s>' b",
            "for i in 1 2; do printf '<%s>' $i; done",
            "exec printf '<%s>' x",
            "printf '<%s>' a \\\n b",
        };
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct conf_command c;
                const char *error = NULL;
                assert_int_equal(conf_command_parse(texts[i], &c, &error), 0);
                char *copy = xstrdup(texts[i]);
                char shell[] = "/bin/sh", option[] = "-c";
                char *whole[] = {shell, option, copy, NULL};
                char *expected = output(whole), *got = output(c.argv.v);
                if (strcmp(expected, got) != 0)
                        fail_msg("%s\nthe shell prints %s, this %s", texts[i], expected, got);
                assert_true(strlen(got) > 0);
                free(expected);
                free(got);
                free(copy);
                conf_command_done(&c);
        }
}

static void test_quote(void **state)
{
        static const char *const words[] = {"",      "a",    "a b", "it's", "$x",  "*", "a\nb",
                                            "--x=1", "a\\b", "'",   "#",    "~/x", "é", "a=b"};
        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                struct strbuf b = {0};
                struct conf_command c;
                const char *error = NULL;
                strbuf_add(&b, "x ");
                conf_quote_word(&b, words[i]);
                assert_int_equal(conf_command_parse(b.s, &c, &error), 0);
                assert_int_equal(c.argv.n, 2);
                assert_string_equal(c.argv.v[1], words[i]);
                conf_command_done(&c);
                strbuf_done(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_parse),  cmocka_unit_test(test_text_is_what_was_written),
            cmocka_unit_test(test_length), cmocka_unit_test(test_same_as_the_shell),
            cmocka_unit_test(test_quote),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
