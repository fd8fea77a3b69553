#include "device.h"
#include "doctor_parts.h"
#include "mem.h"
#include "ranks.h"

#include <curl/curl.h>
#include <jansson.h>
#include <lz4.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>
#include <zip.h>
#include <zlib.h>
#include <zstd.h>

void rn_check_libraries(struct rn_doctor *d)
{
    rn_doctor_ok(d, "libyaml %s, jansson %s, libzip %s, %s, zstd %s, zlib %s, lz4 %s",
                 yaml_get_version_string(), jansson_version_str(), zip_libzip_version(),
                 OpenSSL_version(OPENSSL_VERSION), ZSTD_versionString(), zlibVersion(),
                 LZ4_versionString());
    rn_doctor_ok(d, "%.200s", curl_version());
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    if (!(curl->features & CURL_VERSION_SSL))
        rn_doctor_problem(d, "install libcurl4 with OpenSSL", "libcurl knows no https");
}

void rn_check_plugin(struct rn_doctor *d)
{
    struct rn_device *device = NULL;
    struct rn_err err = {0};
    struct rn_device_stats stats;
    if (rn_device_open(&device, "cpu", 1, NULL, &err) != RN_OK) {
        rn_doctor_problem(d, "install or build librunnel-cpu.so beside the program", "%s", err.msg);
        return;
    }
    rn_device_stats(device, &stats);
    rn_doctor_ok(d, "librunnel-cpu.so: %s", stats.model);
    rn_device_close(device);
}

void rn_check_ranks(struct rn_doctor *d)
{
    struct rn_ranks r;
    struct rn_err err = {0};
    char *own = NULL;
    if (rn_ranks_detect(&r, &err) != RN_OK || rn_ranks_device(&r, "cuda", &own, &err) != RN_OK)
        rn_doctor_problem(d, "mend or unset what the launcher says", "%s", err.msg);
    else if (!r.launcher)
        rn_doctor_ok(d, "one process; --gpus N, mpirun, srun or torchrun start several");
    else
        rn_doctor_ok(d, "rank %d of %d by %s; --device cuda is %s here", r.seat.rank, r.seat.world,
                     r.launcher, own);
    free(own);
}

void rn_check_threads(struct rn_doctor *d)
{
    const char *text = getenv("OMP_NUM_THREADS");
    char *end = NULL;
    long n = text ? strtol(text, &end, 10) : 0;
    if (!text || !*text)
        rn_doctor_ok(d, "as many as processors");
    else if (*end || n < 1)
        rn_doctor_problem(d, "export OMP_NUM_THREADS=4, or unset it",
                          "OMP_NUM_THREADS='%.32s' is no number of threads", text);
    else
        rn_doctor_ok(d, "OMP_NUM_THREADS=%ld", n);
}

void rn_check_terminal(struct rn_doctor *d)
{
    const char *term = getenv("TERM"), *lang = getenv("LC_ALL");
    lang = lang && *lang ? lang : getenv("LC_CTYPE");
    lang = lang && *lang ? lang : getenv("LANG");
    bool utf8 = lang && (strstr(lang, "UTF-8") || strstr(lang, "utf8"));
    if (!isatty(STDERR_FILENO))
        rn_doctor_ok(d, "stderr is no terminal: plain lines");
    else if (term && strcmp(term, "dumb") == 0)
        rn_doctor_ok(d, "TERM=dumb: plain lines");
    else if (!utf8)
        rn_doctor_note(d, "the locale is not UTF-8: samples may look odd");
    else
        rn_doctor_ok(d, "live lines, %s", getenv("NO_COLOR") ? "no colour" : "colour");
}
