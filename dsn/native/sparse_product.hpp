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

// The taps of row r are begin[r * step] to end[r * step]. Where a series begins or ends, the vectors of a tile form
// groups, and group g needs those up to limits[r * step * PRODUCT_GROUPS + g].
struct TapRanges {
    const std::int32_t* begin;
    const std::int32_t* end;
    const std::int32_t* limits;
    int step;
    int rows;
};

// A part of a row where taps read nothing new, if they are sorted by their number: at its beginning those beyond some
// number read zeros, which are left out; at its end they read the last value, which is multiplied once for all.
enum class Edge { none, beginning, end };

constexpr int PRODUCT_TILE = REGISTERS == 32 ? 24 : 12;  // vectors of output in registers
constexpr int PRODUCT_GROUP = 8;                         // of which share the taps that they need
constexpr int PRODUCT_GROUPS = (PRODUCT_TILE + PRODUCT_GROUP - 1) / PRODUCT_GROUP;
constexpr int GRADIENT_TILE = 40;                        // vectors of a row from which taps' gradients are summed
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

// sums[v] += weight * from[v] for v in [BEGIN, END).
template <class T, int BEGIN, int END>
DSN_INLINE void add_product(Vector<T>* sums, Vector<T> weight, const T* from) {
#pragma GCC unroll 32
    for (int v = BEGIN; v < END; v++) sums[v] += weight * load(from + v * LANES<T>);
}

// Group GROUP and those after it, once sums holds the groups before: `end` is where the taps not yet used end. Those
// that a group no longer needs read one value alone there, whose sum is `constant`.
template <class T, int TILE, int GROUP>
DSN_INLINE void end_groups(Vector<T>* sums, Vector<T> constant, const T* before, const T* input,
                           const std::int32_t* offsets, const T* weights, std::int32_t begin, std::int32_t end,
                           const std::int32_t* limits) {
    constexpr int FROM = GROUP * PRODUCT_GROUP, TO = std::min(TILE, FROM + PRODUCT_GROUP);
#pragma GCC unroll 32
    for (int v = FROM; v < TO; v++) sums[v] = before ? constant + load(before + v * LANES<T>) : constant;
    if constexpr (TO < TILE) {
        const std::int32_t limit = limits[GROUP + 1];
        for (std::int32_t n = limit; n < end; n++) {
            const Vector<T> weight = broadcast(weights[n]);
            const T* from = input + offsets[n];
            add_product<T, 0, TO>(sums, weight, from);
            constant += weight * load(from + TO * LANES<T>);
        }
        end_groups<T, TILE, GROUP + 1>(sums, constant, before, input, offsets, weights, begin, limit, limits);
    } else {
        for (std::int32_t n = begin; n < end; n++)
            add_product<T, 0, TILE>(sums, broadcast(weights[n]), input + offsets[n]);
    }
}

// product_tile at the end of series whose last value is repeated.
template <class T, int TILE>
void ending_tile(const T* input, T* output, long stride, TapRanges taps, const std::int32_t* offsets,
                 const T* weights, bool first) {
    for (int r = 0; r < taps.rows; r++) {
        const std::int32_t begin = taps.begin[static_cast<long>(r) * taps.step];
        const std::int32_t end = taps.end[static_cast<long>(r) * taps.step];
        if (begin == end && !first) continue;
        const std::int32_t* limit = taps.limits + static_cast<long>(r) * taps.step * PRODUCT_GROUPS;
        Vector<T> constants[4] = {};
        std::int32_t n = limit[0];
        for (; n + 4 <= end; n += 4)
#pragma GCC unroll 4
            for (int a = 0; a < 4; a++) constants[a] += broadcast(weights[n + a]) * load(input + offsets[n + a]);
        for (; n < end; n++) constants[0] += broadcast(weights[n]) * load(input + offsets[n]);
        const Vector<T> constant = (constants[0] + constants[1]) + (constants[2] + constants[3]);
        T* to = output + r * stride;
        Vector<T> sums[TILE];
        end_groups<T, TILE, 0>(sums, constant, first ? nullptr : to, input, offsets, weights, begin, limit[0], limit);
#pragma GCC unroll 32
        for (int v = 0; v < TILE; v++) store(to + v * LANES<T>, sums[v]);
    }
}

