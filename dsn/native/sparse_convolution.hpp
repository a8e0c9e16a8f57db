// A convolution of which only some taps are active: its weights, its topology and its part of a training step.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "adam.hpp"
#include "buffer.hpp"
#include "packing.hpp"
#include "sparse_product.hpp"

namespace dsn {

// Whose moments Adam keeps: those of active weights, or of all weights that may become active; and whether weights that
// are grown begin anew, with step counts of their own.
struct Moments {
    bool dense;
    bool restart;
};

template <class T>
class SparseConvolution {
public:
    // Where the taps' inputs begin in rows of one packing.
    struct Offsets {
        Buffer<std::int32_t> forward, backward, last;
        long long topology = -1;
    };

    // `regions` has the number of usable taps of every output channel.
    SparseConvolution(int inputs, int outputs, int taps, std::vector<int> regions, Moments moments)
        : inputs(inputs), outputs(outputs), taps(taps), regions(std::move(regions)), moments(moments) {
        region_begin.push_back(0);
        for (const int region : this->regions) region_begin.push_back(region_begin.back() + long(inputs) * region);
        if (moments.dense) hold_moments(region_begin.back());
    }

    const int inputs, outputs, taps;
    const std::vector<int> regions;
    const Moments moments;
    std::vector<long> region_begin;  // where a channel's moments begin when they are dense: (output, input, tap)
    Buffer<std::int32_t> positions;  // of the active weights, ascending, in (output, input, tap)
    Buffer<T> weight, gradient;      // active ones
    Buffer<T> first, second, correction1, correction2;

    // Replaces the active weights by those where `mask` (outputs, inputs, taps) is not zero. Weights that stay keep
    // their value; others start at zero. Weights that are `grown` (null: none) begin Adam anew, if they are to.
    void set_mask(const std::uint8_t* mask, const std::uint8_t* grown) {
        find_active(mask);
        carry_over(grown);
        order_backward();
        topology_++;
    }

    void prepare(Offsets& offsets, const Packing<T>& packing) const {
        if (offsets.topology == topology_) return;
        const std::size_t active = positions.size();
        for (auto* each : {&offsets.forward, &offsets.backward, &offsets.last}) each->hold(active);
        const long stride = packing.padded_stride, step = packing.width, last = last_width(packing);
        // Offsets are kept in 32 bits, as every byte of them is read in every step.
        if (std::max(inputs, outputs) * std::max(stride, taps * last) > std::numeric_limits<std::int32_t>::max())
            throw std::bad_alloc();
        for (std::size_t n = 0; n < active; n++)
            offsets.forward[n] = static_cast<std::int32_t>(input_of(n) * stride + tap_of(n) * step);
        for (std::size_t p = 0; p < active; p++) {
            const std::int32_t n = backward_[p];
            const long output = output_of(n), tap = tap_of(n);
            offsets.backward[p] = static_cast<std::int32_t>(output * stride + (taps - 1 - tap) * step);
            offsets.last[p] = static_cast<std::int32_t>((output * taps + tap) * last);
        }
        offsets.topology = topology_;
    }

    // `input` has margins, `output` has none.
    void forward(const Packing<T>& packing, const Offsets& offsets, const T* input, T* output) const {
        product(packing, input, output, packing.output_stride, start_, inputs, outputs, offsets.forward, weight,
                packing.vectors());
    }

    // The gradient of the input, without margins, from that of the output, with margins.
    void input_gradient(const Packing<T>& packing, const Offsets& offsets, Padding padding, const T* error, T* result) {
        for (std::size_t p = 0; p < weight.size(); p++) weight_backward_[p] = weight[backward_[p]];
        product(packing, error, result, packing.output_stride, start_backward_, outputs, inputs, offsets.backward,
                weight_backward_, packing.vectors());
        if (padding == Padding::replicate_right) fold_last_step(packing, offsets, error, result);
        for (int i = 0; i < inputs; i++) packing.clear_invalid(result + i * packing.output_stride);
    }

    void active_gradient(const Packing<T>& packing, const Offsets& offsets, const T* input, const T* error) {
        gradient.zero();
        const T* from_step_0 = error + packing.gradient_before * packing.width;
        const int tiles = (packing.vectors() + GRADIENT_TILE - 1) / GRADIENT_TILE;
        const int tile = (packing.vectors() + tiles - 1) / tiles;
        const int block = channels_in_cache(packing, tile);
        for (int v = 0; v < packing.vectors(); v += tile)
            for (int i = 0; i < inputs; i += block) {
                const TapRanges ranges{start_.data() + i, start_.data() + std::min(i + block, inputs), inputs, outputs};
                const long skip = static_cast<long>(v) * LANES<T>;
                sparse_gradients(input + skip, from_step_0 + skip, packing.padded_stride, ranges,
                                 offsets.forward.data(), gradient.data(), std::min(tile, packing.vectors() - v));
            }
    }

