/* metrics: what svcds say of their services, as text in Prometheus's format (0.0.4). The names, units and labels are
 * in svcctl(1), "Metrics", and stay. Formatting only.
 */
#ifndef SVCD_CTL_METRICS_H
#define SVCD_CTL_METRICS_H

#include "ctl/accounts.h"

/* After accounts_overview. NOW_MS: the wall clock's. */
void metrics_add(struct strbuf *out, const struct accounts *a, int64_t now_ms);

#endif
