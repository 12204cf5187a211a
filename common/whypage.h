/* whypage: the page of `svcctl why` as text, out of the object that svcd's method Why gives (`Why` in the
 * interface file). The same page is the body of an alert; svcctl makes the object itself while svcd is down.
 *
 * What is missing in the object, or of another type, is left out: svcd and svcctl may be of different versions.
 */
#ifndef SVCD_COMMON_WHYPAGE_H
#define SVCD_COMMON_WHYPAGE_H

#include <jansson.h>

#include "common/text.h"
#include "common/util.h"

enum whypage_part { WHYPAGE_NAME, WHYPAGE_STATE, WHYPAGE_TITLE, WHYPAGE_PART_COUNT };

struct whypage_look {
        enum text_keep keep; /* how what others wrote is made safe */
        /* Put before and behind each part; "" where nothing is wanted. */
        const char *on[WHYPAGE_PART_COUNT], *off[WHYPAGE_PART_COUNT];
};

/* For mail and pipes: UTF-8, no colours. */
extern const struct whypage_look whypage_plain;

void whypage_text(const json_t *why, const struct whypage_look *look, struct strbuf *out);

#endif
