// Convolutions of one tap: small products of matrices, whose right-hand side is made as it is needed.
//
// `rows.at(c, e)` is the vector of row c that begins at element e; see RawRows and NormalisedRows.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "adam.hpp"
#include "team.hpp"
#include "vector.hpp"

namespace dsn {

template <class T>
struct RawRows {
    const T* values;
    long stride;
    DSN_INLINE Vector<T> at(int row, long element) const { return load(values + row * stride + element); }
};

// Rows behind batch norm and ReLU, from what was before them.
template <class T>
struct NormalisedRows {
    const T* values;
    long stride;
    const T* scale;
    const T* shift;
    DSN_INLINE Vector<T> at(int row, long element) const {
        return positive_part<T>(load(values + row * stride + element) * broadcast(scale[row]) + broadcast(shift[row]));
    }
};

namespace detail {

constexpr int MATRIX_ROWS = REGISTERS == 32 ? 12 : 6;   // times as many vectors: accumulators of a product
constexpr int MATRIX_VECTORS = 2;
constexpr int GRADIENT_ROWS = REGISTERS == 32 ? 3 : 1;  // times as many columns: of its gradient
constexpr int GRADIENT_COLUMNS = 8;
// Strips ahead whose memory is asked for: rows are far apart, so that the processor does not see it coming.
constexpr int AHEAD = 2;
constexpr int STRIP = 32;  // vectors of a row that a gradient is summed over at once

template <class T>
struct Matrix {
    const T* values;
    long row_step, column_step;
};

// output[r] = sum over c of matrix[r][c] * strip[c], for ROWS rows of VECTORS vectors; strip c begins at c * step.
template <class T, int ROWS, int VECTORS>
void matrix_tile(Matrix<T> matrix, const T* strip, long step, int columns, T* output, long stride) {
    Vector<T> sums[ROWS][VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++) sums[r][v] = Vector<T>{};
    for (int c = 0; c < columns; c++) {
        Vector<T> each[VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++) each[v] = load(strip + c * step + v * LANES<T>);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            const Vector<T> factor = broadcast(matrix.values[r * matrix.row_step + c * matrix.column_step]);
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++) sums[r][v] += factor * each[v];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++) {
            store(output + r * stride + v * LANES<T>, sums[r][v]);
            __builtin_prefetch(output + r * stride + (v + AHEAD * VECTORS) * LANES<T>, 1, 2);
        }
}

template <class T>
using MatrixTile = void (*)(Matrix<T>, const T*, long, int, T*, long);

template <class T, int VECTORS, int... I>
constexpr std::array<MatrixTile<T>, sizeof...(I)> matrix_tiles(std::integer_sequence<int, I...>) {
    return {matrix_tile<T, I + 1, VECTORS>...};
}

template <class T, int VECTORS>
void matrix_strip(Matrix<T> matrix, int outputs, int columns, const T* strip, long step, T* output, long stride) {
    static constexpr auto tiles = matrix_tiles<T, VECTORS>(std::make_integer_sequence<int, MATRIX_ROWS>{});
    for (int r = 0; r < outputs; r += MATRIX_ROWS) {
        const Matrix<T> part{matrix.values + r * matrix.row_step, matrix.row_step, matrix.column_step};
        tiles[std::min(MATRIX_ROWS, outputs - r) - 1](part, strip, step, columns, output + r * stride, stride);
    }
}

// Rows that are there can be read where they are;
template <class T, int VECTORS>
void product_strip(Matrix<T> matrix, int outputs, int columns, const RawRows<T>& rows, long element, T* output,
                   long stride, T*) {
    matrix_strip<T, VECTORS>(matrix, outputs, columns, rows.values + element, rows.stride, output + element, stride);
}

// others are made once for all outputs.
template <class T, int VECTORS>
void product_strip(Matrix<T> matrix, int outputs, int columns, const NormalisedRows<T>& rows, long element, T* output,
                   long stride, T* strip) {
    constexpr long STEP = VECTORS * LANES<T>;
    for (int c = 0; c < columns; c++)
        for (long e = 0; e < STEP; e += LANES<T>) {
            store(strip + c * STEP + e, rows.at(c, element + e));
            __builtin_prefetch(rows.values + c * rows.stride + element + e + AHEAD * STEP, 0, 2);
        }
    matrix_strip<T, VECTORS>(matrix, outputs, columns, strip, STEP, output + element, stride);
}

template <class T, class Rows>
void matrix_product(Team& team, Matrix<T> matrix, int outputs, int columns, const Rows& rows, int vectors, T* output,
                    long stride, Scratch<T>& scratch) {
    scratch.hold(team, static_cast<std::size_t>(columns) * MATRIX_VECTORS * LANES<T>);
    team.run((vectors + MATRIX_VECTORS - 1) / MATRIX_VECTORS, [&](Part part) {
        T* strip = scratch.of(part);
        for (int i = part.begin; i < part.end; i++) {
            const int v = i * MATRIX_VECTORS;
            const long element = static_cast<long>(v) * LANES<T>;
            if (v + MATRIX_VECTORS <= vectors)
                product_strip<T, MATRIX_VECTORS>(matrix, outputs, columns, rows, element, output, stride, strip);
            else
                product_strip<T, 1>(matrix, outputs, columns, rows, element, output, stride, strip);
        }
    });
}
static_assert(MATRIX_VECTORS == 2, "what is left over is one vector");

// gradient[r][c] += <error of row r, strip c>, for ROWS rows and `count` (at most GRADIENT_COLUMNS) strips.
template <class T, int ROWS>
void gradient_tile(const T* error, long stride, const T* strips, int vectors, T* gradient, long apart, int count) {
    Vector<T> sums[ROWS][GRADIENT_COLUMNS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int c = 0; c < GRADIENT_COLUMNS; c++) sums[r][c] = Vector<T>{};
    for (long v = 0; v < static_cast<long>(vectors) * LANES<T>; v += LANES<T>) {
        Vector<T> each[ROWS];
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; r++) each[r] = load(error + r * stride + v);
#pragma GCC unroll 8
        for (int c = 0; c < GRADIENT_COLUMNS; c++) {
            const Vector<T> value = load(strips + c * STRIP * LANES<T> + v);
#pragma GCC unroll 8
            for (int r = 0; r < ROWS; r++) sums[r][c] += each[r] * value;
        }
    }
    for (int r = 0; r < ROWS; r++) {
        T totals[GRADIENT_COLUMNS] = {};
        add_sums<T, GRADIENT_COLUMNS>(sums[r], totals);
        for (int c = 0; c < count; c++) gradient[r * apart + c] += totals[c];
    }
}

