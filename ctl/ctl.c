/* ctl: how svcctl speaks; see ctl.h. No verb is here.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "ctl/help.h"
#include "ctl/text.h"

/* Output cannot be written: quietly if nobody reads it any more. */
static void output_lost(struct ctl *ctl)
{
        int e = errno;
        if (e == EPIPE)
                _exit(ctl->status);
        fprintf(stderr, "svcctl: cannot write the output: %s\n", strerror(e));
        _exit(STATUS_REFUSED);
}

void ctl_write(struct ctl *ctl, const void *data, size_t n_bytes)
{
        if (n_bytes && fwrite(data, n_bytes, 1, stdout) != 1)
                output_lost(ctl);
}

void ctl_flush(struct ctl *ctl)
{
        if (fflush(stdout) != 0)
                output_lost(ctl);
}

static void write_line(struct ctl *ctl, const char *line)
{
        ctl_write(ctl, line, strlen(line));
        ctl_write(ctl, "\n", 1);
}

static void complain(struct ctl *ctl, const char *prefix, const char *text)
{
        ctl_flush(ctl); /* in order where both go to one place */
        fprintf(stderr, "%s%s\n", prefix, text);
}

static int fail_text(struct ctl *ctl, enum exit_status status, const char *code, json_t *extra,
                     const char *text)
{
        ctl->status = MAX(ctl->status, (int)status);
        if (!ctl->json) {
                complain(ctl, "svcctl: ", text);
                json_decref(extra);
                return (int)status;
        }
        _cleanup_strbuf_ struct strbuf safe = {0};
        text_add_utf8(&safe, text, strlen(text));
        json_t *doc =
            json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", safe.s ? safe.s : "");
        if (extra)
                json_object_update(doc, extra);
        json_decref(extra);
        ctl_json(ctl, doc);
        return (int)status;
}

int ctl_fail(struct ctl *ctl, enum exit_status status, const char *code, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *s = xvasprintf(fmt, ap);
        va_end(ap);
        return fail_text(ctl, status, code, NULL, s);
}

int ctl_fail_with(struct ctl *ctl, enum exit_status status, const char *code, json_t *extra,
                  const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *s = xvasprintf(fmt, ap);
        va_end(ap);
        return fail_text(ctl, status, code, extra, s);
}

int ctl_usage(struct ctl *ctl, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *s = xvasprintf(fmt, ap), *usage = help_usage(ctl->command);
        va_end(ap);
        int status = fail_text(ctl, STATUS_USAGE, "usage", NULL, s);
        if (!ctl->json)
                fprintf(stderr, "usage: %s\n", usage);
        return status;
}

static void tell(struct ctl *ctl, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
static void tell(struct ctl *ctl, const char *fmt, va_list ap)
{
        _cleanup_free_ char *s = ctl->json ? NULL : xvasprintf(fmt, ap);
        if (s)
                write_line(ctl, s);
}

void ctl_say(struct ctl *ctl, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        if (!ctl->quiet)
                tell(ctl, fmt, ap);
        va_end(ap);
}

void ctl_tell(struct ctl *ctl, const char *fmt, ...)
{
        va_list ap;
        va_start(ap, fmt);
        tell(ctl, fmt, ap);
        va_end(ap);
}

void ctl_warn(struct ctl *ctl, const char *fmt, ...)
{
        if (ctl->json)
                return;
        va_list ap;
        va_start(ap, fmt);
        _cleanup_free_ char *s = xvasprintf(fmt, ap);
        va_end(ap);
        complain(ctl, "", s);
}

static int write_cb(const char *data, size_t n, void *ctl)
{
        ctl_write(ctl, data, n);
        return 0;
}

size_t ctl_json_flags(const struct ctl *ctl, const json_t *j)
{
        if (!ctl->term.tty)
                return 0;
        char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
        _cleanup_free_ char *safe = text_safe(text, TEXT_LINE);
        bool harmless = str_eq(text, safe);
        free(text);
        return harmless ? 0 : JSON_ENSURE_ASCII;
}

void ctl_json(struct ctl *ctl, json_t *doc)
{
        if (ctl->json && !ctl->has_said_json) {
                json_dump_callback(doc, write_cb, ctl, JSON_INDENT(2) | ctl_json_flags(ctl, doc));
                ctl_write(ctl, "\n", 1);
        }
        ctl->has_said_json = true; /* one document is the promise */
        json_decref(doc);
}

void ctl_json_text(struct ctl *ctl, const struct strbuf *text)
{
        if (!ctl->has_said_json)
                ctl_write(ctl, text->s, text->n);
        ctl->has_said_json = true;
}

void ctl_json_line(struct ctl *ctl, json_t *object)
{
        json_dump_callback(object, write_cb, ctl, JSON_COMPACT | ctl_json_flags(ctl, object));
        ctl_write(ctl, "\n", 1);
        ctl_flush(ctl);
        ctl->has_said_json = true;
        json_decref(object);
}

char *ctl_safe(const struct ctl *ctl, const char *s)
{
        bool ascii = ctl->term.tty && s && !text_utf8();
        return text_safe(s, ascii ? TEXT_ASCII : TEXT_LINE);
}

json_t *ctl_names(const struct ctl *ctl)
{
        json_t *names = json_array();
        if (options_get(&ctl->options, "all") && ctl->command->names != NAMES_ANY)
                json_array_append_new(names, json_string("*"));
        for (size_t i = 0; i < ctl->names_n; i++) {
                _cleanup_strbuf_ struct strbuf b = {0};
                text_add_utf8(&b, ctl->names[i], strlen(ctl->names[i]));
                json_array_append_new(names, json_string(b.s ? b.s : ""));
        }
        return names;
}

int ctl_not_anothers(struct ctl *ctl, const char *what, const char *rest)
{
        if (geteuid() != 0 || ctl->paths.uid == 0)
                return STATUS_DONE;
        const struct passwd *pw = getpwuid(ctl->paths.uid);
        _cleanup_free_ char *who = pw ? xstrdup(pw->pw_name) : xasprintf("user %u", ctl->paths.uid);
        _cleanup_free_ char *option =
            pw ? xasprintf("-u %s", who) : xasprintf("-u '#%u'", ctl->paths.uid);
        _cleanup_free_ char *root = ctl_safe(ctl, ctl->paths.root);
        return ctl_fail(ctl, STATUS_REFUSED, "refused",
                        "%s belongs to %s: its definitions are %s as that user, not as root; "
                        "run: %s %s -- svcctl --root %s %s%s",
                        root, who, what, pw ? "runuser" : "sudo", option, root, ctl->command->verb,
                        rest);
}

int64_t ctl_answer_by(const struct ctl *ctl)
{
        return clock_mono_ms() + (ctl->timeout_ms >= 0 ? ctl->timeout_ms : CTL_ANSWER_MS);
}

int64_t ctl_wait_until(const struct ctl *ctl)
{
        return ctl->timeout_ms >= 0 ? clock_mono_ms() + ctl->timeout_ms : -1;
}
