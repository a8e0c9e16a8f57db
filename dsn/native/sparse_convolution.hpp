// A convolution of which only some taps are active: its weights, its topology and its part of a training step.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <limits>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

#include "adam.hpp"
#include "buffer.hpp"
#include "packing.hpp"
#include "sparse_product.hpp"
#include "team.hpp"
#include "tiled_product.hpp"

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
    struct Offsets {
        TapReads forward, backward;
        Buffer<std::int32_t> last;
        long long topology = -1;
    };

    // `regions` has the number of usable taps of every output channel.
    SparseConvolution(int inputs, int outputs, int taps, std::vector<int> regions, Moments moments)
        : inputs(inputs), outputs(outputs), taps(taps), regions(std::move(regions)), moments(moments) {
        region_begin.push_back(0);
        for (const int region : this->regions) region_begin.push_back(region_begin.back() + long(inputs) * region);
        for (int output = 0; output < outputs; output += dense_rows_.back().rows) {
            const bool two = output + 1 < outputs && this->regions[output] == this->regions[output + 1];
            dense_rows_.push_back({output, two ? 2 : 1});
        }
        if (moments.dense) hold_moments(region_begin.back());
    }

    const int inputs, outputs, taps;
    const std::vector<int> regions;
    const Moments moments;
    std::vector<long> region_begin;  // where a channel's moments begin when they are dense: (output, input, tap)
    // Positions in (output, input, tap) of the active weights, which are kept in the order of the forward pass.
    Buffer<std::int32_t> positions;
    Buffer<T> weight, gradient;  // active ones
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
        for (auto* each : {&offsets.forward.offsets, &offsets.backward.offsets, &offsets.last}) each->hold(active);
        const long stride = packing.padded_stride, step = packing.width, last = last_width(packing);
        // Offsets are kept in 32 bits, as every byte of them is read in every step.
        if (std::max(inputs, outputs) * std::max(stride, taps * last) > std::numeric_limits<std::int32_t>::max())
            throw std::bad_alloc();
        for (std::size_t n = 0; n < active; n++)
            offsets.forward.offsets[n] = static_cast<std::int32_t>(input_of(n) * stride + tap_of(n) * step);
        for (std::size_t p = 0; p < active; p++) {
            const std::int32_t n = backward_[p];
            const long output = output_of(n), tap = tap_of(n);
            offsets.backward.offsets[p] = static_cast<std::int32_t>(output * stride + (taps - 1 - tap) * step);
            offsets.last[p] = static_cast<std::int32_t>((output * taps + tap) * last);
        }
        find_limits<Edge::end>(packing, order_, offsets.forward);
        find_limits<Edge::beginning>(packing, order_backward_, offsets.backward);
        offsets.topology = topology_;
    }

    // `input` has margins, `output` has none.
    void forward(Team& team, const Packing<T>& packing, const Offsets& offsets, const T* input, T* output) const {
        team.run(outputs, [&](Part rows) {
            tiled_product<Edge::end>(packing, order_, rows, offsets.forward, weight.data(), input, output);
        });
    }

    // The gradient of the input, without margins, from that of the output, with margins, whose tails have been summed.
    void input_gradient(Team& team, const Packing<T>& packing, const Offsets& offsets, const T* error, T* result) {
        last_step_.hold(static_cast<std::size_t>(inputs) * last_width(packing));
        team.run(inputs, [&](Part rows) {
            gather_backward(rows);
            tiled_product<Edge::beginning>(packing, order_backward_, rows, offsets.backward, weight_backward_.data(),
                                           error, result);
            if (packing.padding == Padding::replicate_right) fold_last_step(packing, offsets, rows, result);
            for (int i = rows.begin; i < rows.end; i++) packing.clear_invalid(result + i * packing.output_stride);
        });
    }

    void hold_tails(const Packing<T>& packing) {
        if (packing.padding == Padding::replicate_right)
            tails_.hold(static_cast<std::size_t>(outputs) * taps * last_width(packing));
    }

    // Sums of the last errors of an output channel, given its step 0: what taps that read the last value multiply with
    // it.
    void sum_tails(const Packing<T>& packing, const T* row, int output) {
        if (packing.padding != Padding::replicate_right) return;
        const long width = last_width(packing);
        for (long b = 0; b < width; b += LANES<T>) {
            T* sums = tails_.data() + static_cast<long>(output) * taps * width + b;
            Vector<T> total{};
            for (int tap = 0; tap < regions[output]; tap++) {
                // Lanes beyond the batch hold other series' values, and their sums nobody reads.
                if (tap < packing.length) total += load(row + packing.at(packing.length - 1 - tap) + b);
                store(sums + tap * width, total);
            }
        }
    }

    // Of an output's gradient whose tails have been summed if its series are in one piece.
    void active_gradient(Team& team, const Packing<T>& packing, const Offsets& offsets, const T* input,
                         const T* error) {
        gradient.zero();
        team.run(outputs, [&](Part rows) { active_gradient(packing, offsets, input, error, rows); });
    }

    // Of the output channels `rows`; their gradients have been zero.
    void active_gradient(const Packing<T>& packing, const Offsets& offsets, const T* input, const T* error, Part rows) {
        const T* from_step_0 = error + rows.begin * packing.padded_stride + packing.gradient_before * packing.width;
        const Tiles tiles(packing.vectors(), GRADIENT_TILE);
        const bool use_tails = packing.repeats_last_vectors();
        const int parts = order_.parts(), block = use_tails ? 1 : parts_in_cache(packing, tiles.size);
        const auto add_gradients = use_tails ? sparse_gradients<T, true> : sparse_gradients<T, false>;
        for (int t = 0; t < tiles.count; t++)
            for (int p = 0; p < parts; p += block)
                add_gradients(input, from_step_0, packing.padded_stride,
                              order_.ranges(rows, p, std::min(parts, p + block)), order_.numbers.data(),
                              offsets.forward.offsets.data(), gradient.data(), tiles.begin(t), tiles.length(t),
                              tails(packing, rows.begin));
    }

    // Gradients of all usable taps of output channels `output` and, if ROWS is 2, the next, (ROWS, inputs, region).
    template <int ROWS>
    void dense_gradient(const Packing<T>& packing, const T* input, const T* error, int output, T* result) const {
        const int region = regions[output];
        const long apart = static_cast<long>(inputs) * region;
        std::fill_n(result, ROWS * apart, T(0));
        const T* row = error + output * packing.padded_stride + packing.gradient_before * packing.width;
        const Tiles tiles(packing.vectors(), GRADIENT_TILE);
        const auto add_gradients =
            packing.repeats_last_vectors() ? dense_gradients<T, ROWS, true> : dense_gradients<T, ROWS, false>;
        for (int t = 0; t < tiles.count; t++)
            for (int i = 0; i < inputs; i++)
                add_gradients(input + i * packing.padded_stride, row, packing.padded_stride, packing.width, region,
                              result + static_cast<long>(i) * region, apart, tiles.begin(t), tiles.length(t),
                              tails(packing, output));
    }

    // Calls use(output, rows, gradients) for all output channels, one or two at a time, perhaps from several threads.
    template <class Use>
    void each_dense_gradient(Team& team, const Packing<T>& packing, const T* input, const T* error, const Use& use) {
        gradient_rows_.hold(team, 2 * static_cast<std::size_t>(inputs) * taps);
        team.run(static_cast<int>(dense_rows_.size()), [&](Part part) {
            T* gradients = gradient_rows_.of(part);
            for (int i = part.begin; i < part.end; i++) {
                const auto [output, rows] = dense_rows_[i];
                if (rows == 2)
                    dense_gradient<2>(packing, input, error, output, gradients);
                else
                    dense_gradient<1>(packing, input, error, output, gradients);
                use(output, rows, gradients);
            }
        });
    }

    // One step of Adam from the gradients of the active weights.
    void update_active(Team& team, const AdamStep<T>& step) {
        team.run_elements(weight.size(), [&](std::size_t n, std::size_t count) {
            if (moments.restart) {
                step_corrected(weight.data() + n, gradient.data() + n, first.data() + n, second.data() + n,
                               correction1.data() + n, correction2.data() + n, count, step.rate);
            } else {
                update_moments(gradient.data() + n, first.data() + n, second.data() + n, count);
                apply_moments(weight.data() + n, first.data() + n, second.data() + n, count, step);
            }
        });
    }

    // One step of Adam whose moments are dense: a gradient is used as soon as it is known, and kept nowhere.
    void update_dense(Team& team, const Packing<T>& packing, const T* input, const T* error, const AdamStep<T>& step) {
        each_dense_gradient(team, packing, input, error, [&](int output, int rows, const T* gradients) {
            const long begin = region_begin[output], count = region_begin[output + rows] - begin;
            update_moments(gradients, first.data() + begin, second.data() + begin, count);
            if (moments.restart)
                advance_corrections(correction1.data() + begin, correction2.data() + begin, count);
        });
        team.run_elements(weight.size(), [&](std::size_t n, std::size_t count) {
            gather(first, active_first_, n, count);
            gather(second, active_second_, n, count);
            if (moments.restart) {
                gather(correction1, active_correction1_, n, count);
                gather(correction2, active_correction2_, n, count);
                apply_corrected(weight.data() + n, active_first_.data() + n, active_second_.data() + n,
                                active_correction1_.data() + n, active_correction2_.data() + n, count, step.rate);
            } else {
                apply_moments(weight.data() + n, active_first_.data() + n, active_second_.data() + n, count, step);
            }
        });
    }

