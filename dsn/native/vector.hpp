// The processor's vectors, at the width that this translation unit is compiled for.
//
// Written with the vector extensions of GCC and Clang, so that one source serves AVX-512, AVX2, SSE2 and NEON.
// A product followed by a sum becomes one fused instruction where there is one (-ffp-contract=fast).
#pragma once

#include <cstring>
#include <utility>

namespace dsn {

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
constexpr int REGISTERS = 32;
#elif defined(__AVX__)
constexpr int VECTOR_BYTES = 32;
constexpr int REGISTERS = 16;
#elif defined(__aarch64__)
constexpr int VECTOR_BYTES = 16;
constexpr int REGISTERS = 32;
#else
constexpr int VECTOR_BYTES = 16;
constexpr int REGISTERS = 16;
#endif

constexpr long L1_BYTES = 32 * 1024;  // of the smallest first-level data cache in use

#define DSN_INLINE inline __attribute__((always_inline))

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
    typedef float type __attribute__((vector_size(VECTOR_BYTES)));
    typedef int index __attribute__((vector_size(VECTOR_BYTES)));
};
template <>
struct VectorOf<double> {
    typedef double type __attribute__((vector_size(VECTOR_BYTES)));
    typedef long long index __attribute__((vector_size(VECTOR_BYTES)));
};

template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
constexpr int LANES = VECTOR_BYTES / static_cast<int>(sizeof(T));

template <class T>
DSN_INLINE Vector<T> load(const T* from) {
    Vector<T> vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}

template <class T>
DSN_INLINE void store(T* to, Vector<T> vector) {
    std::memcpy(to, &vector, sizeof vector);
}

template <class T>
DSN_INLINE Vector<T> broadcast(T value) {
    return value - Vector<T>{};
}

template <class T, int... I>
DSN_INLINE typename VectorOf<T>::index lane_numbers(std::integer_sequence<int, I...>) {
    return typename VectorOf<T>::index{I...};
}
template <class T>
DSN_INLINE typename VectorOf<T>::index lane_numbers() {
    return lane_numbers<T>(std::make_integer_sequence<int, LANES<T>>{});
}

template <class T>
DSN_INLINE Vector<T> positive_part(Vector<T> vector) {
    return vector > Vector<T>{} ? vector : Vector<T>{};
}

template <class T, int... I>
DSN_INLINE Vector<T> shuffle(Vector<T> a, Vector<T> b, std::integer_sequence<int, I...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, I...);
#else
    return __builtin_shuffle(a, b, typename VectorOf<T>::index{I...});
#endif
}

// Lane numbers that take the lower (UPPER = 0) or upper half of every block of BLOCK lanes of two vectors.
template <int BLOCK, int UPPER, int... I>
constexpr auto halves_of_blocks(std::integer_sequence<int, I...>) {
    return std::integer_sequence<int, (I / (BLOCK / 2) * BLOCK + I % (BLOCK / 2) + UPPER * BLOCK / 2)...>{};
}

// Blocks of BLOCK lanes whose sums are wanted become blocks of half as many: those of a, then those of b.
template <class T, int BLOCK>
DSN_INLINE Vector<T> fold(Vector<T> a, Vector<T> b) {
    using Lanes = std::make_integer_sequence<int, LANES<T>>;
    return shuffle<T>(a, b, halves_of_blocks<BLOCK, 0>(Lanes{})) +
           shuffle<T>(a, b, halves_of_blocks<BLOCK, 1>(Lanes{}));
}

// to[i] += sum of the lanes of vectors[i], for COUNT vectors (a power of two); overwrites them.
template <class T, int COUNT, int BLOCK = LANES<T>, int LEFT = COUNT>
DSN_INLINE void add_sums(Vector<T>* vectors, T* to) {
    if constexpr (BLOCK > 1 && LEFT > 1) {
        for (int i = 0; i < LEFT / 2; i++) vectors[i] = fold<T, BLOCK>(vectors[2 * i], vectors[2 * i + 1]);
        add_sums<T, COUNT, BLOCK / 2, LEFT / 2>(vectors, to);
    } else if constexpr (BLOCK > 1) {
        vectors[0] = fold<T, BLOCK>(vectors[0], vectors[0]);
        add_sums<T, COUNT, BLOCK / 2, 1>(vectors, to);
    } else {
        T sums[LEFT * LANES<T>];
        std::memcpy(sums, vectors, sizeof sums);
        for (int i = 0; i < COUNT; i++) to[i] += sums[i];
    }
}

template <class T>
DSN_INLINE T sum(Vector<T> vector) {
    T total = 0;
    add_sums<T, 1>(&vector, &total);
    return total;
}

}  // namespace dsn
