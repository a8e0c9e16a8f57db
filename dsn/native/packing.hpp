// How the time steps of a batch lie in memory.
//
// A channel of a batch is a row of steps; a step is `width` lanes, a whole number of vectors. Lane s * series + b is
// series b in segment s: the series are cut into `segments` pieces of `steps` time steps each, which lie side by side,
// so that small batches fill the vectors too. Tap k of a kernel reads the row shifted by k steps, that is by whole
// vectors; what a segment needs of its neighbours is copied beside it, into its margins.
#pragma once

#include <algorithm>
#include <vector>

#include "vector.hpp"

namespace dsn {

enum class Padding { replicate_right, zero };

// A vector of a row's margins: it gets those elements from `from` on that are `inside` the series, else a fill's.
template <class T>
struct Margin {
    long to, from;
    int lane;  // of the step, where the vector begins
    typename VectorOf<T>::index inside;
};

template <class T>
class Packing {
public:
    Packing(int series, int length, int taps, Padding padding) : series(series), length(length), taps(taps), padding(padding) {
        choose_width();
        const int before = padding == Padding::zero ? (taps - 1) / 2 : 0;
        input_before = before;
        gradient_before = taps - 1 - before;
        padded_stride = row_stride(taps - 1);
        output_stride = row_stride(0);
        for (int t = 0; t < length; t++)
            at_.push_back(static_cast<long>(t % steps) * width + static_cast<long>(t / steps) * series);
        fill_mask();
        add_invalid(input_margins);
        add_margins(input_margins, -before, taps - 1 - before);
        add_margins(gradient_margins, -(taps - 1 - before), before);
    }

    const int series, length, taps;
    const Padding padding;
    int segments = 1, steps = 1, width = 1;
    int input_before = 0;     // steps before the first one in a row that a convolution reads
    int gradient_before = 0;  // and in a row of output gradients, which its backward pass reads
    long padded_stride = 0;   // elements from one row with margins to the next
    long output_stride = 0;   // and without margins
    std::vector<Margin<T>> input_margins, gradient_margins;
    std::vector<T> mask;  // 1 where a row holds a time step, 0 in lanes to spare

    long row() const { return static_cast<long>(steps) * width; }
    // Whether padding repeats whole vectors: those of the last step, which no other segment shares.
    bool repeats_last_vectors() const { return padding == Padding::replicate_right && segments == 1; }
    int vectors_a_step() const { return width / LANES<T>; }
    int vectors() const { return static_cast<int>(row() / LANES<T>); }
    // Where series 0 is at time t; the others follow.
    long at(int t) const { return at_[t]; }
    // Whether every lane of a row is a time step of some series.
    bool full() const { return row() == static_cast<long>(length) * series; }

    // Copies the margins of a row, given its step 0. `fill` is one step; its lanes are what lies beyond the series.
    void fill_margins(T* row, const std::vector<Margin<T>>& margins, const T* fill) const {
        for (const Margin<T>& margin : margins)
            store(row + margin.to, margin.inside ? load(row + margin.from) : load(fill + margin.lane));
    }

    // Sets to zero what lies beyond the series in their last segment.
    void clear_invalid(T* row) const {
        const int ragged = length - (segments - 1) * steps, from = (segments - 1) * series;
        for (int step = ragged; step < steps; step++)
            std::fill(row + static_cast<long>(step) * width + from, row + static_cast<long>(step + 1) * width, T(0));
    }

    // One step whose lanes all hold the last value of their series; of a row given by its step 0.
    void last_value(const T* row, T* step) const {
        const T* last = row + at(length - 1);
        for (int lane = 0; lane < width; lane++) step[lane] = lane < segments * series ? last[lane % series] : T(0);
    }

private:
    std::vector<long> at_;

    // The number of vectors a step that leaves the fewest lanes empty; wider steps reach further into the cache.
    void choose_width() {
        const int least = (series + LANES<T> - 1) / LANES<T>;
        double best = 0;
        for (int vectors = least; vectors < least + 4; vectors++) {
            const int lanes = vectors * LANES<T>;
            const int most = std::min(lanes / series, length);
            const int in_each = (length + most - 1) / most;
            const double cost = static_cast<double>(in_each) * vectors * (1 + 0.05 * (vectors - least));
            if (vectors == least || cost < best) {
                best = cost;
                width = lanes;
                steps = in_each;
                segments = (length + in_each - 1) / in_each;
            }
        }
    }

    // An odd number of vectors, so that rows do not fall on the same lines of a cache.
    long row_stride(int margin) const {
        const long vectors = (steps + margin) * static_cast<long>(width) / LANES<T>;
        return (vectors | 1) * LANES<T>;
    }

    // Segments that have a time step `step` steps after their first one.
    int segments_with(int step) const {
        int count = 0;
        while (count < segments && count * static_cast<long>(steps) + step < length) count++;
        return count;
    }

    void fill_mask() {
        mask.assign(row() + LANES<T>, T(0));
        for (int t = 0; t < length; t++)
            for (int b = 0; b < series; b++) mask[at(t) + b] = 1;
    }

    // The last segment may be shorter than the others; what follows it lies beyond the series.
    void add_invalid(std::vector<Margin<T>>& margins) const {
        for (int step = 0; step < steps; step++) {
            const int count = segments_with(step);
            if (count < segments) add_step(margins, step, step, 0, 0, count * series);
        }
    }

    void add_margins(std::vector<Margin<T>>& margins, int first, int after) const {
        for (int step = first; step < 0; step++) add_margin(margins, step);
        for (int step = steps; step < steps + after; step++) add_margin(margins, step);
    }

    void add_margin(std::vector<Margin<T>>& margins, int step) const {
        const int ahead = step >= 0 ? step / steps : -((-step + steps - 1) / steps);
        const int begin = std::min(step >= 0 ? 0 : -ahead, segments) * series;
        const int end = std::max(segments_with(step) * series, begin);
        add_step(margins, step, step - ahead * steps, ahead * series, begin, end);
    }

    // Step `to` gets lanes [begin, end) from step `from`, `shift` lanes further on.
    void add_step(std::vector<Margin<T>>& margins, long to, long from, int shift, int begin, int end) const {
        for (int lane = 0; lane < width; lane += LANES<T>) {
            const auto number = lane_numbers<T>() + lane;
            const bool reads = end > lane && begin < lane + LANES<T>;
            const long source = reads ? from * width + shift + lane : to * width + lane;
            margins.push_back({to * width + lane, source, lane, (number >= begin) & (number < end)});
        }
    }
};

}  // namespace dsn