private:
    // Output channels whose dense gradients are computed at once.
    struct DenseRows {
        int output, rows;
    };

    long long topology_ = 0;
    std::vector<DenseRows> dense_rows_;
    TapOrder order_, order_backward_;
    std::vector<std::int32_t> backward_;   // which tap is next in the order of the backward pass
    std::vector<std::int32_t> moment_of_;  // where a tap's dense moments are
    Buffer<T> weight_backward_, tails_, last_step_;
    Scratch<T> gradient_rows_;
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
        index_before_.assign(static_cast<std::size_t>(outputs) * inputs * taps, -1);
        for (std::size_t n = 0; n < positions.size(); n++) index_before_[positions[n]] = static_cast<std::int32_t>(n);
        std::size_t active = 0;
        for (std::size_t n = 0; n < index_before_.size(); n++) active += mask[n] != 0;
        positions.hold(active);
        moment_of_.clear();
        order_.begin(outputs, inputs);
        for (int o = 0; o < outputs; o++)
            for (int part = 0; part < inputs; part += TapOrder::PART) {
                for (int tap = 0; tap < regions[o]; tap++)
                    for (int i = part; i < std::min(inputs, part + TapOrder::PART); i++) {
                        const long position = (static_cast<long>(o) * inputs + i) * taps + tap;
                        if (!mask[position]) continue;
                        positions[order_.numbers.size()] = static_cast<std::int32_t>(position);
                        order_.numbers.push_back(tap);
                        moment_of_.push_back(static_cast<std::int32_t>(region_begin[o] + long(i) * regions[o] + tap));
                    }
                order_.start.push_back(static_cast<std::int32_t>(order_.numbers.size()));
            }
    }

    // Weights that stay active keep their value, and their moments unless they begin anew.
    void carry_over(const std::uint8_t* grown) {
        const std::size_t active = positions.size();
        std::vector<Buffer<T>*> arrays{&weight};
        if (!moments.dense) {
            arrays.insert(arrays.end(), {&first, &second});
            if (moments.restart) arrays.insert(arrays.end(), {&correction1, &correction2});
        }
        for (Buffer<T>* array : arrays) {
            const bool restarts = array != &weight && moments.restart && grown;
            carried_.hold(active);
            for (std::size_t n = 0; n < active; n++) {
                const std::int32_t before = index_before_[positions[n]];
                carried_[n] = before >= 0 && !(restarts && grown[positions[n]]) ? (*array)[before] : T(0);
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

    // A counting sort by (input, part of the outputs, tap), which leaves taps in the order of their outputs.
    void order_backward() {
        TapOrder& order = order_backward_;
        order.begin(inputs, outputs);
        const auto key = [&](std::size_t n) {
            return (input_of(n) * order.parts() + output_of(n) / TapOrder::PART) * taps + tap_of(n);
        };
        std::vector<std::int32_t> next(static_cast<std::size_t>(inputs) * order.parts() * taps + 1, 0);
        for (std::size_t n = 0; n < positions.size(); n++) next[key(n) + 1]++;
        std::partial_sum(next.begin(), next.end(), next.begin());
        for (std::size_t k = taps; k < next.size(); k += taps) order.start.push_back(next[k]);
        order.numbers.resize(positions.size());
        backward_.resize(positions.size());
        for (std::size_t n = 0; n < positions.size(); n++) {
            const std::int32_t p = next[key(n)]++;
            backward_[p] = static_cast<std::int32_t>(n);
            order.numbers[p] = order_.numbers[n];
        }
    }

    Tails<T> tails(const Packing<T>& packing, int output) const {
        if (!packing.repeats_last_vectors()) return {};
        const int vectors = packing.vectors_a_step();
        const long stride = static_cast<long>(taps) * packing.width;
        return {tails_.data() + output * stride, stride, (packing.length - 1) * vectors, vectors};
    }

    long last_width(const Packing<T>& packing) const {
        return (packing.series + LANES<T> - 1) / LANES<T> * static_cast<long>(LANES<T>);
    }

    // Padding repeats the last value, so that its gradient is what all taps beyond the end would pass back: for tap k
    // the sum of the output's gradient over the last k + 1 steps. Of the input channels `rows`.
    void fold_last_step(const Packing<T>& packing, const Offsets& offsets, Part rows, T* result) {
        const long width = last_width(packing);
        const Tiles tiles(static_cast<int>(width / LANES<T>), PRODUCT_TILE);
        const TapRanges all = order_backward_.ranges(rows, 0, order_backward_.parts());
        for (int t = 0; t < tiles.count; t++) {
            const long skip = static_cast<long>(tiles.begin(t)) * LANES<T>;
            sparse_product(tails_.data() + skip, last_step_.data() + rows.begin * width + skip, width, all,
                           offsets.last.data(), weight_backward_.data(), tiles.length(t), true);
        }
        for (int i = rows.begin; i < rows.end; i++)
            std::copy_n(last_step_.data() + i * width, packing.series,
                        result + i * packing.output_stride + packing.at(packing.length - 1));
    }

    // The weights that lead to the input channels `rows`; part after part, as they lie together in memory.
    void gather_backward(Part rows) {
        const int parts = order_backward_.parts();
        for (int part = 0; part < parts; part++)
            for (int i = rows.begin; i < rows.end; i++) {
                const std::int32_t* range = order_backward_.start.data() + static_cast<long>(i) * parts + part;
                for (std::int32_t p = range[0]; p < range[1]; p++) weight_backward_[p] = weight[backward_[p]];
            }
    }

    void gather(const Buffer<T>& from, Buffer<T>& to, std::size_t begin, std::size_t count) const {
        for (std::size_t n = begin; n < begin + count; n++) to[n] = from[moment_of_[n]];
    }

    std::vector<std::int32_t> index_before_;  // of the active weights, by position, before the mask was replaced; or -1
    Buffer<T> carried_;
};

}  // namespace dsn
