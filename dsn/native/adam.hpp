// Adam (Kingma and Ba 2015) without weight decay, with the defaults of PyTorch.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "buffer.hpp"

namespace dsn {

constexpr double BETA1 = 0.9;
constexpr double BETA2 = 0.999;
constexpr double EPSILON = 1e-8;

// What all weights of one step have in common.
template <class T>
struct AdamStep {
    T rate = 0;
    T correction1 = 1;  // 1 - beta^t of a weight that has taken all t steps
    T correction2 = 1;

    static AdamStep at(double rate, long long t) {
        AdamStep step;
        step.rate = static_cast<T>(rate);
        step.correction1 = static_cast<T>(-std::expm1(static_cast<double>(t) * std::log(BETA1)));
        step.correction2 = static_cast<T>(-std::expm1(static_cast<double>(t) * std::log(BETA2)));
        return step;
    }
};

// The running means of gradients and of their squares.
template <class T>
void update_moments(const T* __restrict gradient, T* __restrict first, T* __restrict second, std::size_t count) {
    for (std::size_t n = 0; n < count; n++) {
        first[n] += T(1 - BETA1) * (gradient[n] - first[n]);
        second[n] = T(BETA2) * second[n] + T(1 - BETA2) * gradient[n] * gradient[n];
    }
}

template <class T>
void apply_moments(T* __restrict weight, const T* __restrict first, const T* __restrict second, std::size_t count,
                   const AdamStep<T>& step) {
    const T length = step.rate / step.correction1;
    const T root = T(1) / std::sqrt(step.correction2);
    for (std::size_t n = 0; n < count; n++)
        weight[n] -= length * first[n] / (std::sqrt(second[n]) * root + T(EPSILON));
}

// The bias corrections 1 - beta^t of weights that each count their own steps, one step further on. As a recurrence it
// forgets its rounding errors, where beta^t subtracted from 1 would lose digits.
template <class T>
void advance_corrections(T* __restrict correction1, T* __restrict correction2, std::size_t count) {
    for (std::size_t n = 0; n < count; n++) {
        correction1[n] = T(BETA1) * correction1[n] + T(1 - BETA1);
        correction2[n] = T(BETA2) * correction2[n] + T(1 - BETA2);
    }
}

template <class T>
void apply_corrected(T* __restrict weight, const T* __restrict first, const T* __restrict second,
                     const T* __restrict correction1, const T* __restrict correction2, std::size_t count, T rate) {
    for (std::size_t n = 0; n < count; n++)
        weight[n] -= rate * first[n] / (correction1[n] * (std::sqrt(second[n] / correction2[n]) + T(EPSILON)));
}

// A whole step of weights that each count their own. A few at a time, so that the four loops read memory once.
template <class T>
void step_corrected(T* weight, const T* gradient, T* first, T* second, T* correction1, T* correction2,
                    std::size_t count, T rate) {
    constexpr std::size_t PART = 512;
    for (std::size_t n = 0; n < count; n += PART) {
        const std::size_t part = std::min(PART, count - n);
        update_moments(gradient + n, first + n, second + n, part);
        advance_corrections(correction1 + n, correction2 + n, part);
        apply_corrected(weight + n, first + n, second + n, correction1 + n, correction2 + n, part, rate);
    }
}

// Weights that all take every step.
template <class T>
struct Parameter {
    explicit Parameter(std::size_t size) : weight(size), gradient(size), first(size), second(size) {}

    void update(const AdamStep<T>& step) {
        update_moments(gradient.data(), first.data(), second.data(), weight.size());
        apply_moments(weight.data(), first.data(), second.data(), weight.size(), step);
    }

    Buffer<T> weight, gradient, first, second;
};

}  // namespace dsn
