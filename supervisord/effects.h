/* effects: doing what the core decided. One function for each kind of effect.
 */
#ifndef SVCD_SUPERVISORD_EFFECTS_H
#define SVCD_SUPERVISORD_EFFECTS_H

struct daemon;

/* Performs the effects that wait, in order; not those that come meanwhile. */
void effects_perform(struct daemon *d);

#endif