template <class T, int TILE, int GROUP>
DSN_INLINE void begin_groups(Vector<T>* sums, const T* input, const std::int32_t* offsets, const T* weights,
                             std::int32_t n, const std::int32_t* limits) {
    if constexpr (GROUP * PRODUCT_GROUP < TILE) {
        for (; n < limits[GROUP]; n++)
            add_product<T, GROUP * PRODUCT_GROUP, TILE>(sums, broadcast(weights[n]), input + offsets[n]);
        begin_groups<T, TILE, GROUP + 1>(sums, input, offsets, weights, n, limits);
    }
}

// product_tile at the begin of rows before which there is nothing.
template <class T, int TILE>
void beginning_tile(const T* input, T* output, long stride, TapRanges taps,
                    const std::int32_t* offsets, const T* weights, bool first) {
    for (int r = 0; r < taps.rows; r++) {
        const std::int32_t begin = taps.begin[static_cast<long>(r) * taps.step];
        T* to = output + r * stride;
        Vector<T> sums[TILE];
#pragma GCC unroll 32
        for (int v = 0; v < TILE; v++) sums[v] = first ? Vector<T>{} : load(to + v * LANES<T>);
        begin_groups<T, TILE, 0>(sums, input, offsets, weights, begin,
                                 taps.limits + static_cast<long>(r) * taps.step * PRODUCT_GROUPS);
#pragma GCC unroll 32
        for (int v = 0; v < TILE; v++) store(to + v * LANES<T>, sums[v]);
    }
}

template <class T>
using ProductTile = void (*)(const T*, T*, long, TapRanges, const std::int32_t*, const T*, bool);

template <class T, Edge EDGE, int TILE>
constexpr ProductTile<T> tile_at() {
    if constexpr (EDGE == Edge::beginning) return beginning_tile<T, TILE>;
    if constexpr (EDGE == Edge::end) return ending_tile<T, TILE>;
    return product_tile<T, TILE>;
}

template <class T, Edge EDGE, int... I>
constexpr std::array<ProductTile<T>, sizeof...(I)> product_tiles(std::integer_sequence<int, I...>) {
    return {tile_at<T, EDGE, I + 1>()...};
}

// gradients[n + a] += <error, input from tap n + a on>, for TAPS taps; behind the `vectors` of the error stand those of
// its `tail`.
template <class T, int TAPS>
DSN_INLINE void tap_gradients(const T* input, const T* error, const std::int32_t* offsets, T* gradients, int vectors,
                              const T* tail, int tail_vectors) {
    Vector<T> sums[TAPS];
    const T* from[TAPS];
#pragma GCC unroll 8
    for (int a = 0; a < TAPS; a++) {
        sums[a] = Vector<T>{};
        from[a] = input + offsets[a];
    }
    const auto add = [&](const T* error, long at) {
        const Vector<T> each = load(error);
#pragma GCC unroll 8
        for (int a = 0; a < TAPS; a++) sums[a] += each * load(from[a] + at);
    };
    const long end = static_cast<long>(vectors) * LANES<T>, tail_end = static_cast<long>(tail_vectors) * LANES<T>;
    for (long v = 0; v < end; v += LANES<T>) add(error + v, v);
    for (long v = 0; v < tail_end; v += LANES<T>) add(tail + v, end + v);
    add_sums<T, TAPS>(sums, gradients);
}

}  // namespace detail

// output[r][v] = sum over the taps n of row r of weights[n] * input[offsets[n] + v], for v below `vectors` vectors;
// or added to what is there, unless `first`.
template <class T, Edge EDGE = Edge::none>
void sparse_product(const T* input, T* output, long stride, TapRanges taps, const std::int32_t* offsets,
                    const T* weights, int vectors, bool first) {
    static constexpr auto tiles = detail::product_tiles<T, EDGE>(std::make_integer_sequence<int, PRODUCT_TILE>{});
    assert(vectors <= PRODUCT_TILE);
    tiles[vectors - 1](input, output, stride, taps, offsets, weights, first);
}

// Where taps read the last value of a row alone, their gradient is that value times the sum of the errors there, the
// tail. Tap k does so from vector last - k * vectors on.
template <class T>
struct Tails {
    const T* sums;  // the tails of the first row, one step each: those of tap 0, 1, ...
    long stride;    // elements from the tails of one row to those of the next
    int last;       // the vector where the last step begins
    int vectors;    // of a step

    // Vectors before the tail of a tap, counted from vector `begin`; negative where that lies in the tail.
    int reach(int tap, int begin) const { return std::max(0, last - tap * vectors) - begin; }
    const T* of(int row, int tap) const { return sums + row * stride + static_cast<long>(tap) * vectors * LANES<T>; }
};

