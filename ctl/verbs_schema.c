/* verbs_schema: `svcctl schema`: the JSON Schemas for editors (common/schema.h). */
#include <string.h>

#include "common/schema.h"
#include "ctl/ctl.h"
#include "ctl/verbs.h"

int verb_schema(struct ctl *ctl)
{
        const char *what = ctl->names_n ? ctl->names[0] : "services";
        if (ctl->names_n > 1 || (strcmp(what, "services") != 0 && strcmp(what, "policy") != 0))
                return ctl_usage(ctl, "schema: of what? (services or policy)");
        ctl->json = true; /* what it prints is JSON in any case */
        ctl_json(ctl, *what == 'p' ? schema_policy() : schema_services());
        return STATUS_DONE;
}