    // Gradients of all usable taps of output channels `output` and, if ROWS is 2, the next, (ROWS, inputs, region).
    template <int ROWS>
    void dense_gradient(const Packing<T>& packing, const T* input, const T* error, int output, T* result) const {
        const int region = regions[output];
        const long apart = static_cast<long>(inputs) * region;
        std::fill_n(result, ROWS * apart, T(0));
        const T* row = error + output * packing.padded_stride + packing.gradient_before * packing.width;
        for (int v = 0; v < packing.vectors(); v += GRADIENT_TILE) {
            const long skip = static_cast<long>(v) * LANES<T>;
            const int vectors = std::min(GRADIENT_TILE, packing.vectors() - v);
            for (int i = 0; i < inputs; i++)
                dense_gradients<T, ROWS>(input + i * packing.padded_stride + skip, row + skip, packing.padded_stride,
                                         packing.width, region, result + static_cast<long>(i) * region, apart, vectors);
        }
    }

    // Calls use(output, rows, gradients) for all output channels, one or two at a time.
    template <class Use>
    void each_dense_gradient(const Packing<T>& packing, const T* input, const T* error, Use use) {
        gradient_rows_.hold(2 * static_cast<std::size_t>(inputs) * taps);
        for (int output = 0; output < outputs;) {
            if (output + 1 < outputs && regions[output] == regions[output + 1]) {
                dense_gradient<2>(packing, input, error, output, gradient_rows_.data());
                use(output, 2, gradient_rows_.data());
                output += 2;
            } else {
                dense_gradient<1>(packing, input, error, output, gradient_rows_.data());
                use(output, 1, gradient_rows_.data());
                output += 1;
            }
        }
    }

    // One step of Adam from the gradients of the active weights.
    void update_active(const AdamStep<T>& step) {
        if (moments.restart) {
            step_corrected(weight.data(), gradient.data(), first.data(), second.data(), correction1.data(),
                           correction2.data(), weight.size(), step.rate);
        } else {
            update_moments(gradient.data(), first.data(), second.data(), weight.size());
            apply_moments(weight.data(), first.data(), second.data(), weight.size(), step);
        }
    }

    // One step of Adam whose moments are dense: a gradient is used as soon as it is known, and kept nowhere.
    void update_dense(const Packing<T>& packing, const T* input, const T* error, const AdamStep<T>& step) {
        each_dense_gradient(packing, input, error, [&](int output, int rows, const T* gradients) {
            const long begin = region_begin[output], count = region_begin[output + rows] - begin;
            update_moments(gradients, first.data() + begin, second.data() + begin, count);
            if (moments.restart)
                advance_corrections(correction1.data() + begin, correction2.data() + begin, count);
        });
        gather(first, active_first_);
        gather(second, active_second_);
        if (moments.restart) {
            gather(correction1, active_correction1_);
            gather(correction2, active_correction2_);
            apply_corrected(weight.data(), active_first_.data(), active_second_.data(), active_correction1_.data(),
                            active_correction2_.data(), weight.size(), step.rate);
        } else {
            apply_moments(weight.data(), active_first_.data(), active_second_.data(), weight.size(), step);
        }
    }

private:
    long long topology_ = 0;
    std::vector<std::int32_t> start_;           // of the taps of (output, input); one more at the end
    std::vector<std::int32_t> start_backward_;  // of (input, output), in the order of the backward pass
    std::vector<std::int32_t> backward_;        // which tap is next in that order
    std::vector<std::int32_t> moment_of_;       // where a tap's dense moments are
    Buffer<T> weight_backward_, suffix_sums_, last_step_, gradient_rows_;
    Buffer<T> active_first_, active_second_, active_correction1_, active_correction2_;

    long output_of(std::size_t n) const { return positions[n] / (static_cast<long>(inputs) * taps); }
    long input_of(std::size_t n) const { return positions[n] / taps % inputs; }
    long tap_of(std::size_t n) const { return positions[n] % taps; }

    void hold_moments(std::size_t count) {
        first.hold(count);
        second.hold(count);
        if (moments.restart) {
            correction1.hold(count);
            correction2.hold(count);
        }
    }

    void find_active(const std::uint8_t* mask) {
        previous_positions_.swap(positions);
        std::size_t active = 0;
        const std::size_t kernels = static_cast<std::size_t>(outputs) * inputs, size = kernels * taps;
        for (std::size_t n = 0; n < size; n++) active += mask[n] != 0;
        positions.hold(active);
        start_.resize(kernels + 1);
        moment_of_.resize(active);
        std::int32_t n = 0;
        for (std::size_t kernel = 0; kernel < kernels; kernel++) {
            start_[kernel] = n;
            const int region = regions[kernel / inputs];
            const long moments_begin = region_begin[kernel / inputs] + static_cast<long>(kernel % inputs) * region;
            for (int tap = 0; tap < taps; tap++) {
                if (!mask[kernel * taps + tap]) continue;
                positions[n] = static_cast<std::int32_t>(kernel * taps + tap);
                moment_of_[n] = static_cast<std::int32_t>(moments_begin + tap);
                n++;
            }
        }
        start_[kernels] = n;
    }

