// Which sources a library was built from: dsn/native/library.py refuses one that does not match those beside it.
#include "export.hpp"

#ifndef DSN_SOURCES
#error "DSN_SOURCES, the fingerprint of the sources, is defined by setup.py"
#endif

DSN_EXPORT const char* dsn_sources() { return DSN_SOURCES; }
