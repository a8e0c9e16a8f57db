// Which of the libraries this processor can run. Compiled into the portable one, which any processor can.
#include "export.hpp"

// 0 portable; 1 AVX2 and FMA; 2 AVX-512 F, DQ, BW and VL too. The compilers' run-time support asks the operating system
// as well, which must save the wide registers.
DSN_EXPORT int dsn_processor_level() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return wide ? 2 : 1;
#else
    return 0;
#endif
}
