// What this core can do at most: multiplications and additions on registers alone.
#pragma once

#include <algorithm>
#include <chrono>

#include "vector.hpp"

namespace dsn {

// Billions of operations a second (an addition and a multiplication are two), the best of many short measurements.
template <class T>
double peak_gflops(double seconds) {
    using clock = std::chrono::steady_clock;
    constexpr int SUMS = 12, REPEATS = 20000;
    const auto since = [](clock::time_point start) { return std::chrono::duration<double>(clock::now() - start).count(); };
    double best = 0;
    volatile T kept = 0;
    for (const auto start = clock::now(); since(start) < seconds;) {
        Vector<T> sums[SUMS], factor = broadcast(T(0.5)), term = broadcast(T(1));
        asm volatile("" : "+x"(factor), "+x"(term));
        for (auto& each : sums) each = term;
        const auto begin = clock::now();
        for (int i = 0; i < REPEATS; i++)
#pragma GCC unroll 12
            for (auto& each : sums) each = each * factor + term;
        const double time = since(begin);
        for (const auto& each : sums) kept = kept + sum<T>(each);
        best = std::max(best, 2.0 * SUMS * LANES<T> * REPEATS / time / 1e9);
    }
    return best;
}

}  // namespace dsn
