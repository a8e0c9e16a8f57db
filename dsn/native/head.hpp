// The head: adaptive average pooling, a convolution of one tap, batch norm, mean over time, log-softmax.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "batch_norm.hpp"
#include "buffer.hpp"
#include "packing.hpp"
#include "pointwise.hpp"
#include "team.hpp"

namespace dsn {

struct Score {
    double loss = 0;  // sums over series
    std::int64_t correct = 0;
};

template <class T>
class Head {
public:
    Head(int channels, int classes, int pool) : classes(classes), pool(pool), convolution(channels, classes), norm(classes) {}

    const int classes, pool;
    Pointwise<T> convolution;
    BatchNorm<T> norm;

    // Log-probabilities, in log_probabilities(), from the activations of the last block.
    void forward(Team& team, const Packing<T>& packing, const NormalisedRows<T>& activations, bool training) {
        const int series = packing.series;
        hold(team, packing);
        team.run(convolution.inputs, [&](Part part) {
            for (int c = part.begin; c < part.end; c++) pool_row(packing, activations, c, rows_.of(part));
        });
        convolution.forward(team, RawRows<T>{pooled_.data(), stride_}, vectors_, scores_.data(), stride_);
        if (training)
            norm.use_batch(team, scores_.data(), stride_, row());
        else
            norm.use_running();
        for (int k = 0; k < classes; k++)
            for (int b = 0; b < series; b++) {
                T total = 0;
                for (int i = 0; i < pool; i++) total += scores_[k * stride_ + i * series + b];
                log_probabilities_[b * classes + k] = total / T(pool) * norm.scale[k] + norm.shift[k];
            }
        for (int b = 0; b < series; b++) log_softmax(log_probabilities_.data() + b * classes);
    }

    // (series, classes), of the last forward pass.
    const T* log_probabilities() const { return log_probabilities_.data(); }

    Score score(const std::int64_t* labels, int series) const {
        Score score;
        for (int b = 0; b < series; b++) {
            const T* row = log_probabilities_.data() + b * classes;
            score.loss -= static_cast<double>(row[labels[b]]);
            score.correct += std::max_element(row, row + classes) - row == labels[b];
        }
        return score;
    }

    // Gradients of the head's weights and, in `errors`, of the activations, for the mean loss of the batch. Rows of
    // `errors` are zero where they hold no time step.
    void backward(Team& team, const Packing<T>& packing, const std::int64_t* labels, T* errors) {
        const int series = packing.series;
        for (int k = 0; k < classes; k++) {
            for (int b = 0; b < series; b++) {
                const T each = std::exp(log_probabilities_[b * classes + k]) - T(labels[b] == k);
                for (int i = 0; i < pool; i++) row_error_[i * series + b] = each / T(series) / T(pool);
            }
            norm.template backward<false>(k, scores_.data() + k * stride_, row_error_.data(),
                                          score_errors_.data() + k * stride_, row());
        }
        convolution.weight_gradient(team, score_errors_.data(), stride_, RawRows<T>{pooled_.data(), stride_},
                                    vectors_);
        convolution.input_gradient(team, score_errors_.data(), stride_, vectors_, pooled_.data(), stride_);
        team.run(convolution.inputs, [&](Part part) {
            for (int c = part.begin; c < part.end; c++)
                unpool_row(packing, c, errors + c * packing.output_stride, rows_.of(part));
        });
    }

    void update(const AdamStep<T>& step) {
        convolution.update(step);
        norm.update(step);
    }

private:
    Buffer<T> pooled_, scores_, score_errors_, row_error_, log_probabilities_, mask_;
    Scratch<T> rows_;
    long stride_ = 0;
    int vectors_ = 0;
    long count_ = 0;

    void hold(const Team& team, const Packing<T>& packing) {
        count_ = static_cast<long>(pool) * packing.series;
        vectors_ = static_cast<int>((count_ + LANES<T> - 1) / LANES<T>);
        // A step is stored as whole vectors, the last of which may reach beyond the row.
        stride_ = (vectors_ + (packing.series + LANES<T> - 1) / LANES<T>) * static_cast<long>(LANES<T>);
        pooled_.hold(convolution.inputs * stride_);
        scores_.hold(classes * stride_);
        score_errors_.hold(classes * stride_);
        row_error_.hold(stride_);
        mask_.hold(stride_);
        for (long e = 0; e < stride_; e++) mask_[e] = e < count_;
        row_error_.zero();
        log_probabilities_.hold(static_cast<std::size_t>(packing.series) * classes);
        rows_.hold(team, packing.row());
    }

    MaskedRow<T> row() const { return {mask_.data(), vectors_, count_, count_ == vectors_ * long(LANES<T>)}; }

    // Time steps of window i: pooling shrinks long series and stretches short ones.
    int window_begin(int i, int length) const { return static_cast<int>(static_cast<long>(i) * length / pool); }
    int window_end(int i, int length) const {
        return static_cast<int>((static_cast<long>(i + 1) * length + pool - 1) / pool);
    }

    // `row` is room for one, here and below.
    void pool_row(const Packing<T>& packing, const NormalisedRows<T>& activations, int c, T* row) {
        for (long e = 0; e < packing.row(); e += LANES<T>) store(row + e, activations.at(c, e));
        T* to = pooled_.data() + c * stride_;
        for (int i = 0; i < pool; i++) {
            const int begin = window_begin(i, packing.length), end = window_end(i, packing.length);
            const Vector<T> share = broadcast(T(1) / T(end - begin));
            for (int b = 0; b < packing.series; b += LANES<T>) {
                Vector<T> total{};
                for (int t = begin; t < end; t++) total += load(row + packing.at(t) + b);
                store(to + i * packing.series + b, total * share);
            }
        }
        std::fill(to + count_, to + stride_, T(0));
    }

    void unpool_row(const Packing<T>& packing, int c, T* error, T* row) {
        std::fill_n(row, packing.row(), T(0));
        const T* from = pooled_.data() + c * stride_;
        for (int i = 0; i < pool; i++) {
            const int begin = window_begin(i, packing.length), end = window_end(i, packing.length);
            for (int b = 0; b < packing.series; b += LANES<T>) {
                const auto inside = lane_numbers<T>() + b < packing.series;
                const Vector<T> share = load(from + i * packing.series + b) * broadcast(T(1) / T(end - begin));
                const Vector<T> each = inside ? share : Vector<T>{};
                for (int t = begin; t < end; t++) {
                    T* to = row + packing.at(t) + b;
                    store(to, load(to) + each);
                }
            }
        }
        // Whole vectors reach beyond the end, which in `error` is the next row.
        std::copy_n(row, packing.row(), error);
    }

    void log_softmax(T* values) const {
        const T most = *std::max_element(values, values + classes);
        T total = 0;
        for (int k = 0; k < classes; k++) total += std::exp(values[k] - most);
        const T level = std::log(total) + most;
        for (int k = 0; k < classes; k++) values[k] -= level;
    }
};

}  // namespace dsn
