/* fuzz_import: any bytes as a file of another supervisor, the first byte saying of which. Whatever it is, what comes
 * out is definitions that svcd's loader has nothing to say against; and nothing of it is lost when it is told as JSON.
 */
#include "ctl/import.h"
#include "common/diag.h"
#include "tests/fuzz/fuzz.h"

static void check_out(struct import *im, const char *text)
{
        struct diag diag = {0};
        struct conf *c = conf_load_text("f", text, strlen(text), im->home, NULL, &diag);
        fuzz_require(diag.errors == 0, diag.n ? diag.v[0].message : "", text);
        fuzz_require(c->n == im->n, "not as many services", text);
        for (size_t i = 0; i < im->n; i++) {
                const struct conf_service *s = conf_find(c, im->v[i]->name);
                fuzz_require(s && s->valid && s->command.argv.n > 0, "not a service", text);
        }
        conf_unref(c);
        diag_done(&diag);
        json_t *doc = import_json(im, text), *services = json_object_get(doc, "services"), *o;
        size_t i;
        fuzz_require(json_array_size(services) == im->n, "not as many in JSON", text);
        json_array_foreach(services, i, o)
            fuzz_require(json_is_object(json_object_get(o, "definition")), "no definition in JSON",
                         text);
        json_decref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct import im = {.home = "/home/a", .user = "a", .env = "production", .file = "f"};
        char *error = NULL;
        if (size < 1)
                return 0;
        im.kind = (enum import_kind)(data[0] % IMPORT_KINDS);
        if (data[0] & 0x80)
                im.file = "app@b.service";
        char *text = xmalloc(size);
        memcpy(text, data + 1, size - 1);
        text[size - 1] = '\0';
        import_kind_guess(NULL, text, size - 1);
        int r = import_read(&im, text, size - 1, &error);
        fuzz_require(r == 0 ? !error : error && *error, "a refusal without a reason", text);
        char *out = import_prove(&im, NULL);
        check_out(&im, out);
        free(out);
        free(error);
        free(text);
        import_done(&im);
        return 0;
}
