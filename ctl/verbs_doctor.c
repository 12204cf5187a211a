/* verbs_doctor: `svcctl doctor`: the set-up, checked end to end, one line for each thing that is looked at, and
 * what is to be done. Works without svcd as far as there is something to be seen without it. What can be
 * found is a table (doctor.def); looking and judging are in doctor_facts.c and doctor.c.
 */
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "ctl/doctor.h"
#include "ctl/ctl.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

static const struct {
        const char *name;
        enum style style;
} states[] = {
    [DOCTOR_OK] = {"ok", STYLE_GREEN},
    [DOCTOR_NOTE] = {"note", STYLE_CYAN},
    [DOCTOR_WARNING] = {"warning", STYLE_YELLOW},
    [DOCTOR_PROBLEM] = {"problem", STYLE_RED},
};

static void print(struct ctl *ctl, const struct doctor_row *row, const char *said)
{
        _cleanup_free_ char *text = ctl_safe(ctl, said);
        bool color = ctl->term.color;
        enum style style = states[row->state].style;
        if (ctl->quiet && row->state != DOCTOR_PROBLEM)
                return;
        ctl_tell(ctl, "%s%-8s%s %-12s %s", term_on(color, style), states[row->state].name,
                 term_off(color, style), row->check, text);
        if (row->advice)
                ctl_tell(ctl, "%21s  %s", "", row->advice);
}

static json_t *valid_text(const char *s)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        text_add_utf8(&b, s, strlen(s));
        return json_string(b.s ? b.s : "");
}

static json_t *object(const struct doctor_row *row, const char *said)
{
        return json_pack("{s:s, s:s, s:s, s:o, s:s?}", "check", row->check, "code", row->code,
                         "state", states[row->state].name, "text", valid_text(said), "advice",
                         row->advice);
}

int verb_doctor(struct ctl *ctl)
{
        struct doctor_facts f;
        json_t *list = json_array();
        int status = STATUS_DONE;
        const char *last = NULL;
        doctor_gather(ctl, &f);
        for (int i = 0; i < DOCTOR_COUNT; i++) {
                const struct doctor_row *row = &doctor_rows[i];
                if (last && strcmp(row->check, last) == 0)
                        continue; /* something has been found already */
                char *said = doctor_say(&f, (enum doctor_id)i);
                if (!said)
                        continue;
                last = row->check;
                if (row->state == DOCTOR_PROBLEM)
                        status = STATUS_REFUSED;
                print(ctl, row, said);
                json_array_append_new(list, object(row, said));
                free(said);
        }
        ctl_json(ctl, list);
        doctor_facts_done(&f);
        return status;
}
