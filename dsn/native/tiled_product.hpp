// A sparse product over whole rows: the order of its taps, and the tiles in which it goes over them.
//
// Taps are sorted by their number, within parts of the channels, because there are fewer to multiply at the edges of a
// series: tap k reads nothing in the last k steps but the last value, and passes nothing back from beyond them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "packing.hpp"
#include "sparse_product.hpp"
#include "team.hpp"

namespace dsn {

// The taps of a product: (row, part of the columns, tap, column), ascending.
struct TapOrder {
    int rows = 0, columns = 0;
    std::vector<std::int32_t> start;    // of the taps of (row, part); one more at the end
    std::vector<std::int32_t> numbers;  // of the taps

    static constexpr int PART = 8;  // columns; with what their taps reach, a tile of so many fits the first-level cache
    int parts() const { return (columns + PART - 1) / PART; }

    void begin(int rows_, int columns_) {
        rows = rows_;
        columns = columns_;
        start.assign(1, 0);
        numbers.clear();
    }

    // Of some rows, parts [from, to).
    TapRanges ranges(Part some, int from, int to) const {
        const std::int32_t* first = start.data() + static_cast<long>(some.begin) * parts();
        return {first + from, first + to, nullptr, parts(), some.end - some.begin};
    }
};

// What taps read in the rows of one packing: where it begins, and what of it tiles at an edge of the series need (see
// TapRanges), by (tile, row, part, group).
struct TapReads {
    Buffer<std::int32_t> offsets;
    int first_at_edge = 0, last_at_edge = -1;
    std::vector<std::int32_t> limits;
};

// The vectors of a row, cut into equal tiles of at most `most`.
struct Tiles {
    Tiles(int vectors, int most)
        : vectors(vectors), count((vectors + most - 1) / most), size((vectors + count - 1) / count) {}
    const int vectors, count, size;
    int begin(int tile) const { return tile * size; }
    int end(int tile) const { return std::min(vectors, (tile + 1) * size); }
    int length(int tile) const { return end(tile) - begin(tile); }
};

// Parts of the channels whose share of a tile, with what their taps reach beyond it, fills the first-level cache.
template <class T>
int parts_in_cache(const Packing<T>& packing, int tile) {
    const long vectors = tile + (packing.taps - 1) * static_cast<long>(packing.vectors_a_step());
    return std::max(1, static_cast<int>((L1_BYTES / (vectors * VECTOR_BYTES) + TapOrder::PART / 2) / TapOrder::PART));
}

namespace detail {

// Fewer taps than this in a range are faster in one loop than in pieces.
constexpr std::size_t TRIMMED_TAPS = 8;

template <Edge EDGE, class T>
bool trims(const Packing<T>& packing, const TapOrder& order) {
    return packing.repeats_last_vectors() && packing.vectors() >= PRODUCT_GROUP &&
           (EDGE == Edge::beginning || packing.vectors_a_step() == 1) &&
           order.numbers.size() >= TRIMMED_TAPS * (order.start.size() - 1);
}

}  // namespace detail

// Finds the tiles where taps read nothing new, and what they need.
template <Edge EDGE, class T>
void find_limits(const Packing<T>& packing, const TapOrder& order, TapReads& reads) {
    reads.limits.clear();
    reads.first_at_edge = 0;
    reads.last_at_edge = -1;
    if (!detail::trims<EDGE>(packing, order)) return;
    const Tiles tiles(packing.vectors(), PRODUCT_TILE);
    // The first tap that a group of a tile can do without.
    const auto limit = [&](int tile, int group) {
        const int from = tiles.begin(tile) + group * PRODUCT_GROUP;
        const int to = std::min(tiles.end(tile), from + PRODUCT_GROUP);
        const int step = packing.vectors_a_step();
        return EDGE == Edge::end ? packing.length - 1 - from / step : (to - 1) / step + 1;
    };
    const int groups = (tiles.size + PRODUCT_GROUP - 1) / PRODUCT_GROUP;
    int first = 0, last = tiles.count - 1;
    if (EDGE == Edge::end)
        while (first <= last && limit(first, groups - 1) >= packing.taps) first++;
    else
        while (first <= last && limit(last, 0) >= packing.taps) last--;
    reads.first_at_edge = first;
    reads.last_at_edge = last;
    const auto numbers = order.numbers.begin();
    for (int tile = first; tile <= last; tile++)
        for (std::size_t range = 0; range + 1 < order.start.size(); range++)
            for (int group = 0; group < PRODUCT_GROUPS; group++)
                reads.limits.push_back(static_cast<std::int32_t>(
                    std::lower_bound(numbers + order.start[range], numbers + order.start[range + 1],
                                     limit(tile, group)) -
                    numbers));
}

// output[r] = sum over the taps n of row r of weights[n] * what n reads of `input`, for all steps. `input` has margins,
// `output` has none. EDGE is where taps read nothing new. Of the rows of `some`.
template <Edge EDGE, class T>
void tiled_product(const Packing<T>& packing, const TapOrder& order, Part some, const TapReads& reads,
                   const T* weights, const T* input, T* output) {
    const Tiles tiles(packing.vectors(), PRODUCT_TILE);
    const int parts = order.parts();
    output += some.begin * packing.output_stride;
    for (int t = 0; t < tiles.count; t++) {
        const long skip = static_cast<long>(tiles.begin(t)) * LANES<T>;
        const bool at_edge = t >= reads.first_at_edge && t <= reads.last_at_edge;
        const long ranges_before = (static_cast<long>(t - reads.first_at_edge) * order.rows + some.begin) * parts;
        const int block = at_edge ? 1 : parts_in_cache(packing, tiles.size);
        const auto multiply = at_edge ? sparse_product<T, EDGE> : sparse_product<T, Edge::none>;
        for (int p = 0; p < parts; p += block) {
            TapRanges ranges = order.ranges(some, p, std::min(parts, p + block));
            if (at_edge) ranges.limits = reads.limits.data() + (ranges_before + p) * PRODUCT_GROUPS;
            multiply(input + skip, output + skip, packing.output_stride, ranges, reads.offsets.data(), weights,
                     tiles.length(t), p == 0);
        }
    }
}

}  // namespace dsn
