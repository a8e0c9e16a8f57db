// Batch norm, and the ReLU behind it, which needs nothing of its own kept for the backward pass.
//
// A channel is a row of `vectors` vectors, of which `count` elements hold values: those where `mask` is 1.
#pragma once

#include <cmath>
#include <cstdint>

#include "adam.hpp"
#include "buffer.hpp"
#include "team.hpp"
#include "vector.hpp"

namespace dsn {

template <class T>
struct MaskedRow {
    const T* mask;
    int vectors;
    long count;
    bool full;  // no element is masked
};

template <class T>
class BatchNorm {
public:
    explicit BatchNorm(int channels)
        : channels(channels), gamma(channels), beta(channels), running_mean(channels), running_variance(channels),
          scale(channels), shift(channels), mean_(channels), inverse_deviation_(channels) {
        for (int c = 0; c < channels; c++) gamma.weight[c] = running_variance[c] = 1;
    }

    const int channels;
    Parameter<T> gamma, beta;
    Buffer<T> running_mean, running_variance;
    Buffer<T> scale, shift;  // normalised = value * scale + shift
    std::int64_t batches = 0;

    // From the batch. A single value has no variance: the running statistics are used then, and stay as they are.
    void use_batch(Team& team, const T* rows, long stride, const MaskedRow<T>& row) {
        if (row.count == 1) return use_running();
        from_batch_ = true;
        batches++;
        team.run(channels, [&](Part part) {
            for (int c = part.begin; c < part.end; c++) use_row(c, rows + c * stride, row);
        });
    }

    void use_running() {
        from_batch_ = false;
        for (int c = 0; c < channels; c++) normalise_by(c, running_mean[c], running_variance[c]);
    }

    // From the gradient of what came out, behind the ReLU if there is one, that of what went in, for one channel; its
    // own weights' gradients on the way. `error` is 0 where the row is masked, and so is `result`.
    template <bool RELU>
    void backward(int c, const T* values, const T* error, T* result, const MaskedRow<T>& row) {
        const Vector<T> mean = broadcast(mean_[c]), inverse = broadcast(inverse_deviation_[c]);
        const Vector<T> scaled_by = broadcast(scale[c]), shifted_by = broadcast(shift[c]);
        const auto passed = [&](Vector<T> value, Vector<T> each) {
            if constexpr (!RELU) return each;
            return value * scaled_by + shifted_by > Vector<T>{} ? each : Vector<T>{};
        };
        constexpr int APART = 4;  // sums, so that additions need not wait for each other
        Vector<T> plain[APART] = {}, weighted[APART] = {};
        const long end = static_cast<long>(row.vectors) * LANES<T>;
        long e = 0;
        for (; e + APART * LANES<T> <= end; e += APART * LANES<T>)
#pragma GCC unroll 4
            for (int a = 0; a < APART; a++) {
                const Vector<T> value = load(values + e + a * LANES<T>);
                const Vector<T> each = passed(value, load(error + e + a * LANES<T>));
                plain[a] += each;
                weighted[a] += each * ((value - mean) * inverse);
            }
        for (; e < end; e += LANES<T>) {
            const Vector<T> value = load(values + e);
            const Vector<T> each = passed(value, load(error + e));
            plain[0] += each;
            weighted[0] += each * ((value - mean) * inverse);
        }
        beta.gradient[c] = sum<T>((plain[0] + plain[1]) + (plain[2] + plain[3]));
        gamma.gradient[c] = sum<T>((weighted[0] + weighted[1]) + (weighted[2] + weighted[3]));
        const T share = from_batch_ ? T(1) / T(row.count) : T(0);
        const Vector<T> common = broadcast(beta.gradient[c] * share);
        const Vector<T> slope = broadcast(gamma.gradient[c] * share);
        for (e = 0; e < end; e += LANES<T>) {
            const Vector<T> value = load(values + e);
            Vector<T> each = passed(value, load(error + e)) - common - (value - mean) * inverse * slope;
            each *= scaled_by;
            store(result + e, row.full ? each : each * load(row.mask + e));
        }
    }

    void update(const AdamStep<T>& step) {
        gamma.update(step);
        beta.update(step);
    }

private:
    static constexpr double MOMENTUM = 0.1;
    static constexpr double VARIANCE_FLOOR = 1e-5;
    Buffer<T> mean_, inverse_deviation_;
    bool from_batch_ = false;

    void use_row(int c, const T* values, const MaskedRow<T>& row) {
        const T mean = total(values, row, [](Vector<T> value) { return value; }) / T(row.count);
        const T squares = total(values, row, [mean](Vector<T> value) {
            const Vector<T> apart = value - broadcast(mean);
            return apart * apart;
        });
        const T variance = squares / T(row.count);
        running_mean[c] += T(MOMENTUM) * (mean - running_mean[c]);
        running_variance[c] += T(MOMENTUM) * (squares / T(row.count - 1) - running_variance[c]);
        normalise_by(c, mean, variance);
    }

    void normalise_by(int c, T mean, T variance) {
        mean_[c] = mean;
        inverse_deviation_[c] = T(1) / std::sqrt(variance + T(VARIANCE_FLOOR));
        scale[c] = gamma.weight[c] * inverse_deviation_[c];
        shift[c] = beta.weight[c] - mean * scale[c];
    }

    template <class Of>
    static T total(const T* values, const MaskedRow<T>& row, Of of) {
        constexpr int APART = 4;
        Vector<T> sums[APART] = {};
        const long end = static_cast<long>(row.vectors) * LANES<T>;
        long e = 0;
        if (row.full)
            for (; e + APART * LANES<T> <= end; e += APART * LANES<T>)
#pragma GCC unroll 4
                for (int a = 0; a < APART; a++) sums[a] += of(load(values + e + a * LANES<T>));
        else
            for (; e + APART * LANES<T> <= end; e += APART * LANES<T>)
#pragma GCC unroll 4
                for (int a = 0; a < APART; a++)
                    sums[a] += of(load(values + e + a * LANES<T>)) * load(row.mask + e + a * LANES<T>);
        for (; e < end; e += LANES<T>) sums[0] += of(load(values + e)) * load(row.mask + e);
        return sum<T>((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
};

}  // namespace dsn
