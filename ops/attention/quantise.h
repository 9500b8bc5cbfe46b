// Floats as int8 with a scale.

#ifndef JITATTN_OPS_ATTENTION_QUANTISE_H_
#define JITATTN_OPS_ATTENTION_QUANTISE_H_

#include <cstdint>

namespace jitattn::ops {

// Bytes x / scale, to nearest, ties away from zero, and the scale max|x| / 127, which is at least
// the smallest normal number unless every x is 0. If an x is NaN or infinite, the scale is NaN and
// the bytes are 0.
void QuantiseI8(const float* x, int64_t count, int8_t* to, float* scale);

// The same with a given scale: bytes are clamped to ±127; NaN gives 0, and so does every x if the
// scale is not positive and finite.
void QuantiseFixed(const float* x, int64_t count, float scale, int8_t* to);

// A block of ggml's Q8_0, 34 bytes, of 32 numbers. The same bits as quantize_row_q8_0_ref where all
// of them are finite; else the scale is NaN and the bytes are 0.
void QuantiseQ8(const float* x, void* block);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_QUANTISE_H_
