// A DSN and its training step: forward, backward and Adam, one batch at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "adam.hpp"
#include "batch_norm.hpp"
#include "buffer.hpp"
#include "head.hpp"
#include "packing.hpp"
#include "pointwise.hpp"
#include "sparse_convolution.hpp"
#include "team.hpp"

namespace dsn {

struct Shape {
    int inputs, length, classes;
    int depth, channels, bottleneck, taps, pool;
    Padding padding;
    Moments moments;
};

// Bottleneck, sparse convolution, batch norm, ReLU.
template <class T>
struct Block {
    Block(const Shape& shape, int inputs, const std::vector<int>& regions)
        : convolution(inputs > 1 ? shape.bottleneck : 1, shape.channels, shape.taps, regions, shape.moments),
          norm(shape.channels) {
        if (inputs > 1) bottleneck = std::make_unique<Pointwise<T>>(inputs, shape.bottleneck);
    }

    std::unique_ptr<Pointwise<T>> bottleneck;  // none where a single channel comes in
    SparseConvolution<T> convolution;
    BatchNorm<T> norm;
    Buffer<T> input;   // of the convolution, with margins
    Buffer<T> output;  // of the convolution
    Buffer<T> error;   // the gradient of that output, with margins

    NormalisedRows<T> activations(const Packing<T>& packing) const {
        return {output.data(), packing.output_stride, norm.scale.data(), norm.shift.data()};
    }
};

template <class T>
class Network {
public:
    // `regions` has the number of usable taps of every output channel of a block, block after block.
    Network(const Shape& shape, const int* regions, int threads)
        : shape(shape), head(shape.channels, shape.classes, shape.pool), team_(threads) {
        for (int b = 0; b < shape.depth; b++) {
            const int* first = regions + static_cast<long>(b) * shape.channels;
            const int inputs = b == 0 ? shape.inputs : shape.channels;
            blocks.push_back(std::make_unique<Block<T>>(shape, inputs, std::vector<int>(first, first + shape.channels)));
        }
    }

    const Shape shape;
    std::vector<std::unique_ptr<Block<T>>> blocks;
    Head<T> head;
    std::int64_t steps = 0;  // of Adam

    // A gradient step on the series `chosen` out of all `series` (inputs, length) each. What the batch showed before it.
    Score train(const T* series, const std::int64_t* labels, const std::int64_t* chosen, int count, double rate) {
        const Batch& batch = forward(series, chosen, count, true);
        steps++;
        const AdamStep<T> step = AdamStep<T>::at(rate, steps);
        return backward(batch, chosen_labels(labels, chosen, count), &step);
    }

    // The same without the step; batch norm's running statistics move on.
    Score measure(const T* series, const std::int64_t* labels, const std::int64_t* chosen, int count) {
        const Batch& batch = forward(series, chosen, count, true);
        return backward(batch, chosen_labels(labels, chosen, count), nullptr);
    }

    // Log-probabilities (count, classes) of series under the running statistics.
    void predict(const T* series, const std::int64_t* chosen, int count, T* result) {
        forward(series, chosen, count, false);
        std::copy_n(head.log_probabilities(), static_cast<long>(count) * shape.classes, result);
    }

    // Gradients of all usable taps of a block for the last batch, (output, input, tap of the region).
    void dense_gradient(int b, T* result) {
        Block<T>& block = *blocks[b];
        const long* begin = block.convolution.region_begin.data();
        block.convolution.each_dense_gradient(
            team_, last_->packing, block.input.data(), block.error.data(),
            [&](int output, int rows, const T* gradients) {
                std::copy_n(gradients, begin[output + rows] - begin[output], result + begin[output]);
            });
    }

private:
    // What depends on the number of series alone, and on the topology.
    struct Batch {
        Batch(int series, const Shape& shape)
            : packing(series, shape.length, shape.taps, shape.padding), offsets(shape.depth) {}
        Packing<T> packing;
        std::vector<typename SparseConvolution<T>::Offsets> offsets;
        MaskedRow<T> row() const {
            const long count = static_cast<long>(packing.length) * packing.series;
            return {packing.mask.data(), packing.vectors(), count, packing.full()};
        }
    };

    Team team_;
    std::map<int, std::unique_ptr<Batch>> batches_;
    const Batch* last_ = nullptr;
    Buffer<T> packed_, errors_, input_errors_, zeros_;
    Scratch<T> last_values_;
    std::vector<std::int64_t> labels_;

    Batch& batch_of(int series) {
        std::unique_ptr<Batch>& batch = batches_[series];
        if (!batch) batch = std::make_unique<Batch>(series, shape);
        for (int b = 0; b < shape.depth; b++) blocks[b]->convolution.prepare(batch->offsets[b], batch->packing);
        hold(batch->packing);
        return *batch;
    }

    void hold(const Packing<T>& packing) {
        for (const auto& block : blocks) {
            block->input.hold(block->convolution.inputs * packing.padded_stride);
            block->output.hold(shape.channels * packing.output_stride);
            block->error.hold(shape.channels * packing.padded_stride);
        }
        if (blocks[0]->bottleneck) packed_.hold(shape.inputs * packing.output_stride);
        errors_.hold(shape.channels * packing.output_stride);
        input_errors_.hold(shape.bottleneck * packing.output_stride);
        zeros_.hold(packing.width);
        last_values_.hold(team_, packing.width);
    }

