// The C interface of the native engine, for float and for double. dsn/native/network.py is its one user.
//
// Functions that may allocate return 0, or 1 when there is no memory left, and where threads are started none of those;
// arguments are checked by the caller.

#include <cstdint>
#include <new>
#include <system_error>

#include "denormals.hpp"
#include "export.hpp"
#include "network.hpp"
#include "peak.hpp"

namespace {

using namespace dsn;

enum Part { BOTTLENECK, CONVOLUTION, NORM_WEIGHT, NORM_BIAS };
enum Array { WEIGHT, FIRST, SECOND, CORRECTION1, CORRECTION2, RUNNING_MEAN, RUNNING_VARIANCE };

struct View {
    void* data;
    std::int64_t size;
};

template <class T>
View view(Buffer<T>& buffer) {
    return {buffer.data(), static_cast<std::int64_t>(buffer.size())};
}

template <class Holder>
View moments_view(Holder& holder, int array) {
    if (array == WEIGHT) return view(holder.weight);
    return view(array == FIRST ? holder.first : holder.second);
}

template <class T>
View norm_view(BatchNorm<T>& norm, int part, int array) {
    if (array == RUNNING_MEAN) return view(norm.running_mean);
    if (array == RUNNING_VARIANCE) return view(norm.running_variance);
    return moments_view(part == NORM_WEIGHT ? norm.gamma : norm.beta, array);
}

// Block -1 is the head.
template <class T>
View array(Network<T>& network, int block, int part, int array) {
    if (part == NORM_WEIGHT || part == NORM_BIAS)
        return norm_view(block < 0 ? network.head.norm : network.blocks[block]->norm, part, array);
    if (block < 0) return moments_view(network.head.convolution, array);
    if (part == BOTTLENECK) return moments_view(*network.blocks[block]->bottleneck, array);
    SparseConvolution<T>& convolution = network.blocks[block]->convolution;
    if (array == CORRECTION1) return view(convolution.correction1);
    if (array == CORRECTION2) return view(convolution.correction2);
    return moments_view(convolution, array);
}

Shape shape_of(const std::int64_t* numbers) {
    const auto number = [numbers](int i) { return static_cast<int>(numbers[i]); };
    return {number(0), number(1), number(2),
            number(3), number(4), number(5), number(6), number(7),
            number(8) ? Padding::zero : Padding::replicate_right,
            {number(9) != 0, number(10) != 0}};
}

template <class Work>
int attempt(Work work) {
    try {
        work();
        return 0;
    } catch (const std::bad_alloc&) {
        return 1;
    } catch (const std::system_error&) {
        return 1;
    }
}

template <class T, class Step>
int each_batch(const std::int64_t* chosen, const std::int64_t* sizes, std::int64_t batches, double* loss,
               std::int64_t* correct, Step step) {
    return attempt([&] {
        const FlushedDenormals flushed;
        for (std::int64_t i = 0; i < batches; chosen += sizes[i], i++) {
            const Score score = step(chosen, static_cast<int>(sizes[i]));
            *loss += score.loss;
            *correct += score.correct;
        }
    });
}

}  // namespace

DSN_EXPORT double dsn_peak_gflops_f32(double seconds) { return peak_gflops<float>(seconds); }

#define DSN_INTERFACE(T, SUFFIX)                                                                                     \
    DSN_EXPORT void* dsn_new_##SUFFIX(const std::int64_t* shape, const std::int32_t* regions, int threads) {         \
        void* network = nullptr;                                                                                     \
        attempt([&] { network = new Network<T>(shape_of(shape), regions, threads); });                               \
        return network;                                                                                              \
    }                                                                                                                \
    DSN_EXPORT void dsn_free_##SUFFIX(void* network) { delete static_cast<Network<T>*>(network); }                   \
    DSN_EXPORT View dsn_array_##SUFFIX(void* network, int block, int part, int which) {                              \
        return array(*static_cast<Network<T>*>(network), block, part, which);                                        \
    }                                                                                                                \
    DSN_EXPORT View dsn_positions_##SUFFIX(void* network, int block) {                                               \
        return view(static_cast<Network<T>*>(network)->blocks[block]->convolution.positions);                        \
    }                                                                                                                \
    DSN_EXPORT std::int64_t* dsn_batches_##SUFFIX(void* network, int block) {                                        \
        auto& net = *static_cast<Network<T>*>(network);                                                              \
        return block < 0 ? &net.head.norm.batches : &net.blocks[block]->norm.batches;                                \
    }                                                                                                                \
    DSN_EXPORT std::int64_t* dsn_steps_##SUFFIX(void* network) { return &static_cast<Network<T>*>(network)->steps; } \
    DSN_EXPORT int dsn_set_mask_##SUFFIX(void* network, int block, const std::uint8_t* mask,                         \
                                         const std::uint8_t* grown) {                                                \
        auto& convolution = static_cast<Network<T>*>(network)->blocks[block]->convolution;                           \
        return attempt([&] { convolution.set_mask(mask, grown); });                                                  \
    }                                                                                                                \
    DSN_EXPORT int dsn_train_##SUFFIX(void* network, const T* series, const std::int64_t* labels,                    \
                                      const std::int64_t* chosen, const std::int64_t* sizes, std::int64_t batches,   \
                                      double rate, double* loss, std::int64_t* correct) {                            \
        auto& net = *static_cast<Network<T>*>(network);                                                              \
        return each_batch<T>(chosen, sizes, batches, loss, correct, [&](const std::int64_t* batch, int size) {       \
            return net.train(series, labels, batch, size, rate);                                                     \
        });                                                                                                          \
    }                                                                                                                \
    DSN_EXPORT int dsn_measure_##SUFFIX(void* network, const T* series, const std::int64_t* labels,                  \
                                        const std::int64_t* chosen, const std::int64_t* sizes, std::int64_t batches, \
                                        double* loss, std::int64_t* correct) {                                       \
        auto& net = *static_cast<Network<T>*>(network);                                                              \
        return each_batch<T>(chosen, sizes, batches, loss, correct, [&](const std::int64_t* batch, int size) {       \
            return net.measure(series, labels, batch, size);                                                         \
        });                                                                                                          \
    }                                                                                                                \
    DSN_EXPORT int dsn_predict_##SUFFIX(void* network, const T* series, const std::int64_t* chosen,                  \
                                        std::int64_t count, T* result) {                                             \
        auto& net = *static_cast<Network<T>*>(network);                                                              \
        return attempt([&] {                                                                                         \
            const FlushedDenormals flushed;                                                                          \
            net.predict(series, chosen, static_cast<int>(count), result);                                            \
        });                                                                                                          \
    }                                                                                                                \
    DSN_EXPORT int dsn_dense_gradient_##SUFFIX(void* network, int block, T* result) {                                \
        auto& net = *static_cast<Network<T>*>(network);                                                              \
        return attempt([&] {                                                                                         \
            const FlushedDenormals flushed;                                                                          \
            net.dense_gradient(block, result);                                                                       \
        });                                                                                                          \
    }

DSN_INTERFACE(float, f32)
DSN_INTERFACE(double, f64)
