/* conf_sample: the commented definitions that svcd writes as services.yaml on a first start. They load as
 * zero services. Generated from the table of settings by conf/gen.c; the same text is
 * conf/services.sample.yaml.
 */
#ifndef SVCD_COMMON_CONF_SAMPLE_H
#define SVCD_COMMON_CONF_SAMPLE_H

#include <string.h>

extern const char conf_sample[];

/* The first line names the schema to editors; here it is where this build was installed. */
#define CONF_SAMPLE_SCHEMA "# yaml-language-server: $schema=" SVCD_DATADIR "/services.schema.json\n"
/* The sample without its first line. */
#define conf_sample_rest() (strchr(conf_sample, '\n') + 1)

#endif
