/* conf_sample: the commented definitions that svcd writes as services.yaml on a first start. They load as
 * zero services. Generated from the table of settings by conf/gen.c; the same text is
 * conf/services.sample.yaml.
 */
#ifndef SVCD_COMMON_CONF_SAMPLE_H
#define SVCD_COMMON_CONF_SAMPLE_H

extern const char conf_sample[];

#endif