    // Both lists of positions ascend, so that one walk finds what stayed.
    void carry_over(const std::uint8_t* grown) {
        const std::size_t active = positions.size(), before = previous_positions_.size();
        std::vector<Buffer<T>*> arrays{&weight};
        if (!moments.dense) {
            arrays.insert(arrays.end(), {&first, &second});
            if (moments.restart) arrays.insert(arrays.end(), {&correction1, &correction2});
        }
        for (Buffer<T>* array : arrays) {
            const bool is_moment = array != &weight;
            carried_.hold(active);
            std::size_t old = 0;
            for (std::size_t n = 0; n < active; n++) {
                const std::int32_t position = positions[n];
                while (old < before && previous_positions_[old] < position) old++;
                const bool stayed = old < before && previous_positions_[old] == position;
                const bool anew = is_moment && moments.restart && grown && grown[position];
                carried_[n] = stayed && !anew ? (*array)[old] : T(0);
            }
            array->swap(carried_);
        }
        if (moments.dense && moments.restart && grown)
            for (std::size_t n = 0; n < active; n++)
                if (grown[positions[n]])
                    for (Buffer<T>* array : {&first, &second, &correction1, &correction2}) (*array)[moment_of_[n]] = 0;
        gradient.hold(active);
        weight_backward_.hold(active);
        if (moments.dense)
            for (auto* each : {&active_first_, &active_second_, &active_correction1_, &active_correction2_})
                each->hold(active);
    }

    // A counting sort by input; within one, taps stay in the order of their outputs.
    void order_backward() {
        start_backward_.assign(static_cast<std::size_t>(inputs) * outputs + 1, 0);
        backward_.resize(positions.size());
        std::int32_t p = 0;
        for (int i = 0; i < inputs; i++)
            for (int o = 0; o < outputs; o++) {
                const std::size_t kernel = static_cast<std::size_t>(o) * inputs + i;
                start_backward_[static_cast<std::size_t>(i) * outputs + o] = p;
                for (std::int32_t n = start_[kernel]; n < start_[kernel + 1]; n++) backward_[p++] = n;
            }
        start_backward_.back() = p;
    }

    // Channels whose part of a tile, with what their taps reach beyond it, fills the first-level cache.
    int channels_in_cache(const Packing<T>& packing, int vectors) const {
        const long bytes = vectors * VECTOR_BYTES + (taps - 1) * static_cast<long>(packing.width) * long(sizeof(T));
        return static_cast<int>(std::max(1L, L1_BYTES / bytes));
    }

    void product(const Packing<T>& packing, const T* input, T* output, long stride,
                 const std::vector<std::int32_t>& start, int columns, int rows, const Buffer<std::int32_t>& offsets,
                 const Buffer<T>& weights, int vectors) const {
        const int tiles = (vectors + PRODUCT_TILE - 1) / PRODUCT_TILE;
        const int tile = (vectors + tiles - 1) / tiles;
        const int block = channels_in_cache(packing, tile);
        for (int v = 0; v < vectors; v += tile)
            for (int c = 0; c < columns; c += block) {
                const TapRanges ranges{start.data() + c, start.data() + std::min(c + block, columns), columns, rows};
                const long skip = static_cast<long>(v) * LANES<T>;
                sparse_product(input + skip, output + skip, stride, ranges, offsets.data(), weights.data(),
                               std::min(tile, vectors - v), c == 0);
            }
    }

    long last_width(const Packing<T>& packing) const {
        return (packing.series + LANES<T> - 1) / LANES<T> * static_cast<long>(LANES<T>);
    }

    // Padding repeats the last value, so that its gradient is what all taps beyond the end would pass back: for tap k
    // the sum of the output's gradient over the last k + 1 steps.
    void fold_last_step(const Packing<T>& packing, const Offsets& offsets, const T* error, T* result) {
        const long width = last_width(packing);
        suffix_sums_.hold(static_cast<std::size_t>(outputs) * taps * width);
        last_step_.hold(static_cast<std::size_t>(inputs) * width);
        for (int o = 0; o < outputs; o++) {
            const T* row = error + o * packing.padded_stride + packing.gradient_before * packing.width;
            for (long b = 0; b < width; b += LANES<T>) {
                T* sums = suffix_sums_.data() + static_cast<long>(o) * taps * width + b;
                Vector<T> total{};
                for (int tap = 0; tap < regions[o]; tap++) {
                    // Lanes beyond the batch hold other series' values, and their sums nobody reads.
                    if (tap < packing.length) total += load(row + packing.at(packing.length - 1 - tap) + b);
                    store(sums + tap * width, total);
                }
            }
        }
        const int vectors = static_cast<int>(width / LANES<T>);
        product(packing, suffix_sums_.data(), last_step_.data(), width, start_backward_, outputs, inputs, offsets.last,
                weight_backward_, vectors);
        for (int i = 0; i < inputs; i++)
            std::copy_n(last_step_.data() + i * width, packing.series,
                        result + i * packing.output_stride + packing.at(packing.length - 1));
    }

    void gather(const Buffer<T>& from, Buffer<T>& to) const {
        for (std::size_t n = 0; n < weight.size(); n++) to[n] = from[moment_of_[n]];
    }

    Buffer<std::int32_t> previous_positions_;
    Buffer<T> carried_;
};

}  // namespace dsn
