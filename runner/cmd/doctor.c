#include "doctor.h"

#include "doctor_parts.h"

const struct rn_check rn_checks[] = {
    {"processor", rn_check_processor, "instruction sets that the kernels use"},
    {"cores", rn_check_cores, "processors against the control group's quota"},
    {"threads", rn_check_threads, "settings of OpenMP"},
    {"memory", rn_check_memory, "free memory and the control group's limit"},
    {"runs", rn_check_runs, "the folder of runs: space, rights, kind of file system"},
    {"cache", rn_check_cache, "the folder of downloads, likewise"},
    {"libraries", rn_check_libraries, "versions in use"},
    {"plugin", rn_check_plugin, "the cpu device and what it chose"},
    {"gpu", rn_check_gpu, "NVIDIA driver; a run on the processor needs none"},
    {"ranks", rn_check_ranks,
     "whether a launcher started several processes; which GPU this one takes"},
    {"proxy", rn_check_proxy, "settings that libcurl reads"},
    {"certificates", rn_check_certificates, "whom https trusts"},
    {"hub", rn_check_hub, "HF_TOKEN: whether there is one, never its value"},
    {"clock", rn_check_clock, "certificates are valid in a span of time"},
    {"open files", rn_check_open_files, "limit of the process"},
    {"terminal", rn_check_terminal, "how progress will be shown"},
    {0}};

void rn_doctor_look(struct rn_doctor *d, const struct rn_check *c)
{
    d->check = c->name;
    c->look(d);
}

void rn_doctor_examine(struct rn_doctor *d)
{
    for (const struct rn_check *c = rn_checks; c->name; c++)
        rn_doctor_look(d, c);
}
