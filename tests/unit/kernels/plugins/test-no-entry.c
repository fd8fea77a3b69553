/* A library that is no plugin. */
int rn_something_else;
