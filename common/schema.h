/* schema: the JSON Schemas (draft 7) of services.yaml and of the host's policy.yaml, from the tables: for editors, which
 * complete keys and show their help by them. Whatever svcd accepts they accept; of what it refuses they refuse what can
 * be said of one value.
 */
#ifndef SVCD_COMMON_SCHEMA_H
#define SVCD_COMMON_SCHEMA_H

#include <jansson.h>

/* New references. */
json_t *schema_services(void);
json_t *schema_policy(void);

#endif
