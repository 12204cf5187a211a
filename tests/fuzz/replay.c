/* replay: runs a fuzz target over files or folders of recorded inputs, without a fuzzer; so that every
 * input that ever broke something is tried by each `make check`. It finds no new inputs: that is what
 * linking the target with libFuzzer is for.
 *
 * usage: fuzz_NAME FILE-OR-FOLDER...
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/util.h"

#define INPUT_MAX (8u * 1024u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static void replay_file(const char *path)
{
        _cleanup_free_ char *data = NULL;
        size_t n = 0;
        int r = file_read(path, INPUT_MAX, &data, &n);
        if (r < 0) {
                fprintf(stderr, "%s: cannot be read (error %d)\n", path, -r);
                exit(1);
        }
        /* Said first: if the target aborts, the last line names the input. */
        printf("# %s\n", path);
        fflush(stdout);
        /* A copy of exactly that size, so that the address sanitizer sees a read beyond it. */
        _cleanup_free_ uint8_t *exact = (uint8_t *)xmalloc(n ? n : 1);
        for (size_t i = 0; i < n; i++)
                exact[i] = (uint8_t)data[i];
        LLVMFuzzerTestOneInput(exact, n);
        replayed++;
}

static void replay_path(const char *path)
{
        struct stat st;
        if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
                replay_file(path);
                return;
        }
        struct dirent **entries = NULL;
        int n = scandir(path, &entries, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                if (entries[i]->d_name[0] != '.') {
                        _cleanup_free_ char *child = path_join(path, entries[i]->d_name);
                        replay_path(child);
                }
                free(entries[i]);
        }
        free(entries);
}

int main(int argc, char **argv)
{
        for (int i = 1; i < argc; i++)
                replay_path(argv[i]);
        printf("%lu inputs\n", replayed);
        if (replayed == 0) {
                fprintf(stderr, "no input in the corpus\n");
                return 1;
        }
        return 0;
}