// gradients[n] += <error of row r, input[offsets[n] ...]> for the taps n of every row r, over `vectors` vectors of the
// rows from vector `begin` on. `numbers` are those of the taps, which ascend in a row if tails are made use of.
template <class T, bool TAILS>
void sparse_gradients(const T* input, const T* error, long stride, TapRanges taps, const std::int32_t* numbers,
                      const std::int32_t* offsets, T* gradients, int begin, int vectors, const Tails<T>& tails) {
    input += static_cast<long>(begin) * LANES<T>;
    error += static_cast<long>(begin) * LANES<T>;
    for (int r = 0; r < taps.rows; r++) {
        std::int32_t n = taps.begin[static_cast<long>(r) * taps.step];
        const std::int32_t end = taps.end[static_cast<long>(r) * taps.step];
        // Some taps at once, as far as the first of them needs: from there on the others read the last value too.
        const auto some = [&](auto count) {
            const int reach = TAILS ? tails.reach(numbers[n], begin) : vectors;
            const T* row = error + r * stride;
            if (reach >= vectors)
                detail::tap_gradients<T, count>(input, row, offsets + n, gradients + n, vectors, nullptr, 0);
            else if (reach >= 0)
                detail::tap_gradients<T, count>(input, row, offsets + n, gradients + n, reach, tails.of(r, numbers[n]),
                                                tails.vectors);
            n += count;
        };
        while (n + 8 <= end) some(std::integral_constant<int, 8>{});
        if (n + 4 <= end) some(std::integral_constant<int, 4>{});
        if (n + 2 <= end) some(std::integral_constant<int, 2>{});
        if (n < end) some(std::integral_constant<int, 1>{});
    }
}

// gradients[c][k] += <error of row c, input k steps on>, for the first `taps` taps of ROWS rows, over `vectors` vectors
// from vector `begin` on.
template <class T, int ROWS, bool TAILS>
void dense_gradients(const T* input, const T* error, long stride, int width, int taps, T* gradients, long apart,
                     int begin, int vectors, const Tails<T>& tails) {
    constexpr int AT_ONCE = GRADIENT_TAPS;
    input += static_cast<long>(begin) * LANES<T>;
    error += static_cast<long>(begin) * LANES<T>;
    for (int k = 0; k < taps; k += AT_ONCE) {
        // The last taps are summed together with some before them, whose sums are then not kept.
        const int from = std::max(0, std::min(k, taps - AT_ONCE));
        const int count = std::min(AT_ONCE, taps - from);
        const int reach = TAILS ? tails.reach(from, begin) : vectors;
        if (reach < 0) break;
        Vector<T> sums[ROWS][AT_ONCE];
#pragma GCC unroll 8
        for (int c = 0; c < ROWS; c++)
#pragma GCC unroll 8
            for (int a = 0; a < AT_ONCE; a++) sums[c][a] = Vector<T>{};
        const T* start = input + static_cast<long>(from) * width;
        // Calls add(errors, elements between their rows, what tap `from` reads there) for each vector.
        const auto each_vector = [&](auto add) {
            const long end = static_cast<long>(std::min(reach, vectors)) * LANES<T>;
            for (long v = 0; v < end; v += LANES<T>) add(error + v, stride, start + v);
            if (reach >= vectors) return;
            for (long v = 0; v < static_cast<long>(tails.vectors) * LANES<T>; v += LANES<T>)
                add(tails.of(0, from) + v, tails.stride, start + end + v);
        };
        if (count == AT_ONCE)
            each_vector([&](const T* errors, long errors_apart, const T* at) {
                Vector<T> each[ROWS];
#pragma GCC unroll 8
                for (int c = 0; c < ROWS; c++) each[c] = load(errors + c * errors_apart);
#pragma GCC unroll 8
                for (int a = 0; a < AT_ONCE; a++) {
                    const Vector<T> value = load(at + a * width);
#pragma GCC unroll 8
                    for (int c = 0; c < ROWS; c++) sums[c][a] += each[c] * value;
                }
            });
        else
            each_vector([&](const T* errors, long errors_apart, const T* at) {
                for (int c = 0; c < ROWS; c++)
                    for (int a = 0; a < count; a++)
                        sums[c][a] += load(errors + c * errors_apart) * load(at + a * width);
            });
        for (int c = 0; c < ROWS; c++) {
            T totals[AT_ONCE] = {};
            add_sums<T, AT_ONCE>(sums[c], totals);
            for (int a = k - from; a < count; a++) gradients[c * apart + from + a] += totals[a];
        }
    }
}

}  // namespace dsn