template <class T, int ROWS>
void gradient_rows(int& r, int outputs, const T* error, long stride, const T* strips, int vectors, T* gradient,
                   long apart, int count) {
    for (; r + ROWS <= outputs; r += ROWS)
        gradient_tile<T, ROWS>(error + r * stride, stride, strips, vectors, gradient + r * apart, apart, count);
}

// gradient[r][c] += <error of row r, row c> over `vectors` vectors from `element` on, for `count` columns from c on.
template <class T, class Rows>
void gradient_columns(const T* error, long stride, int outputs, const Rows& rows, long element, int vectors, int c,
                      int count, T* gradient, int columns, T* strips) {
    for (int i = 0; i < count; i++)
        for (long e = 0; e < static_cast<long>(vectors) * LANES<T>; e += LANES<T>)
            store(strips + i * STRIP * LANES<T> + e, rows.at(c + i, element + e));
    int r = 0;
    gradient_rows<T, GRADIENT_ROWS>(r, outputs, error + element, stride, strips, vectors, gradient + c, columns, count);
    gradient_rows<T, 1>(r, outputs, error + element, stride, strips, vectors, gradient + c, columns, count);
}

// gradient[r][c] = <error of row r, row c>. By columns, so that each is made once.
template <class T, class Rows>
void matrix_gradient(Team& team, const T* error, long stride, int outputs, const Rows& rows, int columns, int vectors,
                     T* gradient, Scratch<T>& scratch) {
    scratch.hold(team, static_cast<std::size_t>(GRADIENT_COLUMNS) * STRIP * LANES<T>);
    std::fill_n(gradient, static_cast<long>(outputs) * columns, T(0));
    team.run((columns + GRADIENT_COLUMNS - 1) / GRADIENT_COLUMNS, [&](Part part) {
        for (int v = 0; v < vectors; v += STRIP)
            for (int i = part.begin; i < part.end; i++) {
                const int c = i * GRADIENT_COLUMNS;
                gradient_columns(error, stride, outputs, rows, static_cast<long>(v) * LANES<T>,
                                 std::min(STRIP, vectors - v), c, std::min(GRADIENT_COLUMNS, columns - c), gradient,
                                 columns, scratch.of(part));
            }
    });
}

}  // namespace detail

template <class T>
class Pointwise : public Parameter<T> {
public:
    Pointwise(int inputs, int outputs)
        : Parameter<T>(static_cast<std::size_t>(inputs) * outputs), inputs(inputs), outputs(outputs) {}

    const int inputs, outputs;

    template <class Rows>
    void forward(Team& team, const Rows& rows, int vectors, T* output, long stride) {
        detail::matrix_product<T>(team, {this->weight.data(), inputs, 1}, outputs, inputs, rows, vectors, output,
                                  stride, scratch_);
    }

    // The gradient of the input from that of the output.
    void input_gradient(Team& team, const T* error, long stride, int vectors, T* result, long result_stride) {
        detail::matrix_product<T>(team, {this->weight.data(), 1, inputs}, inputs, outputs, RawRows<T>{error, stride},
                                  vectors, result, result_stride, scratch_);
    }

    // The gradient of the weight; `error` is zero where its rows hold no time step.
    template <class Rows>
    void weight_gradient(Team& team, const T* error, long stride, const Rows& rows, int vectors) {
        detail::matrix_gradient<T>(team, error, stride, outputs, rows, inputs, vectors, this->gradient.data(),
                                   scratch_);
    }

private:
    Scratch<T> scratch_;
};

}  // namespace dsn