    const std::int64_t* chosen_labels(const std::int64_t* labels, const std::int64_t* chosen, int count) {
        labels_.resize(count);
        for (int b = 0; b < count; b++) labels_[b] = labels[chosen[b]];
        return labels_.data();
    }

    void pack(const Packing<T>& packing, const T* series, const std::int64_t* chosen, T* rows, long stride) {
        team_.run(shape.inputs, [&](Part part) {
            for (int c = part.begin; c < part.end; c++) {
                T* row = rows + c * stride;
                std::fill_n(row, packing.row(), T(0));
                for (int b = 0; b < packing.series; b++) {
                    const T* from = series + (chosen[b] * shape.inputs + c) * shape.length;
                    for (int t = 0; t < shape.length; t++) row[packing.at(t) + b] = from[t];
                }
            }
        });
    }

    const Batch& forward(const T* series, const std::int64_t* chosen, int count, bool training) {
        const Batch& batch = batch_of(count);
        const Packing<T>& packing = batch.packing;
        for (int b = 0; b < shape.depth; b++) {
            Block<T>& block = *blocks[b];
            T* input = block.input.data() + packing.input_before * packing.width;
            if (!block.bottleneck) {
                pack(packing, series, chosen, input, packing.padded_stride);
            } else if (b == 0) {
                pack(packing, series, chosen, packed_.data(), packing.output_stride);
                block.bottleneck->forward(team_, RawRows<T>{packed_.data(), packing.output_stride}, packing.vectors(),
                                          input, packing.padded_stride);
            } else {
                block.bottleneck->forward(team_, blocks[b - 1]->activations(packing), packing.vectors(), input,
                                          packing.padded_stride);
            }
            fill_input_margins(packing, block.convolution.inputs, input);
            block.convolution.forward(team_, packing, batch.offsets[b], block.input.data(), block.output.data());
            if (training)
                block.norm.use_batch(team_, block.output.data(), packing.output_stride, batch.row());
            else
                block.norm.use_running();
        }
        head.forward(team_, packing, blocks.back()->activations(packing), training);
        last_ = &batch;
        return batch;
    }

    void fill_input_margins(const Packing<T>& packing, int channels, T* rows) {
        team_.run(channels, [&](Part part) {
            const bool replicates = shape.padding == Padding::replicate_right;
            T* last_value = last_values_.of(part);
            for (int c = part.begin; c < part.end; c++) {
                T* row = rows + c * packing.padded_stride;
                if (replicates) packing.last_value(row, last_value);
                packing.fill_margins(row, packing.input_margins, replicates ? last_value : zeros_.data());
            }
        });
    }

    Score backward(const Batch& batch, const std::int64_t* labels, const AdamStep<T>* step) {
        const Packing<T>& packing = batch.packing;
        const Score score = head.score(labels, packing.series);
        head.backward(team_, packing, labels, errors_.data());
        if (step) head.update(*step);
        for (int b = shape.depth - 1; b >= 0; b--) {
            Block<T>& block = *blocks[b];
            output_gradient(batch, block);
            if (block.bottleneck) input_gradient(batch, b);
            if (step) update(batch, b, *step);
        }
        return score;
    }

    // From the gradient of a block's activations, in errors_, that of its convolution's output.
    void output_gradient(const Batch& batch, Block<T>& block) {
        const Packing<T>& packing = batch.packing;
        const bool sums_tails = block.bottleneck || packing.segments == 1;
        if (sums_tails) block.convolution.hold_tails(packing);
        team_.run(shape.channels, [&](Part part) {
            for (int c = part.begin; c < part.end; c++) {
                T* error = block.error.data() + c * packing.padded_stride + packing.gradient_before * packing.width;
                block.norm.template backward<true>(c, block.output.data() + c * packing.output_stride,
                                                   errors_.data() + c * packing.output_stride, error, batch.row());
                packing.fill_margins(error, packing.gradient_margins, zeros_.data());
                if (sums_tails) block.convolution.sum_tails(packing, error, c);
            }
        });
    }

    // Through convolution and bottleneck: the bottleneck's gradient, and that of the activations before it.
    void input_gradient(const Batch& batch, int b) {
        const Packing<T>& packing = batch.packing;
        Block<T>& block = *blocks[b];
        const long stride = packing.output_stride;
        block.convolution.input_gradient(team_, packing, batch.offsets[b], block.error.data(), input_errors_.data());
        if (b == 0) {
            block.bottleneck->weight_gradient(team_, input_errors_.data(), stride, RawRows<T>{packed_.data(), stride},
                                              packing.vectors());
            return;
        }
        block.bottleneck->weight_gradient(team_, input_errors_.data(), stride, blocks[b - 1]->activations(packing),
                                          packing.vectors());
        block.bottleneck->input_gradient(team_, input_errors_.data(), stride, packing.vectors(), errors_.data(),
                                         stride);
    }

    // Nothing of this step needs the block's weights any more.
    void update(const Batch& batch, int b, const AdamStep<T>& step) {
        const Packing<T>& packing = batch.packing;
        Block<T>& block = *blocks[b];
        if (shape.moments.dense) {
            block.convolution.update_dense(team_, packing, block.input.data(), block.error.data(), step);
        } else {
            block.convolution.active_gradient(team_, packing, batch.offsets[b], block.input.data(),
                                              block.error.data());
            block.convolution.update_active(team_, step);
        }
        block.norm.update(step);
        if (block.bottleneck) block.bottleneck->update(step);
    }
};

}  // namespace dsn
