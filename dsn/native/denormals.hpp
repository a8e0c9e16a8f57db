// Numbers too small for a normalised representation, which Adam's moments decay into: arithmetic on them is many times
// slower, so they are taken for zero while a step is computed, as the reference engine does.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace dsn {

class FlushedDenormals {
public:
    FlushedDenormals() : before_(get()) { set(before_ | FLUSH); }
    ~FlushedDenormals() { set(before_); }
    FlushedDenormals(const FlushedDenormals&) = delete;
    FlushedDenormals& operator=(const FlushedDenormals&) = delete;

private:
#if defined(__SSE2__)
    using Mode = unsigned;
    static constexpr Mode FLUSH = 0x8040;  // flush to zero, and denormals are zero
    static Mode get() { return _mm_getcsr(); }
    static void set(Mode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
    using Mode = std::uint64_t;
    static constexpr Mode FLUSH = 1 << 24;
    static Mode get() {
        Mode mode;
        asm volatile("mrs %0, fpcr" : "=r"(mode));
        return mode;
    }
    static void set(Mode mode) { asm volatile("msr fpcr, %0" : : "r"(mode)); }
#else
    using Mode = unsigned;
    static constexpr Mode FLUSH = 0;
    static Mode get() { return 0; }
    static void set(Mode) {}
#endif
    const Mode before_;
};

}  // namespace dsn
