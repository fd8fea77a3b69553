#include "map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map_all(struct rn_map *m, int fd, const char *path, struct rn_err *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return rn_fail_errno(err, RN_PATH(path), "cannot stat");
    if (!S_ISREG(st.st_mode))
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "not a file");
    if (st.st_size == 0)
        return RN_OK;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return rn_fail_errno(err, RN_PATH(path), "cannot map");
    *m = (struct rn_map){p, (size_t)st.st_size};
    return RN_OK;
}

int rn_map_open(struct rn_map *m, const char *path, struct rn_err *err)
{
    *m = (struct rn_map){.p = (const unsigned char *)""};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? rn_fail_errno(err, RN_PATH(path), "cannot open") : map_all(m, fd, path, err);
    if (fd >= 0)
        close(fd);
    if (rc != RN_OK)
        *m = (struct rn_map){0};
    return rc;
}

void rn_map_close(struct rn_map *m)
{
    if (m->n)
        munmap((void *)m->p, m->n);
    *m = (struct rn_map){0};
}
