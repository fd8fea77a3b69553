/* path.h - names of files, put together and taken apart; nothing looks at a disk.
 *
 *     char *path = rn_join(dir, "words.json"), *up = rn_dirname(path);
 *     puts(rn_basename(path));                        words.json
 *     free(up);
 *     free(path);
 */
#ifndef RN_PATH_H
#define RN_PATH_H

/* dir + "/" + name; caller frees. */
char *rn_join(const char *dir, const char *name);
/* What stands before the last slash; "." where there is none. Caller frees. */
char *rn_dirname(const char *path);
/* What stands behind it; the whole path where there is none. Borrowed. */
const char *rn_basename(const char *path);

#endif
