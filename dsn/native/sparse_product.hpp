// The three products of a sparse convolution, over its active taps only.
//
// Rows are channels (see Packing); a tap is a weight and the offset at which its input begins. All three read their
// input once a product from the first-level cache, which is what bounds them: so they work on tiles of a row that stay
// in registers, and on as many input channels at a time as the cache holds.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <utility>

#include "vector.hpp"

namespace dsn {

// The taps of row r are begin[r * step] to end[r * step].
struct TapRanges {
    const std::int32_t* begin;
    const std::int32_t* end;
    int step;
    int rows;
};

constexpr int PRODUCT_TILE = REGISTERS == 32 ? 24 : 12;  // vectors of output in registers
constexpr int GRADIENT_TILE = 48;                        // vectors of a row from which taps' gradients are summed
constexpr int GRADIENT_TAPS = 8;                         // taps whose gradients are summed at once

namespace detail {

// Fewer accumulators than this would wait for each other.
constexpr int IN_FLIGHT = 8;

template <class T, int TILE>
void product_tile(const T* input, T* output, long stride, TapRanges taps, const std::int32_t* offsets,
                  const T* weights, bool first) {
    constexpr int APART = TILE >= IN_FLIGHT ? 1 : (IN_FLIGHT + TILE - 1) / TILE;
    for (int r = 0; r < taps.rows; r++) {
        std::int32_t n = taps.begin[static_cast<long>(r) * taps.step];
        const std::int32_t end = taps.end[static_cast<long>(r) * taps.step];
        if (n == end && !first) continue;
        T* to = output + r * stride;
        Vector<T> sums[APART][TILE];
#pragma GCC unroll 32
        for (int v = 0; v < TILE; v++) sums[0][v] = first ? Vector<T>{} : load(to + v * LANES<T>);
#pragma GCC unroll 32
        for (int a = 1; a < APART; a++)
#pragma GCC unroll 32
            for (int v = 0; v < TILE; v++) sums[a][v] = Vector<T>{};
        for (; n + APART <= end; n += APART) {
#pragma GCC unroll 32
            for (int a = 0; a < APART; a++) {
                const Vector<T> weight = broadcast(weights[n + a]);
                const T* from = input + offsets[n + a];
#pragma GCC unroll 32
                for (int v = 0; v < TILE; v++) sums[a][v] += weight * load(from + v * LANES<T>);
            }
        }
        for (; n < end; n++) {
            const Vector<T> weight = broadcast(weights[n]);
            const T* from = input + offsets[n];
#pragma GCC unroll 32
            for (int v = 0; v < TILE; v++) sums[0][v] += weight * load(from + v * LANES<T>);
        }
#pragma GCC unroll 32
        for (int v = 0; v < TILE; v++) {
            Vector<T> total = sums[0][v];
#pragma GCC unroll 32
            for (int a = 1; a < APART; a++) total += sums[a][v];
            store(to + v * LANES<T>, total);
        }
    }
}

template <class T>
using ProductTile = void (*)(const T*, T*, long, TapRanges, const std::int32_t*, const T*, bool);

template <class T, int... I>
constexpr std::array<ProductTile<T>, sizeof...(I)> product_tiles(std::integer_sequence<int, I...>) {
    return {product_tile<T, I + 1>...};
}

// gradients[n + a] += <error, input from tap n + a on>, for TAPS taps.
template <class T, int TAPS>
DSN_INLINE void tap_gradients(const T* input, const T* error, const std::int32_t* offsets, T* gradients, int vectors) {
    Vector<T> sums[TAPS];
    const T* from[TAPS];
#pragma GCC unroll 8
    for (int a = 0; a < TAPS; a++) {
        sums[a] = Vector<T>{};
        from[a] = input + offsets[a];
    }
    for (long v = 0; v < static_cast<long>(vectors) * LANES<T>; v += LANES<T>) {
        const Vector<T> each = load(error + v);
#pragma GCC unroll 8
        for (int a = 0; a < TAPS; a++) sums[a] += each * load(from[a] + v);
    }
    add_sums<T, TAPS>(sums, gradients);
}

}  // namespace detail

// output[r][v] = sum over the taps n of row r of weights[n] * input[offsets[n] + v], for v below `vectors` vectors;
// or added to what is there, unless `first`.
template <class T>
void sparse_product(const T* input, T* output, long stride, TapRanges taps, const std::int32_t* offsets,
                    const T* weights, int vectors, bool first) {
    static constexpr auto tiles = detail::product_tiles<T>(std::make_integer_sequence<int, PRODUCT_TILE>{});
    assert(vectors <= PRODUCT_TILE);
    tiles[vectors - 1](input, output, stride, taps, offsets, weights, first);
}

// gradients[n] += <error of row r, input[offsets[n] ...]> for the taps n of every row r, over `vectors` vectors.
template <class T>
void sparse_gradients(const T* input, const T* error, long stride, TapRanges taps, const std::int32_t* offsets,
                      T* gradients, int vectors) {
    for (int r = 0; r < taps.rows; r++) {
        const T* row = error + r * stride;
        std::int32_t n = taps.begin[static_cast<long>(r) * taps.step];
        const std::int32_t end = taps.end[static_cast<long>(r) * taps.step];
        for (; n + 8 <= end; n += 8) detail::tap_gradients<T, 8>(input, row, offsets + n, gradients + n, vectors);
        if (n + 4 <= end) {
            detail::tap_gradients<T, 4>(input, row, offsets + n, gradients + n, vectors);
            n += 4;
        }
        if (n + 2 <= end) {
            detail::tap_gradients<T, 2>(input, row, offsets + n, gradients + n, vectors);
            n += 2;
        }
        if (n < end) detail::tap_gradients<T, 1>(input, row, offsets + n, gradients + n, vectors);
    }
}

// gradients[c][k] += <error of row c, input k steps on>, for the first `taps` taps of ROWS rows.
template <class T, int ROWS>
void dense_gradients(const T* input, const T* error, long stride, int width, int taps, T* gradients, long apart,
                     int vectors) {
    constexpr int AT_ONCE = GRADIENT_TAPS;
    for (int k = 0; k < taps; k += AT_ONCE) {
        // The last taps are summed together with some before them, whose sums are then not kept.
        const int from = std::max(0, std::min(k, taps - AT_ONCE));
        const int count = std::min(AT_ONCE, taps - from);
        Vector<T> sums[ROWS][AT_ONCE];
#pragma GCC unroll 8
        for (int c = 0; c < ROWS; c++)
#pragma GCC unroll 8
            for (int a = 0; a < AT_ONCE; a++) sums[c][a] = Vector<T>{};
        const T* start = input + static_cast<long>(from) * width;
        if (count == AT_ONCE) {
            for (long v = 0; v < static_cast<long>(vectors) * LANES<T>; v += LANES<T>) {
                Vector<T> each[ROWS];
#pragma GCC unroll 8
                for (int c = 0; c < ROWS; c++) each[c] = load(error + c * stride + v);
#pragma GCC unroll 8
                for (int a = 0; a < AT_ONCE; a++) {
                    const Vector<T> value = load(start + a * width + v);
#pragma GCC unroll 8
                    for (int c = 0; c < ROWS; c++) sums[c][a] += each[c] * value;
                }
            }
        } else {
            for (int c = 0; c < ROWS; c++)
                for (int a = 0; a < count; a++)
                    for (long v = 0; v < static_cast<long>(vectors) * LANES<T>; v += LANES<T>)
                        sums[c][a] += load(error + c * stride + v) * load(start + a * width + v);
        }
        for (int c = 0; c < ROWS; c++) {
            T totals[AT_ONCE] = {};
            add_sums<T, AT_ONCE>(sums[c], totals);
            for (int a = k - from; a < count; a++) gradients[c * apart + from + a] += totals[a];
        }
    }
}

}  // namespace dsn
