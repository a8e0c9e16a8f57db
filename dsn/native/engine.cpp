// The native engine.
#include "export.hpp"

DSN_EXPORT int dsn_placeholder() { return 1; }
