// Polynomials for e^−r on |r| ≤ (ln 2)/2S, the factor of an exponential besides the power of two.

#ifndef JITATTN_JIT_PARTS_EXP_POLYNOMIAL_H_
#define JITATTN_JIT_PARTS_EXP_POLYNOMIAL_H_

namespace jitattn::jit {

// Minimax in relative error with 1 − r pinned (so that e^0 and its slope are exact), by Remez
// exchange in 48 digits: min over c of max |(1 − r + Σ c_k r^k)·e^r − 1|, then rounded to the
// compute type. Constant term first. Signs alternate: for r < 0 every term is positive.

// f32, S = 1, degree 6: 3.8e-9 (degree 5: 9e-8, more than an ulp)
inline constexpr double kExpF32[] = {
    1, -1, 0.4999999404, -0.1666652113, 0.04166838899, -0.008368709125, 0.001381452195};
// f32, S = 8, degree 4: 1.9e-10 (degree 3: 2.6e-8, half an ulp)
inline constexpr double kExpF32Eighths[] = {1, -1, 0.5, -0.1666802764, 0.04166087508};
// f32, S = 16, degree 3: 1.6e-9
inline constexpr double kExpF32Sixteenths[] = {1, -1, 0.5000161529, -0.1666672081};
// f64, S = 1, degree 11: 1.1e-17
inline constexpr double kExpF64[] = {1,
                                     -1,
                                     0.50000000000000111022,
                                     -0.16666666666666413166,
                                     0.041666666666530356722,
                                     -0.008333333333494593112,
                                     0.0013888888943575292394,
                                     -0.00019841269506250106859,
                                     0.000024801493158034921904,
                                     -2.75575867123767199e-6,
                                     2.7630226522032630917e-7,
                                     -2.4999937924363381295e-8};
// f64, S = 8, degree 7: 2.9e-18
inline constexpr double kExpF64Eighths[] = {1,
                                            -1,
                                            0.50000000000002964295,
                                            -0.16666666666663695895,
                                            0.041666666570125521218,
                                            -0.008333333371749726548,
                                            0.0013889780441911935872,
                                            -0.00019840540934190631361};

// Only 1 pinned. f64, S = 16, degree 6: 7.0e-18 (1.2e-17 with −1 pinned too)
inline constexpr double kExpF64Sixteenths[] = {1,
                                               -1.0000000000000022204,
                                               0.49999999999999655831,
                                               -0.16666666662856732817,
                                               0.041666666686435753497,
                                               -0.0083334960681444494174,
                                               0.0013888724698396998948};

// For 16-bit results, likewise.
// S = 1, degree 4: 2.8e-6
inline constexpr double kExpSmall[] = {1, -0.99996683656823324, 0.50003013646951169,
                                       -0.16787473316921746, 0.041513847278285059};
// S = 8, degree 2: 3.4e-6
inline constexpr double kExpSmallEighths[] = {1, -1.0002332756938707, 0.49999870476181487};
// S = 16, degree 2: 4.3e-7
inline constexpr double kExpSmallSixteenths[] = {1, -1.0000584871479138, 0.49999983965213518};

// For 16-bit results, 2^f on 0 ≤ f ≤ 1, nothing pinned. Degree 3: 7.5e-5
inline constexpr double kExp2SmallThree[] = {0.99992521863107984, 0.69583354265069981,
                                             0.2260671487185017, 0.078024527261878331};
// Degree 4: 2.6e-6
inline constexpr double kExp2SmallFour[] = {1.0000025933651813, 0.6930038344841342,
                                            0.24144275679619323, 0.05201146077575801,
                                            0.013534167848370631};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PARTS_EXP_POLYNOMIAL_H_
