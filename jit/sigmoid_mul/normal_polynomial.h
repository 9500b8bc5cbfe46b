// R(a) = Φ(−a)·e^(a²/2), the slowly varying factor of the normal distribution's tail, as P(a)/D(a).

#ifndef JITATTN_JIT_SIGMOID_MUL_NORMAL_POLYNOMIAL_H_
#define JITATTN_JIT_SIGMOID_MUL_NORMAL_POLYNOMIAL_H_

namespace jitattn::jit {

// Minimax in relative error on 0 ≤ a ≤ 14.5 (f64: 39), by Remez exchange in 60 digits. Constant
// term first. All coefficients are positive, so that no digits cancel.

// 16-bit results, 3.5e-5
inline constexpr double kNormalSmallP[] = {0.5000078105506578, 0.27845217023358345,
                                           0.062346747766079199};
inline constexpr double kNormalSmallD[] = {1, 1.3553792435625284, 0.70285097774453925,
                                           0.15611855470886667};
// f32, 1.1e-8
inline constexpr double kNormalF32P[] = {0.50000000118937236, 0.43623568316182466,
                                         0.18158268744384442, 0.040040208931349139,
                                         0.0040185801595993062};
inline constexpr double kNormalF32D[] = {1,
                                         1.6703561374960124,
                                         1.1959139064817559,
                                         0.46507952552829860,
                                         0.10037248485894834,
                                         0.010072966481272883};
// f64, 8.3e-18
inline constexpr double kNormalF64P[] = {
    0.5000000000000000000301,      0.8222574098969094768265,   0.6705941485493009618837,
    0.3502697642030182128221,      0.1285187312491433314513,   0.0344473276836145943971,
    0.006819971988393436024248,    0.000985752968495523933082, 0.0000998886274597999993719,
    0.000006448757274339633125508, 2.036381071162543149507e-7};
inline constexpr double kNormalF64D[] = {1,
                                         2.442399380596684327314,
                                         2.789941054191176942607,
                                         1.971352251064541728414,
                                         0.9595627127951183102432,
                                         0.3387481492057863816149,
                                         0.08878523286974411204597,
                                         0.01734449737629226239199,
                                         0.002487080900168878419216,
                                         0.0002508941029386698548373,
                                         0.0000161646373201213099428,
                                         5.10445037089819650992e-7};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_NORMAL_POLYNOMIAL_H_
