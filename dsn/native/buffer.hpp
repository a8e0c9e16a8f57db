// Memory for vectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include "vector.hpp"

namespace dsn {

// An array aligned to vectors, with room for one more vector at the end, so that a vector may be loaded from any of
// its elements. It grows when asked to hold more and never shrinks: after the first batches nothing is allocated.
template <class T>
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::size_t size) { hold(size); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Buffer() { ::operator delete[](data_, ALIGNMENT); }

    // Holds `size` elements from now on; their values are kept only where it did not hold fewer before.
    void hold(std::size_t size) {
        if (size > capacity_) {
            Buffer larger;
            const std::size_t elements = size + VECTOR_BYTES / sizeof(T);
            larger.data_ = static_cast<T*>(::operator new[](elements * sizeof(T), ALIGNMENT));
            larger.capacity_ = size;
            std::fill_n(larger.data_, elements, T(0));
            swap(larger);
        }
        size_ = size;
    }

    void zero() { std::fill_n(data_, size_, T(0)); }
    std::size_t size() const { return size_; }
    T* data() { return data_; }
    const T* data() const { return data_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }

    void swap(Buffer& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }

private:
    static constexpr std::align_val_t ALIGNMENT{64};
    T* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace dsn
