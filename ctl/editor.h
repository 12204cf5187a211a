/* editor: lets a person change a text in an editor of his choice: $VISUAL, $EDITOR, else one that is there.
 */
#ifndef SVCD_CTL_EDITOR_H
#define SVCD_CTL_EDITOR_H

#include <stdint.h>

#include "common/util.h"

struct editor {
        char *command; /* may have arguments, as a shell takes it */
        char *folder;  /* of its own, beside the file */
        char *file;
        uint64_t hash; /* of the text as it was given to it */
        bool keep;     /* the text stays where it is */
};
#define _cleanup_editor_ _cleanup_(editor_done)

/* Puts TEXT into a file called as PATH is. -errno, and a line in *ret_error (caller frees). */
int editor_open(const char *path, const char *text, size_t n, struct editor *ret, char **ret_error);
void editor_done(struct editor *e);

/* Runs it, at LINE where it is known how to say that (0: anywhere), and reads what is there then. If it did not end
 * well the text is kept if it has been changed, or still may be: after a signal a part of the editor can be alive. */
int editor_run(struct editor *e, int line, struct strbuf *ret, char **ret_error);

#endif
