// What Python calls: C functions, the only names that a library shows.
#pragma once

#define DSN_EXPORT extern "C" __attribute__((visibility("default")))
