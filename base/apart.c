#include "apart.h"

#include "err.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool receive(int from, void *answer, size_t size_bytes)
{
    ssize_t n;
    do
        n = read(from, answer, size_bytes);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)size_bytes;
}

bool rn_apart(void (*ask)(void *answer, void *ctx), void *ctx, void *answer, size_t size_bytes)
{
    int pipe_fd[2];
    RN_ASSERT(size_bytes <= PIPE_BUF); /* nobody waits for its reader */
    memset(answer, 0, size_bytes);
    if (pipe(pipe_fd) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        ask(answer, ctx);
        _exit(write(pipe_fd[1], answer, size_bytes) == (ssize_t)size_bytes ? 0 : 1);
    }
    close(pipe_fd[1]);
    bool told = pid > 0 && receive(pipe_fd[0], answer, size_bytes);
    close(pipe_fd[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return told;
}
