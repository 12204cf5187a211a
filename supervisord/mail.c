/* mail.c: RFC 5322, as little of it as is needed. From, Date and Message-ID are the mailer's. */
#include "supervisord/mail.h"

#include <string.h>

#include "common/text.h"

char *mail_subject(const char *s)
{
        char *line = text_safe(s, TEXT_ASCII);
        if (strlen(line) > MAIL_SUBJECT_MAX)
                line[MAIL_SUBJECT_MAX] = '\0';
        return line;
}

/* Long lines are broken, between characters; what no terminal shows as it is, no mail has. */
static void add_body(struct strbuf *out, const char *body)
{
        while (*body) {
                size_t n = strcspn(body, "\n");
                _cleanup_strbuf_ struct strbuf line = {0};
                text_add_safe(&line, body, n, TEXT_TABS);
                for (const char *p = line.s ? line.s : ""; *p;) {
                        size_t cut = MIN(strlen(p), (size_t)MAIL_LINE_MAX);
                        while (cut > 1 && p[cut] && ((unsigned char)p[cut] & 0xc0) == 0x80)
                                cut--;
                        strbuf_addn(out, p, cut);
                        p += cut;
                        if (*p)
                                strbuf_addc(out, '\n');
                }
                strbuf_addc(out, '\n');
                body += n + (body[n] == '\n');
        }
}

void mail_text(const struct mail *m, struct strbuf *out)
{
        _cleanup_free_ char *subject = mail_subject(m->subject), *to = mail_subject(m->to);
        strbuf_addf(out, "To: %s\n", to);
        strbuf_addf(out, "Subject: %s\n", subject);
        strbuf_add(out, "Auto-Submitted: auto-generated\n"
                        "MIME-Version: 1.0\n"
                        "Content-Type: text/plain; charset=utf-8\n"
                        "Content-Transfer-Encoding: 8bit\n");
        strbuf_addf(out, "X-Svcd-Service: %s\nX-Svcd-Event: %s\n\n", m->service, m->event);
        add_body(out, m->body);
}
