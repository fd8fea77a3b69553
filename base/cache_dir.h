/* cache_dir.h - the folder of what any run on this machine may use again.
 *
 *     char *dir = rn_cache_dir(), *path = rn_join(dir, "gpu/choices.json");
 *
 * Downloads lie there (fetch/store/cache.h), and what was found out about this machine. */
#ifndef RN_CACHE_DIR_H
#define RN_CACHE_DIR_H

/* $RUNNEL_CACHE, $XDG_CACHE_HOME/runnel or ~/.cache/runnel; caller frees. Nothing makes it. */
char *rn_cache_dir(void);

#endif
